"""Tests cursors: where the next read begins, whatever happened to the last one."""

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from source_stock_ticker.runtime.cursors import CursorStream, Days, Moment, Window, moment, rfc3339
from source_stock_ticker.runtime.errors import ConfigError, TransientError, UnexpectedResponse
from source_stock_ticker.runtime.stream import Page, Unread
from source_stock_ticker.runtime.testing import StreamContract, read_stream

START, NOW = datetime(2024, 3, 1, tzinfo=timezone.utc), datetime(2024, 3, 15, 12, tzinfo=timezone.utc)
TYPES = {"parent": {"type": "string"}, "at": {"type": "string"}, "id": {"type": "integer"}}


def at(day: int, time: str = "06:00:00Z") -> str:
    return f"2024-03-{day:02}T{time}"


def rows(parent: str, *days: int) -> list[dict[str, Any]]:
    return [{"parent": parent, "at": at(day), "id": day} for day in days]


class Changes(CursorStream):
    """The rows of each parent from a moment on, two per page."""

    name = "changes"
    primary_key = ("parent", "id")
    cursor_field = "at"

    def __init__(self, api: dict[Any, list[dict[str, Any]]], start: datetime = START, **options: Any) -> None:
        self.api, self.newest_first = api, options.get("newest_first", False)
        self.cursor = Moment(start, now=NOW, **options)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object", "properties": TYPES, "required": ["parent", "at", "id"]}

    def parents(self) -> Any:
        return list(self.api)

    def fetch(self, stream_slice: Window, page_token: str | None) -> Any:
        found = [row for row in self.api[stream_slice.parent] if rfc3339(moment(row["at"])) >= stream_slice.since]
        found = sorted(found, key=lambda row: moment(row["at"]), reverse=self.newest_first)
        start = int(page_token or 0)
        return found[start : start + 2], str(start + 2) if start + 2 < len(found) else None

    def parse(self, stream_slice: Window, response: Any) -> Page:
        return Page([self.row(row) for row in response[0]], response[1])


def an_api() -> dict[Any, list[dict[str, Any]]]:
    return {"a": rows("a", 2, 3, 4, 5, 6), "b": rows("b", 2, 3)}


class TestOldestFirst(StreamContract):
    def stream(self) -> Changes:
        return Changes(an_api())


class TestNewestFirst(StreamContract):
    def stream(self) -> Changes:
        return Changes(an_api(), newest_first=True)


class TestALookback(StreamContract):
    def stream(self) -> Changes:
        return Changes(an_api(), lookback=timedelta(days=2))


# Moments


def test_a_first_read_begins_at_the_start_date():
    assert list(Changes({"a": []}).slices({"read": {}})) == [Window("a", at(1, "00:00:00Z"), "", at(1, "00:00:00Z"))]


def test_the_state_says_from_where_to_where_all_is_read():
    assert read_stream(Changes(an_api())).state == {
        "read": {"a": [at(1, "00:00:00Z"), at(6)], "b": [at(1, "00:00:00Z"), at(3)]}
    }


def test_the_next_read_has_the_lookback_and_what_is_new():
    api = an_api()
    state = read_stream(Changes(api)).state
    api["a"] += rows("a", 9)
    assert read_stream(Changes(api, lookback=timedelta(days=1)), state).rows == rows("a", 5, 6, 9) + rows("b", 2, 3)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_read_that_breaks_off_loses_nothing(newest_first):
    api = an_api()

    class Broken(Changes):
        def fetch(self, stream_slice, page_token):
            if page_token == "2":
                raise TransientError("The API is down.")
            return super().fetch(stream_slice, page_token)

    first = read_stream(Broken(api, newest_first=newest_first))
    assert first.failed == ["a"]
    second = read_stream(Changes(api, newest_first=newest_first), first.state)
    assert {row["id"] for row in first.rows + second.rows if row["parent"] == "a"} == {2, 3, 4, 5, 6}


@pytest.mark.parametrize("newest_first", [False, True])
def test_an_order_that_is_not_the_promised_one_is_refused(newest_first):
    stream = Changes(an_api(), newest_first=newest_first)
    stream.newest_first = not newest_first
    assert read_stream(stream).failed == ["a", "b"]


