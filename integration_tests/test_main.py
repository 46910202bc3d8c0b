"""The four commands, run as Airbyte runs them: a process, some files, and what comes out of it.

What holds for every line of every run (it fits the protocol, it shows no key, the counts are right) is checked by
`judged` in conftest.py, also where a test here does not say so.
"""

from __future__ import annotations

import json
import math
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sandbox_api import NOT_IN_PLAN, SandboxApi

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

    RealPrices = Callable[..., list[Row]]

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_files"
QUARTER = ("2012-01-03", "2012-03-30")  # the days of the usual config
BARS = "/v2/aggs/ticker/"
STREAMS = (
    "stock_prices", "dividends", "splits", "news", "tickers", "ticker_details", "exchanges", "market_holidays",
)  # fmt: skip


def unused_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]


# --- spec ------------------------------------------------------------------------------------------------------------


def test_spec_is_what_spec_yaml_says(connector: Connector) -> None:
    run = connector.run("spec")
    assert run.exit_code == 0
    assert run.messages == [{"type": "SPEC", "spec": yaml.safe_load((ROOT / "spec.yaml").read_text("utf-8"))}]


@pytest.mark.parametrize(
    "arguments", [[], ["sync"], ["check"], ["read", "--config", "c.json"], ["spec", "--colour"]], ids=" ".join
)
def test_a_wrong_command_line_exits_with_2_and_writes_no_message(connector: Connector, arguments: list[str]) -> None:
    run = connector.run(*arguments)
    assert (run.exit_code, run.lines) == (2, [])
    assert "usage:" in run.stderr


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_succeeds_by_one_request(connector: Connector, api: SandboxApi) -> None:
    run = connector.check()
    assert (run.exit_code, run.status()) == (0, ("SUCCEEDED", ""))
    assert len(api.calls()) == 1


def test_check_never_asks_for_the_current_day(connector: Connector, api: SandboxApi) -> None:
    api.today = "2100-01-01"  # so that the sandbox refuses nothing
    connector.check(start_date=None, end_date=None)
    (call,) = api.calls()
    last_day_asked = call.partition("?")[0].rpartition("/")[2]
    assert last_day_asked < time.strftime("%Y-%m-%d")


def test_check_of_the_whole_market_proves_the_key(connector: Connector) -> None:
    assert connector.check(tickers=[]).status() == ("SUCCEEDED", "")
    assert connector.check(tickers=[], api_key="wrong-key").status()[0] == "FAILED"


# What is wrong, what brings it about (-> changes to the config), and words of the sentence that tells the user.
CHECKS: dict[str, tuple[Callable[[SandboxApi], Any], list[str]]] = {
    "a wrong key": (lambda api: {"api_key": "no-key-of-ours"}, ["api_key", "does not know this key"]),
    "an endpoint that the plan lacks": (lambda api: api.forbidden.add("custom_bars"), ["plan", "not include"]),
    "days before the plan": (lambda api: setattr(api, "plan_start", "2012-06-01"), ["start_date", "plan"]),
    "an unknown ticker": (lambda api: {"tickers": ["NOPE"]}, ["tickers", "NOPE", "spelt"]),
    "a ticker in lower case": (lambda api: {"tickers": ["ibm"]}, ["tickers", "ibm", "upper and lower case"]),
    "nothing at the port": (lambda api: {"api_url": f"http://localhost:{unused_port()}"}, ["localhost", "refused"]),
    "a host that is not there": (lambda api: {"api_url": "https://nowhere.invalid"}, ["https://nowhere.invalid"]),
    "https where http is spoken": (lambda api: {"api_url": api.url.replace("http", "https")}, ["https://localhost"]),
    "http to a far host": (lambda api: {"api_url": "http://api.massive.com"}, ["api_url", "https"]),
    "a wrong path in the address": (lambda api: {"api_url": api.url + "/v9"}, []),
    "the rate limit": (lambda api: setattr(api, "rate_per_minute", -1), ["rate limit", "requests_per_minute"]),
    "the rate limit in a good answer": (lambda api: api.fail_next("error200"), ["rate limit"]),
    "an outage": (lambda api: api.fail_next(("status", 503), math.inf), ["503"]),
    "a broken connection": (lambda api: api.fail_next("drop", math.inf), ["connection"]),
    "garbage": (lambda api: api.fail_next("garbage", math.inf), ["not JSON"]),
    "half of the JSON": (lambda api: api.fail_next("truncated", math.inf), ["not JSON"]),
    "a web page": (lambda api: api.fail_next("html", math.inf), ["not JSON"]),
    "an empty body": (lambda api: api.fail_next("empty", math.inf), ["empty"]),
    "a redirect": (lambda api: api.fail_next("redirect", math.inf), ["redirects", "api_url"]),
    "a list where an object should be": (lambda api: setattr(api, "transform", lambda path, body: []), ["object"]),
    "results that are text": (
        lambda api: setattr(api, "transform", lambda path, body: {**body, "results": "many"}),
        ["results"],
    ),
    "no key in the config": (lambda api: {"api_key": None}, ["api_key", "missing"]),
    "a blank key": (lambda api: {"api_key": ""}, ["api_key"]),
    "a day that is none": (lambda api: {"start_date": "2012-13-01"}, ["start_date", "2012-13-01", "YYYY-MM-DD"]),
    "an end before the start": (lambda api: {"end_date": "2011-01-03"}, ["end_date", "before the start_date"]),
    "a ticker of blanks": (lambda api: {"tickers": [" "]}, ["tickers"]),
    "text for a list": (lambda api: {"tickers": "IBM"}, ["tickers", "list"]),
}


