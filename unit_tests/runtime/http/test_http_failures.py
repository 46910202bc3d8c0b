"""Tests failures of server and network: what is retried, how long that takes, and the final message."""

import re

import pytest
from broken_connections import BROKEN, FOR_THE_USER
from letters_server import HOST, MEGABYTE, URL, Body, failure, responds

from source_stock_ticker.runtime.errors import ConfigError, TransientError, UnexpectedResponse

# Failures that another attempt may fix


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_a_server_that_fails_once_is_asked_again(http, client, status):
    responds(http, status, 200)
    assert client().get(URL).status == 200


def test_the_waits_between_tries_grow(http, client, clock):
    responds(http, 500, 500, 500, 500, 200)
    client().get(URL)
    assert clock.slept == [pytest.approx(seconds, abs=0.3) for seconds in (1, 2, 4, 8)]


def test_a_server_that_says_when_it_will_be_back_is_not_asked_before(http, client, clock):
    responds(http, 503, headers={"Retry-After": "20"})
    responds(http, 200)
    client().get(URL)
    assert clock.slept == [20]


def test_a_server_that_says_it_will_be_back_in_a_year_is_asked_within_minutes(http, client, clock):
    responds(http, 503, headers={"Retry-After": "31536000"})
    responds(http, 200)
    client().get(URL)
    assert clock.slept[0] <= 600


def test_every_wait_is_logged(http, client, caplog):
    responds(http, 503, 429, 200)
    client().get(URL)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert f"{HOST}: it returned HTTP 503; trying again in 1 s." in caplog.text
    assert "rate limit is reached: waiting 6" in caplog.text


def test_a_server_that_keeps_failing_is_given_up(http, client):
    responds(http, 503, body=b"<html>out of order</html>")
    error = failure(client(tries=3))
    assert isinstance(error, TransientError)
    assert error.message == f"No usable response from {HOST} after 3 attempts: it returned HTTP 503."
    assert error.detail == "<html>out of order</html>"
    assert len(http.calls) == 3


def test_who_has_one_try_hears_of_a_failure_at_once(http, client, clock):
    responds(http, 503)
    assert failure(client(tries=1)).message == f"No usable response from {HOST} after 1 attempt: it returned HTTP 503."
    assert clock.slept == []


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_is_reported_by_its_reason_and_host_alone(http, client, kind):
    error, reason = BROKEN[kind]
    http.get(URL, body=error)
    told = failure(client(tries=2))
    assert isinstance(told, TransientError)
    assert told.message == f"No usable response from {HOST} after 2 attempts: {reason}."


@pytest.mark.parametrize("kind", BROKEN)
def test_after_a_broken_connection_it_is_retried(http, client, kind):
    http.get(URL, body=BROKEN[kind][0])
    responds(http, 200)
    assert client().get(URL).status == 200


@pytest.mark.parametrize("kind", FOR_THE_USER)
def test_what_only_the_user_can_fix_is_reported_at_once_and_not_retried(http, client, clock, kind):
    error, reason = FOR_THE_USER[kind]
    http.get(URL, body=error)
    told = failure(client())
    assert isinstance(told, ConfigError)
    assert told.message == f"{HOST} cannot be reached: {reason}."
    assert len(http.calls) == 1
    assert clock.slept == []


def broken_body(error):
    """A body that breaks off."""
    yield b"let"
    raise error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke"),
        (TimeoutError("timed out"), "it did not answer in time"),
    ],
    ids=["reset", "stalled"],
)
def test_a_body_that_breaks_off_is_not_a_response(http, client, error, reason):
    responds(http, 200, body=Body(broken_body(error)).buffered())
    assert failure(client(tries=1)).message == f"No usable response from {HOST} after 1 attempt: {reason}."


def test_after_a_body_that_broke_off_all_of_it_is_fetched_again(http, client):
    responds(http, 200, body=Body(broken_body(ConnectionResetError())).buffered())
    responds(http, 200, body=b"letters")
    assert client().get(URL).body == b"letters"


def test_a_body_that_cannot_be_decompressed_is_not_a_response(http, client):
    responds(http, 200, body=b"not packed at all", headers={"Content-Encoding": "gzip"})
    error = failure(client(tries=2))
    reason = "it sent a body that cannot be decompressed"
    assert error.message == f"No usable response from {HOST} after 2 attempts: {reason}."


def test_a_body_without_end_is_given_up_before_it_fills_the_memory(http, client):
    body = Body(bytes(MEGABYTE) for _ in range(1000))
    responds(http, 200, body=body.buffered())
    error = failure(client())
    assert isinstance(error, UnexpectedResponse)
    assert re.fullmatch(rf"{HOST} sent a response of over \d+ MB\.", error.message)
    assert body.sent < 100 * MEGABYTE


def test_every_request_has_timeouts(http, client):
    responds(http, 200)
    client().get(URL)
    connect, read = http.calls[0].request.req_kwargs["timeout"]
    assert 0 < connect <= 30
    assert 0 < read <= 60


@pytest.mark.parametrize("url", [f"http://{'a' * 64}.com/v1", "http://a..com/v1", "http://a b/v1"])
def test_an_impossible_address_is_reported_like_a_missing_one(client, url):
    assert isinstance(failure(client(tries=1), url), TransientError)


# An outage


def attempts(http, client):
    """How many a request that fails makes."""
    before = len(http.calls)
    failure(client)
    return len(http.calls) - before


def test_after_three_requests_in_a_row_that_failed_each_further_one_has_one_try(http, client):
    responds(http, 503)
    one = client(tries=5)
    assert [attempts(http, one) for _ in range(5)] == [5, 5, 5, 1, 1]


def test_after_one_request_that_never_arrived_each_further_one_has_one_try_if_none_has_worked_yet(http, client):
    http.get(URL, body=BROKEN["refused"][0])
    one = client(tries=5)
    assert [attempts(http, one) for _ in range(3)] == [5, 1, 1]
    http.reset()
    responds(http, 200)
    one.get(URL)
    http.reset()
    http.get(URL, body=BROKEN["refused"][0])
    assert [attempts(http, one) for _ in range(4)] == [5, 5, 5, 1]


def test_after_a_request_that_worked_each_has_all_its_tries_again(http, client):
    responds(http, *[503] * 6, 200, 503)
    one = client(tries=2)
    for _ in range(3):
        failure(one)
    one.get(URL)
    assert attempts(http, one) == 2


def test_after_an_outage_a_rate_limit_is_still_waited_for(http, client, clock):
    responds(http, *[503] * 6)
    responds(http, 429, headers={"Retry-After": "30"})
    responds(http, 200)
    one = client(tries=2)
    for _ in range(3):
        failure(one)
    clock.slept.clear()
    assert one.get(URL).status == 200
    assert clock.slept == [pytest.approx(30)]


def test_after_three_requests_that_the_rate_limit_refused_to_the_end_each_further_one_has_one_try(http, client):
    responds(http, 429)
    one = client(tries=5)
    assert [attempts(http, one) for _ in range(4)] == [10, 10, 10, 1]
