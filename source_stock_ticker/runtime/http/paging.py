"""Follows the pages of a list: one loop, for slices and for the lists behind them."""

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..errors import UnexpectedResponse

MAX_PAGES = 10_000
MAX_UNCHANGED_PAGES = 100  # in a row that bring nothing new
PARSE_TRIES = 3  # a response that makes no sense is fetched again: some proxy may have cut it


R = TypeVar("R")  # a response
P = TypeVar("P", bound=Any)  # a page: `first` and `last` row (None: it has none), `next_page_token`, `without_rows()`


def follow(
    fetch: Callable[[str | None], R],
    parse: Callable[[R], P],
    what: str,
    logger: logging.Logger,
    max_pages: int = MAX_PAGES,
) -> Iterator[P]:
    """The pages of `what` (its name, for messages): the first one, then those that each page's next_page_token names.

    A page of which `parse` raises UnexpectedResponse is fetched again; one that is the page just read comes without its
    rows, for its link may be a better one. Raises UnexpectedResponse for a page that makes no sense PARSE_TRIES times,
    and for pages that lead in a circle, bring nothing new or do not end.
    """
    token, seen, unchanged, ends = None, set[str](), 0, None
    while True:
        page = _page(fetch, parse, token, what, logger)
        if page.last is not None and (page.first, page.last) == ends:
            page = _page(fetch, parse, token, what, logger)  # some cache may have served the last one again
        if page.last is not None and (page.first, page.last) == ends:
            logger.warning("%s: a link leads to the page just read; its rows are not read twice.", what)
            page = page.without_rows()
        unchanged = unchanged + 1 if page.last is None else 0
        token, ends = page.next_page_token, ends if page.last is None else (page.first, page.last)
        yield page
        del page  # large, and while the next one is made nobody here needs it
        if token is None:
            return
        if token in seen:
            raise UnexpectedResponse(f"The pages of {what} lead in a circle.", f"again {token}")
        if unchanged > MAX_UNCHANGED_PAGES:
            raise UnexpectedResponse(f"The last {unchanged} pages of {what} brought nothing new.", f"next {token}")
        if len(seen) == max_pages:
            raise UnexpectedResponse(f"{what} has over {max_pages:,} pages.", f"next {token}")
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
