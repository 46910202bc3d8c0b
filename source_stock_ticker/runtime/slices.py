"""Prefetches the slices of a stream, page by page, and decides what happens to a slice that fails."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from .errors import ConfigError, ConnectorError, SkipSlice, TransientError, Unavailable
from .http.paging import follow
from .process.prefetch import ParseLock, Prefetcher
from .stream import Page, Stream, Unread

MAX_NAMED_FAILURES = 5  # failed slices that an error message names; of more it gives the number
P = TypeVar("P", bound=Any)  # see Prefetcher and follow


def read_ahead(
    stream: Stream[Any], slices: Iterator[Any], make: Callable[[Page], P], workers: int, logger: logging.Logger
) -> Prefetcher[Any, P]:
    """The pages of all slices, each made from a Page by `make`, in the order of the slices; see Prefetcher."""

    def pages(stream_slice: Any, parse_lock: ParseLock) -> Iterator[P]:
        """A worker's job: all pages of a slice. Raises a ConnectorError, or what a bug raises."""
        if isinstance(stream_slice, Unread):
            raise stream_slice.error
        last: Any = None  # row of the page before

        def parse(response: Any) -> P:
            nonlocal last
            if response is None:
                return make(Page([]))
            with parse_lock():
                page = stream.checked(stream.parse(stream_slice, response))
                if stream.primary_key and page.rows and page.first == last:
                    page = page._replace(rows=page.rows[1:])  # many an API sends the row on the edge with both pages
                made = make(page)  # can raise, and then the page is fetched again
                last = page.last or last
                return made

        return follow(partial(stream.fetch, stream_slice), parse, str(stream_slice), logger)

    def group(stream_slice: Any) -> object:
        return None if isinstance(stream_slice, Unread) else stream.group(stream_slice)

    return Prefetcher(slices, pages, group, workers)


def is_skipped(stream: Stream[Any], stream_slice: Any, error: Exception) -> bool:
    """Whether a slice that ended with this error is skipped with a warning instead of failing."""
    if not isinstance(error, Unavailable) or stream_slice is None or isinstance(stream_slice, Unread):
        return False
    return isinstance(error, SkipSlice) or stream.listed(stream_slice)


def is_fatal(error: Exception) -> bool:
    """Whether the other slices would fail in the same way, because of the config or a bug."""
    return isinstance(error, ConfigError) or not isinstance(error, ConnectorError)


def combined(failures: list[tuple[Any, Exception]]) -> Exception:
    """One error for all failed slices: it has the last one's type, and names the slices and a reason for each type."""
    last = failures[-1][1]
    if (len(failures) == 1 and isinstance(last, ConfigError)) or not isinstance(last, ConnectorError):
        return last
    kinds = dict.fromkeys(type(error) for _, error in failures)
    text = " ".join(_not_read([failure for failure in failures if type(failure[1]) is kind]) for kind in kinds)
    return type(last)(text, last.detail)


def _not_read(failures: list[tuple[Any, Any]]) -> str:
    """The slices that failed with errors of one type, and the last reason."""
    names, error = [str(stream_slice) for stream_slice, _ in failures if stream_slice is not None], failures[-1][1]
    if not names:
        return str(error.message)
    more = f" and {len(names) - MAX_NAMED_FAILURES} more" if len(names) > MAX_NAMED_FAILURES else ""
    # After an outage the next sync catches up; an invalid response may be invalid again.
    hope = " The next sync resumes there." if isinstance(error, TransientError) else ""
    return f"Not read: {', '.join(names[:MAX_NAMED_FAILURES])}{more}. {error.message}{hope}"
