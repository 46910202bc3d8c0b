"""Tests the forecast of a read of the prices: exactly the requests that it then makes."""

import logging
from datetime import date

import pytest
from market import START, Market, state_of

from source_stock_ticker.streams.prices.stream import StockPrices

MANY = [f"T{n:03d}" for n in range(150)]
A_YEAR = "2023-03-16"


def forecast_of(stream, saved=None):
    return stream.forecast(stream.resume(saved or {}))


CONFIGS = {
    "one ticker": {"tickers": ["AAPL"]},
    "as they come": {"tickers": ["AAPL", "MSFT"], "adjusted": False},
    "by days": {"tickers": MANY, "start_date": "2024-03-04"},
    "by tickers": {"tickers": MANY, "start_date": A_YEAR},
    "the whole market": {"tickers": []},
    "no limit": {"tickers": MANY[:20], "requests_per_minute": 0},
    "weeks": {"tickers": ["AAPL", "MSFT"], "timespan": "week", "start_date": A_YEAR},
    "months": {"tickers": ["AAPL"], "timespan": "month", "start_date": A_YEAR},
    "nothing yet": {"tickers": ["AAPL"], "start_date": "2024-03-15"},
}
SAVED = {
    "from the start": {},
    "read yesterday": {"AAPL": [START, "2024-03-13"], "MSFT": [START, "2024-03-13"]},
    "one of two": {"AAPL": [START, "2024-03-08"]},
    "the market, before": {"*": [START, "2024-03-12"]},
    "all is read": {"AAPL": [START, "2024-03-14"], "MSFT": [START, "2024-03-14"]},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("read_before", SAVED.values(), ids=SAVED)
@pytest.mark.parametrize("full_refresh", [False, True])
def test_a_read_makes_as_many_requests_as_were_forecast(connect, read, config, read_before, full_refresh):
    config = {"start_date": START, "requests_per_minute": 6000, **config}
    with Market("AAPL", "MSFT", *MANY) as market:
        market.split("AAPL", "2024-03-06")
        saved = state_of(read_before) if read_before and config.get("timespan", "day") == "day" else {}
        foretelling = connect(StockPrices, **config)
        foretelling.full_refresh = full_refresh
        forecast = forecast_of(foretelling, saved)
        lists = len(market.requests)
        assert lists <= 1
        market.requests.clear()
        read(connect(StockPrices, **config), saved, full_refresh=full_refresh)
    assert (forecast.requests, forecast.exact) == (len(market.requests), True)


def test_what_the_forecast_has_requested_is_not_requested_again(connect, market):
    stream = connect(StockPrices, start_date=START)
    state = stream.resume({})
    stream.forecast(state)
    asked = len(market.requests)
    slices = list(stream.slices(state))
    assert asked == len(market.requests) == 1
    assert slices == list(connect(StockPrices, start_date=START).slices(state))


@pytest.mark.parametrize(
    ("config", "days"),
    [
        ({"tickers": ["AAPL", "MSFT"], "start_date": A_YEAR}, 2 * 251),
        ({"tickers": MANY, "start_date": "2024-03-04"}, len(MANY) * 9),
        ({"tickers": ["AAPL", "MSFT"], "start_date": A_YEAR, "timespan": "week"}, 2 * 52),
        ({"tickers": ["AAPL"], "start_date": A_YEAR, "timespan": "month"}, 12),
    ],
)
def test_the_rows_are_forecast_roughly(connect, config, days):
    with Market(*config["tickers"]):
        assert forecast_of(connect(StockPrices, **config)).rows == pytest.approx(days, rel=0.05)


@pytest.mark.parametrize(
    "config", [{"tickers": []}, {"tickers": ["AAPL"], "timespan": "minute"}, {"tickers": ["AAPL"], "timespan": "hour"}]
)
def test_an_unknown_number_of_rows_is_not_forecast(connect, market, config):
    assert forecast_of(connect(StockPrices, start_date=START, **config)).rows is None


def test_the_number_of_pages_of_intraday_bars_is_unknown(connect, market):
    forecast = forecast_of(connect(StockPrices, tickers=["AAPL", "MSFT"], start_date=START, timespan="minute"))
    assert (forecast.requests, forecast.exact) == (3, False)


def test_a_whole_market_that_costs_hardly_more_is_said(connect):
    with Market(*MANY):
        forecast = forecast_of(connect(StockPrices, tickers=MANY, start_date="2023-08-17"))
    assert forecast.requests == 151
    assert forecast.hint == "The whole market would cost about 152 requests, these 150 tickers cost 151."


@pytest.mark.parametrize(
    ("config", "read_before"),
    [
        ({"tickers": MANY[:100], "start_date": "2023-08-17"}, {}),
        ({"tickers": MANY, "start_date": "2023-08-17", "timespan": "week"}, {}),
        ({"tickers": [], "start_date": "2023-08-17"}, {}),
        ({"tickers": MANY, "start_date": "2024-03-15"}, {}),
        ({"tickers": MANY, "start_date": START}, {ticker: [START, "2024-03-12"] for ticker in MANY}),
    ],
    ids=["it costs more", "no days", "it is the market", "nothing to read", "not the first read"],
)
def test_a_whole_market_that_costs_more_or_cannot_be_read_so_is_not_said(connect, config, read_before):
    with Market(*MANY):
        assert forecast_of(connect(StockPrices, **config), state_of(read_before) if read_before else {}).hint == ""


def test_that_no_day_is_over_yet_is_said(connect, market, caplog):
    caplog.set_level(logging.INFO)
    assert forecast_of(connect(StockPrices, start_date="2024-03-15")).requests == 0
    assert date(2024, 3, 15).isoformat() in caplog.text
