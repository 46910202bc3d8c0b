"""Decides when to write a STATE, and what it contains.

A STATE promises that everything before it has been written, so the next read begins after it. It is due when enough
records have arrived since the last, or after some seconds, even if there is nothing to write: the platform counts
only RECORDs and STATEs as signs of life.

    incremental read    a STATE can follow any page
    full refresh        a STATE covers only complete slices, which the next attempt skips; it writes the rows of an
                        incomplete slice again; the STATE names its job (protocol/attempts.py)
"""

import json
import time
from typing import Any

import msgspec

from .encoded_page import EncodedPage
from .protocol import messages
from .protocol.attempts import marked
from .protocol.catalog import ConfiguredStream
from .stream import State, Stream, Written

STATE_WORTH = 20  # a STATE is due when the records since the last one are this many times its size ..
STATE_SECONDS = 10.0  # .. or after this many seconds


class Checkpoints:
    """The checkpoints of one read of one stream. `state` is always the one that `Stream.resume` returned."""

    def __init__(self, stream: Stream[Any], configured: ConfiguredStream) -> None:
        self._stream, self._configured = stream, configured
        self._records = self._bytes = 0  # since the last STATE
        self._last_state = ""
        self._time = time.monotonic()
        self._written = Written()  # of the current slice
        self._before_slice: bytes | None = None  # in a full refresh: the state before a slice of several pages

    def note(self, state: State, stream_slice: Any, page: EncodedPage) -> None:
        """Let the stream record in `state` a page whose rows have been written."""
        self._records += page.row_count
        self._bytes += len(page)
        done = page.next_page_token is None
        first, last_before = self._written.first or page.first, self._written.last
        joint = (last_before, page.first) if last_before and page.first else None
        self._written = Written(first, page.last or last_before, page.note, done, joint)
        if self._stream.full_refresh and page.row_count and not done and self._before_slice is None:
            self._before_slice = msgspec.json.encode(state)
        self._stream.checkpoint(state, stream_slice, self._written)
        if done:
            self._written, self._before_slice = Written(), None

    def abandon_slice(self, state: State) -> None:
        """The slice failed. In a full refresh the next attempt reads all of it, including rows already written."""
        if self._before_slice is not None:
            state.clear()
            state.update(msgspec.json.decode(self._before_slice))
        self._written, self._before_slice = Written(), None

    def is_due(self, state: State) -> bool:
        """Whether to write a STATE now. An empty one is only a sign of life."""
        if self._before_slice is not None:
            return False
        worth = bool(state) and self._bytes > 0 and self._bytes >= STATE_WORTH * len(self._last_state)
        due = worth or time.monotonic() - self._time > STATE_SECONDS
        return due and (not state or self._records == 0 or self.has_news(state, done=False))

    def has_news(self, state: State, done: bool) -> bool:
        """Whether a STATE would say more than the last one. done: the read is complete.

        In an incremental read, rows that leave the state unchanged are news: the last days have been read again. In a
        full refresh they come from failed slices: alone they are no reason for a STATE.
        """
        changed = json.dumps(self._shown(state, done)) != self._last_state
        return changed or (self._records > 0 and not self._stream.full_refresh)

    def message(self, state: State, done: bool = False) -> bytes:
        """The STATE message."""
        shown = self._shown(state, done)
        line = messages.state(self._stream.name, shown, self._records, self._configured.namespace)
        self._records = self._bytes = 0
        self._last_state, self._time = json.dumps(shown), time.monotonic()
        return line

    def _shown(self, state: State, done: bool) -> State:
        return marked(state, self._configured.sync_id, done) if self._stream.full_refresh else state