@pytest.mark.parametrize("problem", CHECKS)
def test_check_answers_failed_and_says_what_to_change(problem: str, connector: Connector, api: SandboxApi) -> None:
    bring_about, words = CHECKS[problem]
    run = connector.check(**(bring_about(api) or {}))
    status, sentence = run.status()
    assert (run.exit_code, status, run.errors()) == (0, "FAILED", [])
    assert [word for word in words if word not in sentence] == []
    assert "Error(" not in sentence
    assert "Traceback" not in sentence
    assert run.seconds < 15


def test_check_answers_a_config_file_that_is_none(connector: Connector, tmp_path: Path) -> None:
    for path, words in (
        (str(tmp_path / "missing.json"), "cannot be read"),
        (connector.file(""), "empty"),
        (connector.file("{'a"), "not JSON"),
        (connector.file([]), "object"),
    ):
        run = connector.run("check", "--config", path)
        assert run.status()[0] == "FAILED"
        assert words in run.status()[1]


def test_the_sample_config_with_a_wrong_key_is_refused(connector: Connector) -> None:
    run = connector.run("check", "--config", connector.sample("integration_tests/invalid_config.json"))
    assert run.status()[0] == "FAILED"


def test_the_key_does_not_get_out_even_if_the_server_sends_it_back(connector: Connector, api: SandboxApi) -> None:
    key = api.key = 'k/e+y"=%41&\\z' + "0" * 8  # has something to escape in every spelling; `judged` looks for them all

    def echo(handler: Any) -> None:
        said = f"bad header {handler.headers['Authorization']}, bad parameter ?apiKey={key}"
        handler.send(403, {}, json.dumps({"status": "ERROR", "message": said}).encode())

    api.fail_next(echo, math.inf)
    assert "****" in connector.check("--debug", api_key=key).status()[1]
    assert "****" in connector.read("--debug", api_key=key).error()["message"]


def test_the_key_travels_in_a_header_only(connector: Connector, api: SandboxApi) -> None:
    api.page_size = 20
    connector.read(streams=STREAMS)
    assert not [path for path in api.calls() if api.key in path]
    assert {headers["authorization"] for headers in api.headers} == {f"Bearer {api.key}"}


def test_a_redirect_is_not_followed(connector: Connector, api: SandboxApi) -> None:
    with SandboxApi() as elsewhere:
        api.fail_next(("redirect", elsewhere.url), math.inf)
        assert connector.check().status()[0] == "FAILED"
        assert elsewhere.requests == []


def test_a_next_page_on_another_host_is_not_followed(connector: Connector, api: SandboxApi) -> None:
    api.page_size, api.next_url_base = 20, "https://elsewhere.example"
    run = connector.read(adjusted=False)
    assert (run.exit_code, run.statuses()[-1]) == (1, "INCOMPLETE")
    assert "another host" in run.error()["message"]


# --- discover --------------------------------------------------------------------------------------------------------


def test_discover_shows_eight_streams_and_needs_no_network(connector: Connector) -> None:
    run = connector.discover(api_url=f"http://localhost:{unused_port()}")
    (catalog,) = run.of_type("CATALOG")
    assert (run.exit_code, tuple(stream["name"] for stream in catalog["streams"])) == (0, STREAMS)


