"""Failures, and what is said of them."""

import pytest

from source_stock_ticker.runtime import start_of
from source_stock_ticker.runtime.errors import (
    ConfigError,
    ConnectorError,
    TransientError,
    UnexpectedResponse,
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


def test_a_short_text_is_shown_whole():
    assert start_of("a short text", 12) == "a short text"


def test_a_long_text_is_cut_between_words_so_that_no_part_of_a_secret_stays():
    assert start_of("your key k3y-of-12345678 is unknown", 20) == "your key..."


def test_a_long_text_without_a_blank_is_not_shown_at_all():
    assert start_of("k3y-of-12345678" * 10, 20) == "..."
