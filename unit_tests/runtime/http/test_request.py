"""Tests what is sent: URL, method, body, and which requests can be sent twice."""

import io
import json
import logging

import pytest
import requests
from broken_connections import BROKEN
from letters_server import HOST, KEY, URL

from source_stock_ticker.runtime.errors import ConnectorError, TransientError, UnexpectedResponse
from source_stock_ticker.runtime.http.client import Limits
from source_stock_ticker.runtime.http.request import Request

SEARCH = Request(f"{HOST}/v1/search", method="POST", json={"after": "b", "limit": 2}, repeatable=True)
ORDER = Request(f"{HOST}/v1/orders", method="POST", form={"letter": "b & c"})


@pytest.mark.parametrize(
    ("url", "query", "address"),
    [
        (f"{HOST}/v1", {}, f"{HOST}/v1"),
        (f"{HOST}/v1", {"a": 1, "b": None, "c": "x&y"}, f"{HOST}/v1?a=1&c=x%26y"),
        (f"{HOST}/v1?a=1", {"b": 2}, f"{HOST}/v1?a=1&b=2"),
        (f"{HOST}/v1?a=1", {"b": None}, f"{HOST}/v1?a=1"),
        (f"{HOST}/v1", {"a": ["x", "y"], "b": True}, f"{HOST}/v1?a=x&a=y&b=true"),
    ],
)
def test_an_address_is_the_url_and_what_of_the_query_is_not_none(url, query, address):
    assert Request(url, query).address == address


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        (Request(URL, {"page": "2"}), "2"),
        (Request(URL, method="POST", json={"page": 2}), 2),
        (Request(URL, method="POST", form={"page": "2"}), "2"),
        (Request(URL, method="POST", json=[{"page": 2}]), None),
        (Request(URL), None),
    ],
)
def test_a_parameter_is_found_in_the_query_or_the_body(request_, value):
    assert request_.sent("page") == value


def test_a_post_sends_json(http, client):
    http.post(SEARCH.url, json={})
    response = client().send(SEARCH)
    assert json.loads(http.calls[0].request.body) == {"after": "b", "limit": 2}
    assert http.calls[0].request.headers["Content-Type"] == "application/json"
    assert http.calls[0].request.headers["Authorization"] == f"Bearer {KEY}"
    assert response.request is SEARCH


def test_a_post_sends_a_form(http, client):
    http.post(ORDER.url)
    client().send(ORDER)
    assert http.calls[0].request.body == "letter=b+%26+c"


def test_a_request_has_its_own_headers(http, client):
    http.get(URL)
    client().send(Request(URL, headers={"If-None-Match": '"a1"', "Accept": "text/csv", "If-Modified-Since": None}))
    sent = http.calls[0].request.headers
    assert (sent["If-None-Match"], sent["Accept"]) == ('"a1"', "text/csv")
    assert "If-Modified-Since" not in sent


# What can be sent twice


@pytest.mark.parametrize("request_", [SEARCH, Request(SEARCH.url, method="DELETE"), Request(SEARCH.url, method="PUT")])
@pytest.mark.parametrize("failure", [{"status": 503}, {"body": requests.ConnectionError("reset")}])
def test_what_can_be_repeated_is_retried(http, client, request_, failure):
    http.add(request_.method, SEARCH.url, **failure)
    http.add(request_.method, SEARCH.url, body=b"letters")
    assert client().send(request_).body == b"letters"


@pytest.mark.parametrize("failure", [{"status": 503}, {"body": requests.ConnectionError("reset")}])
def test_a_post_that_creates_something_is_not_sent_twice_if_its_outcome_is_unknown(http, client, failure):
    http.post(ORDER.url, **failure)
    http.post(ORDER.url)
    with pytest.raises(TransientError, match="after 1 attempt"):
        client().send(ORDER)
    assert len(http.calls) == 1


def test_a_post_that_surely_did_not_arrive_is_sent_again(http, client):
    http.post(ORDER.url, body=BROKEN["refused"][0])
    http.post(ORDER.url, body=b"made")
    assert client().send(ORDER).body == b"made"


@pytest.mark.parametrize("words", ["NewConnectionError", "ProxyError", "SSLError"])
def test_what_the_server_says_does_not_make_a_post_one_that_did_not_arrive(http, client, words):
    http.post(ORDER.url, body=requests.ConnectionError(f"BadStatusLine('{words}')"))
    http.post(ORDER.url, body=requests.exceptions.SSLError(f"{words} after the request"))
    for _ in range(2):
        with pytest.raises(TransientError, match="after 1 attempt"):
            client().send(ORDER)
    assert len(http.calls) == 2


