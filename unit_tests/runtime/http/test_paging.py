"""Tests the pages of a list: up to the end, and never endlessly."""

import logging
from typing import NamedTuple

import pytest

from source_stock_ticker.runtime.errors import TransientError, UnexpectedResponse
from source_stock_ticker.runtime.http.paging import MAX_UNCHANGED_PAGES, PARSE_TRIES, follow

LOGGER = logging.getLogger("airbyte")


class Page(NamedTuple):
    last: object
    next_page_token: str | None = None
    first: object = "first"

    def without_rows(self):
        return self._replace(first=None, last=None)


class Pages:
    """Returns these pages, numbered from 0. An exception is raised, by `parse` unless it is for `fetch`."""

    def __init__(self, *pages, raised_by="parse"):
        self.pages, self.raised_by = pages, raised_by
        self.asked = []

    def fetch(self, token):
        self.asked.append(token)
        return self._given(int(token or 0), "fetch")

    def parse(self, number):
        return self._given(number, "parse")

    def _given(self, number, by):
        page = self.pages[number]
        if isinstance(page, Exception) and by == self.raised_by:
            raise page
        return page if by == "parse" else number

    def follow(self, **options):
        return follow(self.fetch, self.parse, "letters", LOGGER, **options)


def refusal(pages):
    """The failure that these pages end with."""
    with pytest.raises(UnexpectedResponse) as error:
        list(pages)
    return error.value


def test_each_page_names_the_next_one_until_one_does_not():
    letters = Pages(Page("a", "1"), Page("b", "2"), Page("c"))
    assert list(letters.follow()) == list(letters.pages)
    assert letters.asked == [None, "1", "2"]


def test_a_page_is_given_before_the_next_one_is_requested():
    letters = Pages(Page("a", "1"), Page("b"))
    next(letters.follow())
    assert letters.asked == [None]


def test_pages_without_rows_can_come_between_others():
    letters = Pages(Page(None, "1"), Page("a", "2"), Page(None, "3"), Page("b", "4"), Page(None))
    assert list(letters.follow()) == list(letters.pages)


# Pages that do not end


@pytest.mark.parametrize("back_to", ["1", "2"])
def test_pages_that_lead_in_a_circle_are_refused_before_one_comes_twice(back_to):
    letters = Pages(Page("a", "1"), Page("b", "2"), Page("c", back_to))
    error = refusal(letters.follow())
    assert (error.message, error.detail) == ("The pages of letters form a loop.", f"again {back_to}")
    assert letters.asked == [None, "1", "2"]


@pytest.mark.parametrize("between", [[], [None] * 3], ids=["at once", "behind pages without rows"])
def test_the_page_just_read_comes_without_its_rows_and_its_link_is_followed(between, caplog):
    rows = ["a", "b", *between, "b", *between, "b", "c"]
    letters = Pages(*(Page(row, str(number)) for number, row in enumerate(rows, 1)), Page("d"))
    assert [page.last for page in letters.follow()] == ["a", "b", *between, None, *between, None, "c", "d"]
    assert caplog.messages == ["letters: a link leads to the page just read; its rows are skipped."] * 2


def test_a_page_that_a_cache_has_served_again_is_requested_once_more():
    letters = Pages(Page("a", "1"), Page("b", "2"), Page("c"))
    given = letters._given
    stale = iter([Page("a", "2")])

    def parse(number):
        return next(stale, None) or given(number, "parse") if number == 1 else given(number, "parse")

    letters.parse = parse
    assert [page.last for page in letters.follow()] == ["a", "b", "c"]
    assert letters.asked == [None, "1", "1", "2"]


def test_the_page_just_read_can_be_the_last():
    letters = Pages(Page("a", "1"), Page("a"))
    assert list(letters.follow()) == [Page("a", "1"), Page(None, None, None)]


@pytest.mark.parametrize("other", [Page("a", "2", "another"), Page("b", "2")], ids=["first", "last"])
def test_a_page_that_shares_one_row_with_the_page_before_is_another(other):
    letters = Pages(Page("a", "1"), other, Page("c"))
    assert list(letters.follow()) == list(letters.pages)


@pytest.mark.parametrize(
    "lasts", [[None, None], ["a", "a"], [None, "a"]], ids=["without rows", "with the same row", "with either"]
)
def test_pages_that_bring_nothing_new_are_refused_although_each_names_another(lasts):
    letters = Pages(Page("a", "1"), *(Page(lasts[number % 2], str(number)) for number in range(2, 1000)))
    given = []
    assert refusal(given.append(page.last) for page in letters.follow()).message == (
        f"The last {MAX_UNCHANGED_PAGES + 1} pages of letters contain nothing new."
    )
    assert given == ["a", *[None] * (MAX_UNCHANGED_PAGES + 1)]


def test_fewer_pages_with_nothing_new_are_accepted_and_counted_from_zero_after_one_with_news():
    unchanged = [None] * MAX_UNCHANGED_PAGES
    rows = ["a", *unchanged, "b", *unchanged, "c"]
    letters = Pages(*(Page(row, str(number)) for number, row in enumerate(rows, 1)), Page("d"))
    assert list(letters.follow()) == list(letters.pages)


def test_pages_without_end_are_refused():
    letters = Pages(*(Page(number, str(number + 1)) for number in range(2000)))
    assert refusal(letters.follow(max_pages=1000)).message == "letters has more than 1,000 pages."
    assert len(letters.asked) == 1001


def test_the_last_page_that_is_allowed_can_be_the_last():
    letters = Pages(Page("a", "1"), Page("b", "2"), Page("c"))
    assert list(letters.follow(max_pages=2)) == list(letters.pages)


# Invalid pages


def test_a_page_that_makes_no_sense_is_fetched_again(caplog):
    letters = Pages(Page("a"))
    senseless = iter([UnexpectedResponse("Cut off.")] * (PARSE_TRIES - 1))

    def parse(response):
        for error in senseless:
            raise error
        return letters.parse(response)

    assert list(follow(letters.fetch, parse, "letters", LOGGER)) == [Page("a")]
    assert letters.asked == [None] * PARSE_TRIES
    assert caplog.messages == ["letters: Cut off. Fetching it again."] * (PARSE_TRIES - 1)


def test_a_page_that_never_makes_sense_is_refused_after_those_before_it():
    letters = Pages(Page("a", "1"), UnexpectedResponse("Cut off."))
    pages = letters.follow()
    assert next(pages) == Page("a", "1")
    assert refusal(pages).message == "Cut off."
    assert letters.asked == [None, *["1"] * PARSE_TRIES]


@pytest.mark.parametrize(
    ("error", "raised_by"),
    [
        (TransientError("The API is down."), "fetch"),
        (UnexpectedResponse("The API redirects."), "fetch"),
        (KeyError("a bug"), "fetch"),
        (KeyError("a bug"), "parse"),
    ],
)
def test_another_failure_is_not_retried_here(error, raised_by):
    letters = Pages(error, raised_by=raised_by)
    with pytest.raises(type(error)):
        list(letters.follow())
    assert letters.asked == [None]
