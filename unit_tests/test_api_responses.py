"""Tests what the API's responses mean, and how to follow its pages."""

import json
import logging

import pytest
import responses

from source_stock_ticker.api import ROWS, Body, StockApi, read_body
from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.http.response import Response

BASE = "https://api.massive.com"
LOGGER = logging.getLogger("unit_tests")


def response(body: bytes) -> Response:
    return Response(200, body, "/v1/things", {})


def results(body: object) -> list[dict]:
    """The rows of a response of that body."""
    return read_body(response(json.dumps(body).encode()), ROWS).results or []


# Responses


@pytest.mark.parametrize(
    "body", [{"status": "OK"}, {"status": "OK", "results": None}, {"results": []}, {"status": "OK", "resultsCount": 0}]
)
def test_results_can_be_absent_null_or_empty(body):
    assert results(body) == []


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
def test_a_response_that_does_not_say_that_there_is_nothing_is_not_empty(body):
    with pytest.raises(UnexpectedResponse):
        results(body)


@pytest.mark.parametrize("field", ["error", "message"])
def test_an_error_without_a_status_is_quoted(field):
    with pytest.raises(UnexpectedResponse, match=r'refused /v1/things\. The API says: "Endpoint request timed out"'):
        results({field: "Endpoint request timed out"})


@pytest.mark.parametrize("status", ["OK", "DELAYED"])
def test_late_data_is_good_data(status):
    body = {"status": status, "results": [{"id": 1}]}
    assert results(body) == [{"id": 1}]


@pytest.mark.parametrize("rest", [{}, {"results": "x"}], ids=str)
@pytest.mark.parametrize("status", ["ERROR", "NOT_AUTHORIZED", "NOT_FOUND", "ok?", None])
def test_a_response_that_is_no_success_is_not_mistaken_for_an_empty_one(status, rest):
    with pytest.raises(UnexpectedResponse, match="refused /v1/things"):
        results({"status": status} | rest)


@pytest.mark.parametrize("body", [[], "text", 5, None, {"results": {"id": 1}}, {"results": "x"}, {"results": [1]}])
def test_a_response_of_another_shape_is_noticed(body):
    with pytest.raises(UnexpectedResponse):
        results(body)


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
def test_a_body_that_is_not_json_is_noticed(body, sentence):
    with pytest.raises(UnexpectedResponse) as error:
        response(body).json()
    assert error.value.message == sentence


@pytest.mark.parametrize("depth", [100, 600, 900, 5000])
@pytest.mark.parametrize("around", ["?", '{"status": "OK", "results": ?}', '{"status": "OK", "results": [{}, ?]}'])
def test_a_response_nested_without_end_is_noticed_and_no_bug_of_ours(around, depth):
    body = around.replace("?", "[" * depth + "]" * depth)
    with pytest.raises(UnexpectedResponse):
        read_body(response(body.encode()), ROWS)


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
    assert StockApi(base, "my-key", LOGGER).next_path(Body(next_url=link)) == "/v1/things?cursor=b"


@pytest.mark.parametrize(
    ("base", "link", "path"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/x", "https://proxy.example/x/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/x", "https://proxy.example/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/v1", "https://api.massive.com/v1/things?cursor=b", "/v1/things?cursor=b"),
        ("https://proxy.example/x", "/v1/things?cursor=b", "/v1/things?cursor=b"),
        (BASE, f"{BASE}/v2/aggs/ticker/A%2FB/range/1/day/1/2", "/v2/aggs/ticker/A%2FB/range/1/day/1/2"),
        # Old links contained the key.
        (BASE, f"{BASE}/v1/things?cursor=b%3D&apiKey=my-key&limit=5", "/v1/things?cursor=b%3D&limit=5"),
        (BASE, f"{BASE}/v1/things?apikey=my-key", "/v1/things"),
    ],
)
def test_a_link_can_lead_to_our_own_host_and_its_path(base, link, path):
    assert StockApi(base, "my-key", LOGGER).next_path(Body(next_url=link)) == path


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/things?cursor=b",
        "https://api.massive.com.evil.example/v1/things",
        "https://api.massive.com@evil.example/v1/things",
        "https://evil.example/api.massive.com/v1/things",
        "//evil.example/v1/things",
        "cursor=b",
        "https://[evil",
        17,
        0,
        False,
        [],
        {},
        ["https://api.massive.com/v1/things"],
        {"cursor": "b"},
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(api, link):
    with pytest.raises(UnexpectedResponse, match="leads to another host"):
        api.next_path(Body(next_url=link))


