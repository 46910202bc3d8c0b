"""Tests errors and their messages."""

import pytest

from source_stock_ticker.runtime.errors import (
    ConfigError,
    ConnectorError,
    TransientError,
    UnexpectedResponse,
    start_of,
    without_stack,
)


@pytest.mark.parametrize(
    ("error", "failure_type"),
    [
        (ConfigError, "config_error"),
        (TransientError, "transient_error"),
        (UnexpectedResponse, "system_error"),
        (ConnectorError, "system_error"),
    ],
)
def test_each_failure_says_who_must_act(error, failure_type):
    assert error("What happened.").failure_type == failure_type


def test_a_short_string_is_shown_whole():
    assert start_of("a short text", 12) == "a short text"


def test_a_long_string_is_cut_between_words_so_that_no_part_of_a_secret_stays():
    assert start_of("your key k3y-of-12345678 is unknown", 20) == "your key..."


def test_a_long_string_without_a_blank_is_not_shown_at_all():
    assert start_of("k3y-of-12345678" * 10, 20) == "..."


def raised(error):
    """The error, raised while another one was being handled."""
    try:
        try:
            raise ValueError("all of a response")
        except ValueError:
            raise error  # noqa: B904
    except Exception as caught:
        return caught


def test_a_failure_without_its_stack_keeps_nothing_alive():
    error = without_stack(raised(TransientError("The API is down.")))
    assert (error.__traceback__, error.__context__, error.__cause__) == (None, None, None)


def test_a_bug_keeps_its_stack():
    assert without_stack(raised(KeyError("oops"))).__traceback__ is not None
