"""Tests spec, check and discover, run like Airbyte: what they answer, and that no key leaks."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sandbox_api import SandboxApi
from usual import ROOT, SAMPLES, STREAMS, refusing_port

if TYPE_CHECKING:
    from conftest import Connector


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


def test_a_package_that_is_not_installed_is_named_in_one_sentence() -> None:
    without_packages = [sys.executable, "-S", "-E", "main.py", "spec"]
    done = subprocess.run(without_packages, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    sentence = r"\w+ is not installed for this Python: activate the environment, or install it with pip\.\n"
    assert re.fullmatch(sentence, done.stderr)


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_succeeds_by_one_request(connector: Connector, api: SandboxApi) -> None:
    run = connector.check()
    assert (run.exit_code, run.status()) == (0, ("SUCCEEDED", ""))
    assert len(api.calls()) == 1


def test_check_never_asks_for_the_current_day(connector: Connector, api: SandboxApi) -> None:
    api.today = "2100-01-01"  # so the sandbox refuses nothing
    connector.check(start_date=None, end_date=None)
    asked_for_bars = api.calls()[0]  # those of the sandbox end in 2013, so the lists of tickers are asked too
    last_day_asked = asked_for_bars.partition("?")[0].rpartition("/")[2]
    assert last_day_asked < time.strftime("%Y-%m-%d")


def test_check_of_the_whole_market_proves_the_key(connector: Connector) -> None:
    assert connector.check(tickers=[]).status() == ("SUCCEEDED", "")
    assert connector.check(tickers=[], api_key="wrong-key").status()[0] == "FAILED"


@pytest.mark.parametrize("left_out", [{"tickers": None}, {"tickers": ...}])
def test_tickers_left_out_are_the_whole_market(connector: Connector, api: SandboxApi, left_out: dict[str, Any]) -> None:
    config = json.loads(Path(connector.config()).read_text()) | left_out
    file = connector.file({name: value for name, value in config.items() if value is not ...})
    assert connector.run("check", "--config", file).status() == ("SUCCEEDED", "")
    assert [call.partition("?")[0] for call in api.calls()] == ["/v3/reference/tickers"]


@pytest.mark.parametrize(
    "window",
    [{"start_date": "2012-12-25", "end_date": "2012-12-25"}, {"start_date": "2012-12-29", "end_date": "2012-12-30"}],
)
def test_check_of_days_without_trading_succeeds(connector: Connector, api: SandboxApi, window: dict[str, str]) -> None:
    assert connector.check(**window).status() == ("SUCCEEDED", "")
    assert len(api.calls()) == 2


def test_check_of_a_misspelled_ticker_makes_three_requests_and_does_not_space_them(
    connector: Connector, api: SandboxApi
) -> None:
    run = connector.check(tickers=["NOPE"], requests_per_minute=1)
    assert (run.status()[0], len(api.calls())) == ("FAILED", 3)
    assert run.seconds < 30


# What is wrong, its cause (-> changes to the config), and words of the sentence for the user.
CHECKS: dict[str, tuple[Callable[[SandboxApi], Any], list[str]]] = {
    "a wrong key": (lambda api: {"api_key": "no-key-of-ours"}, ["api_key", "does not accept this key"]),
    "an endpoint that the plan lacks": (lambda api: api.forbidden.add("custom_bars"), ["plan", "not include"]),
    "days before the plan": (lambda api: setattr(api, "plan_start", "2012-06-01"), ["start_date", "plan"]),
    "an unknown ticker": (lambda api: {"tickers": ["NOPE"]}, ["tickers", "NOPE", "spelling"]),
    "a ticker in lower case": (lambda api: {"tickers": ["ibm"]}, ["tickers", "ibm", "upper and lower case"]),
    "nothing at the port": (lambda api: {"api_url": f"http://localhost:{refusing_port()}"}, ["localhost", "refused"]),
    "a host that is not there": (lambda api: {"api_url": "https://nowhere.invalid"}, ["https://nowhere.invalid"]),
    "https where http is spoken": (lambda api: {"api_url": api.url.replace("http", "https")}, ["https://localhost"]),
    "http to a far host": (lambda api: {"api_url": "http://api.massive.com"}, ["api_url", "https"]),
    "a wrong path in the address": (lambda api: {"api_url": api.url + "/v9"}, []),
    "the rate limit": (lambda api: setattr(api, "rate_per_minute", -1), ["rate limit", "requests_per_minute"]),
    "the rate limit in a good response": (lambda api: api.fail_next("error200"), ["rate limit"]),
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
    "tickers under another name": (lambda api: {"tickers": None, "ticker": ["IBM"]}, ["ticker;", "tickers?"]),
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


@pytest.mark.parametrize(("key", "status"), [("sandbox-key", "SUCCEEDED"), ("a-wrong-key-12345678", "FAILED")])
def test_the_config_can_come_from_stdin_and_its_key_is_kept_secret_all_the_same(
    connector: Connector, key: str, status: str
) -> None:
    config = Path(connector.config(api_key=key)).read_bytes()
    command = [sys.executable, str(ROOT / "main.py"), "check", "--debug", "--config", "-"]
    done = subprocess.run(command, input=config, capture_output=True, check=True)
    assert f'"status":"{status}"' in done.stdout.decode()
    assert key not in (done.stdout + done.stderr).decode()


def test_a_variable_that_is_not_filled_in_is_reported_before_any_request(connector: Connector, api: SandboxApi) -> None:
    status, message = connector.check(api_key="${MASSIVE_API_KEY}").status()
    assert status == "FAILED"
    assert message.startswith("api_key: this is the name of a variable")
    assert api.calls() == []


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
    run = connector.discover(api_url=f"http://localhost:{refusing_port()}")
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
