"""Tests that the plan makes the fewest requests and misses nothing, and which prices a split makes wrong."""

import json
import logging
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_stock_ticker.streams.prices.plan import DAY_COST_WITHOUT_LIMIT, plan
from source_stock_ticker.streams.prices.splits import are_stale, known_splits, read_row, splits_by_ticker
from source_stock_ticker.trading_days import weekdays_between

MONDAY = date(2024, 3, 4)
FRIDAY = date(2024, 3, 8)
FIRST_DAYS = st.dictionaries(
    st.integers(0, 30).map("T{}".format), st.integers(0, 20).map(lambda n: MONDAY + timedelta(days=n)), max_size=30
)


def days_of(plan_made, last: date) -> set[date]:
    """The weekdays that a plan reads by grouped bars."""
    if plan_made.from_day is None:
        return set()
    days = (plan_made.from_day + timedelta(days=n) for n in range((last - plan_made.from_day).days + 1))
    return {day for day in days if day.isoweekday() <= 5}


def cheapest(first_days: dict[str, date], last: date, day_cost: int) -> int:
    """The cost of the best cut, found by trying all; a cut after the last day is one request per ticker."""
    cuts = [MONDAY + timedelta(days=n) for n in range((last - MONDAY).days + 2)]
    return min(sum(day < cut for day in first_days.values()) + day_cost * weekdays_between(cut, last) for cut in cuts)


@pytest.mark.parametrize(("requests_per_minute", "day_cost"), [(5, 1), (0, DAY_COST_WITHOUT_LIMIT)])
@given(first_days=FIRST_DAYS, length=st.integers(20, 25))
def test_no_cut_is_cheaper_than_the_plans(first_days, length, requests_per_minute, day_cost):
    last = MONDAY + timedelta(days=length)
    made = plan(first_days, last, requests_per_minute)
    cost = len(made.by_ticker) + day_cost * len(days_of(made, last))
    assert cost == cheapest(first_days, last, day_cost)


@given(FIRST_DAYS, st.integers(20, 25), st.sampled_from([0, 5]))
def test_every_day_of_every_ticker_is_read(first_days, length, requests_per_minute):
    last = MONDAY + timedelta(days=length)
    made = plan(first_days, last, requests_per_minute)
    for ticker, first in first_days.items():
        missing = {first + timedelta(days=n) for n in range((last - first).days + 1)} - days_of(made, last)
        assert ticker in made.by_ticker or not [day for day in missing if day.isoweekday() <= 5]


@given(FIRST_DAYS, st.integers(20, 25), st.sampled_from([0, 5]))
def test_no_ticker_is_read_both_ways(first_days, length, requests_per_minute):
    made = plan(first_days, MONDAY + timedelta(days=length), requests_per_minute)
    assert not [t for t in made.by_ticker if made.from_day is not None and first_days[t] >= made.from_day]


def test_a_thousand_tickers_that_miss_one_day_cost_one_request():
    assert plan({f"T{n}": FRIDAY for n in range(1000)}, FRIDAY, 5) == ([], FRIDAY)


def test_ten_tickers_over_two_years_cost_ten_requests():
    first_days = {f"T{n}": date(2022, 3, 9) for n in range(10)}
    assert plan(first_days, FRIDAY, 5) == (list(first_days), None)


def test_one_new_ticker_among_many_is_read_by_itself():
    first_days = {f"T{n}": FRIDAY for n in range(100)} | {"NEW": date(2022, 3, 9)}
    assert plan(first_days, FRIDAY, 5) == (["NEW"], FRIDAY)


def test_one_ticker_that_misses_one_day_is_read_by_its_own_bars_which_are_smaller():
    assert plan({"AAPL": FRIDAY}, FRIDAY, 5) == (["AAPL"], None)


def test_of_two_plans_as_cheap_the_one_with_fewer_grouped_days_is_taken():
    first_days = {f"A{n}": MONDAY for n in range(3)} | {f"B{n}": FRIDAY - timedelta(days=1) for n in range(10)}
    assert plan(first_days, FRIDAY, 5) == (["A0", "A1", "A2"], date(2024, 3, 7))


def test_without_a_rate_limit_a_handful_of_tickers_is_read_by_ticker():
    first_days = {f"T{n}": FRIDAY for n in range(DAY_COST_WITHOUT_LIMIT)}
    assert plan(first_days, FRIDAY, 0) == (list(first_days), None)


def test_nothing_missing_costs_nothing():
    assert plan({}, FRIDAY, 5) == ([], None)


def listed(rows: list[dict]) -> dict[str, list[str]]:
    raw = (Raw(json.dumps(row).encode()) for row in rows)
    return splits_by_ticker(map(read_row, raw), logging.getLogger("airbyte"))


def split(ticker="AAPL", day="2005-02-28", split_from=1, split_to=2) -> dict:
    return {"ticker": ticker, "execution_date": day, "split_from": split_from, "split_to": split_to}


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (split(), "2005-02-28 1:2"),
        (split(split_from=1.0, split_to=2.0), "2005-02-28 1:2"),
        (split(split_from=1, split_to=1.05), "2005-02-28 1:1.05"),
        (split(split_from=2e1, split_to=1), "2005-02-28 20:1"),
        (
            split() | {"id": "E1", "adjustment_type": "forward_split", "historical_adjustment_factor": 0.5},
            "2005-02-28 1:2",
        ),
    ],
)
def test_the_same_split_gives_the_same_text_however_it_is_written(row, text):
    assert listed([row]) == {"AAPL": [text]}


