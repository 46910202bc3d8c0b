"""Tests failures of a read: temporary ones cost no rows, permanent ones are reported in one sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import NOT_IN_PLAN, SandboxApi
from usual import BARS, QUARTER, STREAMS

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

    RealPrices = Callable[..., list[Row]]


def test_a_ticker_that_fails_is_named_and_the_others_are_read(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.fail_next("garbage", math.inf, "/MSFT/")
    run = connector.read(tickers=["AAPL", "MSFT", "IBM"])
    assert (run.exit_code, run.statuses()) == (1, ["STARTED", "RUNNING", "INCOMPLETE"])
    assert run.rows() == real_prices("AAPL", *QUARTER) + real_prices("IBM", *QUARTER)
    assert "MSFT" in run.error()["message"]
    assert run.error()["stream_descriptor"] == {"name": "stock_prices"}


def test_the_next_sync_reads_the_ticker_that_failed(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.fail_next("garbage", 3, "/MSFT/")  # as often as a response is requested
    tickers = ["AAPL", "MSFT", "IBM"]
    first = connector.read(tickers=tickers)
    second = connector.read(tickers=tickers, state=first.saved(), lookback_days=0)
    assert (first.exit_code, second.exit_code, second.rows()) == (1, 0, real_prices("MSFT", *QUARTER))


def test_the_states_of_a_read_that_failed_come_before_its_end(connector: Connector, api: SandboxApi) -> None:
    api.fail_next("garbage", math.inf, "/MSFT/")
    messages = [m for m in connector.read(tickers=["AAPL", "MSFT"]).messages if m["type"] != "LOG"]
    ends = [m.get("trace", {}).get("stream_status", {}).get("status") or m["type"] for m in messages[-3:]]
    assert ends == ["STATE", "INCOMPLETE", "TRACE"]


def test_a_wrong_key_ends_a_read_at_once(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(tickers=["AAPL", "IBM", "MSFT"], api_key="no-key-of-ours", adjusted=False)
    assert (run.exit_code, run.statuses(), run.error()["failure_type"]) == (
        1,
        ["STARTED", "INCOMPLETE"],
        "config_error",
    )
    assert "api_key" in run.error()["message"]


def test_the_same_failure_reads_the_same_in_check_and_in_read(connector: Connector) -> None:
    check, read = connector.check(api_key="no-key-of-ours"), connector.read(api_key="no-key-of-ours", adjusted=False)
    assert check.status()[1] == read.error()["message"]


def test_a_wrong_path_in_the_address_is_not_an_empty_success(connector: Connector, api: SandboxApi) -> None:
    streams = [name for name in STREAMS if name != "ticker_details"]  # to which each 404 means an unknown ticker
    run = connector.read(streams=streams, api_url=api.url + "/v9")
    assert [name for name in streams if run.statuses(name)[-1] == "COMPLETE"] == []
    assert run.exit_code == 1


def test_a_line_break_in_an_error_of_the_api_stays_in_one_message(connector: Connector, api: SandboxApi) -> None:
    said = 'no\n{"type":"RECORD"}\r\x1b[31m\u2028'
    api.fail_next(("status", 403, {}, {"status": "ERROR", "error": said}), math.inf)
    run = connector.read(adjusted=False)
    assert [message["type"] for message in run.messages] == ["TRACE", "STATE", "TRACE", "TRACE"]
    assert said in run.error()["message"]


FEBRUARY = {"tickers": ["AAPL", "IBM"], "start_date": "2005-02-01", "end_date": "2005-03-31"}

# Temporary faults: the read waits, retries, and is complete.
PASSING: dict[str, Any] = {
    "429 with Retry-After": ("status", 429, {"Retry-After": "1"}),
    "429 with Retry-After 3": ("status", 429, {"Retry-After": "3"}),
    "429 with a date long past": ("status", 429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "429 without a body": ("status", 429, {"Retry-After": "1"}, b""),
    "the rate limit with HTTP 200": (
        "status",
        200,
        {"Retry-After": "1"},
        {"status": "ERROR", "error": "You've exceeded the maximum requests per minute, please wait."},
    ),
    "500": ("status", 500),
    "502 with a web page": ("status", 502, {"Content-Type": "text/html"}, b"<html>Bad gateway</html>"),
    "503": ("status", 503),
    "503 with Retry-After": ("status", 503, {"Retry-After": "2"}),
    "504": ("status", 504),
    "408": ("status", 408),
    "drop": "drop",
    "reset": "reset",
    "half": "half",
    "truncated": "truncated",
    "truncated_gzip": "truncated_gzip",
    "garbage": "garbage",
    "html": "html",
    "empty": "empty",
    "slow": ("slow", 0.5, 0.5),
}
IN_THE_SPLITS = ["429 with Retry-After", "503", "drop", "half"]
SENT_AGAIN_ONLY_FOR_ROWS = {
    "truncated",
    "truncated_gzip",
    "garbage",
    "html",
    "empty",
}  # good HTTP around something that is not JSON

# Permanent faults: one sentence (some of its words), the kind of failure, no silent gap.
STAYING: dict[str, tuple[Any, str, str]] = {
    "503": (("status", 503), "503", "transient_error"),
    "drop": ("drop", "connection", "transient_error"),
    "half": ("half", "connection", "transient_error"),
    "a wait that is too long": (("status", 429, {"Retry-After": "86400"}), "rate limit", "transient_error"),
    "truncated": ("truncated", "not JSON", "system_error"),
    "html": ("html", "not JSON", "system_error"),
    "redirect": ("redirect", "redirects", "system_error"),
    "400": (("status", 400), "refused", "system_error"),
    "401": (("status", 401), "api_key", "config_error"),
    "403": (("status", 403, {}, {"status": "NOT_AUTHORIZED", "message": NOT_IN_PLAN}), "plan", "config_error"),
    "418": (("status", 418, {}, b"teapot"), "418", "system_error"),
    "an error with HTTP 200": (("status", 200, {}, {"status": "ERROR", "error": "Boom"}), "Boom", "system_error"),
    "a number for a list": (("status", 200, {}, {"status": "OK", "results": 5}), "results", "system_error"),
    "a string for a number": (
        ("status", 200, {}, {"status": "OK", "results": [{"t": 1109307600000, "c": "88.99"}]}),
        "got `str` - at `$.results[0].c`",
        "system_error",
    ),
    "NaN": (
        ("status", 200, {}, b'{"status":"OK","results":[{"t":1109307600000,"c":NaN}]}'),
        "not JSON",
        "system_error",
    ),
    "a bar without a time": (
        ("status", 200, {}, {"status": "OK", "results": [{"c": 1}]}),
        "missing required field `t`",
        "system_error",
    ),
}


@pytest.fixture(scope="module")
def faulty(connect: Callable[[str], Connector]) -> Iterator[dict[tuple[str, str], Future[Run]]]:
    """A read for each fault, each with its own sandbox. All at once: they mostly wait."""

    def read(fault: Any, times: float, path: str, after: int) -> Run:
        with SandboxApi(page_size=20) as api:
            api.fail_next(None, after, path)
            api.fail_next(fault, times, path)
            return connect(api.url).read(**FEBRUARY)

    # The bars fail at their second request, during the read; the splits take one request.
    jobs = {("stays", name): partial(read, fault, math.inf, BARS, 1) for name, (fault, *_) in STAYING.items()}
    jobs |= {("passes", name): partial(read, fault, 1, BARS, 1) for name, fault in PASSING.items()}
    jobs |= {("in the splits", name): partial(read, PASSING[name], 1, "/splits", 0) for name in IN_THE_SPLITS}
    with ThreadPoolExecutor(8) as pool:
        yield {name: pool.submit(job) for name, job in jobs.items()}


@pytest.fixture
def february(real_prices: RealPrices) -> list[Row]:
    return [row for ticker in ("AAPL", "IBM") for row in real_prices(ticker, "2005-02-01", "2005-03-31")]


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_costs_no_row(
    fault: str, faulty: dict[tuple[str, str], Future[Run]], february: list[Row]
) -> None:
    run = faulty["passes", fault].result()
    assert (run.exit_code, run.rows(), run.errors()) == (0, february, [])


@pytest.mark.parametrize("fault", ["429 with Retry-After", "503", "drop", "garbage"])
def test_a_wait_or_another_try_is_logged(fault: str, faulty: dict[tuple[str, str], Future[Run]]) -> None:
    assert faulty["passes", fault].result().logs("WARN") != ""


def test_a_long_wait_for_the_rate_limit_is_reported_to_the_platform(
    faulty: dict[tuple[str, str], Future[Run]],
) -> None:
    run = faulty["passes", "429 with Retry-After 3"].result()
    reasons = [trace["stream_status"].get("reasons") for trace in run.of_type("TRACE") if "stream_status" in trace]
    assert "RATE_LIMITED" in json.dumps(reasons)


@pytest.mark.parametrize("fault", IN_THE_SPLITS)
def test_a_fault_in_the_list_of_splits_costs_no_row_either(
    fault: str, faulty: dict[tuple[str, str], Future[Run]], february: list[Row]
) -> None:
    run = faulty["in the splits", fault].result()
    assert (run.exit_code, run.rows()) == (0, february)


@pytest.mark.parametrize("fault", sorted(SENT_AGAIN_ONLY_FOR_ROWS))
def test_a_list_of_splits_that_is_not_json_is_not_a_list_without_splits(
    fault: str, connector: Connector, api: SandboxApi, february: list[Row]
) -> None:
    api.fail_next(fault, path="/splits")
    first = connector.read(**FEBRUARY)
    second = connector.read(**FEBRUARY, state=first.saved())
    assert (first.exit_code == 0) == (first.rows() == february)
    assert first.rows() + [row for row in second.rows() if row not in first.rows()] == february


# --- Checked last, because they retry for long -----------------------------------------------------------------------


@pytest.mark.parametrize("fault", STAYING)
def test_a_fault_that_stays_ends_with_one_sentence_and_no_gap(
    fault: str, faulty: dict[tuple[str, str], Future[Run]], february: list[Row]
) -> None:
    run, (_, words, failure_type) = faulty["stays", fault].result(), STAYING[fault]
    assert (run.exit_code, run.statuses()[-1]) == (1, "INCOMPLETE")
    assert run.error()["failure_type"] == failure_type
    assert words in run.error()["message"]
    assert "stack_trace" not in run.error()
    # The state says only what has been written.
    for ticker, (_, through) in run.states()[-1]["read"].items():
        covered = [row for row in february if row["stock_ticker"] == ticker and row["date"] <= (through or "")]
        assert all(row in run.rows() for row in covered)