def test_discover_answers_the_same_each_time(connector: Connector) -> None:
    assert connector.discover().of_type("CATALOG") == connector.discover(tickers=[]).of_type("CATALOG")


def test_discover_works_with_the_sample_config_for_the_real_api(connector: Connector) -> None:
    assert connector.run("discover", "--config", str(SAMPLES / "config.json")).exit_code == 0


def test_discover_refuses_a_config_that_does_not_fit_the_spec(connector: Connector) -> None:
    run = connector.discover(lookback_days=-1)
    assert run.exit_code == 1
    assert run.error()["failure_type"] == "config_error"
    assert "lookback_days" in run.error()["message"]


@pytest.mark.parametrize(
    "file",
    ["configured_catalog.json", "configured_catalog_full_refresh.json", "configured_catalog_all_streams.json"],
)
def test_the_sample_catalogs_hold_the_streams_as_discovered(connector: Connector, file: str) -> None:
    (discovered,) = connector.discover().of_type("CATALOG")
    by_name = {stream["name"]: stream for stream in discovered["streams"]}
    for configured in json.loads((SAMPLES / file).read_text())["streams"]:
        assert configured["stream"] == by_name[configured["stream"]["name"]]


# --- read: rows ------------------------------------------------------------------------------------------------------


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


def test_ctrl_c_before_the_connector_listens_for_it_leaves_no_traceback(tmp_path: Path) -> None:
    shutil.copy(ROOT / "main.py", tmp_path)
    (tmp_path / "source_stock_ticker").mkdir()
    at_import = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "source_stock_ticker" / "__init__.py").write_text(at_import)
    done = subprocess.run([sys.executable, "main.py", "spec"], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


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
    line = next(line for line in connector.read(adjusted=False).lines if '"RECORD"' in line)
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


def test_an_answer_that_is_adjusted_unasked_is_an_error(connector: Connector, api: SandboxApi) -> None:
    api.transform = lambda path, body: {**body, "adjusted": True}
    run = connector.read(adjusted=False)
    assert (run.exit_code, run.rows(), run.statuses()[-1]) == (1, [], "INCOMPLETE")
    assert "adjusted" in run.error()["message"]


def test_pages_that_lead_in_a_circle_are_an_error(connector: Connector, api: SandboxApi) -> None:
    api.transform = lambda path, body: {**body, "next_url": f"{api.url}{path}"}
    run = connector.read(adjusted=False)
    assert run.exit_code == 1
    assert "circle" in run.error()["message"]


def test_tickers_stay_as_they_are_written(connector: Connector, api: SandboxApi, real_prices: RealPrices) -> None:
    tickers = ["BRK.B", "BACpL", "bacpl", "A/B", "NULL", "TRUE", "1E5", "ÄÖ", "A B", "%41", "?x=1", "A,B"]
    api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
    rows = connector.read(tickers=tickers, start_date="2012-03-26", adjusted=False).rows()
    assert rows == [row for t in tickers for row in real_prices(t, "2012-03-26", "2012-03-30", adjusted=False)]


def test_a_ticker_that_stands_in_the_config_twice_is_read_once(connector: Connector, real_prices: RealPrices) -> None:
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


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Asia/Tokyo"])
def test_the_time_zone_of_the_host_changes_no_row(
    connector: Connector, real_prices: RealPrices, plain_environment: dict[str, str], zone: str
) -> None:
    run = read_of_one_day(connector, env=plain_environment | {"TZ": zone})
    assert run.rows() == real_prices("IBM", "2012-03-30", "2012-03-30")


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


# --- read: order of the messages -------------------------------------------------------------------------------------


def test_messages_come_in_the_order_of_the_protocol(connector: Connector, api: SandboxApi) -> None:
    api.page_size = 20
    run = connector.read(tickers=["IBM", "MSFT"], adjusted=False)
    kinds = [m["trace"]["stream_status"]["status"] if m["type"] == "TRACE" else m["type"] for m in run.messages]
    assert kinds[:3] == ["STARTED", "RUNNING", "RECORD"]
    assert kinds[-3:] == ["RECORD", "STATE", "COMPLETE"]
    assert set(kinds[3:-3]) == {"RECORD", "STATE"}


def test_checkpoints_come_often(connector: Connector, api: SandboxApi) -> None:
    api.page_size = 20
    assert len(connector.read(tickers=["IBM", "MSFT"]).states()) >= 5


@pytest.mark.parametrize("mode", ["full_refresh", "incremental"])
def test_a_stream_without_rows_has_a_state_and_is_never_running(connector: Connector, mode: str) -> None:
    run = connector.read(streams=["splits"], mode=mode)
    assert [message["type"] for message in run.messages] == ["TRACE", "STATE", "TRACE"]
    assert run.statuses("splits") == ["STARTED", "COMPLETE"]


def test_streams_are_read_one_after_the_other_in_the_order_of_the_catalog(connector: Connector) -> None:
    run = connector.read(streams=["exchanges", "stock_prices"])
    traces = [trace["stream_status"] for trace in run.of_type("TRACE")]
    told = [(trace["stream_descriptor"]["name"], trace["status"]) for trace in traces]
    life = ["STARTED", "RUNNING", "COMPLETE"]
    assert told == [(name, status) for name in ("exchanges", "stock_prices") for status in life]


def test_a_namespace_of_the_catalog_comes_back_in_every_message(connector: Connector) -> None:
    catalog = connector.catalog(["stock_prices"], "incremental")
    catalog["streams"][0]["stream"]["namespace"] = "of mine"
    run = connector.run("read", "--config", connector.config(), "--catalog", connector.file(catalog))
    assert {record["namespace"] for record in run.of_type("RECORD")} == {"of mine"}
    assert {state["stream"]["stream_descriptor"]["namespace"] for state in run.of_type("STATE")} == {"of mine"}


# --- read: the catalog and the files ---------------------------------------------------------------------------------


def test_an_empty_catalog_reads_nothing(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(streams=[])
    assert (run.exit_code, run.messages, api.calls()) == (0, [], [])


def test_what_the_platform_adds_to_a_catalog_is_ignored(connector: Connector, real_prices: RealPrices) -> None:
    catalog = connector.catalog(["stock_prices"], "incremental")
    added = {"cursor_field": ["date"], "primary_key": None, "generation_id": 1, "minimum_generation_id": 1}
    added |= {"sync_id": 7, "include_files": False, "destination_object_name": "x", "a_later_key": {}}
    catalog["streams"][0] |= added | {"destination_sync_mode": "soft_delete"}
    catalog["streams"][0]["stream"] |= {"json_schema": {"properties": {"close": {}}}, "namespace": None}
    run = connector.run("read", "--config", connector.config(), "--catalog", connector.file(catalog))
    assert run.rows() == real_prices("IBM", *QUARTER)


@pytest.mark.parametrize("mode", ["incremental", "INVALID"])
def test_a_stream_that_we_do_not_have_is_an_error_that_names_it(connector: Connector, mode: str) -> None:
    run = connector.read(streams=["bonds"], mode=mode)
    assert (run.exit_code, run.of_type("RECORD"), "COMPLETE" in run.statuses("bonds")) == (1, [], False)
    assert run.error()["failure_type"] == "config_error"
    assert "bonds" in run.error()["message"]


def test_beside_a_stream_that_we_do_not_have_the_others_are_read(connector: Connector, real_prices: RealPrices) -> None:
    run = connector.read(streams=["bonds", "stock_prices"])
    assert (run.exit_code, run.rows()) == (1, real_prices("IBM", *QUARTER))
    assert run.statuses()[-1] == "COMPLETE"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"streams": 1}', '{"streams": [{"stream": {}}]}'])
def test_an_unreadable_catalog_is_an_error(connector: Connector, content: str) -> None:
    run = connector.run("read", "--config", connector.config(), "--catalog", connector.file(content))
    assert (run.exit_code, run.error()["failure_type"]) == (1, "config_error")
    assert "catalog" in run.error()["message"]


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '"text"', "7", '[{"type": "STREAM"}]', '{"stock_prices": 3}', "a\nb"]
)
def test_an_unreadable_state_is_an_error_and_no_full_read(connector: Connector, content: str) -> None:
    run = connector.read(state=content)
    assert (run.exit_code, run.of_type("RECORD")) == (1, [])
    assert "state" in run.error()["message"]


