"""Tests the requests to the API, and what its refusals mean."""

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from source_stock_ticker.api import NotFound, NotYet, StockApi, TooOld, UnknownTicker, chunks, path_of
from source_stock_ticker.runtime.errors import (
    ConfigError,
    ConnectorError,
    CredentialsError,
    TransientError,
    UnexpectedResponse,
)

BASE = "https://api.massive.com"
LOGGER = logging.getLogger("unit_tests")
RATE_LIMIT = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription."
NOT_ENTITLED = "You are not entitled to this data. Please upgrade your plan."
TOO_OLD = "Your plan doesn't include this data timeframe. Please upgrade your plan."
BEFORE_END = "Attempted to request today's data before end of day. Please upgrade your plan."


# Asking


@pytest.mark.parametrize(
    ("ticker", "segment"),
    [
        ("AAPL", "AAPL"),
        ("BRK.B", "BRK.B"),
        ("BACpA", "BACpA"),
        ("A/B", "A%2FB"),
        ("A B", "A%20B"),
        ("A%B", "A%25B"),
        ("A%2FB", "A%252FB"),
        ("A?b#c", "A%3Fb%23c"),
        ("ÄG", "%C3%84G"),
    ],
)
def test_a_ticker_is_one_segment_of_the_path_whatever_it_holds(server, api, ticker, segment):
    server.get(f"{BASE}/v2/aggs/ticker/{segment}/prev", json={"status": "OK"})
    api.get(path_of("v2", "aggs", "ticker", ticker, "prev"))
    assert server.calls[0].request.url == f"{BASE}/v2/aggs/ticker/{segment}/prev"


def test_a_query_is_escaped(server, api):
    server.get(f"{BASE}/v1/things", json={})
    api.get("/v1/things", {"ticker.any_of": "BRK.B,A&B", "limit": 5, "sort": "ticker.asc,date.asc"})
    query = parse_qs(urlsplit(server.calls[0].request.url).query)
    assert query == {"ticker.any_of": ["BRK.B,A&B"], "limit": ["5"], "sort": ["ticker.asc,date.asc"]}


def test_the_key_goes_in_a_header(server, api):
    server.get(f"{BASE}/v1/things", json={})
    api.get("/v1/things", {"limit": 5})
    assert server.calls[0].request.headers["Authorization"] == "Bearer my-key"


def test_the_key_does_not_go_in_the_address(server, api):
    server.get(f"{BASE}/v1/things", json={})
    api.get("/v1/things", {"limit": 5})
    assert "my-key" not in server.calls[0].request.url


def test_requests_ask_for_json(server, api):
    server.get(f"{BASE}/v1/things", json={})
    api.get("/v1/things")
    assert server.calls[0].request.headers["Accept"] == "application/json"


def test_a_path_in_our_address_stays_before_every_path(server):
    server.get("https://proxy.example/massive/v1/things", json={})
    StockApi("https://proxy.example/massive", "my-key", LOGGER).get("/v1/things")
    assert len(server.calls) == 1


def test_the_api_has_the_number_of_requests_and_the_interval(server, slept):
    server.get(f"{BASE}/v1/things", json={})
    api = StockApi(BASE, "my-key", LOGGER, requests_per_minute=6)
    api.get("/v1/things")
    api.get("/v1/things")
    assert (api.client.rate_limit.given, api.client.rate_limit.interval) == (2, pytest.approx(10.1))


