"""Tests where a sync of the prices resumes: which parts of a saved state are valid, and what is read again."""

import json
import logging

import pytest
from market import START, state_of

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.streams.prices.stream import StockPrices


def test_a_first_sync_has_every_ticker_still_to_read(connect):
    stream = connect(StockPrices, tickers=["AAPL", "MSFT"], start_date=START)
    assert stream.resume({}) == state_of({"AAPL": [START, None], "MSFT": [START, None]})


def test_with_the_same_settings_all_of_the_state_holds(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]}, {"AAPL": ["2024-03-04 1:2"]})
    assert connect(StockPrices, start_date=START).resume(saved) == saved


@pytest.mark.parametrize(
    "config", [{"adjusted": False}, {"timespan": "week"}, {"timespan": "hour"}, {"timespan": "minute", "multiplier": 5}]
)
def test_prices_made_in_another_way_are_all_read_again(connect, config):
    saved = state_of({"AAPL": ["2024-02-01", "2024-03-12"]}, {"AAPL": ["2024-03-04 1:2"]})
    made_with = {"timespan": "day", "multiplier": 1, "adjusted": True} | config
    resumed = connect(StockPrices, start_date=START, **config).resume(saved)
    assert resumed == state_of({"AAPL": [START, None]}, **made_with)


def test_another_multiplier_alone_makes_other_prices(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]}, timespan="hour")
    resumed = connect(StockPrices, start_date=START, timespan="hour", multiplier=4).resume(saved)
    assert resumed["read"] == {"AAPL": [START, None]}


def test_the_log_says_once_that_changed_settings_mean_reading_again(connect, caplog):
    caplog.set_level(logging.INFO)
    saved = state_of({ticker: [START, "2024-03-12"] for ticker in ("AAPL", "MSFT")})
    connect(StockPrices, tickers=["AAPL", "MSFT"], start_date=START, adjusted=False).resume(saved)
    (sentence,) = caplog.messages
    assert sentence.startswith("stock_prices: timespan, multiplier or adjusted changed, so everything is read again. ")
    assert caplog.records[0].levelname == "WARNING"


