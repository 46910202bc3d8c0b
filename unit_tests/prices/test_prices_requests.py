"""Tests what a sync of the prices requests, and how few requests it takes."""

from datetime import date

import pytest
import responses
from market import START, Market, days_of, state_of, table, weekdays

from source_stock_ticker.streams.prices.slices import DaySlice, EndSlice, TickerSlice
from source_stock_ticker.streams.prices.stream import StockPrices


def test_a_first_sync_asks_for_all_days_of_a_ticker_at_once(sync, market):
    reading = sync(adjusted=False)
    assert market.requests == ["/v2/aggs/ticker/AAPL/range/1/day/2024-03-01/2024-03-14"]
    assert days_of(reading.rows) == weekdays(START, "2024-03-14")


@pytest.mark.parametrize(
    ("through", "lookback_days", "first"),
    [
        ("2024-03-13", 0, "2024-03-14"),
        ("2024-03-13", 1, "2024-03-13"),
        ("2024-03-13", 3, "2024-03-11"),
        ("2024-03-13", 4, "2024-03-08"),  # over a weekend
        ("2024-03-08", 0, "2024-03-11"),
        ("2024-03-14", 1, "2024-03-14"),
        ("2024-03-14", 365, START),  # no further back than it was read from
        ("2024-02-20", 3, START),  # through before from
        (None, 3, START),
    ],
)
def test_a_later_sync_begins_some_weekdays_before_the_first_missing_day(sync, market, through, lookback_days, first):
    saved = state_of({"AAPL": [START, through]}, adjusted=False)
    sync(saved, adjusted=False, lookback_days=lookback_days)
    assert market.requests == [f"/v2/aggs/ticker/AAPL/range/1/day/{first}/2024-03-14"]


@pytest.mark.parametrize("adjusted", [True, False])
def test_nothing_missing_costs_no_request_but_for_the_splits(sync, market, adjusted):
    saved = state_of({"AAPL": [START, "2024-03-14"]}, adjusted=adjusted)
    assert sync(saved, adjusted=adjusted, lookback_days=0).state == saved
    assert market.requests == (["/stocks/v1/splits"] if adjusted else [])


@pytest.mark.parametrize("through", ["2999-12-31", "9999-12-31"])
def test_a_state_far_in_the_future_asks_for_nothing_and_is_reported(sync, market, caplog, through):
    saved = state_of({"AAPL": [START, through]})
    assert sync(saved).state == saved
    assert market.requests == []
    assert caplog.messages == [
        'stock_prices: the state has days after today: "AAPL". Check this machine\'s clock, or clear the state.'
    ]


def test_a_start_date_in_the_future_asks_for_nothing_yet(sync, market):
    reading = sync(start_date="2025-01-02")
    assert (reading.state["read"], market.requests) == ({"AAPL": ["2025-01-02", None]}, [])


def test_an_end_date_that_has_been_read_asks_for_no_price(sync, market):
    saved = state_of({"AAPL": [START, "2024-03-08"]})
    sync(saved, end_date="2024-03-08", lookback_days=0)
    assert market.price_requests == []


def test_an_end_date_moved_back_does_not_take_the_state_back(sync):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    assert sync(saved, end_date="2024-03-08", lookback_days=10).state["read"] == saved["read"]


def test_a_thousand_tickers_that_miss_one_day_cost_one_price_request(sync, market):
    tickers = ["AAPL", *(f"T{n}" for n in range(999))]
    saved = state_of({ticker: [START, "2024-03-13"] for ticker in tickers})
    sync(saved, tickers=tickers, lookback_days=0, requests_per_minute=6000)
    assert market.price_requests == ["/v2/aggs/grouped/locale/us/market/stocks/2024-03-14"]


def test_ten_tickers_over_two_years_cost_ten_price_requests(sync, market):
    sync(tickers=[f"T{n}" for n in range(10)], start_date="2022-03-16", requests_per_minute=6000)
    assert len(market.price_requests) == 10


