"""The sync: catalog and state in, messages out. One loop over streams, and for each one over its pages.

For each stream of the catalog:

    STREAM_STATUS STARTED                            (not for a stream that there is not, nor after a refused key)
    RUNNING, then RECORDs, a STATE now and then      (a STATE promises: all before it has been written)
    STATE
    STREAM_STATUS COMPLETE, or INCOMPLETE and a TRACE ERROR

What a failure does to the rest of a stream, and to the other streams: see stream.py.
"""

import copy
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from .errors import ConfigError, ConnectorError, CredentialsError, IncompleteSync, TransientError, UnexpectedResponse
from .http.paging import follow
from .process.prefetch import ParseLock, Prefetcher
from .process.progress import Progress
from .protocol import messages
from .protocol.catalog import ConfiguredStream
from .protocol.records import nulled_fields, records
from .protocol.state import SavedStates
from .stream import Page, Row, State, Stream, Written

STATE_WORTH = 20  # a STATE is due when the records since the last one are this many times its size ..
STATE_SECONDS = 10.0  # .. or so many seconds have passed
CHUNK = 1_000  # rows that are encoded at once: more would exceed the free heap that malloc keeps (memory.py)
WAIT_NOTICE_INTERVAL = 60.0  # seconds between two messages about the rate limit
SHORT_WAIT = 1.5  # seconds; a shorter wait is not worth a message
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
        try:
            if refused is not None:
                raise refused
            if stream is None:
                raise ConfigError(
                    f"catalog: there is no stream {configured.name}; this source has {', '.join(by_name)}."
                )
            yield messages.stream_status(configured.name, "STARTED", configured.namespace)
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


@dataclass(frozen=True)
class EncodedPage:
    """A page's rows as RECORD lines, ready to write; len() is their bytes."""

    lines: list[bytes]  # of CHUNK rows each
    row_count: int
    nulled: Counter[str]  # fields that became null, and in how many rows
    first: Row | None
    last: Row | None
    next_page_token: str | None
    note: Any

    def __len__(self) -> int:
        return sum(map(len, self.lines))

    def without_rows(self) -> "EncodedPage":
        return replace(self, lines=[], row_count=0, nulled=Counter(), first=None, last=None)


