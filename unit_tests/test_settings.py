"""Tests that every config gives settings, or one sentence that says what to change."""

from datetime import date

import pytest

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol.config import validated
from source_stock_ticker.runtime.protocol.spec import read_spec
from source_stock_ticker.settings import read_settings
from source_stock_ticker.trading_days import BarSize

TODAY = date(2024, 3, 15)  # a Friday
SPEC = read_spec("source_stock_ticker")["connectionSpecification"]


def config(**fields) -> dict:
    return {"api_key": "a-key", "tickers": ["AAPL"], **fields}


def test_what_a_config_leaves_out_has_the_defaults_of_the_spec():
    of = read_settings({"api_key": "a-key"}, TODAY)
    defaults = {name: field["default"] for name, field in SPEC["properties"].items() if "default" in field}
    assert of == read_settings(config(**defaults), TODAY)
    assert of == (
        "a-key",
        "https://api.massive.com",
        (),
        TODAY,
        date(2022, 3, 16),
        date(2024, 3, 14),
        None,
        BarSize("day", 1),
        True,
        3,
        5,
        4,
    )


def test_optional_fields_that_a_form_left_blank_count_as_absent():
    blank = dict.fromkeys(set(SPEC["properties"]) - set(SPEC["required"]), "")
    assert read_settings(validated(config(**blank), SPEC), TODAY) == read_settings({"api_key": "a-key"}, TODAY)


def test_optional_fields_that_are_null_count_as_absent():
    nulls = dict.fromkeys(set(SPEC["properties"]) - set(SPEC["required"]), None)
    assert read_settings(validated(config(**nulls), SPEC), TODAY) == read_settings({"api_key": "a-key"}, TODAY)


def test_unknown_fields_are_accepted():
    assert read_settings(validated(config(_limit=5, old_field="x"), SPEC), TODAY) == read_settings(config(), TODAY)


def test_every_field_is_taken_over():
    of = read_settings(
        config(
            start_date="2024-01-02",
            end_date="2024-02-29",
            timespan="minute",
            multiplier=15,
            adjusted=False,
            lookback_days=0,
            requests_per_minute=0,
            num_workers=1,
            api_url="https://api.polygon.io/",
        ),
        TODAY,
    )
    assert of[1:] == (
        "https://api.polygon.io",
        ("AAPL",),
        TODAY,
        date(2024, 1, 2),
        date(2024, 2, 29),
        date(2024, 2, 29),
        BarSize("minute", 15),
        False,
        0,
        0,
        1,
    )


def test_numbers_can_be_written_with_a_point():
    of = read_settings(validated(config(multiplier=1.0, lookback_days=5.0), SPEC), TODAY)
    assert (of.bar_size, of.lookback_days, type(of.lookback_days)) == (BarSize("day", 1), 5, int)


@pytest.mark.parametrize(
    ("today", "last_day"),
    [
        ("2024-03-15", "2024-03-14"),
        ("2024-03-16", "2024-03-15"),  # Saturday
        ("2024-03-17", "2024-03-15"),
        ("2024-03-18", "2024-03-15"),  # Monday
        ("2024-03-19", "2024-03-18"),
    ],
)
def test_the_last_day_is_the_weekday_before_today(today, last_day):
    assert read_settings(config(), date.fromisoformat(today)).last_day == date.fromisoformat(last_day)


@pytest.mark.parametrize(
    ("end_date", "last_day"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024-03-14", "2024-03-14"),
        ("2024-03-15", "2024-03-14"),  # today is not over
        ("2030-01-01", "2024-03-14"),
        ("9999-12-31", "2024-03-14"),
    ],
)
def test_the_end_date_cuts_the_days_but_never_lets_today_in(end_date, last_day):
    of = read_settings(config(end_date=end_date), TODAY)
    assert (of.last_day, of.end_date) == (date.fromisoformat(last_day), date.fromisoformat(end_date))


@pytest.mark.parametrize(
    ("today", "start_date"),
    [("2024-03-15", "2022-03-16"), ("2024-02-29", "2022-03-01"), ("2025-02-28", "2023-03-01")],
)
def test_without_a_start_date_it_is_as_far_back_as_the_free_plan_goes(today, start_date):
    assert read_settings(config(), date.fromisoformat(today)).start_date == date.fromisoformat(start_date)


def test_a_start_date_in_the_future_leaves_no_day_to_read():
    of = read_settings(config(start_date="2025-01-02"), TODAY)
    assert of.start_date > of.last_day


def test_one_day_can_be_all_there_is_to_read():
    of = read_settings(config(start_date="2024-03-14", end_date="2024-03-14"), TODAY)
    assert of.start_date == of.last_day


def test_a_ticker_listed_twice_is_read_once_at_its_first_place():
    assert read_settings(config(tickers=["MSFT", "AAPL", "MSFT"]), TODAY).tickers == ("MSFT", "AAPL")


@pytest.mark.parametrize("ticker", ["BRK.B", "BACpA", "AMPB", "AMpB", "A/B", "NA", "TRUE", "A B", "A%B", "ÄG"])
def test_a_ticker_is_taken_as_it_is_spelled(ticker):
    assert read_settings(config(tickers=[ticker]), TODAY).tickers == (ticker,)


def test_no_tickers_are_the_whole_market():
    assert read_settings(config(tickers=[]), TODAY).tickers == ()


