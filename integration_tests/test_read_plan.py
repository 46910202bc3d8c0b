"""Tests that `read --plan` reports what a read costs, and that the read makes exactly these requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi

if TYPE_CHECKING:
    from conftest import Connector

EVERYTHING = (
    "stock_prices",
    "dividends",
    "splits",
    "news",
    "tickers",
    "ticker_details",
    "exchanges",
    "market_holidays",
)
COST = re.compile(r"(\w+|In all): (at least )?([\d,]+) requests?(?:, about ([\d,]+) rows?)?")
EXACT = {"stock_prices", "ticker_details", "exchanges", "market_holidays"}
MIXES: dict[str, dict[str, Any]] = {
    "one ticker": {},
    "a split": {"tickers": ["AAPL", "MSFT"], "start_date": "2005-02-01", "end_date": "2005-03-31"},
    "by days": {
        "tickers": ["AAPL", "GOOG", "IBM", "MSFT"],
        "start_date": "2012-03-28",
        "requests_per_minute": 6000,
    },
    "as they come, by weeks": {"tickers": ["AAPL", "IBM"], "timespan": "week", "adjusted": False},
}


def costs(logs: str) -> dict[str, tuple[bool, int, int | None]]:
    """By stream: whether it is exact, requests, rows."""
    found = [COST.match(line) for line in logs.splitlines()]
    return {m[1]: (not m[2], _number(m[3]), _number(m[4]) if m[4] else None) for m in found if m}


def _number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_a_read_makes_the_requests_that_were_forecast(
    connector: Connector, api: SandboxApi, mix: dict[str, Any]
) -> None:
    run = connector.read("--plan", streams=EVERYTHING, **mix)
    assert (run.exit_code, {message["type"] for message in run.messages}) == (0, {"LOG"})
    assert len(api.calls()) == mix.get("adjusted", True)  # the list of splits
    planned = costs(run.logs("INFO"))
    assert list(planned) == [*EVERYTHING, "Total"]
    assert planned["Total"][1] == sum(requests for _, requests, _ in list(planned.values())[:-1])
    assert {stream for stream, (exact, _, _) in planned.items() if exact} == EXACT
    for stream in EVERYTHING:
        before = len(api.calls())
        run = connector.read(streams=[stream], **mix)
        _, requests, rows = planned[stream]
        assert len(api.calls()) - before == requests, stream
        if rows is not None:
            assert len(run.rows(stream)) == pytest.approx(rows, rel=0.1, abs=2), stream


def test_the_plan_of_a_sync_that_resumes_covers_the_rest(connector: Connector, api: SandboxApi) -> None:
    saved = connector.read(tickers=["AAPL", "IBM"]).saved()
    planned = costs(connector.read("--plan", tickers=["AAPL", "IBM", "MSFT"], state=saved).logs("INFO"))
    assert planned["stock_prices"][:2] == (True, 4)
    before = len(api.calls())
    connector.read(tickers=["AAPL", "IBM", "MSFT"], state=saved)
    assert len(api.calls()) - before == 4


def test_the_plan_says_how_long_it_takes_at_this_rate(connector: Connector) -> None:
    run = connector.read("--plan", tickers=["AAPL", "IBM", "MSFT"], adjusted=False, requests_per_minute=1)
    assert run.logs("INFO") == (
        "stock_prices: 3 requests, about 185 rows, about 3 min.\nTotal: 3 requests, about 185 rows, about 3 min."
    )


def test_of_as_many_tickers_as_days_the_plan_says_what_the_whole_market_costs(connector: Connector) -> None:
    tickers = [f"T{n}" for n in range(502)]
    run = connector.read("--plan", tickers=tickers, start_date="2011-03-05", end_date="2013-03-01")
    assert "The whole market would cost about 525 requests, these 502 tickers cost 503." in run.logs("INFO")


def test_a_stream_that_cannot_be_read_is_reported(connector: Connector) -> None:
    run = connector.read("--plan", streams=["ticker_details", "exchanges"], tickers=[])
    assert run.exit_code == 1
    assert run.error()["message"].startswith("tickers: ticker_details needs one request per ticker")
    assert costs(run.logs("INFO"))["exchanges"] == (True, 1, None)


def test_the_platform_learns_how_many_rows_to_expect(connector: Connector) -> None:
    run = connector.read()
    (estimate,) = [trace["estimate"] for trace in run.of_type("TRACE") if trace["type"] == "ESTIMATE"]
    assert (estimate["name"], estimate["type"]) == ("stock_prices", "STREAM")
    assert estimate["row_estimate"] == pytest.approx(len(run.rows()), abs=2)
