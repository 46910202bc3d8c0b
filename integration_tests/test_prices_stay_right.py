"""What no other connector promises: few requests, and a destination that equals a full refresh whatever happens.

`table` below is what a destination holds: rows by primary key, each sync's rows put over the earlier ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from sandbox_data import NEW_YORK, Day

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

    RealPrices = Callable[..., list[Row]]
    Table = dict[tuple, Row]

BARS, GROUPED, SPLITS = "/v2/aggs/ticker/", "/v2/aggs/grouped/", "/stocks/v1/splits"
QUARTER = ("2012-01-03", "2012-03-30")  # the days of the usual config
SPARE_CALLS = {"requests_per_minute": 6000}  # a limit, so that calls are what counts; and one that nobody feels
RANDOM_HISTORIES = int(os.environ.get("RANDOM_HISTORIES", "4"))  # more of them take longer: RANDOM_HISTORIES=200 pytest


@pytest.fixture
def right(real_prices: RealPrices) -> Callable[..., Table]:
    """right(tickers, first, last): the table as a full refresh would make it now."""

    def table(tickers: Iterable[str], first: str, last: str, adjusted: bool = True) -> Table:
        rows = [row for ticker in tickers for row in real_prices(ticker, first, last, adjusted)]
        return {(row["stock_ticker"], row["timestamp"]): row for row in rows}

    return table


def weekdays(first: str, last: str) -> list[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    days = [day + timedelta(days=n) for n in range((end - day).days + 1)]
    return [day.isoformat() for day in days if day.weekday() < 5]


def weekday_after(day: str) -> str:
    return weekdays(day, (date.fromisoformat(day) + timedelta(days=4)).isoformat())[1]


def split(ticker: str, day: str, split_to: float) -> Row:
    return {"ticker": ticker, "execution_date": day, "split_from": 1, "split_to": split_to}


def many(api: SandboxApi, number: int) -> list[str]:
    """So many tickers, all with IBM's prices."""
    tickers = [f"T{n}" for n in range(number)]
    api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
    return tickers


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

MARKET = {"tickers": [], "start_date": "2012-05-14", "end_date": "2012-05-23", "lookback_days": 0}
LISTED = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


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


# --- Splits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_behind", "last_days", "config"),
    [
        (0, ("2005-02-14", "2005-03-14"), {}),
        # On its day the bars do not know the split yet.
        (2, ("2005-02-22", "2005-03-14"), {"lookback_days": 0, **SPARE_CALLS}),
        (2, ("2005-02-24", "2005-03-10"), {"tickers": []}),
    ],
    ids=["at once", "bars two days behind", "whole market"],
)
def test_day_by_day_over_a_split_the_destination_equals_a_full_refresh(
    connector: Connector,
    api: SandboxApi,
    right: Callable[..., Table],
    days_behind: int,
    last_days: tuple[str, str],
    config: dict[str, Any],
) -> None:
    config = {"tickers": ["AAPL", "MSFT"], "start_date": "2005-02-01"} | config
    table: Table = {}
    state: Any = []
    for last in weekdays(*last_days):  # AAPL's split was on Monday 02-28
        today = date.fromisoformat(weekday_after(last))
        api.today, api.bars_as_of = today.isoformat(), (today - timedelta(days=days_behind)).isoformat()
        run = connector.read(**config, end_date=last, state=state)
        state = run.saved()
        table |= run.table()
        assert table == right(config["tickers"] or ["AAPL", "GOOG", "IBM", "MSFT"], "2005-02-01", last), last
    assert table == connector.read(**config, end_date=last, mode="full_refresh").table()
    assert len(run.rows()) < len(table) / 3  # at the end all has settled, and only the last days are read


def late(api: SandboxApi) -> None:
    api.splits.append(split("AAPL", "2012-02-10", 7))


def corrected(api: SandboxApi) -> None:
    api.splits[-1]["split_to"] = 3


def moved(api: SandboxApi) -> None:
    api.splits[-1]["execution_date"] = "2012-02-21"


def withdrawn(api: SandboxApi) -> None:
    api.splits.pop()


def reverse(api: SandboxApi) -> None:
    api.splits.append(split("AAPL", "2012-03-01", 0.1))


def twice(api: SandboxApi) -> None:
    api.splits += [split("AAPL", "2012-02-10", 2), split("AAPL", "2012-02-16", 3)]


