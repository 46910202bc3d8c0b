"""What the tests of the connector share: the API as the network shows it, and a read that shows every checkpoint."""

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
    """The seconds of every sleep; none of them really passes."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(slept: list[float]) -> Iterator[responses.RequestsMock]:
    """The API: tests put its responses in. A request without one fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def hidden() -> list[str]:
    """The tokens that are to be hidden."""
    return []


@pytest.fixture
def connect(hidden: list[str]) -> Callable[..., BookListsApi]:
    """A function: credentials -> the API for whom they belong to."""

    def connect(credentials: dict[str, Any] = KEY, tries: int = 5) -> BookListsApi:
        logger = logging.getLogger("unit_tests")
        return BookListsApi({"credentials": credentials}, logger, hidden.append, tries)

    return connect


@pytest.fixture
def read() -> Callable[..., Reading]:
    """A function: a stream and a saved state -> its Reading."""
    return read_stream