# Refusals


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (
            401,
            {"status": "ERROR", "request_id": "1", "error": "Unknown API Key"},
            CredentialsError,
            "api_key: the API does not accept this key (HTTP 401); check it in your dashboard. "
            'The API says: "Unknown API Key"',
        ),
        (
            401,
            {"status": "ERROR", "error": "API Key was not provided"},
            CredentialsError,
            "api_key: the API does not accept this key (HTTP 401); check it in your dashboard. "
            'The API says: "API Key was not provided"',
        ),
        (
            401,
            None,
            CredentialsError,
            "api_key: the API does not accept this key (HTTP 401); check it in your dashboard.",
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "request_id": "1", "message": NOT_ENTITLED},
            ConfigError,
            f'Your plan does not include this data (HTTP 403). The API says: "{NOT_ENTITLED}"',
        ),
        (
            403,
            {"status": "ERROR", "error": NOT_ENTITLED},
            ConfigError,
            f'Your plan does not include this data (HTTP 403). The API says: "{NOT_ENTITLED}"',
        ),
        (
            403,
            None,
            ConfigError,
            "HTTP 403 without a reason for /v1/things: a firewall or a proxy may block this machine.",
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": TOO_OLD},
            TooOld,
            "start_date: your plan does not go back that far (or this machine's clock is ahead); "
            f'choose a later start_date. The API says: "{TOO_OLD}"',
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": BEFORE_END},
            NotYet,
            f'end_date: your plan has no data for this day yet; choose an earlier day. The API says: "{BEFORE_END}"',
        ),
        (
            400,
            {"status": "ERROR", "error": "The parameter 'to' cannot be a time that occurs before 'from'"},
            UnexpectedResponse,
            "The API refused /v1/things. "
            "The API says: \"The parameter 'to' cannot be a time that occurs before 'from'\"",
        ),
        (
            404,
            {"status": "NOT_FOUND", "request_id": "1", "message": "Ticker not found."},
            UnknownTicker,
            'The API does not know /v1/things (HTTP 404); check api_url. The API says: "Ticker not found."',
        ),
        (404, None, NotFound, "The API does not know /v1/things (HTTP 404); check api_url."),
        (418, None, UnexpectedResponse, "The API returned HTTP 418 for /v1/things."),
        (
            200,
            {"status": "ERROR", "error": "Something else"},
            UnexpectedResponse,
            'The API refused /v1/things. The API says: "Something else"',
        ),
        (
            200,
            {"status": "NOT_AUTHORIZED", "message": NOT_ENTITLED},
            UnexpectedResponse,
            f'The API refused /v1/things. The API says: "{NOT_ENTITLED}"',
        ),
    ],
)
def test_a_refusal_says_who_must_act_and_what_the_api_said(server, api, status, body, kind, sentence):
    server.get(f"{BASE}/v1/things", status=status, body=b"" if body is None else json.dumps(body))
    with pytest.raises(ConnectorError) as error:
        list(api.rows("/v1/things", {}, dict))
    assert (type(error.value), error.value.message) == (kind, sentence)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_asked_again(server, api, status):
    server.get(f"{BASE}/v1/things", status=status, json={"status": "ERROR"})
    with pytest.raises((ConfigError, UnexpectedResponse)):
        list(api.rows("/v1/things", {}, dict))
    assert len(server.calls) == 1


def test_a_page_that_is_gone_is_not_the_end_of_the_list(server, api):
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}], "next_url": f"{BASE}/v1/things/2?cursor=b"})
    server.get(f"{BASE}/v1/things/2", status=404, json={"status": "NOT_FOUND"})
    with pytest.raises(UnexpectedResponse, match="404"):
        list(api.rows("/v1/things", {}, dict))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["", "<html>Bad Gateway</html>", '{"status": "ERROR"}'])
def test_an_outage_is_transient_and_retried(server, api, status, body):
    server.get(f"{BASE}/v1/things", status=status, body=body)
    with pytest.raises(TransientError, match=f"HTTP {status}"):
        api.get("/v1/things")
    assert len(server.calls) == 5


def test_an_impatient_api_tries_once(server, slept):
    server.get(f"{BASE}/v1/things", status=503)
    with pytest.raises(TransientError):
        StockApi(BASE, "my-key", LOGGER, patient=False).get("/v1/things")
    assert (len(server.calls), slept) == (1, [])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"status": "ERROR", "request_id": "1", "error": RATE_LIMIT}),
        (429, None),
        (200, {"status": "ERROR", "error": RATE_LIMIT}),
        (403, {"status": "NOT_AUTHORIZED", "message": RATE_LIMIT}),
    ],
)
def test_a_rate_limit_is_waited_for_however_it_is_said(server, api, slept, status, body):
    server.get(f"{BASE}/v1/things", status=status, body=b"" if body is None else json.dumps(body))
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}]})
    assert list(api.rows("/v1/things", {}, dict)) == [{"id": 1}]
    assert max(slept) >= 59


@pytest.mark.parametrize(
    "body", [{"results": [{"title": RATE_LIMIT}]}, {"message": RATE_LIMIT, "results": [{"title": "a" * 4096}]}]
)
def test_an_article_or_a_remark_that_quotes_the_rate_limit_is_none(server, api, slept, body):
    server.get(f"{BASE}/v1/things", json={"status": "OK", **body})
    assert len(list(api.rows("/v1/things", {}, dict))) == 1
    assert slept == []