def test_a_state_file_that_is_not_there_is_an_error(connector: Connector, tmp_path: Path) -> None:
    run = connector.read("--state", str(tmp_path / "none.json"))
    assert (run.exit_code, run.of_type("RECORD")) == (1, [])
    assert "none.json" in run.error()["message"]


def test_a_state_of_the_right_stream_in_a_strange_shape_is_an_error(connector: Connector) -> None:
    run = connector.read(state={"stock_prices": {"date": "2012-03-01"}})
    assert (run.exit_code, run.rows(), run.statuses()) == (1, [], ["STARTED", "INCOMPLETE"])
    assert "clear" in run.error()["message"]


def test_keys_that_the_config_need_not_have_do_no_harm(connector: Connector, real_prices: RealPrices) -> None:
    leftovers = {"_limit": 5, "__injected_declarative_manifest": {}, "old_option": "x"}
    run = connector.read(timespan="", lookback_days="", **leftovers)
    assert run.rows() == real_prices("IBM", *QUARTER)


# --- read: however it is called --------------------------------------------------------------------------------------


def read_of_one_day(connector: Connector, **how: Any) -> Run:
    config = connector.config(start_date="2012-03-30")
    catalog = connector.file(connector.catalog(["stock_prices"], "full_refresh"))
    return connector.run("read", "--config", config, "--catalog", catalog, **how)


