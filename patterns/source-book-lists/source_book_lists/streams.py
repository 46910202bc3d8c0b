"""Defines the tables. Each class names its pattern.

Table     what all tables share: the API
Books     a page number
Authors   a cursor in a header of the response
Loans     oldest first, and the API has no date filter: the state counts the rows
"""

from pathlib import Path

from .api import SIZE, BookListsApi, rows_of
from .runtime.errors import ConfigError
from .runtime.http.pages import next_number, next_offset
from .runtime.http.response import Response
from .runtime.stream import Page, State, Stream, Written


class Table(Stream[str]):
    """One list of the API, as one slice."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: BookListsApi) -> None:
        self._api = api
        self.client = api.client


class Books(Table):
    """Pattern: a page number."""

    name = "books"
    primary_key = ("isbn",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/books", page=page_token)

    def parse(self, stream_slice: str, response: Response) -> Page:
        rows = [self.row(item) for item in rows_of(response)]
        return Page(rows, next_number(response, len(rows), SIZE))


class Authors(Table):
    """Pattern: a cursor in a header of the response."""

    name = "authors"
    primary_key = ("id",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/authors", after=page_token)

    def parse(self, stream_slice: str, response: Response) -> Page:
        return Page([self.row(item) for item in rows_of(response)], response.headers.get("X-Next-Cursor"))


class Loans(Table):
    """Pattern: a list that only grows at its end, and an API without a date filter.

    state = {"read": 40}: 40 rows have been written, and the next read begins after them.
    """

    name = "loans"
    primary_key = ("number",)
    cursor_field = "lent_at"

    def resume(self, saved: State) -> State:
        self._read = saved.get("read", 0)
        if not isinstance(self._read, int):
            raise ConfigError("state: the saved state of loans has an unexpected format; clear the stream's state.")
        return saved

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/loans", offset=page_token or self._read)

    def parse(self, stream_slice: str, response: Response) -> Page:
        rows = [self.row(item) for item in rows_of(response)]
        return Page(rows, next_offset(response, len(rows), SIZE), note=len(rows))

    def checkpoint(self, state: State, stream_slice: str, written: Written) -> None:
        state["read"] = state.get("read", 0) + written.note
