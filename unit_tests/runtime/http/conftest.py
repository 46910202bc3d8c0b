"""Provides a client without real sleeps, a mock of the network, and no proxies of this machine."""

import logging

import pytest
import responses
from letters_server import CA_VARIABLES, KEY

from source_stock_ticker.runtime.http.client import HttpClient


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def http():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield http


@pytest.fixture
def client(clock):
    """A function that makes a client with these options and the fake clock."""

    def authenticate(request):
        request.headers["Authorization"] = f"Bearer {KEY}"
        return request

    return lambda **options: HttpClient(authenticate, logging.getLogger("airbyte"), clock=clock, **options)