@pytest.mark.parametrize("order", ["config catalog state", "state catalog config", "catalog=state=config="])
def test_options_may_come_in_any_order_and_form(connector: Connector, order: str) -> None:
    paths = {
        "config": connector.config(start_date="2012-03-30"),
        "catalog": connector.file(connector.catalog(["stock_prices"], "incremental")),
        "state": connector.file([]),
    }
    if "=" in order:
        words = [f"--{name}={paths[name]}" for name in order.split("=") if name]
    else:
        words = [word for name in order.split() for word in (f"--{name}", paths[name])]
    assert len(connector.run("read", *words, "--debug").rows()) == 1


def test_the_caller_may_be_in_another_directory(connector: Connector) -> None:
    config = Path(connector.config(start_date="2012-03-30"))
    catalog = Path(connector.file(connector.catalog(["stock_prices"], "incremental")))
    run = connector.run("read", "--config", config.name, "--catalog", f"./{catalog.name}", cwd=config.parent)
    assert len(run.rows()) == 1


def test_the_files_may_be_read_only(connector: Connector) -> None:
    for path in (
        (config := connector.config()),
        (catalog := connector.file(connector.catalog(["splits"], "incremental"))),
    ):
        Path(path).chmod(0o444)
    assert connector.run("read", "--config", config, "--catalog", catalog).exit_code == 0


def test_a_byte_order_mark_before_the_config_does_no_harm(connector: Connector) -> None:
    text = Path(connector.config()).read_text()
    assert connector.run("check", "--config", connector.file("\ufeff" + text)).status()[0] == "SUCCEEDED"


def test_it_runs_in_the_c_locale_without_a_home(
    connector: Connector, api: SandboxApi, plain_environment: dict[str, str]
) -> None:
    del plain_environment["HOME"]
    api.prices["ÄÖ✓"] = api.prices["IBM"]
    config = connector.config(tickers=["ÄÖ✓"], start_date="2012-03-30")
    catalog = connector.file(connector.catalog(["stock_prices"], "incremental"))
    env = plain_environment | {"LC_ALL": "C"}
    run = connector.run("read", "--config", config, "--catalog", catalog, "--debug", env=env)
    assert [row["stock_ticker"] for row in run.rows()] == ["ÄÖ✓"]


def test_debug_logs_more(connector: Connector, plain_environment: dict[str, str]) -> None:
    levels = [log["level"] for log in connector.read("--debug").of_type("LOG")]
    assert "DEBUG" in levels
    by_variable = read_of_one_day(connector, env=plain_environment | {"LOG_LEVEL": "DEBUG"})
    assert "DEBUG" in [log["level"] for log in by_variable.of_type("LOG")]


# --- read: state -----------------------------------------------------------------------------------------------------


