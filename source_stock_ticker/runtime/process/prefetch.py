"""Prefetches slices: reads several at once, and returns them in order. The only module that starts threads.

Theory of operation. Workers take one slice after another, and each fills a buffer with its slice's pages. The reader
empties the buffers in the order of the slices.

    slices -> worker -> SliceBuffer ─┐
    slices -> worker -> SliceBuffer ─┼─> pages, in the order of the slices -> reader
    slices -> worker -> SliceBuffer ─┘

Three limits keep memory constant for any number and size of slices: at most two slices per worker are begun, and at
most MAX_WAITING_PAGES of one slice and MAX_WAITING_BYTES of all slices wait. Only the slice that the reader is
emptying can exceed them, by one page, because all others wait for it. In addition, each worker holds one response.

Only the worker with the parse lock decodes a response and encodes its rows, which takes up to 60 MB for 50,000 rows;
meanwhile the others wait for the network. Parallel parsing would gain nothing: Python runs one thread at a time.

A container may allow only some of the threads. Then those do all the work; if none starts, the reader itself runs a
worker's steps, one whenever it has no page to return.
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
TICK = 1.0  # seconds after which a waiting reader learns that nothing has arrived yet

ParseLock = Callable[[], AbstractContextManager[None]]
S = TypeVar("S")
P = TypeVar("P", bound=Sized)  # a page; len() is its size in bytes


class SliceBuffer(Generic[S, P]):
    """One slice, and its pages that have been read but not yet taken."""

    def __init__(self, stream_slice: S, group: object) -> None:
        self.slice, self.group = stream_slice, group
        self.pages: deque[P] = deque()
        self.ended = False  # nothing more will come: it is complete, it failed, or it is skipped
        self.error: Exception | None = None


class Prefetcher(Generic[S, P]):
    """Runs `work` over `slices` in at most `workers` threads. Iterate over it once, inside its `with`:

        (slice, page)     the next page, in the order of the slices
        (slice, error)    the end of a slice that failed; if slice is None, `slices` itself failed
        (None, None)      nothing has arrived yet; repeated after a TICK

    work(slice, parse_lock) yields the slice's pages. It does what needs much memory and CPU inside
    `with parse_lock():`. group(slice) says which slices are skipped together, see `skip_group_of`.
    """

    def __init__(
        self,
        slices: Iterator[S],
        work: Callable[[S, ParseLock], Iterator[P]],
        group: Callable[[S], object],
        workers: int,
    ) -> None:
        self._slices, self._work, self._group, self._workers = slices, work, group, workers
        self._buffers: deque[SliceBuffer[S, P]] = deque()  # of the slices begun, until the reader has taken all
        self._waiting_bytes = self._last_page_bytes = 0  # the next page is assumed to be as large as the last
        self._no_more_slices = False
        self._slices_error: Exception | None = None
        self._skipped_groups: list[object] = []
        self._parsing = False  # a worker holds the parse lock
        self._taking_a_slice = threading.Lock()
        self._changed = threading.Condition()
        self._own_steps: Iterator[None] | None = self._steps()  # for the reader, if no thread can start

    def __enter__(self) -> "Prefetcher[S, P]":
        with suppress(RuntimeError):  # can't start new thread
            for _ in range(self._workers):
                # A daemon: a process that must stop does not wait for a response from the network.
                threading.Thread(target=self._run, daemon=True).start()
                self._own_steps = None
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._no_more_slices = True
            for buffer in list(self._buffers):
                self._remove(buffer)

    # The reader's side

    def __iter__(self) -> Iterator[tuple[S | None, P | Exception | None]]:
        while True:
            with self._changed:
                if not self._buffers and self._no_more_slices:
                    break
                stream_slice, page = self._take()
            nothing_yet = page is None
            yield stream_slice, page
            del page  # it is large, and not needed while we wait for the next one
            if nothing_yet and self._own_steps is not None:
                next(self._own_steps, None)
            elif nothing_yet:
                with self._changed:
                    self._changed.wait_for(self._has_something_to_take, TICK)
        if self._slices_error is not None:
            yield None, self._slices_error

    def skip_group_of(self, stream_slice: S) -> None:
        """Skip the rest of this slice, and all later slices of its group."""
        group = self._group(stream_slice)
        with self._changed:
            self._skipped_groups.append(group)
            for buffer in list(self._buffers):
                if buffer.slice is stream_slice or (group is not None and buffer.group == group):
                    self._remove(buffer)

    def _take(self) -> tuple[S | None, P | Exception | None]:
        while self._buffers:
            first = self._buffers[0]
            if first.pages:
                page = first.pages.popleft()
                self._waiting_bytes -= len(page)
                self._changed.notify_all()
                return first.slice, page
            if not first.ended:
                break
            self._remove(first)
            if first.error is not None:
                return first.slice, first.error
        return None, None

    def _has_something_to_take(self) -> bool:
        first = self._buffers[0] if self._buffers else None
        return bool(first.pages or first.ended) if first else self._no_more_slices

    def _remove(self, buffer: SliceBuffer[S, P]) -> None:
        self._buffers.remove(buffer)
        self._waiting_bytes -= sum(map(len, buffer.pages))
        buffer.ended = True
        self._changed.notify_all()

    # The workers' side

    def _run(self) -> None:
        for _ in self._steps():
            pass

    def _steps(self) -> Iterator[None]:
        """A worker's job. A step ends with a page or a slice."""
        while (buffer := self._next_buffer()) is not None:
            try:
                for page in self._work(buffer.slice, partial(self._parse_lock, buffer)):
                    with self._changed:
                        if buffer.ended:
                            break
                        buffer.pages.append(page)
                        self._last_page_bytes = len(page)
                        self._waiting_bytes += self._last_page_bytes
                        self._changed.notify_all()
                    del page  # it is large, and not needed while the next one is made
                    yield
            except Exception as error:
                buffer.error = without_stack(error)
            with self._changed:
                buffer.ended = True
                self._changed.notify_all()
            yield

    def _next_buffer(self) -> SliceBuffer[S, P] | None:
        """A buffer for the next slice, or None if no slice is left."""
        with self._taking_a_slice:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._no_more_slices or len(self._buffers) < 2 * self._workers)
                buffer = None if self._no_more_slices else self._begin_slice()
                with self._changed:
                    if buffer is None or self._no_more_slices:  # the reader may have finished meanwhile
                        self._no_more_slices = True
                        self._changed.notify_all()
                        return None
                    if buffer.group is None or buffer.group not in self._skipped_groups:
                        self._buffers.append(buffer)
                        return buffer

    def _begin_slice(self) -> SliceBuffer[S, P] | None:
        try:
            return next((SliceBuffer[S, P](s, self._group(s)) for s in self._slices), None)
        except Exception as error:  # the next slice is unknown
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
        expected_bytes = self._waiting_bytes + self._last_page_bytes
        return len(buffer.pages) < MAX_WAITING_PAGES and expected_bytes <= MAX_WAITING_BYTES
