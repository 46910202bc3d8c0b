"""Tests the connector as a whole: which configs are valid, what check answers, and what discover shows."""

import logging

import pytest

from source_issue_tracker import SourceIssueTracker
from source_issue_tracker.runtime.errors import (
    ConfigError,
    CredentialsError,
    TransientError,
    UnexpectedResponse,
)
from source_issue_tracker.runtime.protocol.config import validated

LOGGER = logging.getLogger("unit_tests")
CONFIG = {"access_token": "sandbox-token", "repositories": ["acme/*"], "start_date": "2024-03-01"}
SCHEMA = SourceIssueTracker().specification["connectionSpecification"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("access_token", ""),
        ("access_token", "my token"),
        ("access_token", "schlüssel"),
        ("access_token", "two\nlines"),
        ("repositories", None),
        ("repositories", []),
        ("repositories", ["acme"]),
        ("repositories", ["acme/website/issues"]),
        ("repositories", ["*/website"]),
        ("repositories", ["acme/web site"]),
        ("start_date", "1/2/2024"),
        ("start_date", "2024-02-30"),
        ("api_url", "api.example.com"),
        ("api_url", "https://api.example.com?key=1"),
        ("api_url", "https://api.example.com/"),
        ("api_url", "https://jo@api.example.com"),
        ("api_url", "http://api.example.com"),
        ("api_url", "http://localhost.example.com"),
    ],
)
def test_what_is_wrong_is_named(field, value):
    with pytest.raises(ConfigError, match=f"^{field}[.: ]") as error:
        validated({**CONFIG, field: value}, SCHEMA)
    assert field != "access_token" or not value or value not in error.value.message


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "host.docker.internal:8080"])
def test_plain_http_is_for_this_machine(host):
    assert validated({**CONFIG, "api_url": f"http://{host}"}, SCHEMA)["api_url"] == f"http://{host}"


def test_a_check_proves_the_token_by_one_request_that_has_it_in_a_header(api):
    SourceIssueTracker().check(LOGGER, CONFIG)
    ((_, path),) = api.requests
    assert path.startswith("/user")
    assert "sandbox-token" not in path
    assert api.headers[0]["authorization"] == "Bearer sandbox-token"


def test_a_blank_after_the_token_and_the_address_does_no_harm(api):
    pasted = {"access_token": "sandbox-token\n", "api_url": "https://api.issue-tracker.example\n"}
    SourceIssueTracker().check(LOGGER, validated({**CONFIG, **pasted}, SCHEMA))
    assert len(api.requests) == 1


def test_a_check_refuses_what_a_read_would(api):
    with pytest.raises(CredentialsError, match=r"^access_token: .*Bad credentials"):
        SourceIssueTracker().check(LOGGER, {**CONFIG, "access_token": "another"})
    api.fail_next(("status", 200, {}, b"<html>Welcome!"))
    with pytest.raises(UnexpectedResponse, match="not JSON"):
        SourceIssueTracker().check(LOGGER, CONFIG)


@pytest.mark.parametrize("code", [429, 503])
def test_a_check_answers_at_once_while_the_api_is_out_of_order(code, api, waits):
    api.fail_next(("status", code, {}, {}), times=9)
    with pytest.raises(TransientError):
        SourceIssueTracker().check(LOGGER, CONFIG)
    assert (len(api.requests), waits) == (1, [])


def test_several_requests_can_run_at_once():
    assert SourceIssueTracker().workers(CONFIG) > 1
