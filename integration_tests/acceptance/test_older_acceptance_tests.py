"""What the older Connector Acceptance Tests ask for and the CDK's tests do not: two reads in succession.

That suite is in no package index, so these are its checks in our words, on the entries of acceptance-test-config.yml.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from project_copy import busy_year, project

CONFIG = yaml.safe_load((project() / "acceptance-test-config.yml").read_text("utf-8"))
ALL_STREAMS = "sample_files/configured_catalog_all_streams.json"


def entries(section: str) -> list[dict[str, Any]]:
    return CONFIG["acceptance_tests"][section]["tests"]


@pytest.fixture
def read(connect: Callable[[str], Any], tmp_path: Path) -> Callable[..., Any]:
    """read(config path, catalog, state) -> Run; catalog and state as they are in JSON."""
    connector = connect("")

    def run(config: str | Path, catalog: Any, state: Any = None) -> Any:
        options = ["--config", str(project() / config), "--catalog", connector.file(catalog)]
        done = connector.run("read", *options, *(["--state", connector.file(state)] if state is not None else []))
        assert done.exit_code == 0, done.errors()
        return done

    return run


def content(path: str) -> Any:
    return json.loads((project() / path).read_text("utf-8"))


def only(mode: str, catalog: dict[str, Any]) -> dict[str, Any]:
    """The catalog's streams that have the sync mode, in that mode."""
    able = [entry for entry in catalog["streams"] if mode in entry["stream"]["supported_sync_modes"]]
    return {"streams": [entry | {"sync_mode": mode} for entry in able]}


def rows(run: Any) -> list[str]:
    """All rows of a run, so that they can be compared in any order; `read_at` differs from read to read."""
    records = run.of_type("RECORD")
    told = [[record["stream"], {**record["data"], "read_at": None}] for record in records]
    return sorted(json.dumps(row, sort_keys=True) for row in told)


def cursors(run: Any, catalog: dict[str, Any]) -> dict[str, list[str]]:
    """By stream: the value of the cursor field in each row."""
    fields = {entry["stream"]["name"]: entry["stream"]["default_cursor_field"][0] for entry in catalog["streams"]}
    return {name: [row[field] for row in run.rows(name)] for name, field in fields.items() if run.rows(name)}


@pytest.mark.parametrize("entry", entries("spec"))
def test_spec_prints_the_spec_file(entry: dict[str, Any], connect: Callable[[str], Any]) -> None:
    (spec,) = connect("").run("spec").of_type("SPEC")
    assert spec == yaml.safe_load((project() / entry["spec_path"]).read_text("utf-8"))


@pytest.mark.parametrize("entry", [*entries("full_refresh"), {"config_path": busy_year()}])
def test_two_full_refreshes_have_the_same_rows(entry: dict[str, Any], read: Callable[..., Any]) -> None:
    catalog = only("full_refresh", content(ALL_STREAMS))
    first, second = (read(entry["config_path"], catalog) for _ in range(2))
    assert rows(first) == rows(second) != []
    times = [[record["emitted_at"] for record in run.of_type("RECORD")] for run in (first, second)]
    assert max(times[0]) < min(times[1])


@pytest.mark.parametrize("entry", entries("incremental"))
def test_the_second_incremental_read_goes_on_from_the_first(entry: dict[str, Any], read: Callable[..., Any]) -> None:
    catalog = only("incremental", content(entry["configured_catalog_path"]))
    first = read(entry["config_path"], catalog)
    second = read(entry["config_path"], catalog, first.saved())
    assert 0 < len(rows(second)) < len(rows(first))
    before, after = cursors(first, catalog), cursors(second, catalog)
    assert before.keys() == after.keys()
    for stream in before:
        # The last days are read again (lookback_days), and nothing of what lies before them.
        assert min(before[stream]) < min(after[stream]) <= max(before[stream]) <= max(after[stream])


@pytest.mark.parametrize("entry", [*entries("incremental"), {"config_path": busy_year()}])
def test_from_every_state_the_rest_is_read(entry: dict[str, Any], read: Callable[..., Any]) -> None:
    catalog = only("incremental", content(entry.get("configured_catalog_path", ALL_STREAMS)))
    whole = read(entry["config_path"], catalog)
    states = [number for number, message in enumerate(whole.messages) if message["type"] == "STATE"]
    assert states
    for number in states:
        killed = whole.killed_after(number + 1)
        rest = read(entry["config_path"], catalog, killed.saved())
        assert set(rows(killed)) | set(rows(rest)) == set(rows(whole))


@pytest.mark.parametrize("entry", entries("incremental"))
def test_a_state_of_the_far_future_brings_no_rows(entry: dict[str, Any], read: Callable[..., Any]) -> None:
    future = content(entry["future_state"]["future_state_path"])
    catalog = only("incremental", content(ALL_STREAMS))
    streams = [stream["stream"]["name"] for stream in catalog["streams"]]
    assert [state["stream"]["stream_descriptor"]["name"] for state in future] == streams
    run = read(entry["config_path"], catalog, future)
    assert rows(run) == []
    assert all(run.states(stream) for stream in streams)


@pytest.mark.parametrize("entry", entries("incremental"))
def test_the_state_of_the_far_future_looks_like_a_real_one(entry: dict[str, Any], read: Callable[..., Any]) -> None:
    def shape(value: Any) -> Any:
        """The value's structure, and the length of each string in it."""
        if isinstance(value, dict):
            return {key: shape(part) for key, part in value.items() if key not in ("fingerprints", "splits")}
        return [shape(part) for part in value] if isinstance(value, list) else (type(value), len(str(value)))

    future = content(entry["future_state"]["future_state_path"])
    real = read(busy_year(), only("incremental", content(ALL_STREAMS))).saved()
    assert shape([state["stream"] for state in future]) == shape([state["stream"] for state in real])