def test_the_next_sync_reads_only_what_is_missing(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read(end_date="2012-03-23", lookback_days=0)
    second = connector.read(state=first.saved(), lookback_days=0)
    assert second.rows() == real_prices("IBM", "2012-03-26", "2012-03-30")


def test_the_last_days_are_read_again(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    second = connector.read(state=first.saved(), lookback_days=2)
    assert second.rows() == real_prices("IBM", "2012-03-29", "2012-03-30")


def test_a_sync_with_nothing_new_has_a_state_and_completes(connector: Connector) -> None:
    first = connector.read()
    second = connector.read(state=first.saved(), lookback_days=0)
    assert [message["type"] for message in second.messages] == ["TRACE", "STATE", "TRACE"]
    assert second.states() == first.states()[-1:]


def test_a_ticker_added_later_is_read_from_its_start(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    second = connector.read(tickers=["IBM", "MSFT"], state=first.saved(), lookback_days=0)
    assert second.rows() == real_prices("MSFT", *QUARTER)


def test_a_ticker_taken_out_leaves_the_state(connector: Connector) -> None:
    first = connector.read(tickers=["IBM", "MSFT"])
    second = connector.read(tickers=["MSFT"], state=first.saved())
    assert list(second.states()[-1]["read"]) == ["MSFT"]


def test_a_ticker_taken_out_and_put_back_is_read_from_its_start(connector: Connector, real_prices: RealPrices) -> None:
    both = connector.read(tickers=["IBM", "MSFT"])
    one = connector.read(tickers=["MSFT"], state=both.saved())
    again = connector.read(tickers=["IBM", "MSFT"], state=one.saved(), lookback_days=0)
    assert again.rows() == real_prices("IBM", *QUARTER)


def test_full_refresh_reads_all_whatever_the_state_says(connector: Connector, real_prices: RealPrices) -> None:
    first = connector.read()
    assert connector.read(mode="full_refresh", state=first.saved()).rows() == real_prices("IBM", *QUARTER)


def legacy(run: Run) -> dict[str, Any]:
    return {"stock_prices": run.states()[-1]}


# The shapes that a state file can have: what the platform passes, what a user saved, what older platforms wrote.
STATE_SHAPES: dict[str, Callable[[Run], Any]] = {
    "a list, as the platform passes it": lambda run: run.saved(),
    "without the counts": lambda run: [{**s, "sourceStats": None, "later_key": 1} for s in run.saved()],
    "indented, other keys first": lambda run: json.dumps(
        [{"stream": state["stream"], "type": "STREAM"} for state in run.saved()], indent=4
    ),
    "beside a stream that we do not have": lambda run: [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "bonds"}, "stream_state": None}},
        *run.saved(),
    ],
    "a namespace that is null": lambda run: [
        {
            "type": "STREAM",
            "stream": {
                "stream_descriptor": {"name": "stock_prices", "namespace": None},
                "stream_state": run.states()[-1],
            },
        }
    ],
    "one state without a list": lambda run: run.saved()[0],
    "a STATE line": lambda run: [line for line in run.lines if '"STATE"' in line][-1],
    "a STATE line and a blank one": lambda run: [line for line in run.lines if '"STATE"' in line][-1] + "\n\n",
    "all STATE lines": lambda run: "\n".join(line for line in run.lines if '"STATE"' in line),
    "the whole output": lambda run: "\n".join(run.lines),
    "STATE messages in a list": lambda run: [m for m in run.messages if m["type"] == "STATE"],
    "GLOBAL": lambda run: [
        {"type": "GLOBAL", "global": {"shared_state": None, "stream_states": [run.saved()[0]["stream"]]}}
    ],
    "LEGACY": lambda run: [{"type": "LEGACY", "data": legacy(run)}],
    "data": lambda run: {"data": legacy(run)},
    "by name": legacy,
}
NO_STATES = {
    "an empty list": [],
    "an empty object": {},
    "null": "null",
    "a stream_state that is null": [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "stock_prices"}, "stream_state": None}}
    ],
    "a stream_state that is empty": [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "stock_prices"}, "stream_state": {}}}
    ],
}


@pytest.fixture(scope="module")
def first_sync(connect: Callable[[str], Connector]) -> Iterator[tuple[Connector, Run]]:
    """A connector, and its first sync: two tickers in several pages with many states."""
    with SandboxApi(page_size=20) as api:
        connector = connect(api.url)
        yield connector, connector.read(tickers=["IBM", "MSFT"])


@pytest.mark.parametrize("shape", STATE_SHAPES)
def test_a_state_file_may_have_many_shapes(first_sync: tuple[Connector, Run], shape: str) -> None:
    connector, run = first_sync
    second = connector.read(tickers=["IBM", "MSFT"], state=STATE_SHAPES[shape](run), lookback_days=0)
    assert (second.exit_code, second.rows()) == (0, [])


@pytest.mark.parametrize("nothing", NO_STATES)
def test_a_state_file_may_hold_nothing(first_sync: tuple[Connector, Run], nothing: str) -> None:
    connector, run = first_sync
    assert connector.read(tickers=["IBM", "MSFT"], state=NO_STATES[nothing]).rows() == run.rows()


