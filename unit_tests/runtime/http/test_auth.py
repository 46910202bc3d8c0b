"""Tests where each kind of credentials goes."""

import logging

import pytest
from letters_server import URL

from source_stock_ticker.runtime.http import auth
from source_stock_ticker.runtime.http.client import HttpClient


def sent(http, authenticate):
    http.get(URL)
    HttpClient(authenticate, logging.getLogger("airbyte")).get(URL)
    return http.calls[0].request


@pytest.mark.parametrize(
    ("authenticate", "header", "value"),
    [
        (auth.bearer("my-key"), "Authorization", "Bearer my-key"),
        (auth.in_header("X-Api-Key", "my-key"), "X-Api-Key", "my-key"),
        (auth.basic("me", "päss:word"), "Authorization", "Basic bWU6cMOkc3M6d29yZA=="),
    ],
)
def test_it_is_in_a_header(http, authenticate, header, value):
    request = sent(http, authenticate)
    assert (request.headers[header], request.url) == (value, URL)


def test_it_is_in_a_parameter_next_to_the_others(http):
    http.get(f"{URL}&key=a%26b")
    assert sent(http, auth.in_parameter("key", "a&b")).url == f"{URL}&key=a%26b"


def test_nobody_adds_no_credentials(http):
    assert "Authorization" not in sent(http, auth.nobody).headers
