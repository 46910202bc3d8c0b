"""Tests the inputs of a read: catalog and files, intact or broken, and all ways to call it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from usual import QUARTER

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

    RealPrices = Callable[..., list[Row]]

# --- read: the catalog and the files ---------------------------------------------------------------------------------


def test_an_empty_catalog_reads_nothing_and_says_so(connector: Connector, api: SandboxApi) -> None:
    run = connector.read(streams=[])
    (warning,) = run.of_type("LOG")
    assert (run.exit_code, len(run.messages), api.calls(), warning["level"]) == (0, 1, [], "WARN")
    assert "catalog" in warning["message"]


def test_what_discover_prints_is_not_a_configured_catalog(connector: Connector) -> None:
    discovered = connector.discover()
    for content in (discovered.lines[0], discovered.of_type("CATALOG")[0]):
        run = connector.run("read", "--config", connector.config(), "--catalog", connector.file(content))
        assert (run.exit_code, run.error()["failure_type"]) == (1, "config_error")
        assert "discover" in run.error()["message"]


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


def test_next_to_an_unknown_stream_the_others_are_read(connector: Connector, real_prices: RealPrices) -> None:
    run = connector.read(streams=["bonds", "stock_prices"])
    assert (run.exit_code, run.rows()) == (1, real_prices("IBM", *QUARTER))
    assert run.statuses()[-1] == "COMPLETE"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"streams": 1}', '{"streams": [{"stream": {}}]}'])
def test_an_unreadable_catalog_is_an_error(connector: Connector, content: str) -> None:
    run = connector.run("read", "--config", connector.config(), "--catalog", connector.file(content))
    assert (run.exit_code, run.error()["failure_type"]) == (1, "config_error")
    assert "catalog" in run.error()["message"]


@pytest.mark.parametrize(
    "content",
    [
        *["", "{", "[1]", '"text"', "7", '[{"type": "STREAM"}]', '{"stock_prices": 3}', "a\nb"],
        *['{"bookmarks": {"stock_prices": {}}}', '{"bookmarks": {}}\n{"bookmarks": {}}', '{"users": {"id": 5}}'],
    ],
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


# --- read: all ways to call it ---------------------------------------------------------------------------------------


def read_of_one_day(connector: Connector, **how: Any) -> Run:
    config = connector.config(start_date="2012-03-30")
    catalog = connector.file(connector.catalog(["stock_prices"], "full_refresh"))
    return connector.run("read", "--config", config, "--catalog", catalog, **how)


@pytest.mark.parametrize("order", ["config catalog state", "state catalog config", "catalog=state=config="])
def test_options_can_come_in_any_order_and_form(connector: Connector, order: str) -> None:
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


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "Asia/Tokyo"])
def test_the_time_zone_of_the_host_changes_no_row(
    connector: Connector, real_prices: RealPrices, plain_environment: dict[str, str], zone: str
) -> None:
    run = read_of_one_day(connector, env=plain_environment | {"TZ": zone})
    assert run.rows() == real_prices("IBM", "2012-03-30", "2012-03-30")


def test_the_caller_can_be_in_another_directory(connector: Connector) -> None:
    config = Path(connector.config(start_date="2012-03-30"))
    catalog = Path(connector.file(connector.catalog(["stock_prices"], "incremental")))
    run = connector.run("read", "--config", config.name, "--catalog", f"./{catalog.name}", cwd=config.parent)
    assert len(run.rows()) == 1


def test_the_files_can_be_read_only(connector: Connector) -> None:
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
