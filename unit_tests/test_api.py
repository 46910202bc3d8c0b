"""How the API is asked, and what its answers and refusals mean."""

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from source_stock_ticker.api import NotFound, NotYet, StockApi, TooOld, UnknownTicker, any_of, parsed, path_of, results
from source_stock_ticker.runtime import ConfigError, ConnectorError, CredentialsError, TransientError, UnexpectedAnswer
from source_stock_ticker.runtime.http_client import Answer

BASE = "https://api.massive.com"
LOGGER = logging.getLogger("unit_tests")
RATE_LIMIT = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription."
NOT_ENTITLED = "You are not entitled to this data. Please upgrade your plan."
TOO_OLD = "Your plan doesn't include this data timeframe. Please upgrade your plan."
BEFORE_END = "Attempted to request today's data before end of day. Please upgrade your plan."


@pytest.fixture
def api() -> StockApi:
    return StockApi(BASE, "my-key", LOGGER)


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode(), "/v1/things", {})


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


def test_json_is_asked_for(server, api):
    server.get(f"{BASE}/v1/things", json={})
    api.get("/v1/things")
    assert server.calls[0].request.headers["Accept"] == "application/json"


def test_a_path_in_our_address_stays_before_every_path(server):
    server.get("https://proxy.example/massive/v1/things", json={})
    StockApi("https://proxy.example/massive", "my-key", LOGGER).get("/v1/things")
    assert len(server.calls) == 1


def test_the_pace_tells_how_long_the_planned_requests_still_take(server, slept):
    server.get(f"{BASE}/v1/things", json={})
    api = StockApi(BASE, "my-key", LOGGER, requests_per_minute=6)
    for _ in range(2):
        api.get("/v1/things")
    assert (api.pace().requests, api.pace(5).seconds_left, api.pace(1).seconds_left) == (2, pytest.approx(30.3), 0)


# Refusals


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (
            401,
            {"status": "ERROR", "request_id": "1", "error": "Unknown API Key"},
            CredentialsError,
            "api_key: the API does not know this key (HTTP 401); check it in your dashboard. "
            'The API says: "Unknown API Key"',
        ),
        (
            401,
            {"status": "ERROR", "error": "API Key was not provided"},
            CredentialsError,
            "api_key: the API does not know this key (HTTP 401); check it in your dashboard. "
            'The API says: "API Key was not provided"',
        ),
        (
            401,
            None,
            CredentialsError,
            "api_key: the API does not know this key (HTTP 401); check it in your dashboard.",
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
        (403, None, ConfigError, "Your plan does not include this data (HTTP 403)."),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": TOO_OLD},
            TooOld,
            "start_date: your plan does not go back so far (or this machine's clock is ahead); "
            f'choose a later start_date. The API says: "{TOO_OLD}"',
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": BEFORE_END},
            NotYet,
            f'end_date: your plan has no data of this day yet; choose an earlier day. The API says: "{BEFORE_END}"',
        ),
        (
            400,
            {"status": "ERROR", "error": "The parameter 'to' cannot be a time that occurs before 'from'"},
            UnexpectedAnswer,
            "The API refused /v1/things. "
            "The API says: \"The parameter 'to' cannot be a time that occurs before 'from'\"",
        ),
        (
            404,
            {"status": "NOT_FOUND", "request_id": "1", "message": "Ticker not found."},
            UnknownTicker,
            'The API does not know /v1/things (HTTP 404); is api_url right? The API says: "Ticker not found."',
        ),
        (404, None, NotFound, "The API does not know /v1/things (HTTP 404); is api_url right?"),
        (418, None, UnexpectedAnswer, "The API answered HTTP 418 for /v1/things."),
        (
            200,
            {"status": "ERROR", "error": "Something else"},
            UnexpectedAnswer,
            'The API refused /v1/things. The API says: "Something else"',
        ),
        (
            200,
            {"status": "NOT_AUTHORIZED", "message": NOT_ENTITLED},
            UnexpectedAnswer,
            f'The API refused /v1/things. The API says: "{NOT_ENTITLED}"',
        ),
    ],
)
def test_a_refusal_says_who_must_act_and_what_the_api_said(server, api, status, body, kind, sentence):
    server.get(f"{BASE}/v1/things", status=status, body=b"" if body is None else json.dumps(body))
    with pytest.raises(ConnectorError) as error:
        list(api.rows("/v1/things", {}))
    assert (type(error.value), error.value.message) == (kind, sentence)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_asked_again(server, api, status):
    server.get(f"{BASE}/v1/things", status=status, json={"status": "ERROR"})
    with pytest.raises((ConfigError, UnexpectedAnswer)):
        list(api.rows("/v1/things", {}))
    assert len(server.calls) == 1


