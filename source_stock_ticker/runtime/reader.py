"""The sync: catalog and state in, messages out. One loop over streams, slices and pages.

For each stream of the catalog:

    STREAM_STATUS STARTED
    RUNNING, then RECORDs, a STATE now and then      (a STATE promises: all before it has been written)
    STATE
    STREAM_STATUS COMPLETE, or INCOMPLETE and a TRACE ERROR

A slice that fails does not stop the other slices, a stream that fails does not stop the other
streams (a refused key does: those after it are INCOMPLETE, untried); what failed is not in the
state, so the next read begins there.
"""

from __future__ import annotations

import copy
import json
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import messages
from .ahead import EVERY_SLICE, Ahead
from .errors import (
    ConfigError,
    ConnectorError,
    CredentialsError,
    IncompleteSync,
    TransientError,
    UnexpectedAnswer,
)
from .progress import Progress

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from .ahead import Turn
    from .catalog import ConfiguredStream
    from .contract import Row, State, Stream
    from .state import SavedStates

NOTHING_YET = b""
STATE_WORTH = 20  # a STATE is due when the records since the last one are this many times its size ..
STATE_SECONDS = 10.0  # .. or so many seconds have passed
CHUNK = 5_000  # rows that are encoded at once: an encoder needs twice the memory of what comes out
MOST_STUCK_PAGES = 100  # in a row that bring nothing new
MOST_PAGES = 10_000  # of a slice
PARSE_TRIES = 3  # an answer that makes no sense is fetched again: some proxy may have cut it
TELL_WAITS = 60.0  # seconds between two messages about the rate limit
SHORT_WAIT = 1.5  # seconds; a shorter wait is not worth a message
NAMED_FAILURES = 5  # slices that an error message names; of more it says how many


@dataclass(frozen=True)
class Block:
    """A page's rows as RECORD lines, ready to write; len() is their bytes.

    first, last: the rows at the ends, None if there is none; is_last: of its slice.
    """

    lines: list[bytes]  # of CHUNK rows each
    row_count: int
    first: Row | None
    last: Row | None
    is_last: bool

    def __len__(self) -> int:
        return sum(map(len, self.lines))


