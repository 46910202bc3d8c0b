"""Encodes a page in a worker, so only finished lines wait for the writer."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from .errors import UnexpectedResponse
from .protocol.catalog import ConfiguredStream
from .protocol.records import nulled_fields, records
from .stream import Page, Row

CHUNK = 1_000  # rows encoded at once: more would exceed the free heap that malloc keeps (memory.py)


@dataclass(frozen=True)
class EncodedPage:
    """A page's rows as RECORD lines, ready to write; len() is their size in bytes."""

    lines: list[bytes]  # of CHUNK rows each
    row_count: int
    nulled: Counter[str]  # fields that became null, and the number of rows
    first: Row | None
    last: Row | None
    next_page_token: str | None
    note: Any

    def __len__(self) -> int:
        return sum(map(len, self.lines))

    def without_rows(self) -> "EncodedPage":
        return replace(self, lines=[], row_count=0, nulled=Counter(), first=None, last=None)


def encoded(page: Page, configured: ConfiguredStream) -> EncodedPage:
    """The encoded page of a configured stream. Raises UnexpectedResponse for a value that JSON cannot hold."""
    rows, next_page_token, note = page
    chunks = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
    try:
        lines = [records(configured.name, chunk, configured.namespace) for chunk in chunks]
    except (TypeError, ValueError, RecursionError) as error:
        raise UnexpectedResponse("The API sent a value that a row cannot hold.", repr(error)) from None
    return EncodedPage(lines, len(rows), nulled_fields(rows), page.first, page.last, next_page_token, note)
