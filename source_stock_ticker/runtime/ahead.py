"""Reads slices ahead: several at once, and yet in order. The only place with threads.

Workers take one slice after the other and fill a slot for each; the reader empties the slots in
the slices' order. A worker waits while its slot holds a page that has not been taken, so memory
holds a few pages, however many slices there are and however long they get.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

P = TypeVar("P")
TICK = 1.0  # seconds after which a reader that waits is told that there is still nothing


class Slot(Generic[P]):
    """One slice, and what has been read of it and not yet been taken."""

    def __init__(self, slice: Any) -> None:
        self.slice = slice
        self.pages: deque[P] = deque()
        self.ended = False  # nothing more will come: all is read, or it failed, or the reader left it
        self.error: Exception | None = None


class Ahead(Generic[P]):
    """Runs `work` over `slices` in `workers` threads. Iterate `slots`, and the `pages` of each, once.

    work(slice, turn) yields the slice's pages. `turn` is a lock around whatever takes memory and the processor: one
    worker at a time unpacks an answer (50,000 rows are 60 MB once parsed) while the others wait for the network.
    """

    def __init__(self, slices: Iterator[Any], work: Callable[[Any, threading.Lock], Iterator[P]], workers: int) -> None:
        self._slices = slices
        self._work = work
        self._most_slots = 2 * workers
        self._slots: deque[Slot[P]] = deque()  # begun, and not yet left by the reader
        self._no_more_slices = False
        self._taking_a_slice, self._turn = threading.Lock(), threading.Lock()
        self._changed = threading.Condition()
        for _ in range(workers):
            # Daemons: a process that is told to stop does not wait for an answer from the network.
            threading.Thread(target=self._run, daemon=True).start()

    def slots(self) -> Generator[Slot[P] | None, None, None]:
        """The slots in the slices' order; None while there is none yet. Going on leaves the slot."""
        try:
            while True:
                with self._changed:
                    slot = self._slots[0] if self._slots else None
                    if slot is None and self._no_more_slices:
                        return
                yield slot
                with self._changed:
                    if slot is None:
                        self._changed.wait_for(lambda: self._slots or self._no_more_slices, TICK)
                    else:
                        slot.ended = True
                        self._slots.popleft()
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._no_more_slices = True
                for slot in self._slots:
                    slot.ended = True
                self._changed.notify_all()

    def pages(self, slot: Slot[P]) -> Iterator[P | None]:
        """The slot's pages; None while there is none yet. Raises what stopped the slice."""
        while True:
            with self._changed:
                page = slot.pages.popleft() if slot.pages else None
                if page is None and slot.ended:
                    break
                self._changed.notify_all()
            yield page
            if page is None:
                with self._changed:
                    self._changed.wait_for(lambda: slot.pages or slot.ended, TICK)
        if slot.error is not None:
            raise slot.error

    def _run(self) -> None:
        while (slot := self._next_slot()) is not None:
            try:
                for page in self._work(slot.slice, self._turn):
                    with self._changed:
                        self._changed.wait_for(lambda: not slot.pages or slot.ended)
                        if slot.ended:
                            break
                        slot.pages.append(page)
                        self._changed.notify_all()
            except Exception as error:
                slot.error = error
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
            try:
                slot = Slot(next(self._slices))
            except StopIteration:
                pass
            except Exception as error:  # what to read next cannot be told: that is a slice that failed, and the last
                failed: Slot[P] = Slot(None)
                failed.error, failed.ended = error, True
                self._slots.append(failed)
            with self._changed:
                if slot is None:
                    self._no_more_slices = True
                elif not self._no_more_slices:
                    self._slots.append(slot)
                self._changed.notify_all()
            return slot
