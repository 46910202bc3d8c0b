"""What the connector's tests share: a mock of the API, and a read that shows every checkpoint."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from source_book_lists.api import BookListsApi
from source_book_lists.runtime.testing import Reading, read_stream

KEY = {"kind": "header", "api_key": "my-key"}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of every sleep; no sleep takes time."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(slept: list[float]) -> Iterator[responses.RequestsMock]:
    """A mock of the API: tests add its responses. A request without one fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def hidden() -> list[str]:
    """The hidden tokens."""
    return []


@pytest.fixture
def connect(hidden: list[str]) -> Callable[..., BookListsApi]:
    """A function: credentials -> the API with them."""

    def connect(credentials: dict[str, Any] = KEY, tries: int = 5) -> BookListsApi:
        logger = logging.getLogger("unit_tests")
        return BookListsApi({"credentials": credentials}, logger, hidden.append, tries)

    return connect


@pytest.fixture
def read() -> Callable[..., Reading]:
    """A function: a stream and a saved state -> its Reading."""
    return read_stream
