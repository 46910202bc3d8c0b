"""Tests that an invalid row in the list of splits affects only its own ticker."""

import pytest
from market import ONE_DAY, START, days_of, state_of, table, weekdays

LISTED = {"tickers": ["AAPL", "MSFT"], "lookback_days": 1}
BY_DAY = {"tickers": ["AAPL", "MSFT", *(f"T{n}" for n in range(12))], "lookback_days": 1, "requests_per_minute": 6000}
MARKET = {"tickers": [], "lookback_days": 1}
HOWEVER = pytest.mark.parametrize("config", [LISTED, BY_DAY, MARKET], ids=["by ticker", "by day", "the market"])
UNREADABLE = [{"split_to": None}, {"split_to": 0}, {"split_from": "1"}, {"execution_date": None}]


@pytest.fixture(autouse=True)
def _first_split(market):
    """Known and settled before any sync; it is unreadable whenever the list is garbled."""
    market.split("AAPL", "2024-03-05")


@HOWEVER
@pytest.mark.parametrize("garbled", UNREADABLE, ids=str)
def test_all_other_tickers_are_read(sync, market, config, garbled):
    market.garbled["AAPL"] = garbled
    reading = sync(**config)
    assert (days_of(reading.rows), days_of(reading.rows, "MSFT")) == ([], weekdays(START, "2024-03-14"))


@HOWEVER
def test_the_ticker_is_named(sync, market, caplog, config):
    market.garbled["AAPL"] = UNREADABLE[0]
    assert sync(**config).failed == ["AAPL"]
    assert "AAPL failed: The API lists a split of AAPL without a valid day or ratio" in caplog.text


def test_the_state_of_the_ticker_stays_as_it_was(sync, market):
    first = sync(**LISTED)
    market.garbled["AAPL"] = UNREADABLE[0]
    market.today += 3 * ONE_DAY
    expected = state_of({"AAPL": [START, "2024-03-14"], "MSFT": [START, "2024-03-15"]}, {"AAPL": ["2024-03-05 1:2"]})
    assert sync(first.state, **LISTED).state == expected


def test_a_ticker_of_the_market_gets_an_entry_that_says_how_far_it_was_read(sync, market):
    state = sync(**MARKET).state
    market.garbled["AAPL"] = UNREADABLE[0]
    for passed, last_day in [(3, "2024-03-15"), (1, "2024-03-18")]:
        market.today += passed * ONE_DAY
        state = sync(state, **MARKET).state
        read = {"*": [START, last_day], "AAPL": [START, "2024-03-14"]}
        assert state == state_of(read, {"AAPL": ["2024-03-05 1:2"]})


def test_a_ticker_of_the_market_has_its_entry_before_any_day_is_read(sync, market):
    market.garbled["AAPL"] = UNREADABLE[0]
    expected = state_of({"*": [START, None], "AAPL": [START, None]})
    assert sync(**MARKET).checkpoints[1] == (0, expected)


def test_a_ticker_of_the_market_that_it_has_never_read_is_read_from_the_start_once_the_list_is_mended(sync, market):
    market.garbled["AAPL"] = UNREADABLE[0]
    first = sync(**MARKET)
    market.garbled.clear()
    second = sync(first.state, **MARKET)
    assert (first.state["read"]["AAPL"], second.state["read"]) == ([START, None], {"*": [START, "2024-03-14"]})
    assert days_of(second.rows) == weekdays(START, "2024-03-14")


@HOWEVER
@pytest.mark.parametrize("garbled", UNREADABLE, ids=str)
@pytest.mark.parametrize("syncs", [1, 2])
@pytest.mark.parametrize("corrected_to", [2, 4])
def test_once_the_list_is_mended_the_prices_equal_a_full_refresh(sync, market, config, garbled, syncs, corrected_to):
    reading = sync(**config)
    rows = [reading.rows]
    market.garbled["AAPL"] = garbled
    for _ in range(syncs):
        market.today += ONE_DAY
        reading = sync(reading.state, **config)
        rows.append(reading.rows)
    market.garbled.clear()
    market.splits[0]["split_to"] = corrected_to
    last = sync(reading.state, **config)
    assert (last.failed, table(*rows, last.rows)) == ([], table(sync(**config).rows))


def test_what_an_unreadable_split_holds_back_is_read_directly_once_it_is_fixed(sync, market):
    first = sync(**LISTED)
    market.garbled["AAPL"] = UNREADABLE[0]
    market.today += 3 * ONE_DAY
    second = sync(first.state, **LISTED)
    market.garbled.clear()
    assert days_of(sync(second.state, **LISTED).rows) == ["2024-03-14", "2024-03-15"]


@HOWEVER
def test_an_unreadable_split_before_the_first_day_changes_no_price(sync, market, config):
    market.garbled["AAPL"] = UNREADABLE[0]
    read = {ticker: ["2024-03-05", None] for ticker in config["tickers"] or ["*"]}
    read["MSFT"] = [START, "2024-03-13"]  # so the list begins before that day
    assert sync(state_of(read), **config).failed == []


@pytest.mark.parametrize("tickers", [["MSFT"], [f"TICKER{n}" for n in range(2000)]])
def test_an_unreadable_split_of_a_ticker_that_is_not_ours_is_nothing_to_us(sync, market, caplog, tickers):
    market.garbled["AAPL"] = UNREADABLE[0]
    reading = sync(tickers=tickers, start_date=START, requests_per_minute=6000)
    assert (reading.failed, "AAPL" in caplog.text) == ([], False)


@HOWEVER
@pytest.mark.parametrize("ticker", [None, "", 5])
def test_a_split_without_a_ticker_is_reported_and_holds_nothing_back(sync, market, caplog, config, ticker):
    market.garbled["AAPL"] = {"ticker": ticker}
    reading = sync(**config)
    assert (reading.failed, days_of(reading.rows)) == ([], weekdays(START, "2024-03-14"))
    assert "ignored 1 split without a ticker." in caplog.text
