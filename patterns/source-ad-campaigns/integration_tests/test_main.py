"""Runs the four commands as Airbyte does, and checks stdout and the exit code."""

import json
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CATALOG = json.loads((ROOT / "sample_files" / "configured_catalog.json").read_text("utf-8"))
STREAMS = ["accounts", "contacts", "deals", "daily_spend", "clicks"]
RATE_LIMIT = {"status": "error", "category": "RATE_LIMITS", "message": "slow down"}


def only(*names):
    return {"streams": [entry for entry in CATALOG["streams"] if entry["stream"]["name"] in names]}


def keys(run, *streams):
    """The keys of the streams' rows."""
    rows = [(stream, row) for stream in streams for row in run.rows(stream)]
    return {(stream, row.get("id"), row.get("account_id"), row.get("date")) for stream, row in rows}


def test_spec_lists_the_options(run):
    (spec,) = run("spec").of("SPEC", "spec")
    assert "credentials" in spec["connectionSpecification"]["properties"]


def test_check_accepts_the_sandboxs_token(run):
    assert run("check").of("CONNECTION_STATUS", "connectionStatus") == [{"status": "SUCCEEDED"}]


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"credentials": {"auth_type": "private_app", "access_token": "another-token"}}, "credentials: "),
        ({"credentials": {"auth_type": "private_app"}}, "credentials.access_token is missing"),
        ({"credentials": {"auth_type": "oauth2", "client_id": "c"}}, "credentials.client_secret is missing"),
        ({"credentials": {"auth_type": "key"}}, "credentials must"),
        ({"start_date": "2024-02-30"}, "start_date must"),
        ({"account_ids": ["north", "west"]}, "account_ids: your credentials give no access to west."),
        ({"api_url": "http://api.ad-campaigns.example"}, "api_url must"),
    ],
)
def test_check_says_what_is_wrong(config, told, run):
    (status,) = run("check", **config).of("CONNECTION_STATUS", "connectionStatus")
    assert status["status"] == "FAILED"
    assert status["message"].startswith(told)


def test_discover_shows_the_streams(run):
    (catalog,) = run("discover").of("CATALOG", "catalog")
    assert [stream["name"] for stream in catalog["streams"]] == STREAMS


def test_a_full_read_has_every_row_of_every_page(api, run):
    read = run("read", CATALOG)
    assert (read.exit_code, read.errors) == (0, [])
    assert read.rows("accounts") == api.data["accounts"]
    assert [row["id"] for row in read.rows("contacts")] == ["c1", "c2", "c3", "c4", "c5"]
    assert [row["amount"] for row in read.rows("deals")] == [1234.5, 499.9, None, 80, 1250000]
    assert [row["id"] for row in read.rows("deals") if row["archived"]] == [104]
    assert sorted(map(str, read.rows("daily_spend"))) == sorted(map(str, api.data["daily_spend"]))
    clicks = [{**row, "cost": float(row["cost"])} for row in api.data["clicks"]]
    assert sorted(map(str, read.rows("clicks"))) == sorted(map(str, clicks))


def test_the_second_sync_reads_what_has_changed_and_the_days_that_are_corrected(api, run):
    first = run("read", CATALOG)
    api.data["contacts"][0]["updated_at"] = "2024-04-01T00:00:00Z"
    second = run("read", CATALOG, first.of("STATE", "state"))
    assert [row["id"] for row in second.rows("contacts")] == ["c5", "c4"]  # the last second is read again
    last_three = {row["date"] for row in api.data["clicks"][-6:]}
    for stream in ("daily_spend", "clicks"):
        rows = second.rows(stream)
        assert (len(rows), {row["date"] for row in rows}) == (6, last_three)


def test_the_accounts_are_those_in_the_config(run):
    read = run("read", CATALOG, account_ids=["south"])
    assert [row["id"] for row in read.rows("accounts")] == ["south"]
    assert {row["account_id"] for row in read.rows("clicks")} == {"south"}


def test_an_error_with_http_200_is_waited_for_or_reported(api, run):
    api.fail_next(("status", 200, {"Retry-After": "1"}, RATE_LIMIT), path="/contacts/search")
    api.fail_next(("status", 200, {}, {"status": "error", "message": "no such view"}), path="/deals")
    read = run("read", only("contacts", "deals"))
    assert (read.exit_code, len(read.rows("contacts")), read.rows("deals")) == (1, 5, [])
    assert "no such view" in read.errors[0]


def test_an_account_that_the_api_lists_and_refuses_is_left_out(api, run):
    api.forbidden = {"south"}
    read = run("read", only("daily_spend", "clicks"))
    assert read.exit_code == 0
    assert {row["account_id"] for row in read.rows("daily_spend") + read.rows("clicks")} == {"north"}
    warnings = [log["message"] for log in read.of("LOG", "log") if log["level"] == "WARN"]
    assert ["south" in warning and "suspended" in warning for warning in warnings] == [True, True]


