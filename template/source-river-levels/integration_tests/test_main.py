"""Runs the four commands as Airbyte does, and checks stdout and the exit code."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CATALOG = json.loads((ROOT / "sample_files" / "configured_catalog.json").read_text("utf-8"))


def test_spec_lists_the_options(run):
    (spec,) = run("spec").of("SPEC", "spec")
    assert "api_key" in spec["connectionSpecification"]["properties"]


def test_check_accepts_the_sandboxs_key(run):
    assert run("check").of("CONNECTION_STATUS", "connectionStatus") == [{"status": "SUCCEEDED"}]


@pytest.mark.parametrize(
    "config", [{"api_key": "another-key"}, {"start_date": "2024-02-30"}, {"api_url": "no address"}]
)
def test_check_says_what_is_wrong(config, run):
    (status,) = run("check", **config).of("CONNECTION_STATUS", "connectionStatus")
    assert status["status"] == "FAILED"
    assert next(iter(config)) in status["message"]


def test_discover_shows_the_streams(run):
    (catalog,) = run("discover").of("CATALOG", "catalog")
    assert [stream["name"] for stream in catalog["streams"]] == ["stations", "readings"]


def test_a_full_read_has_every_row_of_every_page(api, run):
    read = run("read", CATALOG)
    assert read.exit_code == 0
    assert read.rows("stations") == api.data["stations"]
    assert read.rows("readings") == [row for row in api.data["readings"] if row["measured_at"] >= "2024-03-01"]


def test_the_second_sync_resumes_from_the_state(api, run):
    first = run("read", CATALOG)
    new = {"station_id": "old-ferry", "measured_at": "2024-03-06T08:00:00Z", "level_cm": 12.0, "corrected": False}
    api.data["readings"].append(new)
    second = run("read", CATALOG, state=first.of("STATE", "state"))
    newest = {"elm-bridge": "2024-03-03T06:00:00Z", "mill-weir": "2024-03-03T07:30:00Z", "old-ferry": ""}
    assert second.rows("readings") == [
        row for row in api.data["readings"] if row["measured_at"] >= newest[row["station_id"]]
    ]


def test_a_station_that_fails_is_read_by_the_next_sync(api, run):
    api.fail_next(("status", 404), times=1, path="/stations/elm-bridge/")
    first = run("read", CATALOG)
    assert first.exit_code == 1
    assert {row["station_id"] for row in first.rows("readings")} == {"mill-weir"}
    second = run("read", CATALOG, state=first.of("STATE", "state"))
    assert (second.exit_code, len([r for r in second.rows("readings") if r["station_id"] == "elm-bridge"])) == (0, 5)