class StreamRead:
    """One read of one stream: counts what has been written and knows when a STATE is due."""

    def __init__(self, stream: Stream[Any], configured: ConfiguredStream, workers: int, logger: logging.Logger) -> None:
        self._stream, self._configured, self._workers, self._logger = stream, configured, workers, logger
        self._progress = Progress(stream.name)
        self._all_records = 0
        self._records = self._bytes = 0  # since the last STATE
        self._nulled: Counter[str] = Counter()
        self._last_state = ""
        self._state_time = time.monotonic()
        self._wait_notice_time = float("-inf")
        self._written = Written()  # of the slice that is being written

    def run(self, saved: State) -> Iterator[bytes]:
        """All between STARTED and COMPLETE. Raises, after the last STATE, what made it incomplete."""
        stream, incremental = self._stream, self._configured.incremental
        if incremental and stream.cursor_field is None:
            self._logger.warning("%s has no cursor: it is read in full.", stream.name)
        state = stream.resume(copy.deepcopy(saved) if incremental and stream.cursor_field else {})
        failures: list[tuple[Any, Exception]] = []
        yield from self.read_slices(state, failures)
        self._progress.end(self._all_records, stream.request_stats())
        self._tell_of_odd_fields()
        if self._records or json.dumps(state) != self._last_state:
            yield self._state_message(state)
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
                    if stream_slice is None or _is_fatal(error):
                        return
                    self._logger.warning("%s: %s failed: %s", self._stream.name, stream_slice, error)
                    self._written = Written()
                    pages.leave_out(stream_slice)
                del page  # large, and while the next one is waited for nobody here needs it

    def _encoded_pages(self, stream_slice: Any, parse_lock: ParseLock) -> Iterator[EncodedPage]:
        """A worker's job: all pages of a slice. Raises a ConnectorError, or whatever a bug raises."""

        def parse(response: Any) -> EncodedPage:
            if response is None:
                return self._encoded(Page([]))
            with parse_lock():
                return self._encoded(self._stream.parse(stream_slice, response))

        return follow(partial(self._stream.fetch, stream_slice), parse, str(stream_slice), self._logger)

    def _encoded(self, page: Page) -> EncodedPage:
        rows, name, namespace = page.rows, self._stream.name, self._configured.namespace
        chunks = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
        try:
            lines = [records(name, chunk, namespace) for chunk in chunks]
        except (TypeError, ValueError, RecursionError) as error:
            raise UnexpectedResponse("The API sent a value that a row cannot hold.", repr(error)) from None
        nulled, (_, next_page_token, note) = nulled_fields(rows), page
        return EncodedPage(lines, len(rows), nulled, page.first, page.last, next_page_token, note)

    def _write(self, stream_slice: Any, page: EncodedPage | Exception, state: State) -> Iterator[bytes]:
        """The page's lines, and a STATE if it is due. Raises what ended the slice."""
        if isinstance(page, Exception):
            raise page
        if page.row_count and not self._all_records:
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace)
        yield from page.lines
        self._all_records += page.row_count
        self._records += page.row_count
        self._bytes += len(page)
        self._nulled += page.nulled
        self._progress.show(self._all_records, self._stream.request_stats())
        first, last = self._written.first or page.first, page.last or self._written.last
        written = Written(first, last, page.note, page.next_page_token is None)
        self._written = Written() if written.done else written
        # Only now: a checkpoint promises that everything before it has been written.
        self._stream.checkpoint(state, stream_slice, written)
        if state and self._state_is_due():
            yield self._state_message(state)

    def _tell_of_odd_fields(self) -> None:
        """Once a stream: what was lost, and what the schema does not have yet."""
        if self._nulled:
            counts = ", ".join(f"{field}: {count:,}" for field, count in sorted(self._nulled.items()))
            text = "%s: values that do not fit the schema became null (%s); their records say so in meta.changes."
            self._logger.warning(text, self._stream.name, counts)
        if fields := self._stream.unknown_fields:
            text = "%s: the API sends fields that the schema does not have; they are left out: %s."
            self._logger.info(text, self._stream.name, ", ".join(sorted(fields)))

    def _state_is_due(self) -> bool:
        worth = self._bytes > 0 and self._bytes >= STATE_WORTH * len(self._last_state)
        return worth or time.monotonic() - self._state_time > STATE_SECONDS

    def _state_message(self, state: State) -> bytes:
        line = messages.state(self._stream.name, state, self._records, self._configured.namespace)
        self._records = self._bytes = 0
        self._last_state = json.dumps(state)
        self._state_time = time.monotonic()
        return line

    def _waiting(self) -> Iterator[bytes]:
        """Nothing to write for now: push out what is written, and say so if it is the rate limit that we wait for."""
        yield messages.FLUSH
        stats = self._stream.request_stats()
        self._progress.show(self._all_records, stats)
        seconds = stats.seconds_to_wait
        if seconds > SHORT_WAIT and time.monotonic() - self._wait_notice_time > WAIT_NOTICE_INTERVAL:
            self._wait_notice_time = time.monotonic()
            self._logger.info("%s: waiting for the rate limit, %.0f s.", self._stream.name, seconds)
            reset = time.time() + seconds
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace, reset)


def _is_fatal(error: Exception) -> bool:
    """Whether the other slices would fail in the same way: by what is configured, or by a bug."""
    return isinstance(error, ConfigError) or not isinstance(error, ConnectorError)


def _combined(failures: list[tuple[Any, Exception]]) -> Exception:
    """One error for all slices that failed: it names them and gives the last reason."""
    error = failures[-1][1]
    if not isinstance(error, ConnectorError) or (isinstance(error, ConfigError) and len(failures) == 1):
        return error
    names = [str(stream_slice) for stream_slice, _ in failures if stream_slice is not None]
    if not names:
        return error
    more = f" and {len(names) - MAX_NAMED_FAILURES} more" if len(names) > MAX_NAMED_FAILURES else ""
    # After an outage the next sync catches up; a senseless response may be senseless again.
    hope = " The next sync begins there." if isinstance(error, TransientError) else ""
    text = f"Not read: {', '.join(names[:MAX_NAMED_FAILURES])}{more}. {error.message}{hope}"
    return type(error)(text, error.detail)
