"""Finds the token of the next page, for the usual kinds of APIs. None: it was the last page.

A cursor that is missing on the last page needs no function: body.get("next"), response.headers.get("X-Next-Page").
"""

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from ..errors import UnexpectedResponse, start_of
from .request import without_queries
from .response import Response

PARAMETER = r';\s*([^\s=;,"]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?'  # of a link: name, and a value in quotes or not
LINK = re.compile(r"<([^>]*)>((?:\s*" + re.sub(r"\((?!\?)", "(?:", PARAMETER) + ")*)")  # target, parameters


def next_number(response: Response, rows: int, size: int, parameter: str = "page") -> str | None:
    """The number of the page after one with `rows` rows; `size`: rows on a full page. The first page is number 1.

    Rows added or deleted during the read shift the others: sort the rows in an order where this does no harm.
    """
    sent = response.request.sent(parameter)
    return str((1 if sent is None else int(sent)) + 1) if rows >= size else None


def next_offset(
    response: Response, rows: int, size: int = 1, parameter: str = "offset", total: int | None = None
) -> str | None:
    """The offset after a page. total: all rows, if the API gives the number; otherwise size: rows on a full page. An
    empty page before the total is rejected.
    """
    offset = int(response.request.sent(parameter) or 0) + rows
    if total is not None and rows == 0 and offset < total:
        raise UnexpectedResponse(f"The API reports {total} rows, but sent none after {offset}.")
    more = rows >= size if total is None else rows > 0 and offset < total
    return str(offset) if more else None


def next_cursor(more: bool, cursor: str | None) -> str | None:
    """The cursor, if there are more pages. Raises UnexpectedResponse if it is missing: rows would be lost."""
    if more and not cursor:
        raise UnexpectedResponse("The API reports more pages, but no cursor for them.")
    return cursor if more else None


def next_link(response: Response, base: str) -> str | None:
    """The `own_path` of the next page in a Link header (RFC 8288): <https://api.example.com/a?page=2>; rel="next"."""
    header = response.headers.get("Link", "")
    links = LINK.findall(header)
    if header.strip() and not links:
        raise UnexpectedResponse("The API sent a Link header without a link.", start_of(header))
    for target, parameters in links:
        rels = [quoted or bare for name, quoted, bare in re.findall(PARAMETER, parameters) if name.lower() == "rel"]
        if rels and "next" in rels[0].lower().split():
            return own_path(urljoin(response.request.url, target), base)
    return None


def own_path(url: str, base: str, hosts: Iterable[str] = ()) -> str:
    """Path and query of a link, to be appended to `base`: no link sends the credentials to another host.

    A link can lack the host. hosts: other host names in the API's links. Raises UnexpectedResponse.
    """
    ours = urlsplit(base)
    try:
        parts = urlsplit(urljoin(base, url) if url.startswith("/") else url)
        if parts.hostname not in {ours.hostname, *hosts}:
            raise ValueError
    except (AttributeError, TypeError, ValueError):
        link = start_of(without_queries(str(url)))
        raise UnexpectedResponse("A link from the API leads to another host.", link) from None
    # A proxy's link contains the path that our own address begins with; the API's does not.
    path = parts.path.removeprefix(ours.path) if parts.hostname == ours.hostname else parts.path
    return f"{path}?{parts.query}" if parts.query else path
