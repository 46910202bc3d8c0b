"""Tests that prices equal a full refresh after any change in the list of splits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from sandbox_market import SPARE_CALLS, split, today_in_new_york, weekday_after, weekdays
from usual import QUARTER

if TYPE_CHECKING:
    from conftest import Connector, Row

    RealPrices = Callable[..., list[Row]]
    Table = dict[tuple, Row]


@pytest.mark.parametrize(
    ("days_behind", "last_days", "config"),
    [
        (0, ("2005-02-23", "2005-03-08"), {}),
        # On its day the bars do not know the split yet.
        (2, ("2005-02-24", "2005-03-09"), {"lookback_days": 0, **SPARE_CALLS}),
        (2, ("2005-02-24", "2005-03-09"), {"tickers": []}),
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


def test_an_interrupted_re_read_resumes_from_any_state(
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


def test_a_list_of_splits_that_the_plan_lacks_is_a_warning_and_prices_are_still_read(
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
