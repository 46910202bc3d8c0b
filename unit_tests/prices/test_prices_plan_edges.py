"""Tests the limits of a plan: days that it does not include, days not yet published, tickers without bars."""

import re
from datetime import date, timedelta

import pytest
from market import START, days_of, state_of

from source_stock_ticker.api import NotYet, TooOld
from source_stock_ticker.streams.prices.stream import StockPrices


def test_before_the_api_has_the_last_day_the_day_before_it_is_read(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    reading = sync(adjusted=False)
    assert days_of(reading.rows)[-1] == "2024-03-13"
    assert reading.state["read"] == {"AAPL": [START, "2024-03-13"]}


def test_a_refused_last_day_is_stepped_back_from_only_once(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 11), True
    with pytest.raises(NotYet):
        sync(adjusted=False)


def test_a_refused_last_day_that_alone_was_missing_is_not_a_failure(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    saved = state_of({"AAPL": [START, "2024-03-13"]}, adjusted=False)
    reading = sync(saved, adjusted=False, lookback_days=0)
    assert (reading.rows, reading.failed, reading.state) == ([], [], saved)


def test_a_day_to_read_again_is_read_although_the_last_day_after_it_is_refused(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    saved = state_of({"AAPL": [START, "2024-03-13"]}, adjusted=False)
    assert days_of(sync(saved, adjusted=False, lookback_days=1).rows) == ["2024-03-13"]


def test_a_grouped_day_that_is_refused_as_too_new_is_requested_again(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    assert sync(tickers=[]).state["read"] == {"*": [START, "2024-03-13"]}


@pytest.mark.parametrize(("start_date", "plan_begins"), [(START, "2024-03-05"), ("2010-01-04", "2022-03-16")])
def test_a_start_date_that_the_plan_does_not_reach_is_reported(sync, market, start_date, plan_begins):
    market.plan_begins = date.fromisoformat(plan_begins)
    with pytest.raises(TooOld, match="start_date: your plan does not go back that far"):
        sync(start_date=start_date)


def test_history_that_the_api_cuts_in_silence_is_not_noted_as_read(sync, market, caplog):
    market.plan_begins, market.clips = date(2024, 2, 15), True
    reading = sync(start_date="2024-01-02", tickers=["AAPL", "MSFT"], adjusted=False)
    assert reading.state["read"]["AAPL"] == ["2024-02-15", "2024-03-14"]
    assert "no bars before 2024-02-15, although start_date is 2024-01-02" in caplog.text


def test_one_ticker_that_begins_late_is_a_new_listing_and_no_edge_of_the_plan(sync, market, caplog):
    market.listed["NVDA"] = (date(2024, 2, 15), date(2100, 1, 1))
    sync(start_date="2024-01-02", tickers=["AAPL", "NVDA"], adjusted=False)
    assert caplog.messages == []


def test_a_start_on_a_holiday_is_not_an_edge_of_the_plan(sync, market, caplog):
    market.holidays = {date(2024, 1, 1), date(2024, 1, 2)}
    reading = sync(start_date="2023-12-30", adjusted=False)
    assert reading.state["read"] == {"AAPL": ["2023-12-30", "2024-03-14"]}
    assert caplog.messages == []


# A state from two and a half years ago, when the plan's two years reached further back than they do today.
OLD = state_of({"AAPL": ["2021-10-01", "2024-03-13"]}, start="2021-10-01")
ROLLING = {"start_date": "2022-03-16", "lookback_days": 1}


def test_a_ticker_to_be_read_again_from_before_the_plan_is_read_from_where_the_plan_begins(sync, market, caplog):
    market.plan_begins = date(2022, 3, 16)
    market.split("AAPL", "2024-03-05")
    reading = sync(OLD, **ROLLING)
    assert (days_of(reading.rows)[0], reading.state["read"]) == ("2022-03-16", {"AAPL": ["2022-03-16", "2024-03-14"]})
    assert "your plan no longer has data before 2022-03-16: rows before that day keep the old prices" in caplog.text


@pytest.mark.parametrize("plan_begins", ["2014-03-16", "2019-03-16", "2022-03-16"])
def test_a_ticker_is_read_again_from_where_its_own_plan_begins(sync, market, plan_begins):
    market.plan_begins = date.fromisoformat(plan_begins)
    market.split("AAPL", "2024-03-05")
    saved = state_of({"AAPL": ["2010-01-04", "2024-03-13"]}, start="2010-01-04")
    first = date.fromisoformat(days_of(sync(saved, start_date="2010-01-04").rows)[0])
    assert timedelta(0) <= first - market.plan_begins <= timedelta(days=2)


@pytest.mark.parametrize("split_day", ["2024-03-05", "2024-03-14"])
@pytest.mark.parametrize("start_date", ["2021-10-01", "2022-03-16"])
def test_a_re_read_that_was_interrupted_is_still_one_the_next_time(sync, market, split_day, start_date):
    market.plan_begins = date(2022, 3, 16)
    market.split("AAPL", split_day)
    config = {"start_date": start_date, "lookback_days": 1}
    interrupted = sync(OLD, **config).checkpoints[1][1]
    assert interrupted["read"] == {"AAPL": ["2021-10-01", None]}
    assert sync(interrupted, **config).state["read"] == {"AAPL": ["2022-03-16", "2024-03-14"]}


def test_a_ticker_of_the_market_that_is_to_be_read_again_from_before_the_plan_is_read_from_where_it_begins(
    sync, market
):
    market.plan_begins = date(2022, 3, 16)
    saved = state_of({"*": ["2021-10-01", "2024-03-13"], "AAPL": ["2021-10-01", None]}, start="2021-10-01")
    reading = sync(saved, tickers=[], start_date="2021-10-01", lookback_days=1)
    assert (days_of(reading.rows)[0], reading.state["read"]) == ("2022-03-16", {"*": ["2021-10-01", "2024-03-14"]})


def test_a_re_read_of_days_that_are_all_before_the_plan_is_reported(sync, market):
    market.plan_begins = date(2022, 3, 16)
    market.split("AAPL", "2024-03-05")
    saved = state_of({"AAPL": ["2020-10-01", "2021-12-30"]}, start="2020-10-01")
    with pytest.raises(TooOld):
        sync(saved, start_date="2020-10-01", end_date="2021-12-31")


def test_a_re_read_from_before_the_plan_steps_back_from_a_last_day_that_is_refused(sync, market):
    market.plan_begins = date(2022, 3, 16)
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    market.split("AAPL", "2024-03-05")
    assert sync(OLD, **ROLLING).state["read"] == {"AAPL": ["2022-03-16", "2024-03-13"]}


@pytest.mark.parametrize("tickers", [["AAPL", "OLD"], ["AAPL", "OLD", *(f"T{n}" for n in range(12))]])
def test_tickers_without_a_bar_for_weeks_are_named_once(sync, market, caplog, tickers):
    sync(tickers=tickers, start_date="2023-12-01", adjusted=False)
    assert len(caplog.messages) == 1
    assert 'no bars for weeks: "OLD"' in caplog.text
    assert ("and 3 more" in caplog.text) == (len(tickers) > 2)


def test_a_ticker_whose_last_bar_is_months_old_is_named(sync, market, caplog):
    market.listed["AAPL"] = (date(2000, 1, 3), date(2023, 12, 29))
    sync(start_date="2023-12-01", adjusted=False)
    assert caplog.text.count('no bars for weeks: "AAPL"') == 1


def test_a_first_page_that_ends_months_ago_is_no_sign_of_it(sync, market, caplog):
    market.page = 10
    sync(start_date="2023-12-01", adjusted=False)
    assert "no bars for weeks" not in caplog.text


def test_a_named_ticker_is_quoted_because_it_can_contain_a_comma(sync, caplog):
    sync(tickers=["OLD, old", "O*D"], start_date="2023-12-01", adjusted=False)
    assert 'no bars for weeks: "O*D", "OLD, old". Check' in caplog.text


@pytest.mark.parametrize("tickers", [["AAPL"], ["AAPL", *(f"T{n}" for n in range(20))]])
def test_a_few_days_without_a_bar_are_not_called_weeks(sync, market, caplog, tickers):
    market.holidays = {date(2024, 3, 13), date(2024, 3, 14)}
    sync(tickers=tickers, start_date="2024-03-13", adjusted=False, requests_per_minute=6000)
    assert caplog.messages == []


def test_a_ticker_whose_last_page_is_empty_is_not_called_quiet(server, connect, read, caplog):
    bars = [{"c": 1, "t": 1_710_388_800_000}]  # 2024-03-14
    following = "https://api.massive.com/v2/aggs/ticker/AAPL/range/1/day/1710388800001/2024-03-14"
    server.get(re.compile("range/1/day/2023-12-01"), json={"status": "OK", "results": bars, "next_url": following})
    server.get(re.compile("range/1/day/1710388800001"), json={"status": "OK", "resultsCount": 0})
    read(connect(StockPrices, start_date="2023-12-01", adjusted=False))
    assert "no bars for weeks" not in caplog.text