def read(
    streams: Sequence[Stream],
    catalog: Sequence[ConfiguredStream],
    saved: SavedStates,
    workers: int,
    logger: logging.Logger,
) -> Iterator[bytes]:
    """The messages of a read, in order; NOTHING_YET says that the next one will take a while.

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
            yield from _StreamRead(stream, configured, workers, logger).run(state)
            yield messages.stream_status(configured.name, "COMPLETE", configured.namespace)
        except Exception as error:
            failed.append(configured.name)
            refused = error if isinstance(error, CredentialsError) else refused
            yield messages.stream_status(configured.name, "INCOMPLETE", configured.namespace)
            yield error_message(error, configured.name, configured.namespace)
    if failed:
        raise IncompleteSync(", ".join(failed))


def error_message(error: Exception, stream: str | None = None, namespace: str | None = None) -> bytes:
    """The TRACE ERROR for any exception; one that is not a ConnectorError is a bug, and shows its stack inside only."""
    if isinstance(error, ConnectorError):
        return messages.error(error.message, error.failure_type, error.detail, "", stream, namespace)
    stack = "".join(traceback.format_exception(error))
    text = "Something went wrong inside the connector; please report it with the log."
    return messages.error(text, "system_error", repr(error), stack, stream, namespace)


class _StreamRead:
    """One read of one stream: counts what has been written and knows when a STATE is due."""

    def __init__(self, stream: Stream, configured: ConfiguredStream, workers: int, logger: logging.Logger) -> None:
        self._stream, self._configured, self._workers, self._logger = stream, configured, workers, logger
        self._progress = Progress(stream.name)
        self._all_records = 0
        self._records = self._bytes = 0  # since the last STATE
        self._last_state = ""
        self._state_time = time.monotonic()
        self._told_wait = float("-inf")
        self._running = False

    def run(self, saved: State) -> Iterator[bytes]:
        """All between STARTED and COMPLETE. Raises, after the last STATE, what made it incomplete."""
        stream = self._stream
        if self._configured.incremental and stream.cursor_field is None:
            self._logger.warning("%s has no cursor: it is read in full.", stream.name)
        state = stream.resume(copy.deepcopy(saved) if self._configured.incremental and stream.cursor_field else {})
        failures: list[tuple[Any, Exception]] = []
        ahead = Ahead(stream.slices(copy.deepcopy(state)), self._blocks, self._workers)
        slots = ahead.slots()
        for slot in slots:
            if slot is None:
                yield from self._waiting()
                continue
            chain = self._chain(slot.slice)
            if chain is not None and any(chain == self._chain(failed) for failed, _ in failures):
                continue
            try:
                first = last = None
                for block in ahead.pages(slot):
                    if block is None:
                        yield from self._waiting()
                        continue
                    yield from self._written(block)
                    first, last = first or block.first, block.last or last
                    # Only now: a checkpoint promises that everything before it has been written.
                    stream.checkpoint(state, slot.slice, first, last, block.is_last)
                    del block
                    if state and self._state_is_due():
                        yield self._state_message(state)
            except Exception as error:
                failures.append((slot.slice, error))
                ahead.leave_out(chain)
                if _meets_every_slice(error):
                    break
                if slot.slice is not None:
                    self._logger.warning("%s: %s failed: %s", stream.name, slot.slice, error)
        slots.close()
        self._progress.end(self._all_records, stream.pace())
        if self._records or json.dumps(state) != self._last_state:
            yield self._state_message(state)
        if failures:
            raise _together(failures)

    def _chain(self, slice: Any) -> Any:
        return getattr(slice, "chain", None if self._stream.cursor_field is None else EVERY_SLICE)

    def _blocks(self, slice: Any, turn: Turn) -> Iterator[Block]:
        """A worker's job: all pages of a slice. Raises a ConnectorError, or whatever a bug raises."""
        page_token, stuck, last = None, 0, None
        seen: set[str] = set()
        while True:
            block, page_token = self._block(slice, page_token, turn)
            stuck = 0 if block.last is not None and block.last != last else stuck + 1
            last = block.last or last
            yield block
            del block  # large, and while the next page is made nobody here needs it
            if page_token is None:
                return
            if page_token in seen:
                raise UnexpectedAnswer(f"The pages of {slice} lead in a circle.", f"again {page_token}")
            if stuck > MOST_STUCK_PAGES:
                raise UnexpectedAnswer(f"The last {stuck} pages of {slice} brought nothing new.", f"next {page_token}")
            if len(seen) == MOST_PAGES:
                raise UnexpectedAnswer(f"{slice} has over {MOST_PAGES:,} pages.", f"next {page_token}")
            seen.add(page_token)

    def _block(self, slice: Any, page_token: str | None, turn: Turn) -> tuple[Block, str | None]:
        for attempt in range(1, PARSE_TRIES + 1):
            answer = self._stream.fetch(slice, page_token)
            if answer is None:
                break
            try:
                with turn():
                    rows, next_page_token = self._stream.parse(slice, answer)
                    chunks = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
                    lines = [self._records_of(chunk) for chunk in chunks]
                    first, last = (rows[0], rows[-1]) if rows else (None, None)
                    return Block(lines, len(rows), first, last, next_page_token is None), next_page_token
            except UnexpectedAnswer as error:
                if attempt == PARSE_TRIES:
                    raise
                self._logger.warning("%s: %s Fetching it again.", slice, error.message)
        return Block([], 0, None, None, True), None

    def _records_of(self, rows: list[Row]) -> bytes:
        try:
            return messages.records(self._stream.name, rows, self._configured.namespace)
        except TypeError as error:
            raise UnexpectedAnswer(
                "The API sent a value that a row cannot hold (a number too large?).", repr(error)
            ) from None

    def _written(self, block: Block) -> Iterator[bytes]:
        if not block.row_count:
            return
        if not self._running:
            self._running = True
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace)
        yield from block.lines
        self._all_records += block.row_count
        self._progress.show(self._all_records, self._stream.pace())
        self._records += block.row_count
        self._bytes += len(block)

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
        yield NOTHING_YET
        pace = self._stream.pace()
        self._progress.show(self._all_records, pace)
        seconds = pace.seconds_to_wait
        if seconds > SHORT_WAIT and time.monotonic() - self._told_wait > TELL_WAITS:
            self._told_wait = time.monotonic()
            self._logger.info("%s: waiting for the rate limit, %.0f s.", self._stream.name, seconds)
            reset = time.time() + seconds
            yield messages.stream_status(self._stream.name, "RUNNING", self._configured.namespace, reset)


def _meets_every_slice(error: Exception) -> bool:
    """Whether the other slices would fail in the same way: by what is configured, or by a bug."""
    return isinstance(error, ConfigError) or not isinstance(error, ConnectorError)


def _together(failures: list[tuple[Any, Exception]]) -> Exception:
    """One error for all slices that failed: it names them and gives the last reason."""
    error = failures[-1][1]
    if not isinstance(error, ConnectorError) or (isinstance(error, ConfigError) and len(failures) == 1):
        return error
    names = [str(slice) for slice, _ in failures if slice is not None]
    if not names:
        return error
    more = f" and {len(names) - NAMED_FAILURES} more" if len(names) > NAMED_FAILURES else ""
    # What an outage has left out comes next time; an answer that makes no sense may make none then either.
    hope = " The next sync begins there." if isinstance(error, TransientError) else ""
    text = f"Not read: {', '.join(names[:NAMED_FAILURES])}{more}. {error.message}{hope}"
    return type(error)(text, error.detail)
