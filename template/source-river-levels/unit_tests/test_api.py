"""Tests the requests to the API, and what its responses mean."""

import json
import logging

import pytest

from source_river_levels.api import RiverLevelsApi, page_of
from source_river_levels.runtime.errors import (
    ConfigError,
    CredentialsError,
    TransientError,
    UnexpectedResponse,
)
from source_river_levels.runtime.http.response import Response

URL = "https://api.river-levels.example"


@pytest.fixture
def api() -> RiverLevelsApi:
    return RiverLevelsApi(URL, "my-key", logging.getLogger("unit_tests"))


def test_the_key_is_in_the_header_and_never_in_the_address(api, server):
    server.get(f"{URL}/stations", json={})
    api.get("/stations", page="2", since=None)
    assert server.calls[0].request.headers["Authorization"] == "Bearer my-key"
    assert server.calls[0].request.url == f"{URL}/stations?page=2"


@pytest.mark.parametrize("link", ["2", 2, None])
def test_a_page_has_its_rows_and_the_number_of_the_next(link):
    body = json.dumps({"stations": [{"id": "a"}], "next_page": link}).encode()
    assert page_of(Response(200, body, "/stations", {}), "stations") == ([{"id": "a"}], link and "2")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"stations": {}}', b'{"stations": null}'])
def test_a_response_without_a_list_of_rows_is_not_mistaken_for_an_empty_one(body):
    with pytest.raises(UnexpectedResponse):
        page_of(Response(200, body, "/stations", {}), "stations")


@pytest.mark.parametrize(
    ("status", "error", "word"),
    [
        (401, CredentialsError, "api_key"),
        (403, ConfigError, "no permission"),
        (404, UnexpectedResponse, "api_url"),
        (400, UnexpectedResponse, "HTTP 400 for /stations"),
        (429, TransientError, "rate limit"),
        (503, TransientError, "503"),
    ],
)
def test_each_refusal_says_who_must_act(status, error, word, server):
    server.get(f"{URL}/stations", status=status, json={"error": "no"})
    with pytest.raises(error, match=word):
        RiverLevelsApi(URL, "my-key", logging.getLogger("unit_tests"), patient=False).get("/stations")


@pytest.mark.parametrize("body", [b'{"error": "expired"}', b"expired", b"[]"])
def test_a_refusal_quotes_the_api_if_it_can(body, api, server):
    server.get(f"{URL}/stations", status=401, body=body)
    with pytest.raises(CredentialsError) as refused:
        api.get("/stations")
    assert ('"expired"' in refused.value.message) == (body[:1] == b"{")