def test_a_post_that_the_rate_limit_held_back_is_sent_again(http, client):
    http.post(ORDER.url, status=429)
    http.post(ORDER.url, body=b"made")
    assert client().send(ORDER).body == b"made"


# Redirects


def redirects(http, *targets):
    for target in targets:
        http.get(URL, status=301, headers={"Location": target})


@pytest.mark.parametrize("target", [f"{HOST}/v2/letters", "/v2/letters", "//api.example.com/v2/letters"])
def test_a_redirect_to_the_same_host_is_followed_where_the_connector_asks_for_it(http, client, target):
    redirects(http, target)
    http.get(f"{HOST}/v2/letters", body=b"letters")
    response = client(redirects=3).get(URL)
    assert (response.body, response.path) == (b"letters", "/v1/letters")
    assert http.calls[1].request.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "target",
    ["https://other.example.com/v2", "http://api.example.com/v2", "https://api.example.com:8443/v2", "https://["],
)
def test_a_redirect_to_another_host_scheme_or_port_is_not_followed(http, client, target):
    redirects(http, target)
    with pytest.raises(UnexpectedResponse, match="redirects"):
        client(redirects=3).get(URL)
    assert len(http.calls) == 1


def test_a_redirect_of_a_post_is_not_followed(http, client):
    http.post(SEARCH.url, status=307, headers={"Location": f"{HOST}/v2"})
    with pytest.raises(UnexpectedResponse, match="redirects"):
        client(redirects=3).send(SEARCH)


def test_redirects_without_end_are_left(http, client):
    redirects(http, URL)
    with pytest.raises(UnexpectedResponse) as raised:
        client(redirects=3).get(URL)
    assert raised.value.message == f"{HOST} has redirected /v1/letters more than 3 times."
    assert len(http.calls) == 4


# Into a file


def test_a_large_body_goes_into_a_file(http, client):
    http.get(URL, body=b"letters" * 1000)
    file = io.BytesIO()
    response = client(limits=Limits(max_body=100)).send(Request(URL), into=file)
    assert (response.status, response.body, file.getvalue()) == (200, b"", b"letters" * 1000)
    assert file.tell() == 0


def test_what_an_earlier_try_has_left_in_the_file_is_gone(http, client):
    http.get(URL, body=b"a long beginning, and then a failure", status=200, headers={"Content-Length": "99"})
    http.get(URL, body=b"letters")
    file = io.BytesIO(b"something old")
    client().send(Request(URL), into=file)
    assert file.getvalue() == b"letters"


def test_a_file_that_cannot_hold_it_is_reported_and_not_retried(http, client):
    class Full(io.BytesIO):
        def write(self, part):
            raise OSError(28, "No space left on device")

    http.get(URL, body=b"letters")
    with pytest.raises(TransientError, match="No space left on device"):
        client().send(Request(URL), into=Full())
    assert len(http.calls) == 1


def test_what_is_no_success_does_not_go_into_the_file(http, client):
    http.get(URL, status=404, body=b"no such report")
    file = io.BytesIO()
    assert client(meaning=lambda response: None).send(Request(URL), into=file).body == b"no such report"
    assert file.getvalue() == b""


def signed(ending):
    return f"{HOST}/files/r7?signature=abc123&{ending}"


def test_the_signed_address_of_a_file_does_not_get_into_the_log(http, client, caplog):
    caplog.set_level(logging.DEBUG)
    http.get(signed("1"), body=b"letters")
    client().send(Request(signed("1")), into=io.BytesIO())
    assert [record.getMessage() for record in caplog.records] == [f"GET {HOST}/files/r7"]


@pytest.mark.parametrize(
    "failure",
    [
        {"status": 302, "headers": {"Location": "https://files.example.com/r7?signature=abc123"}},
        {"body": requests.ConnectionError(f"Max retries exceeded with url: {signed('2')} (Caused by a test)")},
    ],
)
def test_the_signed_address_of_a_file_does_not_get_into_an_error(failure, http, client):
    http.get(signed("1"), **failure)
    with pytest.raises(ConnectorError) as raised:
        client(tries=1).send(Request(signed("1")), into=io.BytesIO())
    assert "/r7" in raised.value.detail
    assert "abc123" not in raised.value.message + raised.value.detail


def test_the_largest_body_can_be_set(http, client):
    http.get(URL, body=bytes(2 << 20))
    with pytest.raises(UnexpectedResponse, match="over 1 MB"):
        client(limits=Limits(max_body=1 << 20)).get(URL)


def test_the_longest_wait_can_be_set(http, client, clock):
    http.get(URL, status=429, headers={"Retry-After": "500"})
    http.get(URL)
    client(limits=Limits(max_wait=600)).get(URL)
    assert clock.slept == [500]