@pytest.mark.parametrize(
    "days",
    [[3, 2, 5, 6], [2, 5, 3, 6], [2, 3, 6, 5], [2, 9, 5, 10]],
    ids=["on the first page", "over a page's end", "on the second page", "though the last is the newest"],
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_an_order_that_breaks_anywhere_is_refused_before_it_can_lose_a_row(days, newest_first):
    class AsItComes(Changes):
        def fetch(self, stream_slice, page_token):
            start = int(page_token or 0)
            return self.api["a"][start : start + 2], None if start else "2"

    found = rows("a", *(days[::-1] if newest_first else days))
    reading = read_stream(AsItComes({"a": found}, newest_first=newest_first))
    assert reading.failed == ["a"]
    reached = reading.state["read"].get("a", ["", ""])[1]
    assert all(row in reading.rows for row in found if row["at"] <= reached)


def test_an_order_that_breaks_between_two_pages_has_the_parent_read_from_its_start_again():
    class AsItComes(Changes):
        def fetch(self, stream_slice, page_token):
            pages = {"a": [rows("a", 4, 5), rows("a", 2, 6)], "b": [rows("b", 2), rows("b", 3)]}[stream_slice.parent]
            return pages[int(page_token or 0)], None if page_token else "1"

    reading = read_stream(AsItComes(an_api()), {"read": {"a": [at(1), at(3)], "b": [at(1), at(1)]}})
    assert reading.failed == ["a"]
    assert list(reading.state["read"]) == ["b"]


def test_pages_without_rows_are_no_break_in_the_order():
    class Gappy(Changes):
        def fetch(self, stream_slice, page_token):
            return {None: (rows("a", 2, 3), "1"), "1": ([], "2"), "2": (rows("a", 4), None)}[page_token]

    assert read_stream(Gappy({"a": []})).state["read"]["a"][1] == at(4)


@pytest.mark.parametrize("written", [at(6, "07:00:00.250Z"), at(6, "07:00:00+00:00"), at(6, "08:00:00.123456+01:00")])
def test_the_state_has_one_spelling_however_the_api_writes_a_moment(written):
    api = {"a": [{"parent": "a", "at": written, "id": 1}]}
    assert read_stream(Changes(api)).state["read"]["a"][1] == at(6, "07:00:00Z")


@pytest.mark.parametrize("written", ["yesterday", "2024-03-02", "2024-3-02T06:00:00Z", "2024-03-02T06:00:00", "9999"])
def test_a_cursor_that_is_not_a_moment_is_refused(written):
    with pytest.raises(UnexpectedResponse, match="a row of changes with an invalid at"):
        Changes({}).checked(Page([{"parent": "a", "at": at(2), "id": 1}, {"parent": "a", "at": written, "id": 2}]))


def test_a_clock_that_is_ahead_hides_no_later_row():
    api = {"a": rows("a", 2, 31)}
    state = read_stream(Changes(api)).state
    api["a"] += rows("a", 16)
    assert read_stream(Changes(api), state).rows == rows("a", 16, 31)


def test_the_state_never_moves_back():
    state = read_stream(Changes(an_api())).state
    checkpoints = read_stream(Changes(an_api(), lookback=timedelta(days=5)), state).checkpoints
    assert {one["read"]["a"][1] for _, one in checkpoints} == {at(6)}


def test_an_earlier_start_date_reads_all_again():
    state = read_stream(Changes(an_api(), start=START + timedelta(days=3))).state
    assert read_stream(Changes(an_api()), state).rows == an_api()["a"] + an_api()["b"]


def test_a_gap_that_a_later_start_date_leaves_is_remembered():
    state = {"read": {"a": [at(1, "00:00:00Z"), at(2)]}}
    later = read_stream(Changes(an_api(), start=START + timedelta(days=4)), state).state
    assert read_stream(Changes(an_api()), later).rows == an_api()["a"] + an_api()["b"]


def test_a_later_start_date_without_a_gap_changes_nothing():
    state = read_stream(Changes(an_api())).state
    assert read_stream(Changes(an_api(), start=START + timedelta(days=1)), state).state == state


def test_a_new_parent_is_read_from_the_start_date_on():
    api = an_api()
    state = read_stream(Changes({"a": api["a"]})).state
    assert [row for row in read_stream(Changes(api), state).rows if row["parent"] == "b"] == api["b"]


def test_a_parent_without_rows_has_no_entry_yet():
    assert read_stream(Changes({"a": [], "b": rows("b", 2)})).state["read"].keys() == {"b"}


def test_an_unread_among_the_parents_fails_and_does_not_hold_back_others():
    class WithUnread(Changes):
        def parents(self):
            return [Unread("the changes of x", TransientError("Down.")), "a"]

    reading = read_stream(WithUnread(an_api()))
    assert (reading.rows, reading.failed) == (an_api()["a"], ["the changes of x"])


def test_a_day_in_a_state_is_its_midnight():
    read = {"a": ["2024-03-01", "2024-03-05"]}
    assert Changes({}).resume({"read": read}) == {"read": {"a": [at(1, "00:00:00Z"), at(5, "00:00:00Z")]}}


def test_a_slice_is_named_by_its_parent_and_period():
    assert [str(Window(*parts, "")) for parts in [("a", "s", ""), ("a", "s", "u"), ("", "s", "u"), ("", "s", "")]] == [
        "a",
        "a s to u",
        "s to u",
        "all since s",
    ]


# Days


class Spend(Changes):
    """One row for each parent and day."""

    name = "spend"
    cursor_field = "at"

    def __init__(self, api: dict[str, Any], start: int = 1, last: int = 14, window: int = 5, lookback: int = 2) -> None:
        self.api = api
        self.cursor = Days(date(2024, 3, start), window, lookback, date(2024, 3, last))
        self.asked: list[tuple[str, str, str]] = []

    def fetch(self, stream_slice: Window, page_token: str | None) -> Any:
        self.asked.append((stream_slice.parent, stream_slice.since[-2:], stream_slice.until[-2:]))
        response = self.api[stream_slice.parent]
        if isinstance(response, int) and stream_slice.since == f"2024-03-{response:02}":
            raise TransientError("The API is down.")
        days = range(int(stream_slice.since[-2:]), int(stream_slice.until[-2:]) + 1)
        return [{"parent": stream_slice.parent, "at": f"2024-03-{day:02}", "id": day} for day in days], None


class TestDays(StreamContract):
    def stream(self) -> Spend:
        return Spend({"a": None, "b": None})


def asked(saved: Any, **options: Any) -> list[tuple[str, str]]:
    """The windows that a read requests after a saved entry of its only parent."""
    stream = Spend({"a": None}, **options)
    read_stream(stream, {"read": {"a": saved}} if saved else {})
    return [(since, until) for _, since, until in stream.asked]


def test_a_period_is_cut_into_windows_that_leave_out_and_repeat_no_day():
    assert asked(None) == [("01", "05"), ("06", "10"), ("11", "14")]


@pytest.mark.parametrize(
    ("saved", "windows"),
    [
        (["2024-03-01", "2024-03-14"], [("13", "14")]),
        (["2024-03-01", "2024-03-09"], [("08", "12"), ("13", "14")]),
        (["2024-03-01", "2024-03-01"], [("01", "05"), ("06", "10"), ("11", "14")]),
        (["2024-03-02", "2024-03-09"], [("01", "05"), ("06", "10"), ("11", "14")]),
        (["2024-03-01", "2024-03-31"], []),
    ],
)
def test_the_next_read_has_the_lookback_and_the_days_since(saved, windows):
    assert asked(saved) == windows


def test_a_full_refresh_that_resumes_repeats_no_day():
    stream = Spend({"a": None})
    read_stream(stream, {"read": {"a": ["2024-03-01", "2024-03-09"]}}, full_refresh=True)
    assert [window[1:] for window in stream.asked] == [("10", "14")]


def test_a_gap_between_the_days_read_and_a_later_start_is_remembered():
    state = {"read": {"a": ["2024-03-01", "2024-03-03"]}}
    later = read_stream(Spend({"a": None}, start=8), state).state
    assert later == {"read": {"a": ["2024-03-08", "2024-03-14"]}}
    assert read_stream(Spend({"a": None}, start=4), state).state == {"read": {"a": ["2024-03-01", "2024-03-14"]}}


def test_after_a_window_that_fails_the_later_ones_of_its_parent_are_left_out():
    reading = read_stream(Spend({"a": 6, "b": None}))
    assert reading.failed == ["a 2024-03-06 to 2024-03-10"]
    assert reading.state == {"read": {"a": ["2024-03-01", "2024-03-05"], "b": ["2024-03-01", "2024-03-14"]}}


# The state


@pytest.mark.parametrize(
    ("stream", "read"),
    [
        (stream, read)
        for stream in (Changes({}), Spend({}))
        for read in ([], {"a": "2024"}, {"a": [1, 2]}, {"a": None}, {"a": [at(2)]}, {"a": ["", ""]})
    ]
    + [(Changes({}), {"a": ["2024-03-01", "2024-02-30"]}), (Spend({}), {"a": [at(1), at(2)]})],
)
def test_a_state_of_another_source_is_refused(stream, read):
    with pytest.raises(ConfigError, match=f"state: the saved state of {stream.name}"):
        stream.resume({"read": read})


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_state_of_any_year_is_taken(year):
    read_stream(Changes(an_api(), lookback=timedelta(days=9)), {"read": {"a": [f"{year}-01-01T00:00:00Z"] * 2}})
    for day in ("01-01", "12-31"):
        read_stream(Spend({"a": None}), {"read": {"a": ["0001-01-01", f"{year}-{day}"]}})


def test_a_parent_that_is_named_twice_is_read_once():
    class Twice(Changes):
        def parents(self):
            return ["a", "a"]

    assert read_stream(Twice(an_api())).rows == an_api()["a"]


def test_a_window_without_days_is_refused():
    with pytest.raises(ValueError, match="window: 0 days"):
        Days(START.date(), window=0)


# Spellings


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-01T06:00:00Z",
        "2024-03-01T06:00:00.9Z",
        "2024-03-01t06:00:00z",
        "2024-03-01 06:00:00Z",
        "2024-03-01T07:00:00+01:00",
        "2024-03-01T07:00:00+0100",
        1709272800,
        1709272800.5,
    ],
)
def test_a_moment_has_many_spellings(value):
    assert rfc3339(moment(value)) == "2024-03-01T06:00:00Z"


@pytest.mark.parametrize(
    "value", ["2024-03-01", "2024-03-01T06:00:00", "1709272800", "", None, True, 1e18, "0001-01-01T00:00:00+14:00"]
)
def test_what_does_not_say_which_moment_it_is_is_none(value):
    with pytest.raises(ValueError, match=re.escape(f"{value}: ")):
        moment(value)
