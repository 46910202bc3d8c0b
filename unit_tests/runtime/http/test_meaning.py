"""Tests a connector's meaning function, and what the client does with its results."""

import time
from email.utils import formatdate

import pytest
from letters_server import URL, responds

from source_stock_ticker.runtime.errors import (
    SkipSlice,
    TransientError,
    Unavailable,
    UnexpectedResponse,
)
from source_stock_ticker.runtime.http.meaning import Again, Wait, usual_meaning
from source_stock_ticker.runtime.http.response import Response


def of(headers):
    return Response(403, b"", "/v1/letters", headers)


def always(meaning):
    """A meaning function: a special one for 418, the usual one for other statuses."""
    return lambda response: meaning if response.status == 418 else usual_meaning(response)


@pytest.mark.parametrize("error", [SkipSlice("Nothing there."), Unavailable("Gone.")])
def test_an_exception_is_raised_at_once(http, client, error):
    responds(http, 418)
    with pytest.raises(type(error), match=error.message):
        client(meaning=always(error)).get(URL)
    assert len(http.calls) == 1


@pytest.mark.parametrize(
    ("meaning", "headers", "seconds"),
    [
        (Wait(7), {}, 7),
        (Wait(7), {"Retry-After": "9"}, 7),
        (Wait(), {"Retry-After": "9"}, 9),
        (Wait(), {}, 60.5),
        (Wait(0), {}, 1),
    ],
)
def test_a_rate_limit_is_waited_for_as_long_as_it_says(http, client, clock, meaning, headers, seconds):
    responds(http, 418, headers=headers)
    responds(http, 200)
    assert client(meaning=always(meaning)).get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(seconds, abs=0.6)


def test_a_rate_limit_that_ends_at_a_moment_is_over_then():
    assert Wait.until(time.time() + 90, of({})).seconds == pytest.approx(90, abs=1)
    assert Wait.until(time.time() - 90, of({})).seconds == 0


@pytest.mark.parametrize(("ahead", "seconds"), [(600, 690), (-60, 30)])
def test_it_is_the_clock_of_the_api_that_counts(ahead, seconds):
    now = formatdate(time.time() - ahead, usegmt=True)  # our clock is this much ahead
    assert Wait.until(time.time() + 90, of({"Date": now})).seconds == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize(
    "date", ["soon", "Mon, 01 Jan 0001 00:00:00 GMT", "Mon, 01 Jan 2024 99999999999999999999:00:00 GMT"]
)
def test_a_date_that_is_none_does_not_count(date):
    assert Wait.until(time.time() + 90, of({"Date": date})).seconds == pytest.approx(90, abs=1)


@pytest.mark.parametrize("moment", [None, "soon", "", "nan", "inf", "9" * 400])
def test_a_moment_that_is_none_is_left_to_retry_after(moment):
    assert Wait.until(moment, of({})) == Wait()


def test_a_meaning_that_breaks_over_a_response_is_the_usual_one(http, client, caplog):
    responds(http, 404, body=b"[]")
    with pytest.raises(UnexpectedResponse, match="HTTP 404"):
        client(meaning=lambda response: response.json()["error"]).get(URL)
    assert "the connector cannot interpret the response" in caplog.text


def test_a_wait_of_400_digits_is_too_long(http, client):
    responds(http, 418)
    with pytest.raises(TransientError, match="rate limit"):
        client(meaning=always(Wait(10**400))).get(URL)


def test_a_failure_is_retried_and_reported_in_its_own_words(http, client, clock):
    responds(http, 418)
    with pytest.raises(TransientError, match="after 5 attempts: it is out of tea"):
        client(meaning=always(Again("it is out of tea", seconds=20))).get(URL)
    assert min(clock.slept) >= 20


def test_a_body_that_makes_no_sense_is_left_to_who_parses_it(http, client):
    responds(http, 200, body=b"cut off")
    assert client(meaning=lambda response: response.json()["error"]).get(URL).body == b"cut off"


def test_without_such_a_body_the_status_still_says_what_it_says(http, client):
    responds(http, 503, body=b"<html>")
    responds(http, 200, body=b"{}")
    assert client(meaning=lambda response: response.json().get("error")).get(URL).status == 200


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, type(None)), (304, type(None)), (404, UnexpectedResponse), (408, Again), (429, Wait), (503, Again)],
)
def test_the_usual_meaning_is_that_of_http(http, client, status, kind):
    responds(http, status)
    found = []
    client(meaning=lambda response: found.append(usual_meaning(response))).get(URL)
    assert type(found[0]) is kind