def test_a_page_that_is_gone_is_not_the_end_of_the_list(server, api):
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}], "next_url": f"{BASE}/v1/things/2?cursor=b"})
    server.get(f"{BASE}/v1/things/2", status=404, json={"status": "NOT_FOUND"})
    with pytest.raises(UnexpectedAnswer, match="404"):
        list(api.rows("/v1/things", {}))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["", "<html>Bad Gateway</html>", '{"status": "ERROR"}'])
def test_an_outage_is_nobodys_fault_and_tried_again(server, api, status, body):
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
    ],
)
def test_a_rate_limit_is_waited_for_however_it_is_said(server, api, slept, status, body):
    server.get(f"{BASE}/v1/things", status=status, body=b"" if body is None else json.dumps(body))
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}]})
    assert list(api.rows("/v1/things", {})) == [{"id": 1}]
    assert max(slept) >= 59


def test_an_article_that_quotes_the_rate_limit_is_none(server, api, slept):
    server.get(f"{BASE}/v1/things", json={"status": "OK", "results": [{"title": f'"ERROR": {RATE_LIMIT}'}]})
    assert len(list(api.rows("/v1/things", {}))) == 1
    assert slept == []


# Answers


@pytest.mark.parametrize(
    "body", [{"status": "OK"}, {"status": "OK", "results": None}, {"results": []}, {"status": "OK", "resultsCount": 0}]
)
def test_results_may_be_absent_null_or_empty(body):
    assert results(answer(body), body) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": "Endpoint request timed out"},
        {"results": None},
        {"status": "OK", "resultsCount": 5},
        {"status": "OK", "results": [], "resultsCount": 5},
        {"status": "OK", "results": {}},
        {"status": "OK", "results": ""},
        {"status": "OK", "results": False},
    ],
)
def test_an_answer_that_does_not_say_that_there_is_nothing_is_not_empty(body):
    with pytest.raises(UnexpectedAnswer):
        results(answer(body), body)


@pytest.mark.parametrize("status", ["OK", "DELAYED"])
def test_late_data_is_good_data(status):
    body = {"status": status, "results": [{"id": 1}]}
    assert results(answer(body), body) == [{"id": 1}]


@pytest.mark.parametrize("status", ["ERROR", "NOT_AUTHORIZED", "NOT_FOUND", "ok?", None])
def test_an_answer_that_is_no_success_is_not_taken_for_an_empty_one(status):
    body = {"status": status}
    with pytest.raises(UnexpectedAnswer, match="refused /v1/things"):
        results(answer(body), body)


@pytest.mark.parametrize("body", [[], "text", 5, None, {"results": {"id": 1}}, {"results": "x"}, {"results": [1]}])
def test_an_answer_of_another_shape_is_noticed(body):
    with pytest.raises(UnexpectedAnswer):
        results(answer(body), body)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The API sent an empty body for /v1/things."),
        (b" \n", "The API sent an empty body for /v1/things."),
        (b"<html></html>", "The API sent something that is not JSON for /v1/things."),
        (b'{"results": [', "The API sent something that is not JSON for /v1/things."),
        (b'{"c": NaN}', "The API sent something that is not JSON for /v1/things."),
    ],
)
def test_a_body_that_is_no_json_is_noticed(body, sentence):
    with pytest.raises(UnexpectedAnswer) as error:
        parsed(Answer(200, body, "/v1/things", {}))
    assert error.value.message == sentence


