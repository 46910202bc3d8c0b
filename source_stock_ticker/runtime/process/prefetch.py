"""Reads slices ahead of the writing: several at once, and yet in order. The only room with threads.

Theory of operation. Workers take one slice after the other, and each fills a buffer with its slice's pages. The
reader empties the buffers in the order of the slices.

    slices -> worker -> SliceBuffer ─┐
    slices -> worker -> SliceBuffer ─┼─> pages, in the order of the slices -> reader
    slices -> worker -> SliceBuffer ─┘

Three bounds keep memory flat however many slices there are and however long they get: at most two slices a worker are
begun, and at most MAX_WAITING_PAGES of one slice and MAX_WAITING_BYTES of all slices wait. Only the slice that the
reader is at may exceed them, by one page: all the others wait for its end. Beside them each worker holds one response.

One worker at a time holds the parse lock, in which a response is decoded and its rows are encoded, which takes up
to 60 MB for 50,000 rows; the others wait for the network meanwhile. More at once would gain nothing: Python runs one
thread at a time.

A container may let only some of the threads start. Then those that run do the work of all; if none starts, the reader
does a worker's steps itself, one whenever it has no page to give.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Generic, TypeVar

from ..errors import without_stack

MAX_WAITING_PAGES = 8  # of a slice that may wait to be taken
MAX_WAITING_BYTES = 2 * 1024 * 1024  # of all slices that may wait to be taken
TICK = 1.0  # seconds after which a reader that waits is told that nothing has arrived yet

ParseLock = Callable[[], AbstractContextManager[None]]
S = TypeVar("S")
P = TypeVar("P", bound=Sized)  # a page; len() is its size in bytes


class SliceBuffer(Generic[S, P]):
    """One slice, and what has been read of it and not yet been taken."""

    def __init__(self, stream_slice: S, group: object) -> None:
        self.slice, self.group = stream_slice, group
        self.pages: deque[P] = deque()
        self.ended = False  # nothing more will come: all is read, or it failed, or the reader left it
        self.error: Exception | None = None


class Prefetcher(Generic[S, P]):
    """Runs `work` over `slices` in threads, `workers` at most. Iterate it once, inside its `with`:

        (slice, page)     the next page, in the order of the slices
        (slice, error)    the end of a slice that failed; with None as slice, `slices` itself did
        (None, None)      nothing has arrived yet; again after a TICK

    work(slice, parse_lock) yields the slice's pages. Whatever takes memory and the processor it does inside
    `with parse_lock():`. group(slice) says which slices are left out together, see `leave_out`.
    """

    def __init__(
        self,
        slices: Iterator[S],
        work: Callable[[S, ParseLock], Iterator[P]],
        group: Callable[[S], object],
        workers: int,
    ) -> None:
        self._slices, self._work, self._group, self._workers = slices, work, group, workers
        self._buffers: deque[SliceBuffer[S, P]] = deque()  # begun, and not yet left by the reader
        self._waiting_bytes = self._last_page = 0  # bytes; the next page is taken to be as large as the last
        self._no_more_slices = False
        self._slices_error: Exception | None = None
        self._left_out: list[object] = []  # groups
        self._parsing = False  # some worker holds the parse lock
        self._taking_a_slice = threading.Lock()
        self._changed = threading.Condition()
        self._own_steps: Iterator[None] | None = self._steps()  # those of the reader, if no thread can be started

    def __enter__(self) -> "Prefetcher[S, P]":
        with suppress(RuntimeError):  # can't start new thread
            for _ in range(self._workers):
                # A daemon: a process that is told to stop does not wait for a response from the network.
                threading.Thread(target=self._run, daemon=True).start()
                self._own_steps = None
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._no_more_slices = True
            for buffer in list(self._buffers):
                self._leave(buffer)

    # The reader's side

    def __iter__(self) -> Iterator[tuple[S | None, P | Exception | None]]:
        while True:
            with self._changed:
                if not self._buffers and self._no_more_slices:
                    break
                stream_slice, page = self._next()
            nothing_yet = page is None
            yield stream_slice, page
            del page  # large, and while the next one is waited for nobody here needs it
            if nothing_yet and self._own_steps is not None:
                next(self._own_steps, None)
            elif nothing_yet:
                with self._changed:
                    self._changed.wait_for(self._has_something_to_give, TICK)
        if self._slices_error is not None:
            yield None, self._slices_error

    def leave_out(self, stream_slice: S) -> None:
        """Give no more of this slice, and nothing of the slices behind it that are in the same group."""
        group = self._group(stream_slice)
        with self._changed:
            self._left_out.append(group)
            for buffer in list(self._buffers):
                if buffer.slice is stream_slice or (group is not None and buffer.group == group):
                    self._leave(buffer)

    def _next(self) -> tuple[S | None, P | Exception | None]:
        while self._buffers:
            first = self._buffers[0]
            if first.pages:
                page = first.pages.popleft()
                self._waiting_bytes -= len(page)
                self._changed.notify_all()
                return first.slice, page
            if not first.ended:
                break
            self._leave(first)
            if first.error is not None:
                return first.slice, first.error
        return None, None

    def _has_something_to_give(self) -> bool:
        first = self._buffers[0] if self._buffers else None
        return bool(first.pages or first.ended) if first else self._no_more_slices

    def _leave(self, buffer: SliceBuffer[S, P]) -> None:
        self._buffers.remove(buffer)
        self._waiting_bytes -= sum(map(len, buffer.pages))
        buffer.ended = True
        self._changed.notify_all()

    # The workers' side

    def _run(self) -> None:
        for _ in self._steps():
            pass

    def _steps(self) -> Iterator[None]:
        """All that a worker does. A step ends with a page, or with a slice."""
        while (buffer := self._next_buffer()) is not None:
            try:
                for page in self._work(buffer.slice, partial(self._parse_lock, buffer)):
                    with self._changed:
                        if buffer.ended:
                            break
                        buffer.pages.append(page)
                        self._last_page = len(page)
                        self._waiting_bytes += self._last_page
                        self._changed.notify_all()
                    del page  # large, and while the next one is made nobody here needs it
                    yield
            except Exception as error:
                buffer.error = without_stack(error)
            with self._changed:
                buffer.ended = True
                self._changed.notify_all()
            yield

    def _next_buffer(self) -> SliceBuffer[S, P] | None:
        """A buffer for the next slice, or None if there is none left to begin."""
        with self._taking_a_slice:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._no_more_slices or len(self._buffers) < 2 * self._workers)
                buffer = None if self._no_more_slices else self._begin_slice()
                with self._changed:
                    if buffer is None or self._no_more_slices:  # the reader may have left meanwhile
                        self._no_more_slices = True
                        self._changed.notify_all()
                        return None
                    if buffer.group is None or buffer.group not in self._left_out:
                        self._buffers.append(buffer)
                        return buffer

    def _begin_slice(self) -> SliceBuffer[S, P] | None:
        try:
            return next((SliceBuffer[S, P](s, self._group(s)) for s in self._slices), None)
        except Exception as error:  # what to read next cannot be told
            self._slices_error = without_stack(error)
            return None

    @contextmanager
    def _parse_lock(self, buffer: SliceBuffer[S, P]) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._parsing and (buffer.ended or self._has_room_for(buffer)))
            self._parsing = True
        try:
            yield
        finally:
            with self._changed:
                self._parsing = False
                self._changed.notify_all()

    def _has_room_for(self, buffer: SliceBuffer[S, P]) -> bool:
        if not buffer.pages and buffer is self._buffers[0]:
            return True
        return len(buffer.pages) < MAX_WAITING_PAGES and self._waiting_bytes + self._last_page <= MAX_WAITING_BYTES
