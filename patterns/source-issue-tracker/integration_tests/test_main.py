"""Runs the four commands as Airbyte does, and checks stdout and the exit code."""

import json
import time
from pathlib import Path

import pytest
from sandbox_api import SECONDARY_LIMIT

ROOT = Path(__file__).resolve().parent.parent
CATALOG = json.loads((ROOT / "sample_files" / "configured_catalog.json").read_text("utf-8"))
STREAMS = ["repositories", "issues", "comments", "commits"]
START = "2024-03-01T00:00:00Z"


def table(rows):
    """The rows, sorted."""
    return sorted(sorted(row.items()) for row in rows)


def catalog(*names):
    return {"streams": [entry for entry in CATALOG["streams"] if entry["stream"]["name"] in names]}


def test_spec_lists_the_options(run):
    (spec,) = run("spec").of("SPEC", "spec")
    assert "access_token" in spec["connectionSpecification"]["properties"]


def test_check_accepts_the_sandboxs_token(run):
    assert run("check").of("CONNECTION_STATUS", "connectionStatus") == [{"status": "SUCCEEDED"}]


@pytest.mark.parametrize(
    "config", [{"access_token": "another-token"}, {"start_date": "2024-02-30"}, {"repositories": ["acme"]}]
)
def test_check_says_what_is_wrong(config, run):
    (status,) = run("check", **config).of("CONNECTION_STATUS", "connectionStatus")
    assert status["status"] == "FAILED"
    assert next(iter(config)) in status["message"]


def test_discover_shows_the_streams(run):
    (catalog,) = run("discover").of("CATALOG", "catalog")
    assert [stream["name"] for stream in catalog["streams"]] == STREAMS


def test_a_read_has_every_row_of_every_page_and_warns_of_what_it_leaves_out(api, run):
    read = run("read", CATALOG)
    assert read.exit_code == 0
    assert read.rows("repositories") == api.data["repositories"][:6]
    for name in STREAMS[1:]:
        assert table(read.rows(name)) == table(api.rows(name, since=START if name != "comments" else ""))
    left_out = [line.split(". ")[0].replace("skipped ", "") for line in read.logs("WARN").splitlines()]
    assert left_out == [
        "issues: acme/payroll",
        "issues: acme/wiki",
        *["issues: acme/payroll", "issues: acme/wiki"],  # as parents of comments
        "commits: acme/empty",
        "commits: acme/payroll",
    ]


def test_the_second_sync_reads_what_is_new_and_the_third_nothing_that_has_an_etag(api, run):
    first = run("read", CATALOG)
    new = {"sha": "b3f0", "message": "More", "author": "jo", "committed_at": "2024-03-09T09:00:00Z"}
    api.data["commits"]["acme/app"].append(new)
    second = run("read", CATALOG, first.states())
    assert [row["sha"] for row in second.rows("commits")] == ["a4f0", "b3f0", "b2f0", "c1f0", "d1f0"]
    assert [row["id"] for row in second.rows("issues")] == [105, 202, 601]
    third = run("read", CATALOG, second.states())
    assert [row["sha"] for row in third.rows("commits")] == ["b3f0"]
    assert third.rows("issues") == []
    assert third.rows("comments") == first.rows("comments")


@pytest.mark.parametrize("messages", range(3, 15))
def test_what_is_killed_is_read_by_the_next_sync(messages, api, run):
    api.page_size = 1
    killed = run("read", catalog("issues"), killed_after=messages)
    rest = run("read", catalog("issues"), killed.states() or None)
    assert killed.exit_code in (-9, 0)
    assert rest.exit_code == 0
    assert {row["id"] for row in killed.rows("issues") + rest.rows("issues")} == {102, 103, 104, 105, 201, 202, 601}


def test_a_repository_that_the_config_names_and_the_token_cannot_read_is_a_config_error(api, run):
    read = run("read", CATALOG, repositories=["jo/vault", "acme/app"])
    assert read.exit_code == 1
    errors = [trace["error"] for trace in read.of("TRACE", "trace") if trace["type"] == "ERROR"]
    assert [(error["failure_type"], "jo/vault" in error["message"]) for error in errors] == [("config_error", True)] * 4
    assert {row["repository"] for row in read.rows("issues")} == {"acme/app"}
    assert {row["repository"] for row in read.rows("comments")} == {"acme/app"}


def test_both_kinds_of_rate_limits_are_waited_for(api, run):
    whole = run("read", catalog("issues")).rows("issues")
    api.limit, api.used, api.reset = 20, 17, time.time() + 3
    api.fail_next(SECONDARY_LIMIT, path="/acme/app/issues")
    started = time.monotonic()
    read = run("read", catalog("issues"))
    assert (read.exit_code, read.rows("issues")) == (0, whole)
    assert read.logs("WARN").count("rate limit is reached") >= 2
    assert time.monotonic() - started > 2


def test_what_fails_is_read_by_the_next_sync(api, run):
    api.fail_next(("status", 400), path="/acme/app/issues")
    first = run("read", catalog("issues"))
    assert first.exit_code == 1
    assert {row["repository"] for row in first.rows("issues")} == {"acme/website", "jo/dotfiles"}
    second = run("read", catalog("issues"), first.states())
    assert (second.exit_code, [row["id"] for row in second.rows("issues")]) == (0, [105, 202, 201, 601])


def test_the_token_is_never_on_stdout_even_if_the_api_repeats_it(api, run):
    api.fail_next(("status", 403, {}, {"message": f"{api.key} may not"}), path="/acme/app/issues")
    assert "**** may not" in run("read", catalog("issues")).logs("WARN")