@pytest.mark.parametrize(
    ("before", "change"),
    [(0, late), (0, reverse), (0, twice), (1, late), (1, corrected), (1, moved), (1, withdrawn)],
)
def test_a_change_in_the_list_of_splits_reads_the_ticker_again(
    connector: Connector,
    api: SandboxApi,
    right: Callable[..., Table],
    before: int,
    change: Callable[[SandboxApi], None],
) -> None:
    api.splits += [split("AAPL", "2012-01-20", 2)] * before
    first = connector.read(tickers=["AAPL", "IBM"])
    change(api)
    second = connector.read(tickers=["AAPL", "IBM"], state=first.saved(), lookback_days=1)
    assert [row["date"] for row in second.rows() if row["stock_ticker"] == "IBM"] == ["2012-03-30"]
    assert first.table() | second.table() == right(["AAPL", "IBM"], *QUARTER)


def test_a_late_split_is_found_by_a_sync_that_has_no_new_day(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    first = connector.read(tickers=["AAPL"])
    late(api)
    second = connector.read(tickers=["AAPL"], state=first.saved(), lookback_days=0)
    assert first.table() | second.table() == right(["AAPL"], *QUARTER)


def test_a_split_that_has_settled_is_not_read_again_for_ever(connector: Connector, api: SandboxApi) -> None:
    late(api)
    first = connector.read(tickers=["AAPL"])
    second = connector.read(tickers=["AAPL"], state=first.saved(), lookback_days=1)
    assert [row["date"] for row in second.rows()] == ["2012-03-30"]


def test_an_interrupted_reading_again_goes_on_from_any_state(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    api.page_size = 20
    tickers = ["AAPL", "IBM", "MSFT"]
    first = connector.read(tickers=tickers)
    api.splits += [split("AAPL", "2012-02-10", 7), split("MSFT", "2012-03-01", 2)]
    second = connector.read(tickers=tickers, state=first.saved())
    cuts = second.killed_after_each_state()
    rests = connector.read_each({"tickers": tickers, "state": cut.saved(), "lookback_days": 0} for cut in cuts)
    for cut, rest in zip(cuts, rests, strict=True):
        table = first.table() | cut.table() | rest.table()
        assert table == right(tickers, *QUARTER), f"resumed from {cut.states()[-1]}"


def test_a_split_before_all_rows_changes_none(connector: Connector, api: SandboxApi) -> None:
    first = connector.read()
    api.splits += [split("IBM", "2012-01-03", 2), split("IBM", "1999-05-27", 2)]
    assert connector.read(state=first.saved(), lookback_days=0, end_date="2012-04-02").table().keys() == {
        ("IBM", "2012-04-02T04:00:00Z")
    }


def test_a_split_that_is_only_announced_changes_nothing(connector: Connector, api: SandboxApi) -> None:
    api.announce_days = 365
    first = connector.read()
    api.splits.append(split("IBM", (today_in_new_york() + timedelta(days=20)).isoformat(), 2))
    api.announce_days = 365 * 100
    second = connector.read(state=first.saved(), lookback_days=0, end_date="2012-04-02")
    assert [row["date"] for row in second.rows()] == ["2012-04-02"]


def test_a_list_of_splits_that_the_plan_lacks_is_a_warning_and_prices_go_on(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.forbidden = {"splits"}
    run = connector.read()
    assert (run.exit_code, run.rows()) == (0, real_prices("IBM", *QUARTER))
    assert "plits" in run.logs("WARN")


def test_known_splits_survive_a_sync_in_which_their_list_is_refused(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    late(api)
    first = connector.read(tickers=["AAPL"], end_date="2012-03-23")
    api.forbidden = {"splits"}
    second = connector.read(tickers=["AAPL"], end_date="2012-03-26", state=first.saved(), lookback_days=0)
    api.forbidden = set()
    third = connector.read(tickers=["AAPL"], end_date="2012-03-27", state=second.saved(), lookback_days=0)
    assert [row["date"] for row in second.rows() + third.rows()] == ["2012-03-26", "2012-03-27"]


def test_a_split_that_came_while_the_list_was_refused_is_found_later(
    connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    first = connector.read(tickers=["AAPL"], end_date="2012-03-23")
    late(api)
    api.forbidden = {"splits"}
    second = connector.read(tickers=["AAPL"], end_date="2012-03-26", state=first.saved())
    api.forbidden = set()
    third = connector.read(tickers=["AAPL"], end_date="2012-03-27", state=second.saved())
    assert first.table() | second.table() | third.table() == right(["AAPL"], "2012-01-03", "2012-03-27")


@pytest.mark.parametrize("timespan", ["hour", "week", "month"])
def test_a_split_reads_bars_of_other_sizes_again_too(connector: Connector, api: SandboxApi, timespan: str) -> None:
    config = {"tickers": ["AAPL"], "timespan": timespan}
    first = connector.read(**config, end_date="2012-03-23")
    late(api)
    second = connector.read(**config, state=first.saved())
    assert first.table() | second.table() == connector.read(**config, mode="full_refresh").table()


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
    assert len([line for line in second.logs("INFO").splitlines() if "read again" in line]) == 1


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


def test_history_that_is_clipped_silently_is_told_and_not_recorded_as_read(
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


def today_in_new_york() -> date:
    return datetime.now(NEW_YORK).date()


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


# --- Random histories ------------------------------------------------------------------------------------------------


class History:
    """A connection's life by chance: what its user, the market, the API and the machine do to it."""

    def __init__(self, seed: int, connector: Connector, api: SandboxApi) -> None:
        self.chance = random.Random(seed)
        self.connector, self.api = connector, api
        self.tickers = ["AAPL", "IBM"]
        self.start = "2012-01-17"
        self.last = "2012-03-01"
        self.adjusted = True
        self.table: Table = {}
        self.state: Any = []
        self.told: list[str] = []  # what happened, for the message of a test that fails

    def something_happens(self) -> None:
        happening = self.chance.choice(
            [self.days_pass, self.days_pass, self.a_split, self.a_split_is_withdrawn, self.a_split_is_corrected,
             self.a_ticker_comes, self.a_ticker_goes, self.the_start_moves, self.adjusted_changes]
        )  # fmt: skip
        happening()
        self.told.append(f"{happening.__name__}: {self.last=} {self.start=} {self.tickers=} {self.api.splits[3:]}")

    def days_pass(self) -> None:
        for _ in range(self.chance.randint(1, 8)):
            self.last = weekday_after(self.last)

    def some_day(self) -> str:
        return self.chance.choice(weekdays("2012-01-03", self.last))

    def a_split(self) -> None:
        ticker = self.chance.choice(["AAPL", "IBM", "MSFT", "GOOG"])
        self.api.splits.append(split(ticker, self.some_day(), self.chance.choice([0.2, 2, 3])))

    def a_split_is_withdrawn(self) -> None:
        if len(self.api.splits) > 3:
            self.api.splits.pop(self.chance.randrange(3, len(self.api.splits)))

    def a_split_is_corrected(self) -> None:
        if len(self.api.splits) > 3:
            self.chance.choice(self.api.splits[3:])["split_to"] = 5

    def a_ticker_comes(self) -> None:
        self.tickers = sorted({*self.tickers, self.chance.choice(["AAPL", "IBM", "MSFT", "GOOG"])})

    def a_ticker_goes(self) -> None:
        if len(self.tickers) > 1:
            gone = self.chance.choice(self.tickers)
            self.tickers = [ticker for ticker in self.tickers if ticker != gone]

    def the_start_moves(self) -> None:
        self.start = self.chance.choice(["2012-01-03", "2012-01-17", "2012-02-01"])

    def adjusted_changes(self) -> None:
        self.adjusted = self.chance.random() < 0.7

    def sync(self, killed: bool) -> None:
        """A sync; one that is killed gives the destination only its first lines, and the last state among them."""
        today = date.fromisoformat(weekday_after(self.last))
        self.api.today = today.isoformat()
        self.api.page_size = self.chance.choice([None, 10, 25])
        run: Run = self.connector.read(
            tickers=self.tickers,
            start_date=self.start,
            end_date=self.last,
            adjusted=self.adjusted,
            lookback_days=self.chance.choice([0, 3]),
            requests_per_minute=self.chance.choice([0, 6000]),
            num_workers=self.chance.choice([1, 4]),
            state=self.state,
        )
        assert run.exit_code == 0
        if killed:
            run = run.killed_after(self.chance.randint(0, len(run.messages)))
        self.told.append(f"sync, {len(run.rows())} rows{', then killed' if killed else ''}")
        self.table |= run.table()
        self.state = run.saved() or self.state


@pytest.mark.parametrize("seed", range(RANDOM_HISTORIES))
def test_after_any_history_the_destination_equals_a_full_refresh(
    seed: int, connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    history = History(seed, connector, api)
    for _ in range(8):
        for _ in range(history.chance.randint(1, 3)):
            history.something_happens()
        if history.chance.random() < 0.6:
            history.sync(killed=True)
        else:
            history.sync(killed=False)
            # Rows of tickers taken out, and from before the start_date, may stay as they were.
            kept = {
                key: row
                for key, row in history.table.items()
                if row["stock_ticker"] in history.tickers and row["date"] >= history.start
            }
            wanted = right(history.tickers, history.start, history.last, history.adjusted)
            assert kept == wanted, "\n".join(history.told)
