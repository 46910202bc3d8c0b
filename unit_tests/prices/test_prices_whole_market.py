"""Tests the whole market: it is read by days, its state is one entry, and a split ticker is read separately."""

from datetime import date

from market import ONE_DAY, START, days_of, state_of, weekdays


def test_the_whole_market_costs_one_request_a_weekday(sync, market):
    sync(tickers=[], start_date="2024-03-07")
    grouped = "/v2/aggs/grouped/locale/us/market/stocks/"
    assert market.price_requests == [grouped + day for day in weekdays("2024-03-07", "2024-03-14")]


def test_the_state_of_the_whole_market_is_one_entry(sync, market):
    assert sync(tickers=[]).state["read"] == {"*": [START, "2024-03-14"]}


def test_a_ticker_of_the_market_that_was_split_is_read_by_itself_and_not_twice(sync, market):
    first = sync(tickers=[])
    market.split("AAPL", "2024-03-05")
    market.today += 3 * ONE_DAY
    second = sync(first.state, tickers=[], lookback_days=0)
    assert days_of(second.rows) == weekdays(START, "2024-03-15")
    assert days_of(second.rows, "MSFT") == ["2024-03-15"]


def test_a_ticker_of_the_market_that_was_read_again_leaves_the_state(sync, market):
    first = sync(tickers=[])
    market.split("AAPL", "2024-03-05")
    assert sync(first.state, tickers=[]).state["read"] == {"*": [START, "2024-03-14"]}


def test_a_ticker_of_the_market_that_failed_stays_in_the_state(sync, market):
    first = sync(tickers=[])
    market.split("AAPL", "2024-03-05")
    market.down = ("ticker/AAPL",)
    second = sync(first.state, tickers=[])
    assert second.state["read"] == {"*": [START, "2024-03-14"], "AAPL": [START, None]}


def test_a_ticker_that_lags_behind_the_market_stays_in_the_state_until_it_is_read(sync, market):
    saved = state_of({"*": [START, "2024-03-12"], "AAPL": [START, "2024-03-06"]})
    market.down = ("ticker/AAPL",)
    assert sync(saved, tickers=[]).state["read"]["AAPL"] == [START, "2024-03-06"]


def test_a_ticker_of_the_market_that_began_late_and_is_read_again_leaves_the_state_and_no_warning(sync, market, caplog):
    market.listed["NEW"] = (date(2024, 3, 11), date(2100, 1, 1))
    first = sync(tickers=[])
    market.split("NEW", "2024-03-13")
    second = sync(first.state, tickers=[])
    assert second.state["read"] == {"*": [START, "2024-03-14"]}
    assert caplog.messages == []


def test_a_market_whose_history_the_api_cuts_in_silence_is_not_noted_as_read(sync, market, caplog):
    market.plan_begins, market.clips = date(2024, 3, 11), True
    assert sync(tickers=[]).state["read"] == {"*": ["2024-03-11", "2024-03-14"]}
    assert "no bars before 2024-03-11, although start_date is 2024-03-01" in caplog.text
