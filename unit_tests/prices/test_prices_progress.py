"""Tests what counts as read: no checkpoint of the prices promises more rows than were written."""

import re
from datetime import date
from unittest import mock

import pytest
from market import START, Market, days_of, state_of, table, weekdays

from source_stock_ticker.streams.prices.stream import StockPrices


def test_the_state_says_through_which_day_a_ticker_was_read(sync):
    assert sync(adjusted=False).state["read"] == {"AAPL": [START, "2024-03-14"]}


@pytest.mark.parametrize("page", [1, 3, 50_000])
@pytest.mark.parametrize("lookback_days", [0, 3])
@pytest.mark.parametrize("config", [{"tickers": ["AAPL", "MSFT"]}, {"tickers": []}])
def test_from_every_checkpoint_on_nothing_is_lost(connect, read, page, lookback_days, config):
    with Market("AAPL", "MSFT", "NVDA") as market:
        market.page = page
        market.split("AAPL", "2024-03-05")
        config |= {"start_date": START, "lookback_days": lookback_days, "requests_per_minute": 6000}
        whole = read(connect(StockPrices, **config))
        stale = whole.state | {"splits": {}}  # as if the split were announced late
        for saved in ({}, stale):
            first = read(connect(StockPrices, **config), saved)
            for written, state in first.checkpoints:
                rest = read(connect(StockPrices, **config), state)
                before = whole.rows if saved else []
                assert table(before, first.rows[:written], rest.rows) == table(whole.rows)


def test_a_checkpoint_between_pages_promises_only_the_days_before_its_last(sync, market):
    market.page = 3
    through = [state["read"]["AAPL"][1] for _, state in sync(adjusted=False).checkpoints]
    assert through == [None, "2024-03-04", "2024-03-07", "2024-03-12", "2024-03-14", "2024-03-14"]


def test_a_checkpoint_never_goes_back(sync, market):
    market.page = 1
    saved = state_of({"AAPL": [START, "2024-03-13"]}, adjusted=False)
    through = [state["read"]["AAPL"][1] for _, state in sync(saved, adjusted=False, lookback_days=5).checkpoints]
    assert through == sorted(through)


def test_a_day_that_is_not_published_yet_is_requested_again(sync, market):
    market.published = date(2024, 3, 13)
    reading = sync(adjusted=False)
    assert reading.state["read"] == {"AAPL": [START, "2024-03-13"]}
    market.published = None
    assert days_of(sync(reading.state, adjusted=False, lookback_days=0).rows) == ["2024-03-14"]


def test_nothing_published_at_all_is_not_progress(sync, market):
    market.published = date(2024, 2, 29)
    assert sync(adjusted=False).state["read"] == {"AAPL": [START, None]}


def test_an_empty_grouped_day_at_the_end_is_requested_again(connect, read):
    with Market(*(f"T{n}" for n in range(20))) as market:
        market.published = date(2024, 3, 13)
        config = {"tickers": list(market.listed), "start_date": "2024-03-12", "requests_per_minute": 6000}
        first = read(connect(StockPrices, **config))
        market.published = None
        second = read(connect(StockPrices, **config, lookback_days=0), first.state)
    assert {row["date"] for row in second.rows} == {"2024-03-14"}


@pytest.mark.parametrize("tickers", [["AAPL"], [], ["AAPL", *(f"T{n}" for n in range(20))]])
def test_a_holiday_does_not_stop_the_state(sync, market, tickers):
    market.holidays = {date(2024, 3, 11), date(2024, 3, 12)}
    reading = sync(tickers=tickers, start_date="2024-03-08", requests_per_minute=6000)
    assert {tuple(covered) for covered in reading.state["read"].values()} == {("2024-03-08", "2024-03-14")}


def test_a_delisted_ticker_is_lifted_along_by_the_others(sync, market):
    market.listed["MSFT"] = (date(2000, 1, 3), date(2024, 3, 5))
    reading = sync(tickers=["MSFT", "AAPL"], adjusted=False)
    assert reading.state["read"] == {"MSFT": [START, "2024-03-14"], "AAPL": [START, "2024-03-14"]}


