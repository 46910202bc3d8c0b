"""Tests that prices are read with few calls, by ticker or by day, and that both ways give the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from sandbox_market import LISTED, MARKET, SPARE_CALLS, many, split, weekdays
from usual import BARS, GROUPED, SPLITS

if TYPE_CHECKING:
    from conftest import Connector, Row

    Table = dict[tuple, Row]

# --- Two endpoints, the same rows ------------------------------------------------------------------------------------


def test_both_endpoints_give_the_same_rows_over_years_and_splits(connector: Connector, api: SandboxApi) -> None:
    def with_all_fields(path: str, body: Any) -> Any:
        for bar in body.get("results", []) if "/v2/aggs/" in path else []:
            bar |= {"vw": (bar["h"] + bar["l"]) / 2, "n": int(bar["v"]) % 1000}
            if bar["v"] > 50_000_000:
                bar["otc"] = True  # only ever sent when true
        return body

    api.transform = with_all_fields
    days = {"start_date": "2003-01-20", "end_date": "2005-03-04"}  # winter and summer, MSFT's split and AAPL's
    by_ticker = connector.read(tickers=["AAPL", "GOOG", "IBM", "MSFT"], **days)
    assert (len(api.calls(BARS)), len(api.calls(GROUPED))) == (4, 0)
    by_day = connector.read(tickers=[], **days)
    assert (len(api.calls(BARS)), len(api.calls(GROUPED))) == (4, len(weekdays(*days.values())))
    assert by_day.table() == by_ticker.table()
    assert len(by_day.rows()) == len(by_ticker.rows())


def test_a_ticker_among_many_has_the_rows_that_it_has_alone(connector: Connector, api: SandboxApi) -> None:
    tickers = many(api, 30)
    days = {"start_date": "2012-03-05", "end_date": "2012-03-16"}  # the clocks changed on 03-11
    together = connector.read(tickers=tickers, **days, **SPARE_CALLS)
    assert len(api.calls(GROUPED)) == 10
    alone = connector.read(tickers=["T7"], **days, **SPARE_CALLS)
    assert [row for row in together.rows() if row["stock_ticker"] == "T7"] == alone.rows()


def test_a_ticker_that_a_day_repeats_is_written_once(connector: Connector, api: SandboxApi) -> None:
    api.transform = lambda path, body: {**body, "results": body["results"] * 2} if GROUPED in path else body
    run = connector.read(tickers=[], start_date="2012-03-30")
    assert [row["stock_ticker"] for row in run.rows()] == ["AAPL", "GOOG", "IBM", "MSFT"]


def test_only_the_configured_tickers_of_a_day_are_written(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(tickers=["MSFT", "IBM"], start_date="2012-03-30", **SPARE_CALLS)
    assert (len(api.calls(GROUPED)), {row["stock_ticker"] for row in run.rows()}) == (1, {"IBM", "MSFT"})


# --- Calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tickers", "first", "calls"),
    [
        (1, "2012-03-30", 1),  # one ticker, one day
        (10, "2010-03-31", 10),  # two years: a call brings a ticker's whole history ..
        (300, "2012-03-26", 5),  # .. or one day of every ticker
        (22, "2012-03-01", 22),  # 22 weekdays: as many either way
        (21, "2012-03-01", 21),
        (40, "2012-03-01", 22),
    ],
)
def test_a_first_sync_makes_the_fewest_calls(
    connector: Connector, api: SandboxApi, right: Callable[..., Table], tickers: int, first: str, calls: int
) -> None:
    names = many(api, tickers)
    run = connector.read(tickers=names, start_date=first, **SPARE_CALLS)
    assert len(api.calls("/v2/aggs/")) == calls
    assert run.table() == right(names, first, "2012-03-30")


@pytest.mark.parametrize(("lookback", "calls"), [(0, 1), (3, 4)])
def test_a_thousand_tickers_that_miss_a_day_cost_one_call_and_one_for_each_day_of_lookback(
    connector: Connector, api: SandboxApi, right: Callable[..., Table], lookback: int, calls: int
) -> None:
    tickers, config = many(api, 1000), {"start_date": "2012-03-23", "lookback_days": lookback, **SPARE_CALLS}
    first = connector.read(tickers=tickers, end_date="2012-03-29", **config)
    api.requests.clear()
    second = connector.read(tickers=tickers, state=first.saved(), **config)
    made = len(api.calls("/v2/aggs/")), len(api.calls(SPLITS))
    assert made == (calls, 2)  # a list of a thousand tickers does not fit into one address
    assert first.table() | second.table() == right(tickers, "2012-03-23", "2012-03-30")


def test_a_new_ticker_among_many_is_read_by_one_call_more(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    tickers, config = many(api, 50), {"start_date": "2012-02-01", "lookback_days": 0, "adjusted": False, **SPARE_CALLS}
    first = connector.read(tickers=tickers, end_date="2012-03-29", **config)
    api.requests.clear()
    second = connector.read(tickers=[*tickers, "AAPL"], state=first.saved(), **config)
    assert (len(api.calls(BARS)), len(api.calls(GROUPED))) == (1, 1)
    assert first.table() | second.table() == right([*tickers, "AAPL"], "2012-02-01", "2012-03-30", adjusted=False)


def test_a_sync_with_no_day_to_read_asks_for_no_price(connector: Connector, api: SandboxApi) -> None:
    first = connector.read()
    api.requests.clear()
    connector.read(state=first.saved(), lookback_days=0)
    assert api.calls("/v2/aggs/") == []


def test_prices_that_are_not_adjusted_cost_no_call_for_splits(connector: Connector, api: SandboxApi) -> None:
    first = connector.read(adjusted=False, end_date="2012-03-29")
    connector.read(adjusted=False, state=first.saved())
    assert (len(api.calls(BARS)), api.calls(SPLITS)) == (2, [])


def test_without_a_rate_limit_a_handful_of_tickers_is_not_read_by_whole_days(
    connector: Connector, api: SandboxApi
) -> None:
    connector.read(tickers=["AAPL", "IBM", "MSFT"], start_date="2012-03-30", requests_per_minute=0)
    assert (len(api.calls(BARS)), len(api.calls(GROUPED))) == (3, 0)


# --- The whole market ------------------------------------------------------------------------------------------------


def test_the_whole_market_costs_one_call_a_weekday(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    run = connector.read(**MARKET)
    assert run.table() == right(LISTED, "2012-05-14", "2012-05-23")  # FB came to the market on 05-18
    assert (len(api.calls(GROUPED)), len(api.calls(BARS)), len(api.calls(SPLITS))) == (8, 0, 1)
    assert all("include_otc=true" in call for call in api.calls(GROUPED))


def test_the_state_of_the_whole_market_is_one_entry(connector: Connector) -> None:
    assert connector.read(**MARKET).states()[-1]["read"] == {"*": ["2012-05-14", "2012-05-23"]}


def test_the_next_sync_of_the_whole_market_reads_the_new_days(
    connector: Connector, right: Callable[..., Table]
) -> None:
    first = connector.read(**MARKET)
    second = connector.read(**MARKET | {"end_date": "2012-05-25"}, state=first.saved())
    assert second.table() == right(LISTED, "2012-05-24", "2012-05-25")


def test_a_split_in_the_whole_market_reads_its_ticker_again_and_no_other(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    first = connector.read(**MARKET)
    api.splits.append(split("AAPL", "2012-05-17", 7))
    api.requests.clear()
    second = connector.read(**MARKET | {"end_date": "2012-05-24"}, state=first.saved())
    assert (len(api.calls(GROUPED)), [call[:20] for call in api.calls(BARS)]) == (1, ["/v2/aggs/ticker/AAPL"])
    assert first.table() | second.table() == right(LISTED, "2012-05-14", "2012-05-24")
    later = connector.read(**MARKET | {"end_date": "2012-06-15"}, state=second.saved())
    assert list(later.states()[-1]["read"]) == ["*"]  # AAPL has caught up


def test_a_day_of_the_market_that_fails_is_named_and_nothing_after_it_counts_as_read(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    api.fail_next("garbage", 3, "2012-05-17")
    first = connector.read(**MARKET)
    assert (first.exit_code, first.statuses()[-1]) == (1, "INCOMPLETE")
    assert "2012-05-17" in first.error()["message"]
    second = connector.read(**MARKET, state=first.saved())
    assert first.table() | second.table() == right(LISTED, "2012-05-14", "2012-05-23")
