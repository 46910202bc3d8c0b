"""Tests the connector as a whole: how it signs in, what check answers, and what discover shows."""

import json
import logging
from urllib.parse import parse_qsl

import pytest

from source_ad_campaigns import SourceAdCampaigns
from source_ad_campaigns.runtime import errors

LOGGER = logging.getLogger("unit_tests")
URL = "https://api.ad-campaigns.example"
CONFIG = {"credentials": {"auth_type": "private_app", "access_token": "my-token"}, "start_date": "2024-03-01"}
OAUTH = {"auth_type": "oauth2", "client_id": "me", "client_secret": "my-secret", "refresh_token": "refresh-0"}


@pytest.fixture
def source():
    """A source that records what it hides and saves, in order; `events` contains the requests too."""

    class Noting(SourceAdCampaigns):
        def __init__(self):
            self.events = []

        def hide(self, *secrets):
            self.events += [("hide", *secrets)]

        def save_config(self, config):
            self.events += [("save", config)]

    return Noting()


@pytest.fixture
def tokens(server, source):
    """The API with OAuth2: a refresh token works once, and so does an access token."""
    uses = {}

    def token(request):
        form = dict(parse_qsl(request.body))
        source.events.append(("token", form["refresh_token"]))
        if form["refresh_token"] != f"refresh-{len(uses)}":
            return 400, {}, '{"error": "invalid_grant"}'
        number = len(uses) + 1
        uses[f"Bearer access-{number}"] = 1
        answer = {"access_token": f"access-{number}", "expires_in": 3600, "refresh_token": f"refresh-{number}"}
        return 200, {}, json.dumps(answer)

    def accounts(request):
        name = request.headers["Authorization"]
        source.events.append(("accounts", name))
        uses[name] -= 1
        return (200, {}, '{"results": []}') if uses[name] >= 0 else (401, {}, "{}")

    server.add_callback("POST", f"{URL}/oauth/token", token)
    server.add_callback("GET", f"{URL}/accounts", accounts)
    return uses


def test_a_check_proves_the_token_by_one_request(server):
    server.get(f"{URL}/accounts", json={"results": []})
    SourceAdCampaigns().check(LOGGER, CONFIG)
    (call,) = server.calls
    assert call.request.headers["Authorization"] == "Bearer my-token"


@pytest.mark.parametrize(
    ("response", "error"),
    [({"status": 401}, errors.CredentialsError), ({"body": "Welcome!"}, errors.UnexpectedResponse)],
)
def test_a_check_refuses_what_a_read_would(response, error, server):
    server.get(f"{URL}/accounts", **response)
    with pytest.raises(error):
        SourceAdCampaigns().check(LOGGER, CONFIG)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("credentials", [CONFIG["credentials"], OAUTH])
def test_a_check_answers_at_once_while_the_api_does_not_serve_us(credentials, status, server):
    server.get(f"{URL}/accounts", status=status)
    server.post(f"{URL}/oauth/token", status=status)
    with pytest.raises(errors.TransientError):
        SourceAdCampaigns().check(LOGGER, {**CONFIG, "credentials": credentials})
    assert len(server.calls) == 1


def test_a_check_names_the_accounts_that_there_are_not(server):
    server.get(f"{URL}/accounts", json={"results": [{"id": "a"}]})
    with pytest.raises(errors.ConfigError, match=r"account_ids: .* no access to b, c\."):
        SourceAdCampaigns().check(LOGGER, {**CONFIG, "account_ids": ["c", "a", "b"]})


def test_a_new_refresh_token_is_handed_back_before_the_access_token_is_used(source, tokens):
    source.check(LOGGER, {**CONFIG, "credentials": OAUTH})
    assert source.events == [
        ("token", "refresh-0"),
        ("hide", "access-1"),
        ("hide", "refresh-1"),
        ("save", {**CONFIG, "credentials": {**OAUTH, "refresh_token": "refresh-1"}}),
        ("accounts", "Bearer access-1"),
    ]


def test_an_access_token_that_expires_is_replaced_once(source, tokens):
    accounts = source.streams(LOGGER, {**CONFIG, "credentials": OAUTH})[0]
    for _ in range(2):
        assert accounts.parse("", accounts.fetch("", None)).rows == []
    asked = [event for event in source.events if event[0] in ("token", "accounts")]
    assert asked == [
        ("token", "refresh-0"),
        ("accounts", "Bearer access-1"),
        ("accounts", "Bearer access-1"),
        ("token", "refresh-1"),
        ("accounts", "Bearer access-2"),
    ]
    assert [event[1]["credentials"]["refresh_token"] for event in source.events if event[0] == "save"] == [
        "refresh-1",
        "refresh-2",
    ]


def test_a_spent_refresh_token_says_what_to_do(source, tokens):
    with pytest.raises(errors.CredentialsError, match="sign in again"):
        source.check(LOGGER, {**CONFIG, "credentials": {**OAUTH, "refresh_token": "refresh-7"}})


def test_the_blanks_that_came_along_with_a_token_are_taken_off(server):
    server.get(f"{URL}/accounts", json={"results": []})
    pasted = {"auth_type": "private_app", "access_token": " t\n"}
    SourceAdCampaigns().check(LOGGER, {**CONFIG, "credentials": pasted})
    assert server.calls[0].request.headers["Authorization"] == "Bearer t"


def test_the_slash_after_an_address_does_no_harm(server):
    server.get("https://proxy.example/ads/accounts", json={"results": []})
    SourceAdCampaigns().check(LOGGER, {**CONFIG, "api_url": "https://proxy.example/ads/"})


def test_several_requests_can_run_at_once():
    assert SourceAdCampaigns().workers(CONFIG) > 1
