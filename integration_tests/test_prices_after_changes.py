"""Tests that prices have no gaps and are not read twice after changed settings, at the plan's limits and today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from sandbox_data import Day
from sandbox_market import MARKET, split, today_in_new_york
from usual import QUARTER

if TYPE_CHECKING:
    from conftest import Connector, Row

    RealPrices = Callable[..., list[Row]]
    Table = dict[tuple, Row]

# --- Changed settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"adjusted": False}, {"timespan": "week"}, {"timespan": "minute", "multiplier": 30}]
)
def test_other_bars_than_before_are_all_read_with_one_sentence_in_the_log(
    connector: Connector, change: dict[str, Any]
) -> None:
    first = connector.read()
    second = connector.read(**change, state=first.saved())
    assert second.rows() == connector.read(**change, mode="full_refresh").rows()
    assert len([line for line in second.logs("WARN").splitlines() if "read again" in line]) == 1


def test_an_earlier_start_date_is_read_from_there(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    second = connector.read(start_date="2011-11-01", state=first.saved(), lookback_days=0)
    assert second.rows() == real_prices("IBM", "2011-11-01", "2012-03-30")
    assert "earlier" in second.logs("INFO")


def test_a_later_start_date_reads_nothing_again(connector: Connector) -> None:
    first = connector.read()
    assert connector.read(start_date="2012-02-01", state=first.saved(), lookback_days=0).rows() == []


def test_a_start_date_moved_back_and_forth_leaves_no_gap(connector: Connector, right: Callable[..., Table]) -> None:
    first = connector.read(tickers=["IBM"], start_date="2012-02-01")
    second = connector.read(tickers=["IBM", "MSFT"], start_date="2012-03-01", state=first.saved())
    third = connector.read(tickers=["IBM", "MSFT"], start_date="2012-01-03", state=second.saved())
    table = first.table() | second.table() | third.table()
    assert table == right(["IBM", "MSFT"], *QUARTER)


def test_an_earlier_end_date_neither_reads_nor_forgets(connector: Connector) -> None:
    first = connector.read()
    second = connector.read(end_date="2012-02-29", state=first.saved())
    assert second.rows() == []
    assert second.states()[-1]["read"] == first.states()[-1]["read"]


# --- The edges of a plan ---------------------------------------------------------------------------------------------


def test_history_before_the_plan_that_is_refused_is_an_error_about_start_date(
    connector: Connector, api: SandboxApi
) -> None:
    api.plan_start = "2012-02-01"
    run = connector.read(tickers=["AAPL", "IBM"])
    assert (run.exit_code, run.rows(), run.error()["failure_type"]) == (1, [], "config_error")
    assert "start_date" in run.error()["message"]
    assert {through for _, through in run.states()[-1]["read"].values()} == {None}


def test_history_that_is_clipped_silently_is_reported_and_not_recorded_as_read(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.plan_start, api.plan_edge = "2012-02-01", "clip"
    run = connector.read(tickers=["AAPL", "IBM"])
    assert run.rows() == real_prices("AAPL", "2012-02-01", "2012-03-30") + real_prices(
        "IBM", "2012-02-01", "2012-03-30"
    )
    assert run.states()[-1]["read"] == {ticker: ["2012-02-01", "2012-03-30"] for ticker in ("AAPL", "IBM")}
    assert "2012-02-01" in run.logs("WARN")


def test_history_of_the_whole_market_that_is_clipped_is_not_recorded_as_read(
    connector: Connector, api: SandboxApi
) -> None:
    api.plan_start, api.plan_edge = "2012-05-21", "clip"
    run = connector.read(**MARKET | {"start_date": "2012-05-01"})
    assert run.states()[-1]["read"]["*"][0] == "2012-05-21"
    assert "2012-05-21" in run.logs("WARN")


def test_one_ticker_that_begins_late_is_a_new_listing_and_no_warning(connector: Connector) -> None:
    run = connector.read(tickers=["FB", "IBM"], start_date="2012-05-01", end_date="2012-06-29")
    assert run.exit_code == 0
    assert run.logs("WARN") == ""


def test_a_ticker_without_a_bar_for_weeks_is_named(connector: Connector, api: SandboxApi) -> None:
    api.prices["OLD"] = [day for day in api.prices["IBM"] if day.date < "2012-01-10"]
    run = connector.read(tickers=["IBM", "OLD", "NOPE"], end_date="2012-06-29")
    assert run.exit_code == 0
    assert len([line for line in run.logs("WARN").splitlines() if "OLD" in line and "NOPE" in line]) == 1
    assert "IBM" not in run.logs("WARN")


def test_a_delisted_ticker_is_lifted_along_by_the_others(connector: Connector, api: SandboxApi) -> None:
    api.prices["OLD"] = [day for day in api.prices["IBM"] if day.date < "2012-01-10"]
    run = connector.read(tickers=["IBM", "OLD"])
    assert run.states()[-1]["read"]["OLD"] == ["2012-01-03", "2012-03-30"]


@pytest.mark.parametrize("tickers", [["IBM", "MSFT"], []], ids=["tickers", "whole market"])
def test_a_day_that_is_not_over_is_left_for_the_next_sync(
    connector: Connector, api: SandboxApi, right: Callable[..., Table], tickers: list[str]
) -> None:
    api.today = "2012-03-30"  # and so the usual end_date is refused: "before end of day"
    first = connector.read(tickers=tickers, start_date="2012-03-01")
    listed = tickers or ["AAPL", "GOOG", "IBM", "MSFT"]
    assert (first.exit_code, first.table()) == (0, right(listed, "2012-03-01", "2012-03-29"))
    api.today = "2012-03-31"
    second = connector.read(tickers=tickers, start_date="2012-03-01", state=first.saved(), lookback_days=0)
    assert second.table() == right(listed, "2012-03-30", "2012-03-30")


def test_a_day_that_is_not_published_yet_is_left_for_the_next_sync(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    published = api.prices["IBM"]
    api.prices["IBM"] = [day for day in published if day.date < "2012-03-29"]
    first = connector.read()
    api.prices["IBM"] = published
    second = connector.read(state=first.saved(), lookback_days=0)
    assert second.rows() == real_prices("IBM", "2012-03-29", "2012-03-30")


def test_a_stream_that_the_plan_lacks_does_not_stop_the_others(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.forbidden = {"news", "dividends"}
    run = connector.read(streams=["news", "stock_prices", "dividends", "exchanges"])
    assert run.exit_code == 1
    assert [run.statuses(name)[-1] for name in ("news", "stock_prices", "dividends", "exchanges")] == [
        "INCOMPLETE", "COMPLETE", "INCOMPLETE", "COMPLETE",
    ]  # fmt: skip
    assert run.rows() == real_prices("IBM", *QUARTER)
    assert [(error["stream_descriptor"]["name"], error["failure_type"]) for error in run.errors()] == [
        ("news", "config_error"),
        ("dividends", "config_error"),
    ]


# --- Without an end_date: the real clock -----------------------------------------------------------------------------


@pytest.fixture
def today(api: SandboxApi) -> str:
    """Today in New York, with a sandbox whose prices have been moved, by whole weeks, to end shortly before it."""
    today = today_in_new_york()
    weeks = (today - date.fromisoformat("2013-03-03")) // timedelta(days=7)
    for ticker, days in api.prices.items():
        moved_days = [date.fromisoformat(day.date) + timedelta(weeks=weeks) for day in days]
        api.prices[ticker] = [
            Day(to.isoformat(), *day[1:]) for to, day in zip(moved_days, days, strict=True) if to.weekday() < 5
        ]
    api.splits.clear()
    api.today = today.isoformat()
    return api.today


def test_a_blank_end_date_reads_all_days_that_are_over(
    connector: Connector, today: str, real_prices: RealPrices
) -> None:
    start = (date.fromisoformat(today) - timedelta(days=90)).isoformat()
    run = connector.read(start_date=start, end_date=None)
    assert (run.exit_code, run.rows()) == (0, real_prices("IBM", start, today))


def test_a_blank_start_date_reads_two_years(connector: Connector, today: str, real_prices: RealPrices) -> None:
    first = connector.read(start_date=None, end_date=None).rows()[0]["date"]
    assert (
        timedelta(days=0) < date.fromisoformat(first) - (date.fromisoformat(today) - timedelta(days=731)) < timedelta(7)
    )


def test_history_that_has_left_the_plan_is_not_read_again(
    connector: Connector, api: SandboxApi, today: str, real_prices: RealPrices
) -> None:
    def ago(days: int) -> str:
        return (date.fromisoformat(today) - timedelta(days=days)).isoformat()

    config = {"start_date": ago(900), "end_date": None}
    first = connector.read(**config)
    api.plan_start = ago(730)  # two years, as the free plan has
    api.splits.append(split("IBM", ago(100), 2))
    second = connector.read(**config, state=first.saved())
    assert second.exit_code == 0
    assert ago(731) < second.rows()[0]["date"] < ago(720)
    assert second.rows() == real_prices("IBM", second.rows()[0]["date"], today)
    assert "old prices" in second.logs("WARN")
