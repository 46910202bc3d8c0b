"""Tests splits: a ticker's prices are read again when its splits change, and only then."""

from datetime import date

import pytest
from market import ONE_DAY, START, Market, days_of, state_of, table

from source_stock_ticker.streams.prices.stream import StockPrices

CONFIG = {"tickers": ["AAPL", "MSFT"], "lookback_days": 1}


def test_a_first_sync_notes_the_splits_before_any_price(sync, market):
    market.split("AAPL", "2024-03-05")
    reading = sync()
    assert market.requests[0] == "/stocks/v1/splits"
    assert reading.checkpoints[1] == (0, state_of({"AAPL": [START, None]}, {"AAPL": ["2024-03-05 1:2"]}))


def test_unadjusted_prices_need_no_list_of_splits(sync, market):
    sync(adjusted=False)
    assert "/stocks/v1/splits" not in market.requests


def test_a_sync_without_a_new_split_reads_no_ticker_again(sync, market):
    market.split("AAPL", "2024-03-05")
    first = sync(**CONFIG)
    market.today += 3 * ONE_DAY
    assert days_of(sync(first.state, **CONFIG).rows) == ["2024-03-14", "2024-03-15"]


def test_a_split_is_noted_in_the_state_that_says_what_is_to_be_read_again(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-05")
    second = sync(first.state, **CONFIG)
    assert second.checkpoints[1][1] == state_of(
        {"AAPL": [START, None], "MSFT": [START, "2024-03-14"]}, {"AAPL": ["2024-03-05 1:2"]}
    )


def late(market: Market) -> None:
    market.split("AAPL", "2024-03-05")


def corrected(market: Market) -> None:
    market.splits[0]["split_to"] = 4


def moved(market: Market) -> None:
    market.splits[0]["execution_date"] = "2024-02-15"


def withdrawn(market: Market) -> None:
    market.splits.clear()


def second_one(market: Market) -> None:
    market.split("AAPL", "2024-03-06", 4)


@pytest.mark.parametrize(
    ("known", "change"),
    [
        (None, late),
        ("2024-02-20", corrected),
        ("2024-02-20", moved),
        ("2024-02-20", withdrawn),
        ("2024-02-20", second_one),
        ("2024-03-13", corrected),  # unsettled
        ("2024-03-13", withdrawn),
        ("2024-03-13", second_one),
    ],
)
@pytest.mark.parametrize("config", [CONFIG, {"tickers": [], "lookback_days": 1}])
def test_whatever_changes_in_the_splits_the_prices_equal_a_full_refresh(sync, market, known, change, config):
    config = config | {"start_date": "2024-02-01"}
    if known:
        market.split("AAPL", known)
    first = sync(**config)
    market.today += 3 * ONE_DAY  # Monday: Friday is read now
    change(market)
    second = sync(first.state, **config)
    assert table(first.rows, second.rows) == table(sync(**config).rows)


@pytest.mark.parametrize("config", [CONFIG, {"tickers": []}, {"end_date": "2024-03-08"}])
def test_a_late_split_is_noticed_although_no_day_is_new(sync, market, config):
    config = config | {"lookback_days": 0}
    first = sync(**config)
    late(market)
    second = sync(first.state, **config)
    assert table(first.rows, second.rows) == table(sync(**config).rows)


@pytest.mark.parametrize("follows_after", [0, 1, 4])
@pytest.mark.parametrize("config", [CONFIG, {"tickers": [], "lookback_days": 1}])
def test_a_split_is_right_in_the_end_although_the_bars_follow_it_late(sync, market, follows_after, config):
    reading = sync(**config)
    rows = [reading.rows]
    split = market.split("AAPL", "2024-03-18")
    market.not_followed.append(split)
    for n in range(12):
        market.today = date(2024, 3, 18) + n * ONE_DAY
        if n >= follows_after:
            market.not_followed.clear()
        reading = sync(reading.state, **config)
        rows.append(reading.rows)
    assert table(*rows) == table(sync(**config).rows)


def test_a_settled_split_is_acted_upon_once(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-05")
    second = sync(first.state, **CONFIG)
    market.requests.clear()
    sync(second.state, **CONFIG | {"lookback_days": 0})
    assert market.price_requests == []


@pytest.mark.parametrize("from_day", ["2024-03-04", "2024-03-05"])
def test_a_split_on_or_before_the_first_day_changes_no_price(sync, market, from_day):
    first = sync(start_date="2024-03-05")
    market.split("AAPL", from_day)
    second = sync(first.state, start_date="2024-03-05", lookback_days=0)
    assert second.rows == []


@pytest.mark.parametrize("split_day", ["2024-03-13", "2024-03-14", "2024-03-15"])
def test_a_split_around_the_last_day_leaves_no_cliff(sync, market, split_day):
    market.today = date(2024, 3, 14)
    first = sync(**CONFIG)
    market.split("AAPL", split_day)
    market.today = date(2024, 3, 15)
    second = sync(first.state, **CONFIG)
    assert table(first.rows, second.rows) == table(sync(**CONFIG).rows)


@pytest.mark.parametrize("split_day", ["2024-03-04", "2024-03-05"])
def test_a_known_split_on_or_before_the_first_bar_is_no_reason_to_read_again(sync, market, split_day):
    market.split("AAPL", split_day)
    saved = state_of({"AAPL": ["2024-03-05", "2024-03-14"]}, {"AAPL": [f"{split_day} 1:2"]})
    assert sync(saved, lookback_days=0).rows == []


def test_a_split_to_come_is_not_acted_upon(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-20")
    market.today += 3 * ONE_DAY
    assert days_of(sync(first.state, **CONFIG).rows) == ["2024-03-14", "2024-03-15"]


def test_a_ticker_to_be_read_again_that_fails_is_still_to_be_read_the_next_time(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-05")
    market.down = ("ticker/AAPL",)
    second = sync(first.state, **CONFIG)
    market.down = ()
    third = sync(second.state, **CONFIG)
    assert table(first.rows, second.rows, third.rows) == table(sync(**CONFIG).rows)


@pytest.mark.parametrize("config", [CONFIG, {"tickers": [], "lookback_days": 1}])
def test_a_ticker_read_again_that_fails_between_two_pages_is_read_to_its_end_the_next_time(sync, market, config):
    first = sync(**config)
    market.split("AAPL", "2024-03-08")
    market.page, market.down = 3, ("ticker/AAPL/range/1/day/2024-03-06",)
    second = sync(first.state, **config)
    market.down = ()
    third = sync(second.state, **config)
    assert table(first.rows, second.rows, third.rows) == table(sync(**config).rows)


def test_a_refused_list_of_splits_keeps_the_saved_ones_and_the_prices_are_still_read(sync, market, caplog):
    market.split("AAPL", "2024-03-05")
    first = sync(**CONFIG)
    market.refuses_splits = True
    market.today += 3 * ONE_DAY
    second = sync(first.state, **CONFIG)
    assert (second.state["splits"], days_of(second.rows)) == (first.state["splits"], ["2024-03-14", "2024-03-15"])
    assert "splits are not checked. Your plan does not include this data (HTTP 403)." in caplog.text


def test_only_splits_of_our_tickers_are_noted(sync, market):
    market.split("NVDA", "2024-03-05")
    assert sync(**CONFIG).state["splits"] == {}


def test_the_splits_of_many_tickers_are_listed_by_date_when_that_is_cheaper(connect, market):
    stream = connect(StockPrices, tickers=[f"TICKER{n}" for n in range(5000)], start_date="2024-03-13")
    list(stream.slices(stream.resume({})))
    assert market.requests.count("/stocks/v1/splits") == 1
