"""Tests the credentials in requests, and what responses mean."""

from base64 import b64encode

import pytest
from responses.matchers import urlencoded_params_matcher

from source_book_lists.api import rows_of
from source_book_lists.runtime.errors import CredentialsError, TransientError, UnexpectedResponse
from source_book_lists.runtime.http.response import Response

URL = "https://api.book-lists.example"
KEY = {"kind": "header", "api_key": "my-key"}
APPLICATION = {"kind": "client_credentials", "client_id": "my-app", "client_secret": "my-secret"}
BUSY = {"error": {"code": "busy", "text": "Too many requests.", "seconds": 7}}


@pytest.mark.parametrize(
    ("credentials", "headers", "query"),
    [
        (KEY, {"X-Library-Key": "my-key"}, {}),
        ({"kind": "parameter", "api_key": "my-key"}, {}, {"key": "my-key"}),
        (
            {"kind": "basic", "user": "änn", "password": "p:w"},
            {"Authorization": f"Basic {b64encode('änn:p:w'.encode()).decode()}"},
            {},
        ),
    ],
    ids=lambda value: value.get("kind", ""),
)
def test_the_credentials_are_where_the_api_looks_for_them_and_nowhere_else(
    credentials, headers, query, connect, server
):
    server.get(f"{URL}/books", json={"rows": []})
    connect(credentials).get("/books", page=2)
    (asked,) = [call.request for call in server.calls]
    assert {
        name: asked.headers[name] for name in ("X-Library-Key", "Authorization") if name in asked.headers
    } == headers
    assert asked.params == {"page": "2", **query}


def test_an_application_gets_one_token_for_all_its_requests_and_it_is_hidden(connect, server, hidden):
    form = {"grant_type": "client_credentials", "client_id": "my-app", "client_secret": "my-secret"}
    wanted = [urlencoded_params_matcher(form)]
    server.post(f"{URL}/token", json={"access_token": "t0ken", "expires_in": 3600}, match=wanted)
    server.get(f"{URL}/books", json={"rows": []})
    api = connect(APPLICATION)
    api.get("/books")
    api.get("/books")
    assert [call.request.headers.get("Authorization") for call in server.calls] == [
        None,
        "Bearer t0ken",
        "Bearer t0ken",
    ]
    assert hidden == ["t0ken"]


def test_a_token_that_the_api_no_longer_accepts_is_renewed_once(connect, server):
    server.post(f"{URL}/token", json={"access_token": "first"})
    server.post(f"{URL}/token", json={"access_token": "second"})
    server.get(f"{URL}/books", status=401)
    server.get(f"{URL}/books", json={"rows": [1]})
    assert rows_of(connect(APPLICATION).get("/books")) == [1]
    assert server.calls[-1].request.headers["Authorization"] == "Bearer second"


def test_an_application_that_the_api_does_not_know_has_wrong_credentials(connect, server):
    server.post(f"{URL}/token", status=401, json={"error": "invalid_client"})
    with pytest.raises(CredentialsError, match="credentials"):
        connect(APPLICATION).get("/books")


@pytest.mark.parametrize("credentials", [KEY, {"kind": "basic", "user": "ann", "password": "wrong"}])
def test_wrong_credentials_are_not_retried(credentials, connect, server):
    server.get(f"{URL}/books", status=401)
    with pytest.raises(CredentialsError, match=r"^credentials: "):
        connect(credentials).get("/books")
    assert len(server.calls) == 1


def test_an_envelope_that_says_busy_is_waited_for(connect, server, slept):
    server.get(f"{URL}/books", json=BUSY)
    server.get(f"{URL}/books", json={"rows": [1]})
    assert rows_of(connect().get("/books")) == [1]
    assert sum(slept) == pytest.approx(7, abs=0.5)


def test_a_person_who_waits_learns_that_the_api_is_busy(connect, server):
    server.get(f"{URL}/books", json=BUSY)
    with pytest.raises(TransientError, match="rate limit"):
        connect(tries=1).get("/books")


def test_an_envelope_with_another_error_is_refused_in_the_apis_words(connect, server):
    server.get(f"{URL}/books", json={"error": {"code": "refused", "text": "There is no such list."}})
    with pytest.raises(UnexpectedResponse, match=r'/books: "There is no such list\."'):
        connect().get("/books")


def test_http_has_its_usual_meaning_too(connect, server):
    server.get(f"{URL}/books", status=503, body="<html>")
    server.get(f"{URL}/books", status=503, json={"error": {"code": "broken", "text": "Out of order."}})
    server.get(f"{URL}/books", status=429, json=BUSY)
    server.get(f"{URL}/books", json={"rows": [1]})
    assert rows_of(connect().get("/books")) == [1]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"rows": {}}', b'{"rows": null}', b'{"rows": [1'])
def test_a_response_without_a_list_of_rows_is_not_mistaken_for_an_empty_one(body, connect, server):
    server.get(f"{URL}/books", body=body)
    response = connect().get("/books")
    assert isinstance(response, Response)
    with pytest.raises(UnexpectedResponse):
        rows_of(response)
