"""Reads slices ahead: several at once, and yet in order. The only place with threads.

Workers take one slice after the other and fill a slot for each; the reader empties the slots in
the slices' order. What has been read and not yet been taken is bounded, so memory stays the same
however many slices there are and however long they get.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import without_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sized
    from contextlib import AbstractContextManager

    Turn = Callable[[], AbstractContextManager[None]]

P = TypeVar("P", bound="Sized")
EVERY_SLICE = ""  # the chain of the slices that name none
TICK = 1.0  # seconds after which a reader that waits is told that there is still nothing
PATIENCE = 0.01  # seconds that the network may cost before more workers begin, and between two of them
MOST_PAGES = 8  # of a slot that may wait to be taken, if they are small
M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1  # of mallopt(3)
LARGE_BUFFER, KEPT = 1024 * 1024, 4 * 1024 * 1024  # bytes: larger ones are given back at once; room that is kept
MOST_BYTES = 8 * 1024 * 1024  # that may wait to be taken, besides one page of the slot that is being emptied


class Slot(Generic[P]):
    """One slice, and what has been read of it and not yet been taken."""

    def __init__(self, slice: Any) -> None:
        self.slice = slice
        self.pages: deque[P] = deque()
        self.ended = False  # nothing more will come: all is read, or it failed, or the reader left it
        self.error: Exception | None = None


class Ahead(Generic[P]):
    """Runs `work` over `slices` in threads, `workers` at most. Iterate `slots`, and the `pages` of each, once.

    work(slice, turn) yields the slice's pages, things with a len() in bytes. Whatever takes memory and the processor
    it does inside `with turn():`. One worker at a time has it, and only while there is room for what comes out; the
    others wait for the network meanwhile. (An answer of 50,000 rows takes 60 MB while it is unpacked.)
    """

    def __init__(self, slices: Iterator[Any], work: Callable[[Any, Turn], Iterator[P]], workers: int) -> None:
        self._slices = slices
        self._work = work
        self._most_slots = 2 * workers
        self._slots: deque[Slot[P]] = deque()  # begun, and not yet left by the reader
        self._waiting_bytes = self._last_page = 0  # bytes; the next page is taken to be as large as the last
        self._no_more_slices = False
        self._left_out: set[Any] = set()  # chains of which no further slice is begun
        self._unpacking = False  # some worker has the turn
        self._waited = self._unpacked = 0.0  # seconds that the reader has waited, and that workers had the turn
        self._taking_a_slice = threading.Lock()
        self._changed = threading.Condition()
        self._workers_left = workers  # to begin
        _keep_memory_in_one_piece()
        self._begin_worker()

    def _begin_worker(self) -> None:
        self._workers_left -= 1
        # A daemon: a process that is told to stop does not wait for an answer from the network.
        threading.Thread(target=self._run, daemon=True).start()

    def slots(self) -> Generator[Slot[P] | None, None, None]:
        """The slots in the slices' order; None while there is none yet. Asking for the next drops the one before."""
        try:
            while True:
                with self._changed:
                    slot = self._slots[0] if self._slots else None
                    if slot is None and self._no_more_slices:
                        return
                yield slot
                with self._changed:
                    if slot is None:
                        self._wait_for(lambda: self._slots or self._no_more_slices)
                    else:
                        self._leave(self._slots.popleft())
        finally:
            with self._changed:
                self._no_more_slices = True
                for slot in self._slots:
                    self._leave(slot)

    def _leave(self, slot: Slot[P]) -> None:
        slot.ended = True
        self._waiting_bytes -= sum(map(len, slot.pages))
        slot.pages.clear()
        self._changed.notify_all()

    def leave_out(self, chain: Any) -> None:
        """Begin no further slice of this chain (None: of no chain)."""
        if chain is not None:
            self._left_out.add(chain)

    def pages(self, slot: Slot[P]) -> Iterator[P | None]:
        """The slot's pages; None while there is none yet. Raises what stopped the slice."""
        while True:
            with self._changed:
                page = slot.pages.popleft() if slot.pages else None
                if page is None and slot.ended:
                    break
                self._waiting_bytes -= 0 if page is None else len(page)
                self._changed.notify_all()
            nothing_yet = page is None
            yield page
            del page
            if nothing_yet:
                with self._changed:
                    self._wait_for(lambda: slot.pages or slot.ended)
        if slot.error is not None:
            raise slot.error

    def _wait_for(self, arrived: Callable[[], Any]) -> None:
        """The reader waits, about a TICK at most, and begins more workers while it is the network that it waits for.

        While it is the unpacking, others would only be in its way: where the network takes no time, four workers take
        a tenth longer than one.
        """
        begun = time.monotonic()
        there, waited = False, 0.0
        while not there and waited < TICK:
            there = bool(self._changed.wait_for(arrived, PATIENCE if self._workers_left else TICK))
            waited = time.monotonic() - begun
            # What was waited for is the unpacking and the network: the second must be the longer one.
            network = self._waited + waited - self._unpacked
            if self._workers_left and network > self._unpacked + PATIENCE and not self._unpacking:
                self._begin_worker()
        self._waited += waited

    def _run(self) -> None:
        while (slot := self._next_slot()) is not None:
            try:
                for page in self._work(slot.slice, partial(self._turn, slot)):
                    with self._changed:
                        if slot.ended:
                            break
                        slot.pages.append(page)
                        self._waiting_bytes += len(page)
                        self._last_page = len(page)
                        self._changed.notify_all()
                    del page  # large, and while the next one is made nobody here needs it
            except Exception as error:
                slot.error = without_stack(error)
            with self._changed:
                slot.ended = True
                self._changed.notify_all()

    def _next_slot(self) -> Slot[P] | None:
        """A slot for the next slice, or None if there is none left to begin."""
        with self._taking_a_slice:
            with self._changed:
                self._changed.wait_for(lambda: len(self._slots) < self._most_slots or self._no_more_slices)
                if self._no_more_slices:
                    return None
            slot: Slot[P] | None = None
            error: Exception | None = None
            try:
                slot = Slot(next(s for s in self._slices if getattr(s, "chain", EVERY_SLICE) not in self._left_out))
            except StopIteration:
                pass
            except Exception as what:
                error = what
            with self._changed:
                if self._no_more_slices:  # the reader has left meanwhile
                    return None
                if slot is None:
                    self._no_more_slices = True
                if error is not None:  # what to read next cannot be told: a last slot says so
                    self._slots.append(Slot(None))
                    self._slots[-1].error, self._slots[-1].ended = error, True
                if slot is not None:
                    self._slots.append(slot)
                self._changed.notify_all()
            return slot

    @contextmanager
    def _turn(self, slot: Slot[P]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._unpacking and (slot.ended or self._has_room_for(slot)))
            self._unpacking = True
        begun = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._unpacking = False
                self._unpacked += time.monotonic() - begun
                self._changed.notify_all()

    def _has_room_for(self, slot: Slot[P]) -> bool:
        # The slot that is being emptied always has, for one page: all the others wait for its end.
        if not slot.pages and slot is self._slots[0]:
            return True
        return len(slot.pages) < MOST_PAGES and self._waiting_bytes + self._last_page <= MOST_BYTES


def _keep_memory_in_one_piece() -> None:
    """Have all threads share one heap, with room at its end, and large buffers given back, where libc is glibc.

    Otherwise every thread keeps a heap of its own with holes as large as pages: 126 MB instead of 59 with pages of
    10,000 rows, 302 instead of 143 with pages of 50,000. The room at the end need not be asked for again with every
    page, which saves a tenth of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER)
        mallopt(M_TRIM_THRESHOLD, KEPT)