def test_a_state_with_a_byte_order_mark_is_understood(first_sync: tuple[Connector, Run]) -> None:
    connector, run = first_sync
    state = "\ufeff" + json.dumps(run.saved())
    assert connector.read(tickers=["IBM", "MSFT"], state=state, lookback_days=0).rows() == []


def test_resuming_from_any_state_of_a_read_loses_nothing(first_sync: tuple[Connector, Run]) -> None:
    connector, run = first_sync
    cuts = run.killed_after_each_state()
    rests = connector.read_each({"tickers": ["IBM", "MSFT"], "state": cut.saved(), "lookback_days": 0} for cut in cuts)
    for cut, rest in zip(cuts, rests, strict=True):
        assert cut.table() | rest.table() == run.table(), f"resumed from {cut.states()[-1]}"


def test_states_grow_with_the_rows_and_not_with_the_square_of_the_tickers(
    connector: Connector, api: SandboxApi
) -> None:
    sizes = []
    for number in (150, 600):
        tickers = [f"T{n}" for n in range(number)]
        api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
        run = connector.read(tickers=tickers, start_date="2012-03-26", adjusted=False, requests_per_minute=6000)
        sizes.append(sum(len(line) for line in run.lines if '"STATE"' in line))
    assert sizes[1] < 6 * sizes[0]


# --- read: failures --------------------------------------------------------------------------------------------------


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
    api.fail_next("garbage", 3, "/MSFT/")  # as often as an answer is asked for
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


def test_a_wrong_path_in_the_address_is_no_empty_success(connector: Connector, api: SandboxApi) -> None:
    streams = [name for name in STREAMS if name != "ticker_details"]  # to which each 404 is a ticker that nobody knows
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

# Faults that pass: the read waits, asks again, and is complete.
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

# Faults that stay: one sentence (some of its words), what kind of failure, no silent gap.
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
    "text for a number": (
        ("status", 200, {}, {"status": "OK", "results": [{"t": 1109307600000, "c": "88.99"}]}),
        "a bar of",
        "system_error",
    ),
    "NaN": (
        ("status", 200, {}, b'{"status":"OK","results":[{"t":1109307600000,"c":NaN}]}'),
        "not JSON",
        "system_error",
    ),
    "a bar without a time": (("status", 200, {}, {"status": "OK", "results": [{"c": 1}]}), "a bar of", "system_error"),
}


@pytest.fixture(scope="module")
def faulty(connect: Callable[[str], Connector]) -> Iterator[dict[tuple[str, str], Future[Run]]]:
    """A read for each fault, each with a sandbox of its own. All at once: most of their time they wait."""

    def read(fault: Any, times: float, path: str, after: int) -> Run:
        with SandboxApi(page_size=20) as api:
            api.fail_next(None, after, path)
            api.fail_next(fault, times, path)
            return connect(api.url).read(**FEBRUARY)

    # The bars fail at their second request, when the read is under way; splits are asked for by one request.
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


def test_a_long_wait_for_the_rate_limit_is_told_to_the_platform(
    faulty: dict[tuple[str, str], Future[Run]],
) -> None:
    run = faulty["passes", "429 with Retry-After 3"].result()
    reasons = [trace["stream_status"].get("reasons") for trace in run.of_type("TRACE")]
    assert "RATE_LIMITED" in json.dumps(reasons)


@pytest.mark.parametrize("fault", IN_THE_SPLITS)
def test_a_fault_in_the_list_of_splits_costs_no_row_either(
    fault: str, faulty: dict[tuple[str, str], Future[Run]], february: list[Row]
) -> None:
    run = faulty["in the splits", fault].result()
    assert (run.exit_code, run.rows()) == (0, february)


@pytest.mark.parametrize("fault", sorted(SENT_AGAIN_ONLY_FOR_ROWS))
def test_a_list_of_splits_that_is_not_json_is_no_list_without_splits(
    fault: str, connector: Connector, api: SandboxApi, february: list[Row]
) -> None:
    api.fail_next(fault, path="/splits")
    first = connector.read(**FEBRUARY)
    second = connector.read(**FEBRUARY, state=first.saved())
    assert (first.exit_code == 0) == (first.rows() == february)
    assert first.rows() + [row for row in second.rows() if row not in first.rows()] == february


# --- The rate --------------------------------------------------------------------------------------------------------


