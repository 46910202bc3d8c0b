"""The sync: catalog and state in, messages out. One loop over streams, and for each one over its pages.

For each stream of the catalog:

    STREAM_STATUS STARTED
    RUNNING, then RECORDs, a STATE now and then      (a STATE promises: all before it has been written)
    STATE                                            (none if the stream is unknown, or its state or the key refused)
    STREAM_STATUS COMPLETE, or INCOMPLETE and a TRACE ERROR

What a failure does to the rest of a stream, and to the other streams: see stream.py.
"""

import copy
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from .checkpoints import Checkpoints
from .encoded_page import EncodedPage, encoded
from .errors import ConfigError, ConnectorError, CredentialsError, IncompleteSync, TransientError, start_of
from .http.paging import follow
from .process.prefetch import ParseLock, Prefetcher
from .process.progress import Progress
from .protocol import messages
from .protocol.attempts import saved_attempt, unmarked
from .protocol.catalog import ConfiguredStream
from .protocol.state import SavedStates
from .stream import Page, State, Stream

WAIT_NOTICE_INTERVAL = 60.0  # seconds between two messages about the rate limit
SHORT_WAIT = 1.5  # seconds; a shorter wait is not worth a message
MAX_NAMED_FIELDS = 10  # that the schema does not have
MAX_NAMED_FAILURES = 5  # slices that an error message names; of more it says how many


def read(
    streams: Sequence[Stream[Any]],
    catalog: Sequence[ConfiguredStream],
    saved: SavedStates,
    workers: int,
    logger: logging.Logger,
) -> Iterator[bytes]:
    """The messages of a read, in order; messages.FLUSH says that the next one will take a while.

    Raises IncompleteSync after the last message if a stream did not complete.
    """
    by_name = {stream.name: stream for stream in streams}
    failed = []
    refused: CredentialsError | None = None
    for configured in catalog:
        stream = by_name.get(configured.name)
        yield messages.stream_status(configured.name, "STARTED", configured.namespace)
        try:
            if refused is not None:
                raise refused
            if stream is None:
                raise ConfigError(
                    f"catalog: there is no stream {configured.name}; this source has {', '.join(by_name)}."
                )
            state = saved.get((configured.name, configured.namespace), {})
            yield from StreamRead(stream, configured, workers, logger).run(state)
            yield messages.stream_status(configured.name, "COMPLETE", configured.namespace)
        except Exception as error:
            failed.append(configured.name)
            refused = error if isinstance(error, CredentialsError) else refused
            yield messages.stream_status(configured.name, "INCOMPLETE", configured.namespace)
            yield messages.error(error, configured.name, configured.namespace)
    if failed:
        raise IncompleteSync(", ".join(failed))