def test_an_account_that_the_config_names_and_the_api_refuses_is_an_error(api, run):
    api.forbidden = {"south"}
    read = run("read", only("daily_spend"), account_ids=["south", "north"])
    assert (read.exit_code, {row["account_id"] for row in read.rows("daily_spend")}) == (1, {"north"})
    assert "account south is suspended" in read.errors[0]


# Reports


def test_a_report_that_is_not_ready_is_requested_again(api, run):
    api.pending = 1
    read = run("read", only("clicks"), account_ids=["north"], start_date=api.data["clicks"][-4]["date"])
    assert (read.exit_code, len(read.rows("clicks"))) == (0, 2)
    assert len(api.calls("/reports/r0")) == 2


def test_a_report_that_failed_is_made_again_by_the_next_sync(api, run):
    api.failing = 1
    first = run("read", only("clicks"))
    assert first.exit_code == 1
    assert "The next sync resumes there." in first.errors[0]
    second = run("read", only("clicks"), first.of("STATE", "state"))
    assert second.exit_code == 0
    assert len(keys(first, "clicks") | keys(second, "clicks")) == len(api.data["clicks"])


def test_an_order_of_a_report_is_not_sent_twice(api, run):
    api.fail_next("drop", path="/accounts/north/reports")
    read = run("read", only("clicks"), account_ids=["north"], start_date=api.data["clicks"][-4]["date"])
    assert (read.exit_code, len(api.calls("/accounts/north/reports"))) == (1, 1)


@pytest.mark.parametrize("fault", ["half", "truncated", "garbage"])
def test_a_file_that_arrives_broken_loses_nothing(fault, api, run):
    api.fail_next(fault, path="/files/")
    first = run("read", only("clicks"))
    second = run("read", only("clicks"), first.of("STATE", "state"))
    assert second.exit_code == 0
    assert len(keys(first, "clicks") | keys(second, "clicks")) == len(api.data["clicks"])


# OAuth2: a refresh token works once


def test_check_returns_the_new_refresh_token_and_read_uses_it(run, oauth2):
    check = run("check", credentials=oauth2)
    assert check.of("CONNECTION_STATUS", "connectionStatus") == [{"status": "SUCCEEDED"}]
    (config,) = check.configs
    assert config["credentials"] == {**oauth2, "refresh_token": "refresh-token-1"}
    read = run("read", only("deals"), **config)
    assert (read.exit_code, len(read.rows("deals"))) == (0, 5)


def test_a_spent_refresh_token_says_what_to_do(run, oauth2):
    run("check", credentials=oauth2)
    (status,) = run("check", credentials=oauth2).of("CONNECTION_STATUS", "connectionStatus")
    assert "sign in again" in status["message"]
    read = run("read", CATALOG, credentials=oauth2)
    assert (read.exit_code, read.configs) == (1, [])
    assert all("sign in again" in error for error in read.errors)


def test_access_tokens_that_expire_in_the_middle_of_a_read_are_replaced(api, run, oauth2):
    api.uses = 20
    read = run("read", CATALOG, credentials=oauth2, start_date="2026-01-01")
    assert (read.exit_code, read.errors) == (0, [])
    assert api.tokens_made > 2
    handed_back = [config["credentials"]["refresh_token"] for config in read.configs]
    assert handed_back == [f"refresh-token-{number + 1}" for number in range(api.tokens_made)]


def test_a_token_that_the_api_repeats_is_masked(api, run, oauth2):
    echo = {"status": "error", "message": "access-token-1 may not, nor may refresh-token-1"}
    api.fail_next(("status", 403, {}, echo), path="/deals")
    read = run("read", only("deals"), credentials=oauth2)
    assert '"**** may not, nor may ****"' in read.errors[0]


def test_a_kill_right_after_the_rotation_loses_no_token(api, run, start, oauth2, killed):
    asked = threading.Event()

    def never_answers(handler):
        asked.set()
        handler.api.stopped.wait(30)

    api.fail_next(never_answers, path="/deals")
    process = start("read", only("deals"), credentials=oauth2)
    assert asked.wait(30)  # the first request with the new access token: by now the CONTROL message is in the pipe
    process.kill()
    output, _ = process.communicate()
    (config,) = killed(output).configs
    read = run("read", only("deals"), **config)
    assert (read.exit_code, len(read.rows("deals"))) == (0, 5)


@pytest.mark.parametrize("lines", [3, 12, 20, 40, 60, 90, 130])
def test_a_read_that_is_killed_and_resumed_loses_nothing(lines, api, run, start, killed):
    api.latency = 0.002
    with start("read", CATALOG) as process:
        output = "".join(process.stdout.readline() for _ in range(lines))
        process.kill()
        first = killed(output + process.stdout.read())
    api.latency = 0
    second = run("read", CATALOG, first.of("STATE", "state"))
    assert (second.exit_code, second.errors) == (0, [])
    for stream in ("accounts", "deals"):
        assert len(second.rows(stream)) == len(api.data[stream])  # read in full
    growing = ("contacts", "daily_spend", "clicks")
    assert len(keys(first, *growing) | keys(second, *growing)) == 5 + len(api.data["daily_spend"]) * 2