def test_delisted_tickers_alone_are_lifted_by_the_other_tickers_of_a_day(connect, read):
    tickers = [f"T{n}" for n in range(20)]
    with Market("AAPL"):
        saved = state_of({ticker: [START, "2024-03-08"] for ticker in tickers}, adjusted=False)
        config = {"tickers": tickers, "start_date": START, "adjusted": False, "requests_per_minute": 6000}
        reading = read(connect(StockPrices, **config), saved)
    assert set(map(tuple, reading.state["read"].values())) == {(START, "2024-03-14")}


def test_a_last_day_that_fails_is_not_covered_by_tickers_that_were_read_to_it(connect, read):
    tickers = ["NEW", *(f"T{n}" for n in range(20))]
    with Market(*tickers) as market:
        market.down = ("stocks/2024-03-14",)
        saved = state_of({ticker: [START, "2024-03-12"] for ticker in tickers[1:]}, adjusted=False)
        config = {"tickers": tickers, "start_date": START, "adjusted": False, "requests_per_minute": 6000}
        state = read(connect(StockPrices, **config), saved).state
    assert state["read"] == {ticker: [START, "2024-03-13"] for ticker in tickers[1:]} | {"NEW": [START, "2024-03-14"]}


def test_a_delisted_ticker_alone_stays_at_its_last_day(sync, market):
    market.listed["MSFT"] = (date(2000, 1, 3), date(2024, 3, 5))
    assert sync(tickers=["MSFT"], adjusted=False).state["read"] == {"MSFT": [START, "2024-03-05"]}


def test_a_ticker_that_failed_is_not_lifted_along(sync, market):
    market.down = ("ticker/MSFT",)
    reading = sync(tickers=["MSFT", "AAPL"], adjusted=False)
    assert (reading.failed, reading.state["read"]["MSFT"]) == (["MSFT"], [START, None])


def test_a_ticker_that_failed_between_two_pages_resumes_there(sync, market):
    market.page, market.down = 3, ("ticker/AAPL/range/1/day/2024-03-06",)
    first = sync(tickers=["AAPL", "MSFT"], adjusted=False)
    market.down = ()
    second = sync(first.state, tickers=["AAPL", "MSFT"], adjusted=False, lookback_days=0)
    assert days_of(first.rows + second.rows)[-7:] == weekdays("2024-03-06", "2024-03-14")


@pytest.mark.parametrize("tickers", [[], [f"T{n}" for n in range(20)]])
def test_a_day_that_fails_holds_back_the_days_after_it(connect, read, tickers):
    with Market(*(f"T{n}" for n in range(20))) as market:
        config = {"tickers": tickers, "start_date": "2024-03-11", "requests_per_minute": 6000, "lookback_days": 0}
        market.down = ("stocks/2024-03-12",)
        first = read(connect(StockPrices, **config))
        market.down = ()
        second = read(connect(StockPrices, **config), first.state)
    assert {row["date"] for row in first.rows} == {"2024-03-11"}
    assert {row["date"] for row in second.rows} == {"2024-03-12", "2024-03-13", "2024-03-14"}


@pytest.mark.parametrize("config", [{}, {"tickers": [], "start_date": "2024-03-14"}])
def test_an_address_that_leads_nowhere_is_not_an_empty_market(server, connect, read, config):
    server.get(re.compile("https://api.massive.com/stocks/"), json={"status": "OK"})
    server.get(re.compile("https://api.massive.com/v2/"), status=404, body="404 page not found")
    reading = read(connect(StockPrices, **config))
    assert len(reading.failed) == 1


def test_a_page_that_is_gone_is_not_the_end_of_a_ticker(connect, read, market):
    market.page = 3
    with mock.patch.object(market, "_bars", side_effect=_gone_after_the_first(market._bars)):
        reading = read(connect(StockPrices, start_date=START, adjusted=False))
    assert reading.failed == ["AAPL"]


def _gone_after_the_first(bars):
    pages = iter([bars])

    def respond(*args):
        known = next(pages, None)
        return known(*args) if known else (404, {}, '{"status": "NOT_FOUND"}')

    return respond
