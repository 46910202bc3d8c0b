"""The tables. Each class says which pattern it is.

Table     what they share: a list under the table's own name, read page by page
Books     a page number
Authors   a cursor in a header of the response
Loans     oldest first, without a parameter for a moment: the state counts the rows
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from .api import SIZE, BookListsApi, rows
from .runtime.errors import ConfigError
from .runtime.http.pages import next_number, next_offset
from .runtime.http.rate_limit import RequestStats
from .runtime.http.response import Response
from .runtime.stream import Page, State, Stream, Written

S = TypeVar("S")


class Table(Stream[S]):
    """A list under the table's own name."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: BookListsApi) -> None:
        self._api = api

    def request_stats(self) -> RequestStats:
        return self._api.client.rate_limit.stats()


class Books(Table[str]):
    """Pattern: a page number."""

    name = "books"
    primary_key = ("isbn",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/books", page=page_token)

    def parse(self, stream_slice: str, response: Response) -> Page:
        found = [self.row(item) for item in rows(response)]
        return Page(found, next_number(response, len(found), SIZE))


class Authors(Table[str]):
    """Pattern: a cursor in a header of the response."""

    name = "authors"
    primary_key = ("id",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/authors", after=page_token)

    def parse(self, stream_slice: str, response: Response) -> Page:
        return Page([self.row(item) for item in rows(response)], response.headers.get("X-Next-Cursor"))


class Rest(NamedTuple):
    """The loans behind the first so many."""

    read: int

    def __str__(self) -> str:
        return f"loans from row {self.read} on"


class Loans(Table[Rest]):
    """Pattern: a list that only grows at its end, oldest first, where the API takes no moment to begin at.

    state = {"read": 40}: so many rows have been written; the next read begins behind them.
    """

    name = "loans"
    primary_key = ("number",)
    cursor_field = "lent_at"

    def resume(self, saved: State) -> State:
        if not isinstance(saved.get("read", 0), int):
            raise ConfigError("state: that of loans is not as this source writes it; clear the stream's state.")
        return saved

    def slices(self, state: State) -> Iterator[Rest]:
        yield Rest(state.get("read", 0))

    def fetch(self, stream_slice: Rest, page_token: str | None) -> Response:
        return self._api.get("/loans", offset=page_token or stream_slice.read)

    def parse(self, stream_slice: Rest, response: Response) -> Page:
        found = [self.row(item) for item in rows(response)]
        read = int(response.request.sent("offset")) + len(found)
        return Page(found, next_offset(response, len(found), SIZE), note=read)

    def checkpoint(self, state: State, stream_slice: Rest, written: Written) -> None:
        state["read"] = written.note


TABLES: tuple[type[Table[Any]], ...] = (Books, Authors, Loans)
