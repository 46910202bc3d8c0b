"""The parents of child streams: read once a sync, however many streams need them, and several slices at once."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from .slices import is_fatal, is_skipped, read_ahead
from .stream import Stream, Unread

P = TypeVar("P")


class Parents(Generic[P]):
    """Iterate it: the rows of a stream, each as `make` makes it, in order. One object serves all that need them.

    Left out is what `make` makes None of, and a second parent with the same str(): a list may change while it is read.
    stream: an object of its own, which nobody else reads. A slice of it that fails comes as an Unread: what can be read
    is read, and the child stream says what is missing. Raises what would fail in all slices.
    """

    def __init__(
        self, stream: Stream[Any], make: Callable[[Any], P | None], workers: int, logger: logging.Logger
    ) -> None:
        self._stream, self._make, self._workers, self._logger = stream, make, workers, logger
        self._found: list[P | Unread] | None = None  # once all are read

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
                    self._logger.warning("%s: %s is left out. %s", stream.name, stream_slice, page)
                elif stream_slice is None or is_fatal(page):
                    raise page
                else:
                    pages.leave_out(stream_slice)
                    yield Unread(f"the {stream.name} of {stream_slice}", page)