def test_a_new_ticker_begins_at_the_start_and_the_others_resume(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    resumed = connect(StockPrices, tickers=["NVDA", "AAPL"], start_date=START).resume(saved)
    assert resumed["read"] == {"NVDA": [START, None], "AAPL": [START, "2024-03-12"]}


def test_a_removed_ticker_leaves_the_state(connect):
    saved = state_of(
        {"AAPL": [START, "2024-03-12"], "MSFT": [START, "2024-03-12"]}, {"MSFT": ["2024-03-04 1:2"], "AAPL": []}
    )
    resumed = connect(StockPrices, start_date=START).resume(saved)
    assert resumed == state_of({"AAPL": [START, "2024-03-12"]}, {"AAPL": []})


@pytest.mark.parametrize(("tickers", "named"), [([], "the whole market"), (["AAPL", "aapl"], '"AAPL", "aapl"')])
def test_what_an_earlier_start_date_makes_be_read_again_is_named(connect, caplog, tickers, named):
    caplog.set_level("INFO")
    saved = state_of({key: [START, "2024-03-13"] for key in tickers or ["*"]})
    connect(StockPrices, tickers=tickers, start_date="2024-02-01").resume(saved)
    assert caplog.messages == [f"stock_prices: start_date is now an earlier day; reading again: {named}."]


def test_an_earlier_start_date_makes_a_gap_so_the_ticker_is_read_again(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    resumed = connect(StockPrices, start_date="2024-02-01").resume(saved)
    assert resumed == state_of({"AAPL": ["2024-02-01", None]}, start="2024-02-01")


def test_a_ticker_that_was_read_from_an_earlier_day_has_no_gap(connect):
    days = {"AAPL": ["2024-01-02", "2024-03-12"], "NVDA": ["2024-02-01", "2024-03-12"], "MSFT": [START, "2024-03-12"]}
    resumed = connect(StockPrices, tickers=["AAPL", "NVDA", "MSFT"], start_date="2024-02-01").resume(state_of(days))
    assert resumed["read"] == days | {"MSFT": ["2024-02-01", None]}


def test_a_ticker_that_began_after_the_start_date_is_not_read_again_for_it(connect):
    saved = state_of({"FB": ["2024-02-20", "2024-03-12"]}, start="2024-01-02")
    assert connect(StockPrices, tickers=["FB"], start_date="2024-01-02").resume(saved) == saved


def test_a_later_start_date_leaves_what_was_read_as_it_is(connect):
    saved = state_of({"AAPL": ["2024-01-02", "2024-03-12"]}, start="2024-01-02")
    assert connect(StockPrices, start_date=START).resume(saved)["read"] == saved["read"]


def test_resuming_does_not_change_the_saved_state(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    before = json.dumps(saved)
    connect(StockPrices, tickers=["AAPL", "MSFT"], start_date="2024-02-01").resume(saved)
    assert json.dumps(saved) == before


def test_the_whole_market_is_one_entry(connect):
    assert connect(StockPrices, tickers=[], start_date=START).resume({}) == state_of({"*": [START, None]})


def test_a_ticker_of_the_market_that_is_being_read_again_keeps_its_entry(connect):
    saved = state_of({"*": [START, "2024-03-12"], "AAPL": [START, None]}, {"MSFT": ["2024-03-04 1:2"]})
    assert connect(StockPrices, tickers=[], start_date=START).resume(saved) == saved


def test_from_a_list_of_tickers_to_the_whole_market_all_is_read(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    assert connect(StockPrices, tickers=[], start_date=START).resume(saved)["read"] == {"*": [START, None]}


def test_from_the_whole_market_to_a_list_its_tickers_are_read(connect):
    saved = state_of({"*": [START, "2024-03-12"]})
    assert connect(StockPrices, start_date=START).resume(saved)["read"] == {"AAPL": [START, None]}


@pytest.mark.parametrize("timespan", ["minute", "hour", "week", "month"])
def test_the_whole_market_has_bars_of_a_day_only(connect, timespan):
    with pytest.raises(ConfigError) as error:
        connect(StockPrices, tickers=[], timespan=timespan).resume({})
    assert error.value.message == (
        "tickers: the whole market is available only in day bars; list the tickers you want."
    )


GOOD = state_of({"AAPL": [START, "2024-03-12"]})


@pytest.mark.parametrize(
    "saved",
    [
        {"timestamp": "2024-03-12T04:00:00Z"},
        {"read": {}},
        GOOD | {"read": None},
        GOOD | {"read": []},
        GOOD | {"read": {"AAPL": "2024-03-12"}},
        GOOD | {"read": {"AAPL": ["2024-03-01"]}},
        GOOD | {"read": {"AAPL": [None, "2024-03-12"]}},
        GOOD | {"read": {"AAPL": ["2024-02-30", None]}},
        GOOD | {"read": {"AAPL": [START, "yesterday"]}},
        GOOD | {"read": {"AAPL": [START, ""]}},
        GOOD | {"read": {"AAPL": [START, 0]}},
        GOOD | {"read": {"AAPL": [START, False]}},
        GOOD | {"read": {"AAPL": ["20240301", None]}},
        GOOD | {"start_date": None},
        GOOD | {"start_date": "soon"},
        GOOD | {"made_with": None},
        GOOD | {"made_with": "day"},
        GOOD | {"splits": []},
        GOOD | {"splits": None},
        GOOD | {"splits": {"AAPL": None}},
        GOOD | {"splits": {"AAPL": [1]}},
    ],
)
def test_a_state_that_is_not_ours_is_reported_and_not_guessed_at(connect, read, saved, market):
    with pytest.raises(ConfigError) as error:
        read(connect(StockPrices, start_date=START), saved)
    assert error.value.message == (
        "state: the saved state of stock_prices has an unexpected format; clear the stream's state to read it again."
    )
