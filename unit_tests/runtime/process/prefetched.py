"""What the tests of prefetching share: slices, their pages, and a prefetcher that reads them."""

import time

from source_stock_ticker.runtime.process.prefetch import Prefetcher

SLICES = ["a", "b", "c", "d", "e", "f", "g", "h"]


class Sized:
    """A page with this size, without the bytes."""

    def __init__(self, size):
        self._size = size

    def __len__(self):
        return self._size


def pages_of(stream_slice, parse_lock):
    """Three pages of a slice."""
    for number in (1, 2, 3):
        with parse_lock():
            page = f"{stream_slice}{number}"
        yield page


def one_page(stream_slice, parse_lock):
    yield str(stream_slice)


def alone(stream_slice):
    """The group of slices that have none."""


def together(stream_slice):
    return "all"


def prefetcher(slices, work=pages_of, group=alone, workers=2):
    return Prefetcher(iter(slices), work, group, workers)


def arrived(prefetched):
    """What arrives, without the signs that there is nothing yet."""
    return ((stream_slice, page) for stream_slice, page in prefetched if (stream_slice, page) != (None, None))


def collected(slices, work=pages_of, group=alone, workers=2):
    """Everything that arrives, in order; an error by its type."""
    with prefetcher(slices, work, group, workers) as prefetched:
        return [
            (stream_slice, type(page) if isinstance(page, Exception) else page)
            for stream_slice, page in arrived(prefetched)
        ]


def all_end(new_threads):
    return until(lambda: not new_threads())


def until(reached):
    """Whether it becomes true within some seconds."""
    deadline = time.monotonic() + 5
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.005)
    return reached()
