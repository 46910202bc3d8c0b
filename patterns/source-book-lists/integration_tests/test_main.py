"""Runs the four commands as Airbyte does, and checks stdout and the exit code."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CATALOG = json.loads((ROOT / "sample_files" / "configured_catalog.json").read_text("utf-8"))
# Kind -> credentials that are right, the field by which they become wrong, the header that holds them.
KINDS = {
    "header": ({"api_key": "sandbox-key"}, "api_key", "x-library-key"),
    "parameter": ({"api_key": "sandbox-key"}, "api_key", None),
    "basic": ({"user": "ann", "password": "sandbox-key"}, "password", "authorization"),
    "client_credentials": ({"client_id": "sandbox", "client_secret": "sandbox-key"}, "client_secret", "authorization"),
}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def test_spec_lists_the_options(run):
    (spec,) = run("spec").of("SPEC", "spec")
    variants = spec["connectionSpecification"]["properties"]["credentials"]["oneOf"]
    assert [variant["properties"]["kind"]["const"] for variant in variants] == list(KINDS)


@EACH_KIND
def test_check_accepts_the_sandboxs_credentials_of_each_kind(kind, api, run):
    credentials, _, header = KINDS[kind]
    checked = run("check", credentials={"kind": kind, **credentials})
    assert checked.of("CONNECTION_STATUS", "connectionStatus") == [{"status": "SUCCEEDED"}]
    held = api.headers[-1].keys() & {"x-library-key", "authorization"}
    assert held == ({header} if header else set())
    assert ("key=sandbox-key" in api.calls("/books")[0]) == (kind == "parameter")


@EACH_KIND
def test_check_refuses_wrong_credentials_of_each_kind(kind, run):
    credentials, field, _ = KINDS[kind]
    checked = run("check", credentials={"kind": kind, **credentials, field: "another-key"})
    (status,) = checked.of("CONNECTION_STATUS", "connectionStatus")
    assert status["status"] == "FAILED"
    assert "credentials" in status["message"]


@EACH_KIND
def test_a_read_with_wrong_credentials_tries_one_stream_and_no_other(kind, api, run):
    credentials, field, _ = KINDS[kind]
    read = run("read", CATALOG, credentials={"kind": kind, **credentials, field: "another-key"})
    assert (read.exit_code, read.of("RECORD", "record")) == (1, [])
    assert len(api.requests) == 1


def test_discover_shows_the_streams(run):
    (catalog,) = run("discover").of("CATALOG", "catalog")
    assert [stream["name"] for stream in catalog["streams"]] == ["books", "authors", "loans"]


@EACH_KIND
def test_a_full_read_has_every_row_of_every_page(kind, api, run):
    read = run("read", CATALOG, credentials={"kind": kind, **KINDS[kind][0]})
    assert read.exit_code == 0
    assert {name: read.rows(name) for name in api.data} == api.data
    assert len(api.calls("/token")) == (kind == "client_credentials")  # the streams share one


def test_the_second_sync_resumes_from_the_state(api, run):
    first = run("read", CATALOG)
    new = {"number": 5, "isbn": "978-0-00-000003-5", "lent_at": "2024-03-05T08:00:00Z"}
    api.data["loans"].append(new)
    second = run("read", CATALOG, state=first.of("STATE", "state"))
    assert (second.exit_code, second.rows("loans"), second.rows("books")) == (0, [new], api.data["books"])


def test_a_token_that_ends_in_the_middle_of_a_read_is_replaced(api, run):
    api.uses = 2
    read = run("read", CATALOG)
    assert read.exit_code == 0
    assert {name: read.rows(name) for name in api.data} == api.data
    assert len(api.calls("/token")) == 4  # of 7 pages


def test_a_token_that_is_about_to_end_is_replaced_before_the_api_refuses_it(api, run):
    api.lifetime, api.latency = 0.1, 0.1  # so every request needs a new one
    read = run("read", CATALOG)
    assert {name: read.rows(name) for name in api.data} == api.data
    assert len(api.calls("/token")) == 7
    assert set(api.tokens.values()) == {1}


def test_no_token_is_ever_written(api, run):
    api.fail_next(
        ("status", 200, {}, {"error": {"code": "refused", "text": "No token-1-of-the-sandbox here."}}), path="books"
    )
    read = run("read", CATALOG)
    assert read.exit_code == 1
    assert "token-1-of" not in json.dumps(read.messages)
    assert "No **** here." in json.dumps(read.messages)


def test_a_busy_api_is_waited_for(api, run):
    api.fail_next(("status", 200, {}, {"error": {"code": "busy", "text": "Later.", "seconds": 1}}), path="/authors")
    read = run("read", CATALOG)
    assert (read.exit_code, read.rows("authors")) == (0, api.data["authors"])
    assert any("rate limit" in log["message"] for log in read.of("LOG", "log"))


@pytest.mark.parametrize("fault", ["truncated", "html", "empty", ("status", 503), "drop"])
def test_a_page_that_makes_no_sense_is_fetched_again(fault, api, run):
    api.fail_next(fault, path="/loans?offset=3")
    read = run("read", CATALOG)
    assert (read.exit_code, read.rows("loans")) == (0, api.data["loans"])


def test_a_list_that_fails_is_read_by_the_next_sync_and_does_not_hold_back_others(api, run):
    refused = ("status", 200, {}, {"error": {"code": "refused", "text": "Not today."}})
    api.fail_next(refused, path="/loans?offset=3")
    first = run("read", CATALOG)
    assert (first.exit_code, first.rows("books")) == (1, api.data["books"])
    second = run("read", CATALOG, state=first.of("STATE", "state"))
    assert second.exit_code == 0
    assert [*first.rows("loans"), *second.rows("loans")] == api.data["loans"]