# Filters


def filters(api, tickers, ask=lambda only: only["ticker.any_of"]) -> list:
    return list(api.by_filter(tickers, ask))


def test_a_few_tickers_make_one_filter(api):
    assert filters(api, ("AAPL", "BRK.B")) == ["AAPL,BRK.B"]


def test_no_tickers_make_no_filter(api):
    assert filters(api, ()) == []


@pytest.mark.parametrize("ticker", ["T{}", "ÄÖ/{}"])
def test_many_tickers_make_few_filters_that_an_address_holds(ticker, server, api):
    server.get(f"{BASE}/v1/things", json={})
    tickers = [ticker.format(n) for n in range(10_000)]
    chunks = filters(api, tickers, lambda only: api.get("/v1/things", only) and only["ticker.any_of"])
    assert ",".join(chunks).split(",") == tickers
    lengths = [len(call.request.url) for call in server.calls]
    assert max(lengths) < 8_000
    assert min(lengths[:-1]) > 5_900


@pytest.mark.parametrize(
    ("length", "lists"),
    [
        (10, [["A", "BB"], ["CCC", "D"]]),  # a comma takes three characters
        (9, [["A", "BB"], ["CCC"], ["D"]]),
        (8, [["A"], ["BB"], ["CCC"], ["D"]]),
        (1, [["A"], ["BB"], ["CCC"], ["D"]]),
    ],
)
def test_each_list_is_filled_to_its_last_character(length, lists):
    assert list(chunks(["A", "BB", "CCC", "D"], length)) == lists


def short_addresses(limit: int, status: int = 414):
    """A server that accepts URLs of this many characters, and lists a row for each ticker of the filter."""

    def respond(request):
        if len(request.url) > limit:
            return status, {}, "<html>Request-URI Too Large</html>"
        tickers = parse_qs(urlsplit(request.url).query)["ticker.any_of"][0].split(",")
        return 200, {}, json.dumps({"status": "OK", "results": [{"ticker": ticker} for ticker in tickers]})

    return respond


def listed(api, tickers) -> list[str]:
    ask = lambda only: list(api.rows("/v1/things", only, dict))  # noqa: E731
    return [row["ticker"] for rows in api.by_filter(tickers, ask) for row in rows]


@pytest.mark.parametrize("status", [413, 414, 431])
@pytest.mark.parametrize("limit", [4096, 1024, 60])
def test_a_filter_that_is_too_long_is_halved_until_it_is_not(server, api, status, limit):
    server.add_callback("GET", f"{BASE}/v1/things", callback=short_addresses(limit, status))
    tickers = [f"TICKER{n}" for n in range(1000)]
    assert listed(api, tickers) == tickers


def test_the_length_that_worked_is_kept_for_the_rest_of_the_sync(server, api):
    server.add_callback("GET", f"{BASE}/v1/things", callback=short_addresses(2000))
    tickers = [f"TICKER{n}" for n in range(2000)]
    for _ in range(2):
        listed(api, tickers)
    assert [len(call.request.url) > 2000 for call in server.calls].count(True) == 2  # 6000 and 3000 characters


def test_a_filter_is_halved_when_it_is_a_later_page_whose_address_is_too_long(server, api):
    def respond(request):
        tickers = parse_qs(urlsplit(request.url).query)["ticker.any_of"][0].split(",")
        if "cursor=" in request.url:
            return (200 if len(tickers) < 3 else 414), {}, json.dumps({"results": [{"ticker": tickers[-1]}]})
        following = f"{request.url}&cursor=a" if len(tickers) > 1 else None
        return 200, {}, json.dumps({"results": [{"ticker": ticker} for ticker in tickers[:1]], "next_url": following})

    server.add_callback("GET", f"{BASE}/v1/things", callback=respond)
    assert listed(api, ["A", "B", "C", "D"]) == ["A", "B", "C", "D"]


def test_an_address_that_one_ticker_makes_too_long_is_reported(server, api):
    server.add_callback("GET", f"{BASE}/v1/things", callback=short_addresses(10))
    with pytest.raises(UnexpectedResponse) as error:
        listed(api, ["AAPL", "MSFT", "NVDA"])
    assert error.value.message == (
        'An address with only the ticker "AAPL" is too long for the API. The API returned HTTP 414 for /v1/things.'
    )
    assert len(server.calls) == 2
