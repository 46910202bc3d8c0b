"""Tests that invalid responses are fetched again, and that endless pages end."""

from numbers_stream import Numbers

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.http.paging import MAX_PAGES
from source_stock_ticker.runtime.stream import Page


class Garbled(Numbers):
    """Each page is garbled this many times before it is right."""

    times = 0
    fetched = 0

    def fetch(self, stream_slice, page_token):
        self.fetched += 1
        return super().fetch(stream_slice, page_token)

    def parse(self, stream_slice, response):
        if self.fetched <= self.times:
            raise UnexpectedResponse("The API sent something that is not JSON.")
        return super().parse(stream_slice, response)


def test_a_response_that_makes_no_sense_is_fetched_again(run, caplog):
    assert run(Garbled({"a": [[1, 2]]}, times=2)).rows == [("a", 1), ("a", 2)]
    assert caplog.messages == ["part a: The API sent something that is not JSON. Fetching it again."] * 2


def test_a_response_that_never_makes_sense_is_an_error(run):
    stream = Garbled({"a": [[1]]}, times=1000)
    found = run(stream)
    assert found.errors[0]["failure_type"] == "system_error"
    assert "The API sent something that is not JSON." in found.errors[0]["message"]
    assert stream.fetched < 10


def test_pages_that_lead_in_a_circle_end_with_an_error(run):
    class Circle(Numbers):
        def parse(self, stream_slice, response):
            return super().parse(stream_slice, response)._replace(next_page_token={0: "1", 1: "2", 2: "1"}[response[0]])

    found = run(Circle({"a": [[1], [2], [3]]}))
    assert found.rows == [("a", 1), ("a", 2), ("a", 3)]
    assert "The pages of part a form a loop." in found.errors[0]["message"]


def test_pages_without_rows_end_with_an_error_although_each_is_another(run):
    class Empty(Numbers):
        def fetch(self, stream_slice, page_token):
            return int(page_token or 0)

        def parse(self, stream_slice, response):
            return Page([], str(response + 1))

    found = run(Empty({"a": []}))
    assert "The last 101 pages of part a contain nothing new." in found.errors[0]["message"]


def test_pages_without_end_end_with_an_error(run):
    class Endless(Numbers):
        def fetch(self, stream_slice, page_token):
            return int(page_token or 0)

        def parse(self, stream_slice, response):
            return Page([{"part": "a", "id": response}], str(response + 1))

    found = run(Endless({"a": []}))
    assert found.rows == [("a", id) for id in range(MAX_PAGES + 1)]
    assert "part a has more than 10,000 pages." in found.errors[0]["message"]


def test_a_row_that_ends_a_page_and_begins_the_next_is_written_once(run):
    assert run(Numbers({"a": [[1, 2], [2, 3], [], [3, 4], [4]], "b": [[4, 5]]})).rows == [
        *(("a", id) for id in (1, 2, 3, 4)),
        *(("b", id) for id in (4, 5)),
    ]


def test_without_a_key_two_equal_rows_can_be_two_things(run):
    assert run(Numbers({"a": [[1, 2], [2, 3]]}, primary_key=())).rows == [("a", id) for id in (1, 2, 2, 3)]
