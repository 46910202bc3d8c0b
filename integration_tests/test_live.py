"""Tests the four commands against the real API, with the config that you put into secrets/config.json.

Two weeks of your first two tickers are read: a handful of requests, less than a minute on the free plan.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

if TYPE_CHECKING:
    from conftest import Connector

SECRET_CONFIG = Path(__file__).resolve().parent.parent / "secrets" / "config.json"


@pytest.fixture(scope="module")
def live_config() -> dict[str, Any]:
    if not SECRET_CONFIG.exists():
        pytest.skip(
            "there is no secrets/config.json with a key for the real API (secrets/README.md says how to make it)"
        )
    config = json.loads(SECRET_CONFIG.read_text("utf-8"))
    assert "localhost" not in config.get("api_url", ""), "secrets/config.json names the sandbox, not the real API"
    two_weeks_ago = date.today() - timedelta(days=14)  # noqa: DTZ011 (a day more or less does not matter here)
    config.pop("end_date", None)
    return config | {"tickers": (config["tickers"] or ["AAPL"])[:2], "start_date": two_weeks_ago.isoformat()}


@pytest.fixture(scope="module")
def live(connect: Callable[[str], Connector], live_config: dict[str, Any]) -> Connector:
    live = connect(live_config.get("api_url", "https://api.massive.com"))
    status, sentence = live.run("check", "--config", live.file(live_config)).status()
    if status == "FAILED":  # one sentence, instead of a failure and some minutes for each test
        pytest.fail(f"secrets/config.json does not work: {sentence}")
    return live


def test_spec_needs_no_key(live: Connector) -> None:
    assert live.run("spec").exit_code == 0


def test_check_accepts_the_key(live: Connector, live_config: dict[str, Any]) -> None:
    assert live.run("check", "--config", live.file(live_config)).status() == ("SUCCEEDED", "")


def test_check_refuses_another_key(live: Connector, live_config: dict[str, Any]) -> None:
    status, sentence = live.run("check", "--config", live.file(live_config | {"api_key": "not-a-key"})).status()
    assert (status, "api_key" in sentence) == ("FAILED", True)


def test_discover_shows_the_streams(live: Connector, live_config: dict[str, Any]) -> None:
    (catalog,) = live.run("discover", "--config", live.file(live_config)).of_type("CATALOG")
    assert "stock_prices" in [stream["name"] for stream in catalog["streams"]]


def test_prices_are_read_and_the_next_sync_resumes(live: Connector, live_config: dict[str, Any]) -> None:
    files = ["--config", live.file(live_config), "--catalog", live.file(live.catalog(["stock_prices"], "incremental"))]
    first = live.run("read", *files)
    assert (first.exit_code, first.statuses()[-1]) == (0, "COMPLETE")
    assert len(first.table()) == len(first.rows()) > 0
    second = live.run("read", *files, "--state", live.file(first.saved()))
    assert (second.exit_code, len(second.rows()) < len(first.rows())) == (0, True)


@pytest.mark.parametrize("stream", ["stock_prices", "dividends", "splits", "ticker_details", "market_holidays"])
def test_real_rows_fit_the_schema(live: Connector, live_config: dict[str, Any], stream: str) -> None:
    config = live.file(live_config)
    (catalog,) = live.run("discover", "--config", config).of_type("CATALOG")
    schema = next(described["json_schema"] for described in catalog["streams"] if described["name"] == stream)
    run = live.run("read", "--config", config, "--catalog", live.file(live.catalog([stream], "full_refresh")))
    assert run.exit_code == 0, run.errors()
    assert [error.message for row in run.rows(stream) for error in Draft7Validator(schema).iter_errors(row)] == []