@pytest.mark.parametrize(
    "key",
    ["ticker", "Tickers", "TICKERS", "tikcers", "tick", "symbol", "symbols", "Symbols", "stocks", "stock_tickers"],
)
@pytest.mark.parametrize("left_out", [{}, {"tickers": None}, {"tickers": []}])
def test_tickers_under_another_name_are_not_mistaken_for_the_whole_market(key, left_out):
    with pytest.raises(ConfigError) as error:
        read_settings(validated({"api_key": "a-key", key: ["AAPL"], **left_out}, SPEC), TODAY)
    assert error.value.message == f"config: there is no option {key}; did you mean tickers?"


def test_next_to_the_tickers_another_name_for_them_does_no_harm():
    assert read_settings(validated(config(symbols=["MSFT"], ticker="MSFT"), SPEC), TODAY).tickers == ("AAPL",)


def test_blanks_around_a_key_are_no_part_of_it():
    assert read_settings(config(api_key=" a-key\n"), TODAY).api_key == "a-key"


@pytest.mark.parametrize(
    ("api_url", "taken"),
    [
        ("https://api.massive.com", "https://api.massive.com"),
        (" https://api.massive.com/ ", "https://api.massive.com"),
        ("https://proxy.example:8443/massive/", "https://proxy.example:8443/massive"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://host.docker.internal:8080", "http://host.docker.internal:8080"),
    ],
)
def test_an_address_can_have_a_port_and_a_path(api_url, taken):
    assert read_settings(config(api_url=api_url), TODAY).api_url == taken


@pytest.mark.parametrize(
    ("timespan", "multiplier"),
    [
        *[("minute", n) for n in (1, 5, 10, 15, 30)],
        *[("hour", n) for n in (1, 2, 4)],
        ("day", 1),
        ("week", 1),
        ("month", 1),
    ],
)
def test_a_bar_size_that_divides_its_day_is_taken(timespan, multiplier):
    assert read_settings(config(timespan=timespan, multiplier=multiplier), TODAY).bar_size == (timespan, multiplier)


ADDRESS = "api_url: write it in full, like https://api.example.com, without a user name, ? or #."
KEY = "api_key: it contains spaces or invalid characters; copy it again."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"start_date": "2024-13-01"},
            "start_date: 2024-13-01 is not a day since 1970 (write it as YYYY-MM-DD, for example 2024-12-31).",
        ),
        (
            {"end_date": "2023-02-29"},
            "end_date: 2023-02-29 is not a day since 1970 (write it as YYYY-MM-DD, for example 2024-12-31).",
        ),
        (
            {"start_date": "2024-02-01", "end_date": "2024-01-31"},
            "end_date: 2024-01-31 is before the start_date, 2024-02-01; change one of them.",
        ),
        (
            {"end_date": "2013-03-01"},
            "end_date: 2013-03-01 is before the start_date, 2022-03-16 "
            "(two years back, because you left it blank); change one of them.",
        ),
        ({"api_key": "two words"}, KEY),
        (
            {"tickers": ["AAPL", ""]},
            'tickers: "" is not a ticker; remove surrounding spaces and empty entries.',
        ),
        (
            {"tickers": ["AAPL", " MSFT"]},
            'tickers: " MSFT" is not a ticker; remove surrounding spaces and empty entries.',
        ),
        (
            {"tickers": ["AAPL, MSFT, " * 10]},
            f'tickers: "{"AAPL, MSFT, " * 7}AAPL, MSFT,..." has 120 characters, too many for one; '
            "make each ticker a separate entry.",
        ),
        (
            {"timespan": "hour", "multiplier": 15},
            "multiplier: 15 is not allowed with timespan hour; choose 1, 2, 4.",
        ),
        (
            {"timespan": "minute", "multiplier": 2},
            "multiplier: 2 is not allowed with timespan minute; choose 1, 5, 10, 15, 30.",
        ),
        ({"multiplier": 2}, "multiplier: 2 is not allowed with timespan day; choose 1."),
        ({"api_url": "api.massive.com"}, ADDRESS),
    ],
)
def test_a_config_that_cannot_work_says_what_to_change(fields, sentence):
    with pytest.raises(ConfigError) as error:
        read_settings(config(**fields), TODAY)
    assert error.value.message == sentence


def test_an_asterisk_is_not_a_ticker_because_the_state_means_the_whole_market_by_it():
    with pytest.raises(ConfigError, match="tickers"):
        read_settings(config(tickers=["*"]), TODAY)


@pytest.mark.parametrize("fields", [{"api_key": "my secret"}, {"api_url": "https://me:my-secret@api.massive.com"}])
def test_a_complaint_does_not_show_a_secret(fields):
    with pytest.raises(ConfigError) as error:
        read_settings(config(**fields), TODAY)
    assert "secret" not in error.value.message.replace("keeps your key secret", "")


@pytest.mark.parametrize("ticker", [".", ".."])
def test_a_ticker_that_would_change_the_address_is_none(ticker):
    with pytest.raises(ConfigError, match="is not a ticker"):
        read_settings(config(tickers=[ticker]), TODAY)


@pytest.mark.parametrize(
    ("timespan", "first"), [("week", "2022-03-20"), ("month", "2022-04-01"), ("day", "2022-03-16")]
)
def test_a_blank_start_date_begins_with_the_first_whole_bar_of_the_free_plan(timespan, first):
    found = read_settings(config(timespan=timespan), date(2024, 3, 15))
    assert found.start_date == date.fromisoformat(first)


def test_a_start_date_before_any_data_is_refused():
    with pytest.raises(ConfigError, match="start_date: 0001-01-01 is not a day since 1970"):
        read_settings(config(start_date="0001-01-01"), TODAY)
