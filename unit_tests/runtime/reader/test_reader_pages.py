"""Answers that make no sense are fetched again, and pages without end come to one."""

from numbers_stream import Numbers

from source_stock_ticker.runtime import (
    Page,
    UnexpectedResponse,
)


class Garbled(Numbers):
    """Each page is garbled so many times before it is as it should be."""

    times = 0
    fetched = 0

    def fetch(self, slice, page_token):
        self.fetched += 1
        return super().fetch(slice, page_token)

    def parse(self, slice, answer):
        if self.fetched <= self.times:
            raise UnexpectedResponse("The API sent something that is not JSON.")
        return super().parse(slice, answer)


def test_an_answer_that_makes_no_sense_is_fetched_again(run, caplog):
    assert run(Garbled({"a": [[1, 2]]}, times=2)).rows == [("a", 1), ("a", 2)]
    assert caplog.messages == ["part a: The API sent something that is not JSON. Fetching it again."] * 2


def test_an_answer_that_never_makes_sense_is_an_error(run):
    stream = Garbled({"a": [[1]]}, times=1000)
    found = run(stream)
    assert found.errors[0]["failure_type"] == "system_error"
    assert "The API sent something that is not JSON." in found.errors[0]["message"]
    assert stream.fetched < 10


def test_pages_that_lead_in_a_circle_end_with_an_error(run):
    class Circle(Numbers):
        def parse(self, slice, answer):
            return super().parse(slice, answer)._replace(next_page_token={0: "1", 1: "2", 2: "1"}[answer[0]])

    found = run(Circle({"a": [[1], [2], [3]]}))
    assert found.rows == [("a", 1), ("a", 2), ("a", 3)]
    assert "The pages of part a lead in a circle." in found.errors[0]["message"]


def test_pages_without_end_end_with_an_error(run, monkeypatch):
    class Endless(Numbers):
        def fetch(self, slice, page_token):
            return int(page_token or 0)

        def parse(self, slice, answer):
            return Page([{"part": "a", "id": answer}], str(answer + 1))

    monkeypatch.setattr("source_stock_ticker.runtime.reader.MOST_PAGES", 30)
    found = run(Endless({"a": []}))
    assert found.rows == [("a", id) for id in range(31)]
    assert "part a has over 30 pages." in found.errors[0]["message"]
