"""examples/dagster: each partition materializes, and together they are one sync."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster
import pytest
from usual import ROOT, STREAMS

TICKERS = ["AAPL", "IBM", "MSFT"]  # in part 1, 3 and 2 of 3


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """load(config, PARTS="2") -> what the example defines"""

    def run(config: Path, **variables: str) -> dict[str, Any]:
        for name, value in {"CONFIG": str(config), "DATABASE": str(tmp_path / "stocks.duckdb"), **variables}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "examples" / "dagster" / "definitions.py"))

    return run


def rows_told(result: dagster.ExecuteInProcessResult) -> dict[str, Any]:
    materializations = result.get_asset_materialization_events()
    told = [event.step_materialization_data.materialization for event in materializations]
    return {one.asset_key.to_user_string(): one.metadata["rows"].value for one in told}


def test_each_stream_is_an_asset(load: Callable[..., Any], config: Callable[..., Path]) -> None:
    definitions = load(config(tickers=TICKERS))["definitions"]
    dagster.Definitions.validate_loadable(definitions)
    assets = definitions.resolve_all_asset_specs()
    assert {asset.key.to_user_string() for asset in assets} == set(STREAMS)
    once = re.search(r"^ONCE \?= (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert once
    without = {asset.key.to_user_string() for asset in assets if asset.partitions_def is None}
    assert without == set(once[1].split(","))


def test_the_partitions_together_are_one_sync(
    load: Callable[..., Any],
    config: Callable[..., Path],
    whole: Callable[[Path], Path],
    rows: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    file = config(tickers=TICKERS)
    example = load(file)
    keys = example["groups"].get_partition_keys()
    told = [rows_told(dagster.materialize([example["of_tickers"]], partition_key=key)) for key in keys]
    told_once = rows_told(dagster.materialize([example["of_the_market"]]))
    assert set(told_once) | set(told[0]) == set(STREAMS)
    parts = [tmp_path / f"stocks.{key}.duckdb" for key in keys]
    undisturbed = whole(file)
    for stream in STREAMS:
        databases = [tmp_path / "stocks.duckdb"] if stream in told_once else parts
        assert set(rows(stream, *databases)) == set(rows(stream, undisturbed)) != set(), stream
    assert sum(each["stock_prices"] for each in told) == len(rows("stock_prices", undisturbed))


def test_one_stream_is_enough_and_a_group_may_be_empty(load: Callable[..., Any], config: Callable[..., Path]) -> None:
    of_tickers = load(config(tickers=["AAPL"]))["of_tickers"]
    result = dagster.materialize([of_tickers], partition_key="1-of-3", selection=["splits"])
    assert rows_told(result) == {"splits": 1}
    result = dagster.materialize([of_tickers], partition_key="2-of-3", selection=["splits"])
    assert rows_told(result) == {"splits": 0}


def test_a_failure_says_what_the_connector_said(load: Callable[..., Any], config: Callable[..., Path]) -> None:
    of_tickers = load(config(tickers=["AAPL"], api_key="wrong"))["of_tickers"]
    result = dagster.materialize([of_tickers], partition_key="1-of-3", selection=["splits"], raise_on_error=False)
    (failed,) = result.filter_events(lambda event: event.is_step_failure)
    failure = failed.step_failure_data.user_failure_data
    assert failure.description.startswith("api_key: ")
    assert failure.metadata["exit code"].value == 1


def test_each_night_every_group_is_read(load: Callable[..., Any], config: Callable[..., Path]) -> None:
    example = load(config(tickers=TICKERS), PARTS="2")
    repository = example["definitions"].get_repository_def()
    night = datetime(2026, 3, 3, 6, tzinfo=timezone.utc)
    with dagster.build_schedule_context(scheduled_execution_time=night, repository_def=repository) as context:
        requests = example["each_night"].evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == ["1-of-2", "2-of-2"]