@pytest.mark.parametrize("body", [Body(), Body(next_url=None), Body(next_url="")])
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
    assert [row["id"] for row in api.rows("/v1/things", {"limit": 1}, dict)] == [1, 2, 3]
    assert {call.request.headers["Authorization"] for call in server.calls} == {"Bearer my-key"}


def test_an_empty_page_that_has_a_link_is_not_the_last(server, api):
    server.get(f"{BASE}/v1/things", json={"next_url": f"{BASE}/v1/more?cursor=b"})
    server.get(f"{BASE}/v1/more", json={"results": [{"id": 2}]})
    assert list(api.rows("/v1/things", {}, dict)) == [{"id": 2}]


def test_a_page_that_makes_no_sense_is_fetched_again(server, api):
    server.get(f"{BASE}/v1/things", body='{"results": [{"id')
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}]})
    assert list(api.rows("/v1/things", {}, dict)) == [{"id": 1}]


def test_a_page_that_never_makes_sense_is_given_up(server, api):
    server.get(f"{BASE}/v1/things", body='{"results": [{"id')
    with pytest.raises(UnexpectedResponse, match="not JSON"):
        list(api.rows("/v1/things", {}, dict))
    assert len(server.calls) == 3


def test_no_page_is_requested_before_it_is_wanted(server, api):
    server.get(f"{BASE}/v1/things", json={"results": [{"id": 1}], "next_url": f"{BASE}/v1/more"})
    assert next(api.rows("/v1/things", {}, dict)) == {"id": 1}
    assert len(server.calls) == 1


@pytest.mark.parametrize("pages", [["a"], ["a", "b"]])
def test_pages_that_lead_in_a_circle_are_noticed(server, api, pages):
    server.get(f"{BASE}/v1/things", json={"next_url": f"{BASE}/v1/{pages[0]}"})
    for page, following in zip(pages, pages[1:] + pages[:1], strict=True):
        server.get(f"{BASE}/v1/{page}", json={"next_url": f"{BASE}/v1/{following}"})
    with pytest.raises(UnexpectedResponse, match="form a loop"):
        list(api.rows("/v1/things", {}, dict))


def test_a_link_to_the_page_just_read_gives_its_rows_once_although_it_has_another_cursor(server, api):
    for page in range(30):
        body = {"status": "OK", "results": [{"id": 1}], "next_url": f"{BASE}/v1/things?cursor={page + 1}"}
        server.get(f"{BASE}/v1/things", json=body)
    rows = api.rows("/v1/things", {}, dict)
    assert next(rows) == {"id": 1}
    with pytest.raises(UnexpectedResponse, match="form a loop"):
        next(rows)


def test_pages_without_end_come_to_an_end(server, api, monkeypatch):
    monkeypatch.setattr("source_stock_ticker.api.MAX_LIST_PAGES", 30)
    for page in range(32):
        body = {"status": "OK", "results": [{"id": page}], "next_url": f"{BASE}/v1/things?cursor={page + 1}"}
        server.get(f"{BASE}/v1/things", json=body)
    with pytest.raises(UnexpectedResponse, match=r"/v1/things has more than 30 pages"):
        list(api.rows("/v1/things", {}, dict))


@pytest.mark.parametrize("value", ["{}", "[]", "1.5", '{"a":1}'])
def test_a_response_of_too_many_values_is_refused_before_it_is_decompressed(value):
    body = ('{"status":"OK","results":[' + ",".join([value] * 800_000) + "]}").encode()
    with pytest.raises(UnexpectedResponse, match="more than 750,000 values for /v1/things"):
        response(body).json()


def test_the_largest_honest_response_is_none_of_too_many_values():
    bar = '{"v":1748755.0,"vw":131.63,"o":130.465,"c":130.1,"h":133.4,"l":129.8,"t":1673240400000,"n":64536,"otc":true}'
    body = ('{"status":"OK","resultsCount":50000,"results":[' + ",".join([bar] * 50_000) + "]}").encode()
    assert len(response(body).json()["results"]) == 50_000
