"""Tests OAuth 2: when and how often a token is requested, and that a new refresh token is never lost."""

import json
import logging
import threading
import time
from urllib.parse import parse_qs

import pytest
import requests
import responses
from letters_server import HOST, URL

from source_stock_ticker.runtime.errors import (
    ConnectorError,
    CredentialsError,
    TransientError,
    UnexpectedResponse,
)
from source_stock_ticker.runtime.http import auth
from source_stock_ticker.runtime.http.client import HttpClient
from source_stock_ticker.runtime.http.oauth2 import OAuth2

TOKENS = f"{HOST}/token"
CLIENT = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cret"}
REFRESH = {"grant_type": "refresh_token", "client_id": "me", "refresh_token": "r0"}


class Account:
    """The API: issues the tokens t1, t2, ...; only the newest is valid. `rotate`: it replaces refresh tokens too."""

    def __init__(self, http, lifetime=3600, rotate=False):
        self.made = 0
        self.told = []  # what became known, in order
        self.lifetime, self.rotate = lifetime, rotate
        self.good = set()
        http.add_callback("POST", TOKENS, self.token)
        http.add_callback("GET", URL, self.letters)

    def token(self, request):
        form = {name: value[0] for name, value in parse_qs(request.body).items()}
        if self.rotate and form["refresh_token"] != f"r{self.made}":
            return 400, {}, json.dumps({"error": "invalid_grant"})
        self.made += 1
        self.good = {f"Bearer t{self.made}"}
        new = {"refresh_token": f"r{self.made}"} if self.rotate else {}
        return 200, {}, json.dumps({"access_token": f"t{self.made}", "expires_in": self.lifetime, **new})

    def letters(self, request):
        self.told.append(("used", request.headers["Authorization"]))
        return (200 if request.headers["Authorization"] in self.good else 401), {}, b"letters"

    def client(self, form=CLIENT, tries=1):
        logger = logging.getLogger("airbyte")

        def hide(secret):
            self.told.append(("hidden", secret))

        def save(token):
            self.told.append(("saved", token))

        return HttpClient(OAuth2(TOKENS, form, logger, hide, save, tries=tries), logger, tries=tries)


def test_one_token_serves_many_requests(http):
    account = Account(http)
    client = account.client()
    assert [client.get(URL).status for _ in range(3)] == [200] * 3
    assert account.made == 1


def test_a_token_is_hidden_before_it_is_used(http):
    account = Account(http)
    account.client().get(URL)
    assert account.told == [("hidden", "t1"), ("used", "Bearer t1")]


def test_a_token_is_replaced_before_it_ends(http, monkeypatch):
    account = Account(http, lifetime=600)
    client, now = account.client(), time.monotonic()
    client.get(URL)
    for later, made in ((530, 1), (545, 2)):
        monkeypatch.setattr(time, "monotonic", lambda later=later: now + later)
        client.get(URL)
        assert account.made == made


@pytest.mark.parametrize("lifetime", [None, 0, "0", -1, "", "soon", True, [], "3600", "3600.5", 3600.5])
def test_the_lifetime_can_be_missing_or_written_oddly(http, lifetime):
    account = Account(http, lifetime=lifetime)
    client = account.client()
    client.get(URL)
    client.get(URL)
    assert account.made == 1


def test_a_token_that_the_api_refuses_is_replaced_once(http):
    account = Account(http)
    client = account.client()
    client.get(URL)
    account.good = set()  # it was revoked
    assert client.get(URL).status == 200
    assert account.made == 2


def test_a_refusal_of_the_new_token_too_is_the_callers_to_judge(http):
    account = Account(http)
    client = account.client()
    http.replace("GET", URL, status=401)
    with pytest.raises(UnexpectedResponse, match="HTTP 401"):
        client.get(URL)
    assert account.made == 2


