"""What comes after a page: the token of the next one, as the usual kinds of APIs say it. None: it was the last.

A cursor that is missing on the last page needs no help: body.get("next"), response.headers.get("X-Next-Page").
"""

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from ..errors import UnexpectedResponse, start_of
from .response import Response

PARAMETER = r';\s*([^\s=;,"]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;,"]*)))?'  # of a link: name, and a value in quotes or not
LINK = re.compile(r"<([^>]*)>((?:\s*" + re.sub(r"\((?!\?)", "(?:", PARAMETER) + ")*)")  # target, parameters


def next_number(response: Response, rows: int, size: int, parameter: str = "page") -> str | None:
    """The number of the page after one of `rows` rows; `size` is that of a full one. The first page is number 1.

    Rows that are added or taken out while the pages are read move the others: sort them so that this does no harm.
    """
    sent = response.request.sent(parameter)
    return str((1 if sent is None else int(sent)) + 1) if rows >= size else None


def next_offset(
    response: Response, rows: int, size: int = 1, parameter: str = "offset", total: int | None = None
) -> str | None:
    """The offset behind a page. total: rows in all, if the API says so; else size: rows on a full page. An
    empty page before the total is refused.
    """
    offset = int(response.request.sent(parameter) or 0) + rows
    if total is not None and rows == 0 and offset < total:
        raise UnexpectedResponse(f"The API says that it has {total} rows, and sent none after {offset}.")
    more = rows >= size if total is None else rows > 0 and offset < total
    return str(offset) if more else None


def next_cursor(more: bool, cursor: str | None) -> str | None:
    """The cursor, if there is more. Raises UnexpectedResponse if there is more and no cursor: rows would be missing."""
    if more and not cursor:
        raise UnexpectedResponse("The API says that there are more pages, and not where.")
    return cursor if more else None


def next_link(response: Response, base: str) -> str | None:
    """The `own_path` of what a Link header names as next (RFC 8288): <https://api.example.com/a?page=2>; rel="next"."""
    header = response.headers.get("Link", "")
    links = LINK.findall(header)
    if header.strip() and not links:
        raise UnexpectedResponse("The API sent a Link header that names no link.", start_of(header))
    for target, parameters in links:
        relations = [
            quoted or bare for name, quoted, bare in re.findall(PARAMETER, parameters) if name.lower() == "rel"
        ]
        if relations and "next" in relations[0].lower().split():
            return own_path(urljoin(response.request.url, target), base)
    return None


def own_path(url: str, base: str, hosts: Iterable[str] = ()) -> str:
    """Path and query of a link, to be put behind `base`: no link leads the credentials to another host.

    hosts: other names under which the API's links may name it. Raises UnexpectedResponse.
    """
    ours = urlsplit(base)
    try:
        parts = urlsplit(url)
        if parts.hostname not in {ours.hostname, *hosts}:
            raise ValueError
    except (AttributeError, TypeError, ValueError):
        raise UnexpectedResponse("A link of the API leads to another host.", start_of(str(url))) from None
    # A proxy's link holds the path that our own address begins with; the API's does not.
    path = parts.path.removeprefix(ours.path) if parts.hostname == ours.hostname else parts.path
    return f"{path}?{parts.query}" if parts.query else path