# Pages


@pytest.mark.parametrize(
    "link",
    [
        "https://api.massive.com/v1/things?cursor=b",
        "https://api.massive.com:443/v1/things?cursor=b",
        "https://api.polygon.io/v1/things?cursor=b",
        "https://api.polygon.io:443/v1/things?cursor=b",
        "https://API.MASSIVE.COM/v1/things?cursor=b",
        "http://api.massive.com/v1/things?cursor=b",
    ],
)
@pytest.mark.parametrize("base", [BASE, "https://api.polygon.io", "http://localhost:8080", "https://proxy.example/x"])
def test_a_link_of_the_api_is_followed_on_our_own_address(base, link):
    assert StockApi(base, "my-key", LOGGER).next_path({"next_url": link}) == "/v1/things?cursor=b"


@pytest.mark.parametrize(
    ("base", "link", "path"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/x", "https://proxy.example/x/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/x", "https://proxy.example/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/v1", "https://api.massive.com/v1/things?cursor=b", "/v1/things?cursor=b"),
        (BASE, f"{BASE}/v2/aggs/ticker/A%2FB/range/1/day/1/2", "/v2/aggs/ticker/A%2FB/range/1/day/1/2"),
        # Old links had the key in them.
        (BASE, f"{BASE}/v1/things?cursor=b%3D&apiKey=my-key&limit=5", "/v1/things?cursor=b%3D&limit=5"),
        (BASE, f"{BASE}/v1/things?apikey=my-key", "/v1/things"),
    ],
)
def test_a_link_may_lead_to_our_own_host_and_its_path(base, link, path):
    assert StockApi(base, "my-key", LOGGER).next_path({"next_url": link}) == path


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/things?cursor=b",
        "https://api.massive.com.evil.example/v1/things",
        "https://api.massive.com@evil.example/v1/things",
        "https://evil.example/api.massive.com/v1/things",
        "//evil.example/v1/things",
        "/v1/things?cursor=b",
        "cursor=b",
        "https://[evil",
        17,
        ["https://api.massive.com/v1/things"],
        {"cursor": "b"},
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(api, link):
    with pytest.raises(UnexpectedAnswer, match="leads to another host"):
        api.next_path({"next_url": link})


@pytest.mark.parametrize("body", [{}, {"next_url": None}, {"next_url": ""}])
def test_without_a_link_a_page_is_the_last(api, body):
    assert api.next_path(body) is None


def test_all_pages_are_read_with_the_key_on_each(server, api):
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}], "next_url": f"{BASE}:443/v1/more?cursor=b"})
    server.get(
        f"{BASE}/v1/more",
        json={"results": [{"id": 2}], "next_url": "https://api.polygon.io/v1/more?cursor=c"},
        match=[responses.matchers.query_param_matcher({"cursor": "b"})],
    )
    server.get(
        f"{BASE}/v1/more",
        json={"results": [{"id": 3}]},
        match=[responses.matchers.query_param_matcher({"cursor": "c"})],
    )
    assert [row["id"] for row in api.rows("/v1/things", {"limit": 1})] == [1, 2, 3]
    assert {call.request.headers["Authorization"] for call in server.calls} == {"Bearer my-key"}


def test_an_empty_page_that_has_a_link_is_not_the_last(server, api):
    server.get(f"{BASE}/v1/things", json={"next_url": f"{BASE}/v1/more?cursor=b"})
    server.get(f"{BASE}/v1/more", json={"results": [{"id": 2}]})
    assert list(api.rows("/v1/things", {})) == [{"id": 2}]


