"""Tests how long to wait before the next attempt; test_http_failures tests what the client does with it."""

import time
from email.utils import formatdate

import pytest

from source_stock_ticker.runtime.http import retries


@pytest.mark.parametrize(("failed", "seconds"), [(1, 1), (2, 2), (3, 4), (7, 60), (100, 60)])
def test_each_wait_is_twice_as_long_as_the_last_and_no_longer_than_a_minute(failed, seconds):
    assert retries.seconds_before_next_try(failed, None, 300) == pytest.approx(seconds, abs=0.3)


@pytest.mark.parametrize(("asked", "seconds"), [(0, 4), (3, 4), (20, 20), (10_000, 300)])
def test_a_server_can_ask_for_a_longer_wait_and_for_no_shorter_one(asked, seconds):
    assert retries.seconds_before_next_try(3, asked, 300) == pytest.approx(seconds, abs=0.3)


def test_two_that_failed_together_do_not_come_again_together():
    assert len({retries.seconds_before_next_try(1, None, 300) for _ in range(10)}) > 1


# Retry-After


def in_seconds(seconds):
    """That moment as an HTTP date."""
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7\t", 7),
        ("1.5", 1.5),
        ("2, 4", 4),
        ("4,2", 4),
        ("90, 90", 90),
        ("3, 1.5, 2", 3),
        ("1000000000", retries.MAX_ASKED),
        ("9" * 400, retries.MAX_ASKED),
        ("9" * 400 + ".5", retries.MAX_ASKED),
        ("5, soon", 5),
        (", 5,", 5),
        ("1000000001", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed Oct 21 07:28:00 2015", 0),
        ("Wednesday, 21-Oct-15 07:28:00 GMT, 6", 6),
        ("Fri, 31 Dec 9999 23:59:59 GMT", retries.MAX_ASKED),
        ("Fri, 31 Dec 9999 23:59:59 -2359", retries.MAX_ASKED),
    ],
)
def test_retry_after_is_a_number_or_a_moment_and_the_largest_of_several_counts(value, seconds):
    assert retries.retry_after({"Retry-After": value}) == seconds


@pytest.mark.parametrize(
    "make",
    [
        lambda: f"{time.time() + 90:.0f}",
        lambda: f"{time.time() + 90:.3f}",
        lambda: in_seconds(90),
        lambda: f"{in_seconds(90)}, {in_seconds(60)}",
        lambda: f"{in_seconds(60)},{in_seconds(90)}",
        lambda: f"30, {in_seconds(90)}",
        lambda: f"{in_seconds(30)}, 90",
    ],
    ids=["epoch", "epoch and a fraction", "date", "two dates", "two dates, no blank", "number, date", "date, number"],
)
def test_a_moment_counts_from_now(make):
    assert retries.retry_after({"Retry-After": make()}) == pytest.approx(90, abs=2)


@pytest.mark.parametrize(
    "value", ["4s", "soon", "-5", "1e3", "nan", "inf", "1.5.2", ".5", "5.", "0x5", "²", "٣", ",", ""]
)
def test_what_is_neither_is_as_none(value):
    assert retries.retry_after({"Retry-After": value}) is None


def test_without_retry_after_there_is_none():
    assert retries.retry_after({}) is None
