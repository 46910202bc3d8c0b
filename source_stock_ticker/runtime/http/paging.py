"""Follows the pages of a list: one loop for slices and for the lists that slices come from."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..errors import UnexpectedResponse

MAX_PAGES = 10_000
MAX_UNCHANGED_PAGES = 100  # in a row with nothing new
PARSE_TRIES = 3  # an invalid response is fetched again: a proxy may have truncated it


R = TypeVar("R")  # a response
P = TypeVar("P", bound=Any)  # a page: `first` and `last` row (None: no rows), `next_page_token`, `without_rows()`


def follow(
    fetch: Callable[[str | None], R],
    parse: Callable[[R], P],
    what: str,
    logger: logging.Logger,
    max_pages: int = MAX_PAGES,
) -> Iterator[P]:
    """The pages of `what` (its name, for messages): the first one, then the one that each next_page_token names.

    A page for which `parse` raises UnexpectedResponse is fetched again. A repeat of the page just read comes without
    its rows, because its link may lead further. Raises UnexpectedResponse for a page that is invalid PARSE_TRIES
    times, and for pages that form a loop, bring nothing new or never end.
    """
    token, seen, unchanged, ends = None, set[str](), 0, None
    while True:
        page = _page(fetch, parse, token, what, logger)
        if page.last is not None and (page.first, page.last) == ends:
            page = _page(fetch, parse, token, what, logger)  # a cache may have sent the last page again
        if page.last is not None and (page.first, page.last) == ends:
            logger.warning("%s: a link leads to the page just read; its rows are skipped.", what)
            page = page.without_rows()
        unchanged = unchanged + 1 if page.last is None else 0
        token, ends = page.next_page_token, ends if page.last is None else (page.first, page.last)
        yield page
        del page  # it is large, and not needed while the next one is made
        if token is None:
            return
        if token in seen:
            raise UnexpectedResponse(f"The pages of {what} form a loop.", f"again {token}")
        if unchanged > MAX_UNCHANGED_PAGES:
            raise UnexpectedResponse(f"The last {unchanged} pages of {what} contain nothing new.", f"next {token}")
        if len(seen) == max_pages:
            raise UnexpectedResponse(f"{what} has more than {max_pages:,} pages.", f"next {token}")
        seen.add(token)


def _page(
    fetch: Callable[[str | None], R], parse: Callable[[R], P], token: str | None, what: str, logger: logging.Logger
) -> P:
    for _ in range(PARSE_TRIES - 1):
        response = fetch(token)
        try:
            return parse(response)
        except UnexpectedResponse as error:
            logger.warning("%s: %s Fetching it again.", what, error.message)
    return parse(fetch(token))
