"""Runs the sync: catalog and state in, messages out. One loop over the streams, and for each over its pages.

For each stream of the catalog:

    STREAM_STATUS STARTED
    RUNNING, then RECORDs, a STATE now and then      (a STATE promises: everything before it has been written)
    STATE                                            (none if the stream is unknown, or its state or the key rejected)
    STREAM_STATUS COMPLETE, or INCOMPLETE and a TRACE ERROR

stream.py says what a failure does to the rest of a stream and to the other streams, checkpoints.py when a STATE is due.
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
from .errors import ConfigError, CredentialsError, IncompleteSync, SkipSlice, start_of
from .forecast import NOTHING
from .process.progress import Progress
from .protocol import messages
from .protocol.attempts import saved_attempt, unmarked
from .protocol.catalog import ConfiguredStream
from .protocol.state import SavedStates
from .slices import combined, is_fatal, is_skipped, read_ahead
from .stream import State, Stream

WAIT_NOTICE_INTERVAL = 60.0  # seconds between two messages about the rate limit
LONG_READ = 125.0  # seconds; the forecast of a shorter read is not worth a message
SHORT_WAIT = 1.5  # seconds; a shorter wait is not worth a message
MAX_NAMED_FIELDS = 10  # fields missing from the schema that a message names
MAX_NAMED_SKIPPED = 20  # skipped slices that the log names; of more it gives the number


def read(
    streams: Sequence[Stream[Any]],
    catalog: Sequence[ConfiguredStream],
    saved: SavedStates,
    workers: int,
    logger: logging.Logger,
    plan: bool = False,
) -> Iterator[bytes]:
    """The messages of a read, in order; messages.FLUSH announces that the next one will take a while.

    plan: only report what a read would cost. Raises IncompleteSync after the last message if a stream is incomplete.
    """
    by_name = {stream.name: stream for stream in streams}
    status = (lambda *_: messages.FLUSH) if plan else messages.stream_status
    failed, total, interval = [], NOTHING, 0.0
    refused: CredentialsError | None = None
    for configured in catalog:
        stream = by_name.get(configured.name)
        yield status(configured.name, "STARTED", configured.namespace)
        try:
            if refused is not None:
                raise refused
            if stream is None:
                raise ConfigError(f"catalog: there is no stream {configured.name}; choose from {', '.join(by_name)}.")
            state = saved.get((configured.name, configured.namespace), {})
            reading = StreamRead(stream, configured, workers, logger)
            yield from reading.run(state, plan)
            total, interval = total.plus(reading.forecast), stream.request_stats().interval
            yield status(configured.name, "COMPLETE", configured.namespace)
        except Exception as error:
            failed.append(configured.name)
            refused = error if isinstance(error, CredentialsError) else refused
            yield status(configured.name, "INCOMPLETE", configured.namespace)
            yield messages.error(error, configured.name, configured.namespace)
    if plan:
        logger.info("Total: %s", total.sentence(interval))
    if failed:
        raise IncompleteSync(", ".join(failed))


class StreamRead:
    """One read of one stream."""

    def __init__(self, stream: Stream[Any], configured: ConfiguredStream, workers: int, logger: logging.Logger) -> None:
        self._stream, self._configured, self._workers, self._logger = stream, configured, workers, logger
        self._checkpoints = Checkpoints(stream, configured)
        self._progress = Progress(stream.name, stream.request_stats().requests)
        self.forecast = NOTHING  # until known
        self._records = 0
        self._skipped = 0  # slices
        self._nulled: Counter[str] = Counter()
        self._wait_notice_time = float("-inf")

    def run(self, saved: State, plan: bool = False) -> Iterator[bytes]:
        """Everything between STARTED and COMPLETE. Raises, after the last STATE, what made it incomplete."""
        stream, configured = self._stream, self._configured
        stream.full_refresh = not configured.incremental
        if configured.incremental:
            saved = unmarked(saved)
            if stream.cursor_field is None:
                self._logger.warning("%s has no cursor, so it is read in full.", stream.name)
        else:
            saved, finished = saved_attempt(saved, configured.sync_id)
            if finished:
                self._logger.info("%s: an earlier attempt of this full refresh read everything.", stream.name)
                if not plan:
                    yield self._checkpoints.message(saved, done=True)
                return
        state = stream.resume(copy.deepcopy(saved) if stream.cursor_field else {})
        if plan:
            self._make_forecast(state)
            return
        failures: list[tuple[Any, Exception]] = []
        yield from self.read_slices(state, failures)
        self._progress.end(self._records, stream.request_stats())
        self._report_oddities()
        if self._checkpoints.has_news(state, done=not failures):
            yield self._checkpoints.message(state, done=not failures)
        if failures:
            raise combined(failures)

    def read_slices(self, state: State, failures: list[tuple[Any, Exception]]) -> Iterator[bytes]:
        """The lines of all slices, and a STATE when it is due; adds what failed to `failures`."""
        stream, logger = self._stream, self._logger
        make = partial(encoded, configured=self._configured)
        with read_ahead(stream, self._slices(copy.deepcopy(state)), make, self._workers, logger) as pages:
            for stream_slice, page in pages:
                try:
                    yield from self._waiting() if page is None else self._write(stream_slice, page, state)
                except Exception as error:
                    self._checkpoints.leave_slice(state)
                    if is_skipped(stream, stream_slice, error):
                        self._report_skipped(stream_slice, error)
                        if not isinstance(error, SkipSlice):  # otherwise a later readable slice would hide the gap
                            pages.leave_out(stream_slice)
                        continue
                    failures.append((stream_slice, error))
                    if stream_slice is None or is_fatal(error):
                        return
                    logger.warning("%s: %s failed: %s", stream.name, stream_slice, error)
                    pages.leave_out(stream_slice)
                del page  # it is large, and not needed while we wait for the next one
                if self._checkpoints.is_due(state):
                    yield self._checkpoints.message(state)

    def _slices(self, state: State) -> Iterator[Any]:
        """What there is to read. Runs in a worker thread."""
        self._make_forecast(state, LONG_READ)
        yield from self._stream.slices(state)

    def _make_forecast(self, state: State, shortest: float = 0.0) -> None:
        """Determine what a read from `state` costs, and report it if it takes at least `shortest` seconds."""
        forecast = self.forecast = self._progress.forecast = self._stream.forecast(state)
        interval = self._stream.request_stats().interval
        if forecast.requests * interval >= shortest:
            self._logger.info("%s: %s", self._stream.name, forecast.sentence(interval))

    def _write(self, stream_slice: Any, page: EncodedPage | Exception, state: State) -> Iterator[bytes]:
        """The page's lines; then the stream records in `state` what has been written. Raises what ended the slice."""
        if isinstance(page, Exception):
            raise page
        if page.row_count and not self._records:
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace)
            if rows := self.forecast.rows:
                yield messages.estimate(self._stream.name, rows, self._configured.namespace)
        yield from page.lines
        self._records += page.row_count
        self._nulled += page.nulled
        self._progress.show(self._records, self._stream.request_stats())
        self._checkpoints.note(state, stream_slice, page)

    def _waiting(self) -> Iterator[bytes]:
        """Nothing to write for now: flush the buffer, and report it if the rate limit is the reason."""
        yield messages.FLUSH
        stats = self._stream.request_stats()
        self._progress.show(self._records, stats)
        seconds = stats.seconds_to_wait
        if seconds > SHORT_WAIT and time.monotonic() - self._wait_notice_time > WAIT_NOTICE_INTERVAL:
            self._wait_notice_time = time.monotonic()
            self._logger.info("%s: waiting for the rate limit, %.0f s.", self._stream.name, seconds)
            reset = time.time() + seconds
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace, reset)

    def _report_skipped(self, stream_slice: Any, error: Exception) -> None:
        self._skipped += 1
        if self._skipped <= MAX_NAMED_SKIPPED:
            self._logger.warning("%s: skipped %s. %s", self._stream.name, stream_slice, error)

    def _report_oddities(self) -> None:
        """Once per stream: what was lost, and what the schema lacks."""
        if self._skipped > MAX_NAMED_SKIPPED:
            self._logger.warning("%s: skipped %d more.", self._stream.name, self._skipped - MAX_NAMED_SKIPPED)
        if self._nulled:
            counts = ", ".join(f"{field}: {count:,}" for field, count in sorted(self._nulled.items()))
            text = "%s: values that do not fit the schema became null (%s); their records say so in meta.changes."
            self._logger.warning(text, self._stream.name, counts)
        if fields := sorted(map(start_of, self._stream.unknown_fields)):
            text = "%s: the API sends fields that are not in the schema; they are ignored: %s."
            self._logger.info(text, self._stream.name, ", ".join(fields[:MAX_NAMED_FIELDS]))