@pytest.mark.parametrize("start_date", ["2024-03-09", "2024-03-10"])
@pytest.mark.parametrize("tickers", [[], [f"T{n}" for n in range(20)]])
def test_a_start_date_on_a_weekend_costs_no_request_for_the_weekend(sync, market, start_date, tickers):
    sync(tickers=tickers, start_date=start_date, requests_per_minute=6000)
    assert [request[-10:] for request in market.price_requests] == weekdays("2024-03-11", "2024-03-14")


def test_a_window_without_a_weekday_costs_no_price_request(sync, market):
    sync(tickers=[f"T{n}" for n in range(20)], start_date="2024-03-09", end_date="2024-03-10", requests_per_minute=6000)
    assert market.price_requests == []


def test_every_missing_row_comes_once_although_tickers_begin_on_different_days(connect, read):
    through = ["2024-03-01"] * 2 + ["2024-03-06"] * 8 + ["2024-03-12", "2024-03-13"] * 5
    starts = {f"T{n}": day for n, day in enumerate(through)}
    with Market(*starts) as market:
        saved = state_of({ticker: [START, through] for ticker, through in starts.items()})
        config = {"tickers": list(starts), "start_date": START, "lookback_days": 0, "requests_per_minute": 6000}
        reading = read(connect(StockPrices, **config), saved)
        assert {path.split("/")[3] for path in market.price_requests} == {"ticker", "grouped"}
    found = sorted((row["stock_ticker"], row["date"]) for row in reading.rows)
    missing = [(t, day) for t, through in starts.items() for day in weekdays(through, "2024-03-14") if day > through]
    assert found == sorted(missing)


def test_both_ways_of_asking_give_the_same_rows(connect, read):
    with Market(*(f"T{n}" for n in range(30))) as market:
        market.split("T3", "2024-03-12")
        config = {"tickers": list(market.listed), "start_date": "2024-03-07"}
        grouped = read(connect(StockPrices, **config, requests_per_minute=6000)).rows
        assert all("grouped" in path for path in market.price_requests)
        by_ticker = [row for t in market.listed for row in read(connect(StockPrices, **config | {"tickers": [t]})).rows]
    assert table(grouped) == table(by_ticker)


@pytest.mark.parametrize("timespan", ["minute", "hour", "week", "month"])
def test_bars_of_another_size_are_requested_by_ticker(connect, timespan):
    stream = connect(StockPrices, tickers=[f"T{n}" for n in range(20)], timespan=timespan, start_date=START)
    with Market():
        slices = list(stream.slices(stream.resume({})))
    assert [type(stream_slice) for stream_slice in slices[1:]] == [TickerSlice] * 20 + [EndSlice]


@pytest.mark.parametrize(
    ("timespan", "first"), [("week", "2024-03-10"), ("month", "2024-03-01"), ("hour", "2024-03-13")]
)
def test_a_window_begins_where_its_first_bar_begins(server, connect, timespan, first):
    path = f"https://api.massive.com/v2/aggs/ticker/AAPL/range/1/{timespan}/{first}/2024-03-14"
    server.get(path, json={"status": "OK"})
    stream = connect(StockPrices, timespan=timespan)
    assert stream.fetch(TickerSlice("AAPL", date(2024, 3, 13), False), None) is not None


def test_a_request_says_whether_prices_are_adjusted_and_in_which_order(server, connect):
    wanted = {"adjusted": "false", "sort": "asc", "limit": "50000"}
    path = "https://api.massive.com/v2/aggs/ticker/BRK.B/range/1/day/2024-03-13/2024-03-14"
    server.get(path, json={"status": "OK"}, match=[responses.matchers.query_param_matcher(wanted)])
    stream_slice = TickerSlice("BRK.B", date(2024, 3, 13), False)
    assert connect(StockPrices, adjusted=False).fetch(stream_slice, None) is not None


def test_a_days_request_asks_for_the_tickers_over_the_counter_too(server, connect):
    wanted = {"adjusted": "true", "include_otc": "true"}
    path = "https://api.massive.com/v2/aggs/grouped/locale/us/market/stocks/2024-03-14"
    server.get(path, json={"status": "OK"}, match=[responses.matchers.query_param_matcher(wanted)])
    day = DaySlice(date(2024, 3, 14), {"*": date(2024, 3, 14)}, frozenset(), True)
    assert connect(StockPrices, tickers=[]).fetch(day, None) is not None
