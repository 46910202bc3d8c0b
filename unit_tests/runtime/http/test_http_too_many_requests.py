"""Tests too many requests: how long the client waits after a 429, what it holds back, and our own rate limit."""

import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from letters_server import URL, failure, responds

from source_stock_ticker.runtime.errors import TransientError
from source_stock_ticker.runtime.http.meaning import Wait, usual_meaning
from source_stock_ticker.runtime.http.retries import QUOTA_TRIES

# Too many requests


def test_after_a_429_that_does_not_say_how_long_a_minute_is_waited(http, client, clock):
    responds(http, 429, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(60.5, abs=0.5)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), (" 120 ", 120), ("0", 1)])
def test_a_429_that_says_how_many_seconds_is_obeyed(http, client, clock, value, seconds):
    responds(http, 429, headers={"Retry-After": value})
    responds(http, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(seconds)


@pytest.mark.parametrize(("minutes", "seconds"), [(2, 120), (-5, 1)])
def test_a_429_that_says_until_when_is_obeyed(http, client, clock, minutes, seconds):
    until = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    responds(http, 429, headers={"Retry-After": format_datetime(until, usegmt=True)})
    responds(http, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(seconds, abs=2)


def test_of_a_429_that_says_it_twice_the_longer_wait_is_obeyed(http, client, clock):
    responds(http, 429, headers=[("Retry-After", "4"), ("Retry-After", "2")])
    responds(http, 200)
    assert client().get(URL).status == 200
    assert clock.slept == [4]


@pytest.mark.parametrize("value", ["soon", "-5", "1e3", "nan", "", "Fri, 99 Foo 2024 00:00:00 GMT", "²"])
def test_a_429_that_says_nonsense_is_as_one_that_says_nothing(http, client, clock, value):
    responds(http, 429, headers={"Retry-After": value})
    responds(http, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(60.5, abs=0.5)


@pytest.mark.parametrize("value", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_429_that_wants_an_absurd_silence_ends_at_once_with_what_to_do(http, client, clock, value):
    responds(http, 429, headers={"Retry-After": value})
    error = failure(client(requests_per_minute=0))
    assert isinstance(error, TransientError)
    assert "requests_per_minute" in error.message
    assert clock.slept == []


@pytest.mark.parametrize(
    ("headers", "asked"),
    [({}, "a minute"), ({"Retry-After": "3600"}, "3600 s, as the API asks,")],
    ids=["silent", "says"],
)
@pytest.mark.parametrize(
    ("options", "advice"),
    [({"requests_per_minute": 0}, ", or set requests_per_minute to what your plan allows"), ({}, "")],
    ids=["with the option", "without it"],
)
def test_who_does_not_want_to_wait_hears_of_a_429_at_once(http, client, clock, headers, asked, options, advice):
    responds(http, 429, headers=headers)
    text = f"The API's rate limit is reached. Wait {asked} and try again{advice}."
    assert failure(client(tries=1, **options)).message == text
    assert clock.slept == []


def test_an_api_that_always_says_429_is_given_up(http, client, clock):
    responds(http, 429)
    start = clock.monotonic()
    assert isinstance(failure(client()), TransientError)
    assert len(http.calls) == QUOTA_TRIES
    assert 10 * 60 > clock.monotonic() - start > 60
    assert len(http.calls) == QUOTA_TRIES


def test_a_429_is_not_a_failure_that_uses_up_the_tries(http, client):
    responds(http, 429, 429, 429, 503, 200)
    assert client(tries=2).get(URL).status == 200


def test_an_api_can_say_too_many_requests_in_its_own_way(http, client, clock):
    responds(http, 200, body=b"slow down")
    responds(http, 200, body=b"letters")

    def meaning(response):
        return Wait() if response.body == b"slow down" else usual_meaning(response)

    assert client(meaning=meaning).get(URL).body == b"letters"
    assert sum(clock.slept) >= 60


def test_a_429_holds_back_the_requests_of_the_other_threads_too(http, client, clock):
    responds(http, 429, headers={"Retry-After": "30"})
    responds(http, 200)
    start, one, clock.threads = clock.monotonic(), client(), 2
    times = []

    def get():
        one.get(URL)
        times.append(clock.monotonic() - start)
        clock.ends_a_thread()

    threads = [threading.Thread(target=get) for _ in range(2)]
    for thread in threads:
        thread.start()
        while not clock.slept:
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert times == [pytest.approx(30), pytest.approx(30)]


# Our own rate limit


def test_every_try_takes_a_turn_of_the_rate_limit(http, client, clock):
    responds(http, 503, 200)
    start = clock.monotonic()
    one = client(requests_per_minute=2)
    one.get(URL)
    one.get(URL)
    # A little more than 60 s: two requests sent 60 s apart can arrive closer together.
    assert clock.monotonic() - start == pytest.approx(60.6)