def test_splits_are_kept_by_ticker_in_order_and_each_once():
    days = ["2020-08-31", "1987-06-16", "2014-06-09", "2005-02-28", "2000-06-21"]
    rows = [split("MSFT"), *(split(day=day) for day in days * 2)]
    kept = {"AAPL": [f"{day} 1:2" for day in sorted(days)], "MSFT": ["2005-02-28 1:2"]}
    assert listed(rows) == kept


@pytest.mark.parametrize("field", ["split_from", "split_to"])
@pytest.mark.parametrize("value", [None, [], {}, "soon", "2", True, 0, -1, 0.0, 1e12, 10**400])
def test_a_split_whose_ratio_makes_no_sense_is_unreadable_on_its_day(field, value):
    rows = [split(day="2014-06-09"), split() | {field: value}]
    assert listed(rows) == {"AAPL": ["2005-02-28 unreadable", "2014-06-09 1:2"]}


def test_a_split_without_its_ratio_is_unreadable():
    assert listed([{"ticker": "AAPL", "execution_date": "2005-02-28"}]) == {"AAPL": ["2005-02-28 unreadable"]}


@pytest.mark.parametrize("day", [None, [], "", "soon", "0000-00-00", "2024-02-30", "20240229", 20240229, 10**400])
def test_a_split_whose_day_is_unreadable_concerns_all_days(day):
    assert listed([split() | {"execution_date": day}]) == {"AAPL": ["9999-12-31 unreadable"]}


@pytest.mark.parametrize("ticker", [None, [], 5, "", " ", "*", "..", "A\nB"])
def test_a_split_without_a_ticker_is_ignored_and_reported(ticker, caplog):
    assert listed([split(), split(ticker), split(ticker)]) == {"AAPL": ["2005-02-28 1:2"]}
    assert caplog.messages == ["stock_prices: ignored 2 splits without a ticker."]


def test_a_split_changes_only_bars_before_its_day():
    splits = ["2005-02-27 1:2", "2005-02-28 1:3", "2005-03-01 1:4"]
    assert known_splits(splits, "2005-02-28", MONDAY, FRIDAY) == ["2005-03-01 1:4"]


@pytest.mark.parametrize(
    ("today", "last_day", "is_fresh"),
    [
        ("2005-02-28", "2005-02-25", True),  # the day of the split itself
        ("2005-03-05", "2005-03-04", True),
        ("2005-03-06", "2005-03-04", True),
        ("2005-03-07", "2005-03-06", False),
        ("2024-03-15", "2005-03-02", True),  # a past year read day by day: last_day moves, the clock does not
        ("2024-03-15", "2005-02-23", True),
        ("2024-03-15", "2005-02-22", False),
        ("2024-03-15", "2005-03-06", False),
    ],
)
def test_a_split_is_marked_for_some_days_because_the_bars_can_follow_it_late(today, last_day, is_fresh):
    known = known_splits(["2005-02-28 1:2"], "2005-01-03", date.fromisoformat(today), date.fromisoformat(last_day))
    assert known == ["2005-02-28 1:2?" if is_fresh else "2005-02-28 1:2"]


@pytest.mark.parametrize(
    ("saved", "now", "stale"),
    [
        ([], [], False),
        (["2005-02-28 1:2"], ["2005-02-28 1:2"], False),
        ([], ["2005-02-28 1:2"], True),  # new, or late
        (["2005-02-28 1:2"], [], True),  # withdrawn
        (["2005-02-28 1:2"], ["2005-02-28 1:3"], True),  # corrected
        (["2005-02-28 1:2"], ["2005-03-01 1:2"], True),
        (["2005-02-28 1:2"], ["2005-02-28 1:2", "2020-08-31 1:4"], True),
        ([], ["2005-02-28 1:2?"], True),
        (["2005-02-28 1:2?"], ["2005-02-28 1:2?"], True),  # the bars may have moved in the meantime
        (["2005-02-28 1:2?"], ["2005-02-28 1:2"], True),
        (["2005-02-28 1:2?"], [], True),
    ],
)
def test_rows_are_stale_unless_they_were_made_with_the_same_splits_and_all_had_settled(saved, now, stale):
    assert are_stale(saved, now) is stale


@pytest.mark.parametrize("row", ["null", "5", '"x"', "[]", "{}", '{"ticker": 5}'])
def test_an_entry_of_the_list_of_splits_without_a_ticker_does_not_affect_others(row, caplog):
    rows = [Raw(json.dumps(split()).encode()), Raw(row.encode())]
    assert splits_by_ticker(map(read_row, rows), logging.getLogger("airbyte")) == {"AAPL": ["2005-02-28 1:2"]}
    assert caplog.messages == ["stock_prices: ignored 1 split without a ticker."]


def test_a_number_beyond_all_floats_counts_only_where_we_need_it():
    good = {key: value for key, value in split().items() if key != "split_to"}
    text = json.dumps(good)[:-1]
    assert read_row(Raw(f'{text}, "split_to": 1e999}}'.encode())) == ("AAPL", "2005-02-28 unreadable")
    assert read_row(Raw(f'{text}, "split_to": 2, "factor": 1e999}}'.encode())) == ("AAPL", "2005-02-28 1:2")
