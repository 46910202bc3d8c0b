"""Tests that each config becomes typed values, or a sentence that says what to change."""

from datetime import datetime, timezone

import pytest

from source_river_levels.runtime.errors import ConfigError
from source_river_levels.settings import read_settings

CONFIG = {"api_key": "my-key", "start_date": "2024-03-01"}


def test_the_defaults_equal_those_in_spec_yaml():
    settings = read_settings(CONFIG)
    assert (settings.lookback_days, settings.requests_per_minute) == (2, 60)
    assert settings.api_url == "https://api.river-levels.example"


def test_a_day_begins_at_midnight_utc():
    assert read_settings(CONFIG).start == datetime(2024, 3, 1, tzinfo=timezone.utc)


def test_blanks_around_key_and_address_do_no_harm():
    settings = read_settings({**CONFIG, "api_key": " my-key\n", "api_url": " https://api.example.com/v1/ "})
    assert (settings.api_key, settings.api_url) == ("my-key", "https://api.example.com/v1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_date", "2024-02-30"),
        ("start_date", "0001-01-01"),
        ("api_key", "my key"),
        ("api_url", "api.example.com"),
        ("api_url", "http://api.example.com"),
    ],
)
def test_what_is_wrong_is_named(field, value):
    with pytest.raises(ConfigError, match=f"^{field}: ") as error:
        read_settings({**CONFIG, field: value})
    assert field != "api_key" or not value.strip() or value not in error.value.message
