"""Tests that the rows of a read are the real prices: pages, tickers, other bar sizes, odd spellings of numbers."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from usual import BARS, QUARTER, ROOT, SAMPLES

if TYPE_CHECKING:
    from conftest import Connector, Row

    RealPrices = Callable[..., list[Row]]


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_a_read_gives_the_real_prices(connector: Connector, real_prices: RealPrices, mode: str) -> None:
    run = connector.read(mode=mode, tickers=["IBM", "MSFT"])
    assert run.exit_code == 0
    assert run.rows() == real_prices("IBM", *QUARTER) + real_prices("MSFT", *QUARTER)


@pytest.mark.parametrize("file", ["configured_catalog.json", "configured_catalog_full_refresh.json"])
def test_the_sample_files_read_two_months(connector: Connector, real_prices: RealPrices, file: str) -> None:
    config = connector.sample("sample_files/config_sandbox.json")
    run = connector.run("read", "--config", config, "--catalog", str(SAMPLES / file))
    assert run.exit_code == 0
    assert run.rows() == real_prices("AAPL", "2005-02-01", "2005-03-31") + real_prices(
        "MSFT", "2005-02-01", "2005-03-31"
    )


def test_the_sample_state_resumes_three_days_before_it_ends(connector: Connector, real_prices: RealPrices) -> None:
    config, catalog = connector.sample("sample_files/config_sandbox.json"), str(SAMPLES / "configured_catalog.json")
    run = connector.run("read", "--config", config, "--catalog", catalog, "--state", str(SAMPLES / "state.json"))
    # It was read through 03-28; of the days before that, the last three weekdays are read again (03-25 was a holiday).
    again = ("2005-03-24", "2005-03-31")
    assert run.rows() == real_prices("AAPL", *again) + real_prices("MSFT", *again)


def test_a_state_in_the_far_future_gives_a_state_and_no_rows(connector: Connector) -> None:
    config, state = connector.sample("sample_files/config_sandbox.json"), ROOT / "integration_tests/future_state.json"
    names = [saved["stream"]["stream_descriptor"]["name"] for saved in json.loads(state.read_text())]
    catalog = connector.file(connector.catalog(names, "incremental"))
    run = connector.run("read", "--config", config, "--catalog", catalog, "--state", str(state))
    assert (run.exit_code, run.of_type("RECORD")) == (0, [])
    assert [run.statuses(name) for name in names] == [["STARTED", "COMPLETE"]] * 4
    assert [saved["stream"]["stream_state"] for saved in run.saved()] == [
        saved["stream"]["stream_state"] for saved in json.loads(state.read_text())
    ]


def test_odd_number_forms_become_plain_ones(connector: Connector, api: SandboxApi) -> None:
    def odd(path: str, body: Any) -> Any:
        for bar in body.get("results", []) if BARS in path else []:
            bar |= {"v": 2.4970168e07, "n": 5.0, "vw": 101, "t": float(bar["t"]), "otc": True, "source_feed": "x"}
        return body

    api.transform = odd
    run = connector.read(adjusted=False)
    assert "fields that are not in the schema; they are ignored: source_feed." in run.logs("INFO")
    line = next(line for line in run.lines if '"RECORD"' in line)
    assert '"volume":24970168.0,"vwap":101,"transactions":5,"otc":true,"adjusted":false}' in line
    assert '"timestamp":"2012-01-03T05:00:00Z"' in line


def test_pages_join_to_the_whole(connector: Connector, api: SandboxApi, real_prices: RealPrices) -> None:
    api.page_size = 7
    assert connector.read().rows() == real_prices("IBM", *QUARTER)
    assert len(api.calls(BARS)) == math.ceil(len(real_prices("IBM", *QUARTER)) / 7)


@pytest.mark.parametrize("adjusted", [True, False])
def test_further_pages_are_adjusted_as_the_first_is(
    connector: Connector, api: SandboxApi, real_prices: RealPrices, adjusted: bool
) -> None:
    api.page_size = 9  # the links to the next page do not say `adjusted`, and the API's default is true
    days = ("2005-02-01", "2005-03-31")
    run = connector.read(tickers=["AAPL"], start_date=days[0], end_date=days[1], adjusted=adjusted)
    assert run.rows() == real_prices("AAPL", *days, adjusted=adjusted)


def test_a_response_that_is_adjusted_unasked_is_an_error(connector: Connector, api: SandboxApi) -> None:
    api.transform = lambda path, body: {**body, "adjusted": True}
    run = connector.read(adjusted=False)
    assert (run.exit_code, run.rows(), run.statuses()[-1]) == (1, [], "INCOMPLETE")
    assert "adjusted" in run.error()["message"]


def test_pages_that_lead_in_a_circle_are_an_error(connector: Connector, api: SandboxApi) -> None:
    api.transform = lambda path, body: {**body, "next_url": f"{api.url}{path}"}
    run = connector.read(adjusted=False)
    assert run.exit_code == 1
    assert "form a loop" in run.error()["message"]


def test_tickers_stay_as_they_are_written(connector: Connector, api: SandboxApi, real_prices: RealPrices) -> None:
    tickers = ["BRK.B", "BACpL", "bacpl", "A/B", "NULL", "TRUE", "1E5", "ÄÖ", "A B", "%41", "?x=1", "A,B"]
    api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
    rows = connector.read(tickers=tickers, start_date="2012-03-26", adjusted=False).rows()
    assert rows == [row for t in tickers for row in real_prices(t, "2012-03-26", "2012-03-30", adjusted=False)]


def test_a_ticker_listed_twice_in_the_config_is_read_once(connector: Connector, real_prices: RealPrices) -> None:
    assert connector.read(tickers=["IBM", "IBM"]).rows() == real_prices("IBM", *QUARTER)


@pytest.mark.parametrize("workers", [1, 32])
def test_rows_come_in_the_order_of_the_config_whatever_the_number_of_workers(
    connector: Connector, api: SandboxApi, real_prices: RealPrices, workers: int
) -> None:
    tickers = ["MSFT", "IBM", "GOOG", "AAPL"]
    api.page_size = 20
    api.fail_next(("slow", 0.3), path="/MSFT/")
    rows = connector.read(tickers=tickers, num_workers=workers).rows()
    assert rows == [row for ticker in tickers for row in real_prices(ticker, *QUARTER)]


@pytest.mark.parametrize(
    ("timespan", "multiplier", "first", "second"),
    [
        ("minute", 30, "2005-02-25T14:30:00Z", "2005-02-25T15:00:00Z"),
        ("hour", 1, "2005-02-25T14:00:00Z", "2005-02-25T15:00:00Z"),
        ("hour", 4, "2005-02-25T13:00:00Z", "2005-02-25T17:00:00Z"),
        ("day", 1, "2005-02-25T05:00:00Z", "2005-02-28T05:00:00Z"),
        ("week", 1, "2005-02-20T05:00:00Z", "2005-02-27T05:00:00Z"),
        ("month", 1, "2005-02-01T05:00:00Z", "2005-03-01T05:00:00Z"),
    ],
)
def test_other_bars_are_stamped_with_their_start(
    connector: Connector, timespan: str, multiplier: int, first: str, second: str
) -> None:
    days = {"start_date": "2005-02-25", "end_date": "2005-04-08"}
    run = connector.read(tickers=["AAPL"], timespan=timespan, multiplier=multiplier, **days)
    assert [row["timestamp"] for row in run.rows()[:2]] == [first, second]
    assert len(run.table()) == len(run.rows())


@pytest.mark.parametrize(("timespan", "whole"), [("week", ["2005-02-27", "2005-03-06"]), ("month", ["2005-02-01"])])
def test_a_bar_that_still_grows_is_not_read(connector: Connector, timespan: str, whole: list[str]) -> None:
    days = {"start_date": "2005-02-28", "end_date": "2005-03-16"}  # a Monday, and a Wednesday
    run = connector.read(tickers=["AAPL"], timespan=timespan, **days)
    assert [row["date"] for row in run.rows()] == whole


def test_where_the_system_lets_no_thread_start_the_rows_are_the_same(
    connector: Connector, real_prices: RealPrices
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard != resource.RLIM_INFINITY:
        pytest.skip("needs stacks that are too large")
    resource.setrlimit(resource.RLIMIT_STACK, (2**50, hard))  # of each thread in a process begun from now on
    try:
        run = connector.read(tickers=["AAPL", "IBM", "MSFT"])
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
    assert (run.exit_code, run.errors()) == (0, [])
    assert run.rows() == [row for ticker in ("AAPL", "IBM", "MSFT") for row in real_prices(ticker, *QUARTER)]
