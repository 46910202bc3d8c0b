"""Reads the parents of child streams: once per sync for all streams that need them, several slices at once."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from .slices import is_fatal, is_skipped, read_ahead
from .stream import Stream, Unread

P = TypeVar("P")


class Parents(Generic[P]):
    """Iterates over the rows of a stream, each made by `make`, in order. All child streams share one object.

    It skips rows for which `make` returns None, and a second parent with the same str(): a list can change during the
    read. stream: a separate object that nothing else reads. A failed slice of it yields an Unread: the rest is read,
    and the child stream reports what is missing. Raises what would fail in all slices.
    """

    def __init__(
        self, stream: Stream[Any], make: Callable[[Any], P | None], workers: int, logger: logging.Logger
    ) -> None:
        self._stream, self._make, self._workers, self._logger = stream, make, workers, logger
        self._found: list[P | Unread] | None = None  # set when all are read

    def __iter__(self) -> Iterator[P | Unread]:
        if self._found is not None:
            yield from self._found
            return
        found: dict[str, P | Unread] = {}
        for parent in self._read():
            if parent is not None and str(parent) not in found:
                found[str(parent)] = parent
                yield parent
        self._found = list(found.values())

    def _read(self) -> Iterator[P | Unread | None]:
        stream = self._stream
        with read_ahead(stream, stream.slices(stream.resume({})), lambda p: p, self._workers, self._logger) as pages:
            for stream_slice, page in pages:
                if not isinstance(page, Exception):
                    yield from map(self._make, page.rows if page else ())
                elif is_skipped(stream, stream_slice, page):
                    self._logger.warning("%s: skipped %s. %s", stream.name, stream_slice, page)
                elif stream_slice is None or is_fatal(page):
                    raise page
                else:
                    pages.skip_group_of(stream_slice)
                    yield Unread(f"the {stream.name} of {stream_slice}", page)