class StreamRead:
    """One read of one stream."""

    def __init__(self, stream: Stream[Any], configured: ConfiguredStream, workers: int, logger: logging.Logger) -> None:
        self._stream, self._configured, self._workers, self._logger = stream, configured, workers, logger
        self._checkpoints = Checkpoints(stream, configured)
        self._progress = Progress(stream.name)
        self._records = 0
        self._nulled: Counter[str] = Counter()
        self._wait_notice_time = float("-inf")

    def run(self, saved: State) -> Iterator[bytes]:
        """All between STARTED and COMPLETE. Raises, after the last STATE, what made it incomplete."""
        stream, configured = self._stream, self._configured
        stream.full_refresh = not configured.incremental
        if configured.incremental:
            saved = unmarked(saved)
            if stream.cursor_field is None:
                self._logger.warning("%s has no cursor: it is read in full.", stream.name)
        else:
            saved, finished = saved_attempt(saved, configured.sync_id)
            if finished:
                self._logger.info("%s: an earlier attempt of this full refresh has read everything.", stream.name)
                yield self._checkpoints.message(saved, done=True)
                return
        state = stream.resume(copy.deepcopy(saved) if stream.cursor_field else {})
        failures: list[tuple[Any, Exception]] = []
        yield from self.read_slices(state, failures)
        self._progress.end(self._records, stream.request_stats())
        self._tell_of_odd_fields()
        if self._checkpoints.has_news(state, done=not failures):
            yield self._checkpoints.message(state, done=not failures)
        if failures:
            raise _combined(failures)

    def read_slices(self, state: State, failures: list[tuple[Any, Exception]]) -> Iterator[bytes]:
        """The lines of all slices, and a STATE when it is due; what failed is added to `failures`."""
        slices = self._stream.slices(copy.deepcopy(state))
        with Prefetcher(slices, self._encoded_pages, self._stream.group, self._workers) as pages:
            for stream_slice, page in pages:
                try:
                    yield from self._waiting() if page is None else self._write(stream_slice, page, state)
                except Exception as error:
                    failures.append((stream_slice, error))
                    self._checkpoints.leave_slice(state)
                    if stream_slice is None or _is_fatal(error):
                        return
                    self._logger.warning("%s: %s failed: %s", self._stream.name, stream_slice, error)
                    pages.leave_out(stream_slice)
                del page  # large, and while the next one is waited for nobody here needs it
                if self._checkpoints.is_due(state):
                    yield self._checkpoints.message(state)

    def _encoded_pages(self, stream_slice: Any, parse_lock: ParseLock) -> Iterator[EncodedPage]:
        """A worker's job: all pages of a slice. Raises a ConnectorError, or whatever a bug raises."""

        def parse(response: Any) -> EncodedPage:
            if response is None:
                return encoded(Page([]), self._configured)
            with parse_lock():
                return encoded(self._stream.parse(stream_slice, response), self._configured)

        return follow(partial(self._stream.fetch, stream_slice), parse, str(stream_slice), self._logger)

    def _write(self, stream_slice: Any, page: EncodedPage | Exception, state: State) -> Iterator[bytes]:
        """The page's lines; then the stream notes in `state` what has been written. Raises what ended the slice."""
        if isinstance(page, Exception):
            raise page
        if page.row_count and not self._records:
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace)
        yield from page.lines
        self._records += page.row_count
        self._nulled += page.nulled
        self._progress.show(self._records, self._stream.request_stats())
        self._checkpoints.note(state, stream_slice, page)

    def _waiting(self) -> Iterator[bytes]:
        """Nothing to write for now: push out what is written, and say so if it is the rate limit that we wait for."""
        yield messages.FLUSH
        stats = self._stream.request_stats()
        self._progress.show(self._records, stats)
        seconds = stats.seconds_to_wait
        if seconds > SHORT_WAIT and time.monotonic() - self._wait_notice_time > WAIT_NOTICE_INTERVAL:
            self._wait_notice_time = time.monotonic()
            self._logger.info("%s: waiting for the rate limit, %.0f s.", self._stream.name, seconds)
            reset = time.time() + seconds
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace, reset)

    def _tell_of_odd_fields(self) -> None:
        """Once a stream: what was lost, and what the schema does not have yet."""
        if self._nulled:
            counts = ", ".join(f"{field}: {count:,}" for field, count in sorted(self._nulled.items()))
            text = "%s: values that do not fit the schema became null (%s); their records say so in meta.changes."
            self._logger.warning(text, self._stream.name, counts)
        if fields := sorted(map(start_of, self._stream.unknown_fields)):
            text = "%s: the API sends fields that are not in the schema; they are left out: %s."
            self._logger.info(text, self._stream.name, ", ".join(fields[:MAX_NAMED_FIELDS]))


def _is_fatal(error: Exception) -> bool:
    """Whether the other slices would fail in the same way: by what is configured, or by a bug."""
    return isinstance(error, ConfigError) or not isinstance(error, ConnectorError)


def _combined(failures: list[tuple[Any, Exception]]) -> Exception:
    """One error for all slices that failed: of the last one's type, it names the slices of each type and a reason."""
    last = failures[-1][1]
    if not isinstance(last, ConnectorError) or (isinstance(last, ConfigError) and len(failures) == 1):
        return last
    kinds = dict.fromkeys(type(error) for _, error in failures)
    text = " ".join(_not_read([failure for failure in failures if type(failure[1]) is kind]) for kind in kinds)
    return type(last)(text, last.detail)


def _not_read(failures: list[tuple[Any, Any]]) -> str:
    """The slices that failed by errors of one type, and the last reason."""
    names, error = [str(stream_slice) for stream_slice, _ in failures if stream_slice is not None], failures[-1][1]
    if not names:
        return str(error.message)
    more = f" and {len(names) - MAX_NAMED_FAILURES} more" if len(names) > MAX_NAMED_FAILURES else ""
    # After an outage the next sync catches up; a senseless response may be senseless again.
    hope = " The next sync begins there." if isinstance(error, TransientError) else ""
    return f"Not read: {', '.join(names[:MAX_NAMED_FAILURES])}{more}. {error.message}{hope}"
