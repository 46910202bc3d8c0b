"""Tests the tables: how responses become rows, page by page, and where a read resumes."""

import json
from typing import Any

import pytest

from source_book_lists.runtime.errors import ConfigError, UnexpectedResponse
from source_book_lists.runtime.stream import Stream
from source_book_lists.runtime.testing import StreamContract
from source_book_lists.streams import Authors, Books, Loans

URL = "https://api.book-lists.example"
BOOKS = [{"isbn": str(number), "title": "A"} for number in range(6)]  # two full pages
AUTHORS = [{"id": name, "name": name.upper()} for name in "abcd"]
LOANS = [{"number": day, "isbn": "1", "lent_at": f"2024-03-{day:02}T06:00:00Z"} for day in range(1, 6)]


@pytest.fixture
def lists(server) -> dict[str, list[dict[str, Any]]]:
    """The API's lists, three rows per page; tests change them."""
    lists = {"books": list(BOOKS), "authors": list(AUTHORS), "loans": list(LOANS)}

    def respond(request: Any) -> tuple[int, dict[str, str], str]:
        name, asked = request.url.split("/")[3].split("?")[0], request.params
        behind = next((place for place, row in enumerate(lists[name], 1) if row.get("id") == asked.get("after")), 0)
        first = int(asked.get("offset", 0)) + (int(asked.get("page", 1)) - 1) * 3 + (behind if "after" in asked else 0)
        page = lists[name][first : first + 3]
        more = name == "authors" and first + 3 < len(lists[name])
        return 200, {"X-Next-Cursor": page[-1]["id"]} if more else {}, json.dumps({"rows": page})

    for name in lists:
        server.add_callback("GET", f"{URL}/{name}", respond)
    return lists


def asked(server) -> list[dict[str, str]]:
    return [call.request.params for call in server.calls]


class Contract(StreamContract):
    """The contract of every stream, against the API of `lists`."""

    table: type[Stream[Any]]

    @pytest.fixture(autouse=True)
    def _api(self, lists, connect):
        self.connect = connect

    def stream(self) -> Stream[Any]:
        return self.table(self.connect())


class TestBooks(Contract):
    table = Books


class TestAuthors(Contract):
    table = Authors


class TestLoans(Contract):
    table = Loans


def test_books_are_read_by_page_numbers_until_a_page_is_not_full(connect, read, server, lists):
    assert read(Books(connect())).rows == BOOKS
    assert asked(server) == [{}, {"page": "2"}, {"page": "3"}]


def test_authors_are_read_by_the_cursor_in_the_header_until_there_is_none(connect, read, server, lists):
    assert read(Authors(connect())).rows == AUTHORS
    assert asked(server) == [{}, {"after": "c"}]


def test_the_next_sync_reads_the_loans_after_those_of_the_first(connect, read, server, lists):
    first = read(Loans(connect()))
    lists["loans"].append({"number": 6, "isbn": "2", "lent_at": "2024-03-06T06:00:00Z"})
    second = read(Loans(connect()), first.state)
    assert (first.rows, second.rows) == (LOANS, lists["loans"][5:])
    assert asked(server) == [{"offset": "0"}, {"offset": "3"}, {"offset": "5"}]
    assert second.state == {"read": 6}


def test_a_read_of_loans_that_stops_early_resumes_after_the_last_complete_page(connect, read, server, lists):
    assert [state for _, state in read(Loans(connect())).checkpoints] == [{}, {"read": 3}, {"read": 5}]


@pytest.mark.parametrize("saved", [{"read": "40"}, {"read": None}, {"read": {"a": 1}}])
def test_a_state_of_another_source_is_refused(saved, connect):
    with pytest.raises(ConfigError, match="state: the saved state of loans"):
        Loans(connect()).resume(saved)


@pytest.mark.parametrize("row", [1, None, {}, {"isbn": None, "title": "A"}, {"isbn": 7, "title": "A"}])
def test_a_row_that_does_not_fit_its_schema_is_refused(row, connect):
    with pytest.raises(UnexpectedResponse, match="a row of books that does not fit the schema"):
        Books(connect()).row(row)


def test_who_watches_the_sync_sees_how_the_requests_of_all_streams_go(connect, lists):
    api = connect()
    Books(api).fetch("books", None)
    assert [table(api).request_stats().requests for table in (Books, Authors, Loans)] == [1, 1, 1]