def test_threads_that_meet_the_same_refusal_get_one_new_token(http):
    account = Account(http)
    client = account.client()
    client.get(URL)
    account.good = set()
    threads = [threading.Thread(target=client.get, args=(URL,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.made == 2


# Rotation


def test_a_new_refresh_token_is_saved_before_anything_else_happens(http):
    account = Account(http, rotate=True)
    account.client(REFRESH).get(URL)
    assert account.told == [("hidden", "t1"), ("hidden", "r1"), ("saved", "r1"), ("used", "Bearer t1")]


def test_the_next_token_is_requested_with_the_new_refresh_token(http):
    account = Account(http, rotate=True)
    client = account.client(REFRESH)
    client.get(URL)
    account.good = set()
    client.get(URL)
    assert [told for told in account.told if told[0] == "saved"] == [("saved", "r1"), ("saved", "r2")]


def test_a_refresh_token_that_stays_is_not_saved_again(http):
    http.post(TOKENS, json={"access_token": "t1", "refresh_token": "r0"})
    http.get(URL)
    saved = []
    logger = logging.getLogger("airbyte")
    HttpClient(OAuth2(TOKENS, REFRESH, logger, print, saved.append), logger).get(URL)
    assert saved == []


def test_a_spent_refresh_token_is_refused_in_a_sentence_and_not_retried(http):
    account = Account(http, rotate=True)
    client = account.client({**REFRESH, "refresh_token": "old"}, tries=5)
    for _ in range(2):
        with pytest.raises(CredentialsError, match="sign in again"):
            client.get(URL)
    assert len(http.calls) == 1


def test_a_refresh_token_whose_response_is_lost_is_not_sent_twice(http):
    Account(http)
    http.replace(responses.Response("POST", TOKENS, body=requests.ConnectionError("reset")))
    logger = logging.getLogger("airbyte")
    client = HttpClient(OAuth2(TOKENS, REFRESH, logger, print), logger)
    for _ in range(2):
        with pytest.raises(TransientError, match="after 1 attempt"):
            client.get(URL)
    assert len(http.calls) == 1


@pytest.mark.parametrize("odd", [{"access_token": 7}, {"access_token": "a\nb"}, {"access_token": None}])
def test_a_new_refresh_token_is_saved_whatever_else_is_odd(http, odd):
    http.post(TOKENS, json={"refresh_token": "r1", **odd})
    told = []
    logger = logging.getLogger("airbyte")
    with pytest.raises(UnexpectedResponse, match="no access token"):
        HttpClient(OAuth2(TOKENS, REFRESH, logger, told.append, told.append), logger).get(URL)
    assert told == ["r1", "r1"]


@pytest.mark.parametrize(
    "answer",
    [
        {"body": "access_token=t0k3n&refresh_token=t0k3n"},
        {"body": '{"access_token": "t0k3n", "refresh'},
        {"status": 403, "json": {"access_token": "t0k3n"}},
        {"status": 404, "json": {"access_token": "t0k3n"}},
        {"status": 500, "json": {"access_token": "t0k3n"}},
        {"status": 302, "headers": {"Location": "/?access_token=t0k3n"}},
    ],
)
def test_an_answer_that_is_refused_is_not_quoted_for_it_can_contain_a_token(http, answer):
    http.post(TOKENS, **answer)
    logger = logging.getLogger("airbyte")
    with pytest.raises(ConnectorError) as refused:
        HttpClient(OAuth2(TOKENS, REFRESH, logger, print), logger).get(URL)
    assert "t0k3n" not in refused.value.message + refused.value.detail


def test_id_and_secret_can_go_by_basic(http):
    Account(http)
    authenticate = OAuth2(TOKENS, CLIENT, logging.getLogger("airbyte"), print, authenticate=auth.basic("me", "s3cret"))
    authenticate(requests.Request("GET", URL).prepare())
    assert http.calls[0].request.headers["Authorization"].startswith("Basic ")


# Refusals


@pytest.mark.parametrize("status", [400, 401, 403])
def test_wrong_credentials_are_reported_in_the_apis_words(http, status):
    account = Account(http)
    answer = {"error": "invalid_client", "error_description": "no such client"}
    http.replace("POST", TOKENS, status=status, json=answer)
    with pytest.raises(CredentialsError, match=r"check them\..*no such client"):
        account.client().get(URL)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"access_token": 7}', '{"access_token": "a b"}'])
@pytest.mark.parametrize("status", [200, 201, 400])
def test_an_answer_without_a_token_is_refused(http, status, body):
    account = Account(http)
    http.replace("POST", TOKENS, status=status, body=body)
    with pytest.raises(UnexpectedResponse, match="/token"):
        account.client().get(URL)
