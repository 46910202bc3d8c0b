"""What the connector's tests share: a stream made from a config, and a read that shows every checkpoint."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import responses

from source_stock_ticker.api import StockApi
from source_stock_ticker.runtime.testing import Reading, read_stream
from source_stock_ticker.settings import read_settings

TODAY = date(2024, 3, 15)  # a Friday, so the last day to read is Thursday, March 14


@pytest.fixture(scope="session")
def connect() -> Callable[..., Any]:
    """A function: a stream class, today and a config -> that stream."""

    def connect(table: type, today: date = TODAY, **config: Any) -> Any:
        of = read_settings({"api_key": "a-key", "tickers": ["AAPL"], "requests_per_minute": 0, **config}, today)
        logger = logging.getLogger("unit_tests")
        return table(StockApi(of.api_url, of.api_key, logger), of, logger)

    return connect


@pytest.fixture(scope="session")
def read() -> Callable[..., Reading]:
    """A function: a stream and a saved state -> its Reading."""
    return read_stream


@pytest.fixture
def api() -> StockApi:
    return StockApi("https://api.massive.com", "my-key", logging.getLogger("unit_tests"))


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """The seconds of every sleep; no sleep takes time."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(slept) -> Iterator[responses.RequestsMock]:
    """A mock of the API: tests add its responses. A request without one fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock
