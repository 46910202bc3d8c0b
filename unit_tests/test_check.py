"""Tests check: what it requests, and its message for each outcome."""

import json
import logging
import re
from datetime import datetime, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from responses.matchers import query_param_matcher

from source_stock_ticker import SourceStockTicker, trading_days
from source_stock_ticker.runtime.errors import ConfigError, TransientError, UnexpectedResponse

LOGGER = logging.getLogger("unit_tests")
API = "https://api.massive.com"
CONFIG = {
    "api_key": "my-key",
    "tickers": ["AAPL", "MSFT"],
    "start_date": "2024-01-02",
    "end_date": "2024-02-29",
}
BARS = {"status": "OK", "adjusted": True, "resultsCount": 1, "results": [{"c": 11, "t": 1704171600000}]}
BEFORE_END = {
    "status": "NOT_AUTHORIZED",
    "message": "Attempted to request today's data before end of day. Please upgrade your plan.",
}


def check(**config) -> None:
    SourceStockTicker().check(LOGGER, CONFIG | config)


def paths(server) -> list[str]:
    return [urlsplit(call.request.url).path for call in server.calls]


@pytest.mark.parametrize("tickers", [["AAPL", "MSFT"], ["MSFT", "aapl", "AAPL"]])
def test_a_check_asks_once_for_the_bars_of_the_ticker_that_the_alphabet_has_first(server, tickers):
    server.get(re.compile(API), json=BARS)
    check(tickers=tickers)
    assert paths(server) == ["/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29"]


def test_a_check_asks_for_what_a_read_would(server):
    server.get(re.compile(API), json=BARS)
    check(timespan="minute", multiplier=5, adjusted=False)
    assert paths(server) == ["/v2/aggs/ticker/AAPL/range/5/minute/2024-01-02/2024-02-29"]
    assert dict(parse_qsl(urlsplit(server.calls[0].request.url).query))["adjusted"] == "false"


def test_a_check_does_not_ask_for_today(server, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2024, 3, 18, 16, 0, tzinfo=timezone.utc).astimezone(tz)  # a Monday

    monkeypatch.setattr(trading_days, "datetime", Clock)
    server.get(re.compile(API), json=BARS)
    SourceStockTicker().check(LOGGER, {"api_key": "my-key", "tickers": ["AAPL"]})
    assert paths(server) == ["/v2/aggs/ticker/AAPL/range/1/day/2022-03-19/2024-03-15"]


def test_a_first_page_without_a_bar_that_links_to_a_second_is_not_an_unknown_ticker(server):
    server.get(re.compile(API), json={"status": "OK", "resultsCount": 0, "next_url": f"{API}/v2/aggs/next?cursor=b"})
    assert check(timespan="minute") is None


def test_a_delayed_response_is_good_enough(server):
    server.get(re.compile(API), json=BARS | {"status": "DELAYED"})
    assert check() is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (
            401,
            {"status": "ERROR", "error": "Unknown API Key"},
            ConfigError,
            "api_key: the API does not accept this key (HTTP 401); check it in your dashboard. "
            'The API says: "Unknown API Key"',
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."},
            ConfigError,
            'Your plan does not include this data (HTTP 403). The API says: "You are not entitled to this data."',
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": "Your plan doesn't include this data timeframe."},
            ConfigError,
            "start_date: your plan does not go back that far (or this machine's clock is ahead); choose a later "
            'start_date. The API says: "Your plan doesn\'t include this data timeframe."',
        ),
        (
            429,
            {"status": "ERROR", "error": "You've exceeded the maximum requests per minute"},
            TransientError,
            "The API's rate limit is reached. Wait a minute and try again, "
            "or set requests_per_minute to what your plan allows.",
        ),
        (503, "", TransientError, f"No usable response from {API} after 1 attempt: it returned HTTP 503."),
        (
            200,
            "<html>Welcome</html>",
            UnexpectedResponse,
            "The API sent something that is not JSON for /v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29.",
        ),
        (
            200,
            "[]",
            UnexpectedResponse,
            "The API's response for /v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29 is not as documented: "
            "Expected `object`, got `array`.",
        ),
        (
            200,
            {"status": "ERROR", "error": "Something is wrong"},
            UnexpectedResponse,
            "The API refused /v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29. "
            'The API says: "Something is wrong"',
        ),
    ],
)
def test_a_check_that_fails_says_why_by_one_request_and_without_waiting(server, slept, status, body, kind, sentence):
    server.get(re.compile(API), status=status, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(kind) as error:
        check()
    assert error.value.message == sentence
    assert (len(server.calls), slept) == (1, [])


def test_a_check_of_an_address_where_nothing_listens_names_it(server, slept):
    refused = requests.ConnectionError("[Errno 111] Connection refused")
    server.get(re.compile("http://localhost:8080/"), body=refused)
    with pytest.raises(TransientError) as error:
        check(api_url="http://localhost:8080")
    assert error.value.message == (
        "No usable response from http://localhost:8080 after 1 attempt: "
        "nothing listens at that address (connection refused)."
    )
    assert slept == []


def test_a_check_of_an_address_that_is_not_the_apis_is_not_blamed_on_the_ticker(server):
    server.get(re.compile("https://elsewhere.example/"), status=404, body="<html>Not found</html>")
    with pytest.raises(UnexpectedResponse, match="404"):
        check(api_url="https://elsewhere.example/api")


def test_a_check_before_the_api_has_the_last_day_succeeds_as_a_read_would(server):
    server.get(f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29", status=403, json=BEFORE_END)
    server.get(f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-28", json=BARS)
    check()
    assert len(server.calls) == 2


def test_a_check_of_one_day_that_the_api_does_not_have_yet_succeeds_as_a_read_would(server):
    path = f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-02-29"
    server.get(f"{path}/2024-02-29", status=403, json=BEFORE_END)
    server.get(f"{path}/2024-02-28", status=400, json={"status": "ERROR", "error": "'to' occurs before 'from'"})
    server.get(f"{API}/v3/reference/tickers", json={"status": "OK", "results": [{"ticker": "A"}]})
    assert check(start_date="2024-02-29") is None


# check, when the API has no bars: a holiday, a delisted ticker, a rarely traded one, or a misspelled one?

NO_BARS = {"status": "OK", "resultsCount": 0}
NONE_LISTED = {"status": "OK", "results": [], "count": 0}
REFUSED = {"status": 403, "json": {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}}


@pytest.fixture
def lists(server):
    """A function: sets the responses of the API's lists of active and of delisted tickers for one ticker."""

    def lists(active, delisted, bars=NO_BARS):
        server.get(re.compile(f"{API}/v2/aggs"), json=bars)
        for value, answer in (("true", active), ("false", delisted)):
            query = [query_param_matcher({"ticker": "AAPL", "active": value})]
            server.get(f"{API}/v3/reference/tickers", match=query, **answer)

    return lists


def listed(*tickers):
    return {"json": {"status": "OK", "results": [{"ticker": ticker} for ticker in tickers], "count": len(tickers)}}


@pytest.mark.parametrize("bars", [NO_BARS, {"status": "OK", "results": []}])
@pytest.mark.parametrize(
    ("active", "delisted", "requests"), [(listed("AAPL"), listed(), 2), (listed(), listed("AAPL"), 3)]
)
def test_a_ticker_without_bars_that_is_listed_passes(server, lists, slept, caplog, bars, active, delisted, requests):
    lists(active, delisted, bars)
    check(requests_per_minute=5)
    assert (len(server.calls), slept, caplog.messages) == (requests, [], [])


@pytest.mark.parametrize("active", [listed(), listed("aapl")])
def test_a_ticker_without_bars_that_neither_list_has_is_refused_without_waiting(server, lists, slept, active):
    lists(active, listed())
    with pytest.raises(ConfigError) as error:
        check(requests_per_minute=5)
    assert error.value.message == (
        'tickers: the API has no bars for "AAPL" from 2024-01-02 to 2024-02-29, and lists it neither as active '
        "nor as delisted. Check the spelling, including upper and lower case."
    )
    assert (len(server.calls), slept) == (3, [])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (REFUSED, "Your plan does not include this data (HTTP 403)."),
        ({"status": 401, "json": {"status": "ERROR"}}, "api_key: "),
        ({"status": 404, "body": "<html>Not found</html>"}, "(HTTP 404)"),
        ({"status": 429, "json": {"status": "ERROR"}}, "The API's rate limit is reached."),
        ({"status": 503, "body": ""}, "it returned HTTP 503."),
        ({"body": requests.ConnectionError("reset")}, "No usable response from"),
        ({"body": "<html>Welcome</html>"}, "not JSON"),
        ({"json": {"status": "OK", "results": "AAPL"}}, "not as documented"),
        ({"json": {"status": "ERROR", "error": "Something is wrong"}}, "Something is wrong"),
        (listed("A", "AA"), "listed other tickers"),
        ({"json": {"status": "OK", "results": [{}]}}, "listed other tickers"),
    ],
)
@pytest.mark.parametrize("place", ["active", "delisted"])
def test_a_list_that_does_not_answer_proves_no_misspelling(lists, slept, caplog, place, answer, why):
    lists(**{"active": listed(), "delisted": listed(), place: answer})
    check()
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert warning.getMessage().startswith('tickers: the API has no bars for "AAPL"')
    assert why in warning.getMessage()
    assert slept == []


def test_a_check_makes_three_requests_at_most(server, slept, caplog):
    server.get(f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29", status=403, json=BEFORE_END)
    server.get(f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-28", json=NO_BARS)
    server.get(f"{API}/v3/reference/tickers", json=NONE_LISTED)
    check()
    assert (len(server.calls), slept) == (3, [])
    assert "A check makes at most 3 requests." in caplog.text


# check, when there is no ticker or no day to request


@pytest.mark.parametrize("config", [{"tickers": []}, {"start_date": "2999-01-01", "end_date": "2999-12-31"}])
def test_with_no_ticker_or_no_day_to_ask_for_the_key_is_proved_by_the_cheapest_request(server, config):
    server.get(f"{API}/v3/reference/tickers", json={"status": "OK", "results": [{"ticker": "A"}], "next_url": "x"})
    check(**config)
    assert [call.request.url for call in server.calls] == [f"{API}/v3/reference/tickers?limit=1"]


def test_a_check_of_the_whole_market_notices_a_wrong_key(server):
    server.get(f"{API}/v3/reference/tickers", status=401, json={"status": "ERROR", "error": "Unknown API Key"})
    with pytest.raises(ConfigError, match=r"^api_key: "):
        check(tickers=[])


@pytest.mark.parametrize(
    "body", ["<html>Welcome</html>", "", "[]", '{"status": "ERROR", "error": "Something is wrong"}']
)
def test_a_check_of_the_whole_market_that_gets_no_real_response_is_no_success(server, body):
    server.get(f"{API}/v3/reference/tickers", body=body)
    with pytest.raises(UnexpectedResponse):
        check(tickers=[])


def test_a_check_refuses_what_a_read_of_the_whole_market_would_refuse(server):
    server.get(f"{API}/v3/reference/tickers", json={"status": "OK", "results": [{"ticker": "A"}]})
    with pytest.raises(ConfigError, match="tickers: the whole market is available only in day bars"):
        check(tickers=[], timespan="week")


def test_a_config_that_cannot_work_is_reported_before_any_request(server):
    with pytest.raises(ConfigError, match="start_date: 2024-13-01 is not a day"):
        check(start_date="2024-13-01")
    assert len(server.calls) == 0


def test_no_outcome_of_a_check_shows_the_key(server):
    server.get(re.compile(API), status=401, json={"status": "ERROR", "error": "Unknown API Key"})
    with pytest.raises(ConfigError) as error:
        check()
    assert "my-key" not in error.value.message + error.value.detail