def test_a_page_that_makes_no_sense_is_fetched_again(server, api):
    server.get(f"{BASE}/v1/things", body='{"results": [{"id')
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}]})
    assert list(api.rows("/v1/things", {})) == [{"id": 1}]


def test_a_page_that_never_makes_sense_is_given_up(server, api):
    server.get(f"{BASE}/v1/things", body='{"results": [{"id')
    with pytest.raises(UnexpectedAnswer, match="not JSON"):
        list(api.rows("/v1/things", {}))
    assert len(server.calls) == 3


def test_no_page_is_asked_for_before_it_is_wanted(server, api):
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}], "next_url": f"{BASE}/v1/more"})
    assert next(api.rows("/v1/things", {})) == {"id": 1}
    assert len(server.calls) == 1


@pytest.mark.parametrize("pages", [["a"], ["a", "b"]])
def test_pages_that_lead_in_a_circle_are_noticed(server, api, pages):
    server.get(f"{BASE}/v1/things", json={"next_url": f"{BASE}/v1/{pages[0]}"})
    for page, following in zip(pages, pages[1:] + pages[:1], strict=True):
        server.get(f"{BASE}/v1/{page}", json={"next_url": f"{BASE}/v1/{following}"})
    with pytest.raises(UnexpectedAnswer, match="in a circle"):
        list(api.rows("/v1/things", {}))


def test_pages_that_bring_nothing_new_come_to_an_end(server, api):
    for page in range(30):
        body = {"status": "OK", "results": [{"id": 1}], "next_url": f"{BASE}/v1/things?cursor={page + 1}"}
        server.get(f"{BASE}/v1/things", json=body)
    with pytest.raises(UnexpectedAnswer, match="in a circle"):
        list(api.rows("/v1/things", {}))


def test_pages_without_end_come_to_an_end(server, api, monkeypatch):
    monkeypatch.setattr("source_stock_ticker.api.MOST_LIST_PAGES", 30)
    for page in range(32):
        body = {"status": "OK", "results": [{"id": page}], "next_url": f"{BASE}/v1/things?cursor={page + 1}"}
        server.get(f"{BASE}/v1/things", json=body)
    with pytest.raises(UnexpectedAnswer, match=r"over 30 pages for /v1/things"):
        list(api.rows("/v1/things", {}))


@pytest.mark.parametrize("value", ["{}", "[]", "1.5", '{"a":1}'])
def test_an_answer_of_too_many_values_is_refused_before_it_is_unpacked(value):
    body = ('{"status":"OK","results":[' + ",".join([value] * 800_000) + "]}").encode()
    with pytest.raises(UnexpectedAnswer, match="over 750,000 values for /v1/things"):
        parsed(Answer(200, body, "/v1/things", {}))


def test_the_largest_honest_answer_is_none_of_too_many_values():
    bar = '{"v":1748755.0,"vw":131.63,"o":130.465,"c":130.1,"h":133.4,"l":129.8,"t":1673240400000,"n":64536,"otc":true}'
    body = ('{"status":"OK","resultsCount":50000,"results":[' + ",".join([bar] * 50_000) + "]}").encode()
    assert len(parsed(Answer(200, body, "/v2/aggs", {}))["results"]) == 50_000


# Filters


def test_a_few_tickers_make_one_filter():
    assert list(any_of(["AAPL", "BRK.B"])) == ["AAPL,BRK.B"]


def test_no_tickers_make_no_filter():
    assert list(any_of([])) == []


@pytest.mark.parametrize("ticker", ["T{}", "ÄÖ/{}"])
def test_many_tickers_make_filters_that_an_address_holds(ticker, server, api):
    server.get(f"{BASE}/v1/things", json={})
    tickers = [ticker.format(n) for n in range(10_000)]
    chunks = list(any_of(tickers))
    for chunk in chunks:
        api.get("/v1/things", {"ticker.any_of": chunk})
    assert ",".join(chunks).split(",") == tickers
    assert max(len(call.request.url) for call in server.calls) < 8_000