def test_requests_are_spaced_over_all_workers(connector: Connector, api: SandboxApi) -> None:
    connector.read(tickers=["AAPL", "IBM", "MSFT"], adjusted=False, requests_per_minute=120)
    assert len(api.times) == 3
    assert api.times[-1] - api.times[0] > 0.8  # twice half a second, less what the network may lose


def test_a_rate_limit_of_the_api_is_obeyed_and_costs_no_row(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.rate_per_minute, api.minute, api.retry_after = 3, 1.0, "1"
    tickers = ["AAPL", "GOOG", "IBM", "MSFT"]
    run = connector.read(tickers=tickers)
    assert (run.exit_code, run.rows()) == (0, [row for t in tickers for row in real_prices(t, *QUARTER)])


def test_a_long_sync_is_announced(connector: Connector, api: SandboxApi) -> None:
    api.fail_next(("status", 401), math.inf, BARS)  # it need not really take so long
    run = connector.read(tickers=["AAPL", "GOOG", "IBM"], requests_per_minute=1, adjusted=False)
    assert "3 requests" in run.logs("INFO")
    assert "3 minutes" in run.logs("INFO")


# --- Stopped ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_read(connector: Connector, api: SandboxApi) -> Callable[[], subprocess.Popen]:
    """Begins a read that goes on for a while, and waits for its first lines."""
    api.page_size = 200

    def begin() -> subprocess.Popen:
        config = connector.config(start_date="2000-03-01", tickers=["IBM"], adjusted=False)
        catalog = connector.file(connector.catalog(["stock_prices"], "incremental"))
        api.latency = 0.1
        process = connector.start("read", "--config", config, "--catalog", catalog)
        assert process.stdout
        process.first_lines = [process.stdout.readline() for _ in range(250)]  # type: ignore[attr-defined]
        return process

    return begin


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGTERM, -15), (signal.SIGINT, -2)])
def test_a_signal_stops_a_read_within_seconds_and_between_two_lines(
    connector: Connector, long_read: Callable[[], Any], signum: int, exit_code: int
) -> None:
    process = long_read()
    started = time.monotonic()
    process.send_signal(signum)
    lines = process.stdout.readlines()
    assert (process.wait(timeout=20), process.stderr.read()) == (exit_code, b"")
    assert time.monotonic() - started < 3
    assert [json.loads(line)["type"] for line in lines][-1] == "LOG"


def test_what_a_stopped_read_wrote_and_the_next_sync_are_the_whole(
    connector: Connector, api: SandboxApi, long_read: Callable[[], Any], real_prices: RealPrices
) -> None:
    process = long_read()
    process.terminate()
    lines = process.first_lines + process.stdout.readlines()
    process.wait(timeout=20)
    messages = [json.loads(line) for line in lines]
    rows = [message["record"]["data"] for message in messages if message["type"] == "RECORD"]
    state = [message["state"] for message in messages if message["type"] == "STATE"][-1:]
    api.latency = 0
    rest = connector.read(start_date="2000-03-01", adjusted=False, state=state)
    table = {row["timestamp"]: row for row in rows + rest.rows()}
    assert list(table.values()) == real_prices("IBM", "2000-03-01", "2012-03-30", adjusted=False)
    assert len(rest.rows()) < len(table)


def test_a_read_whose_reader_goes_away_ends_quietly(long_read: Callable[[], Any]) -> None:
    process = long_read()
    process.stdout.close()
    assert process.wait(timeout=5) == 141
    assert process.stderr.read() == b""


def test_a_reader_that_stalls_does_not_keep_a_stopped_read_alive(connector: Connector) -> None:
    config = connector.config(start_date="2000-03-01", tickers=["IBM", "MSFT"], adjusted=False)
    catalog = connector.file(connector.catalog(["stock_prices"], "incremental"))
    process = connector.start("read", "--config", config, "--catalog", catalog)
    assert process.stdout
    process.stdout.readline()
    time.sleep(0.5)  # now the pipe is full, and nobody reads it
    process.terminate()
    assert process.wait(timeout=5) == -15
    process.communicate()


def test_it_can_be_piped_into_head(connector: Connector) -> None:
    config, catalog = connector.config(start_date="2000-03-01"), SAMPLES / "configured_catalog.json"
    command = f"'{sys.executable}' main.py read --config '{config}' --catalog '{catalog}' | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


# --- Judged last, because they try for long --------------------------------------------------------------------------


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
