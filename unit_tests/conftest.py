"""What the tests of the connector share: a stream made from a config, and a read that shows every checkpoint."""

import copy
import logging
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NamedTuple

import msgspec
import pytest
import responses

from source_stock_ticker.api import StockApi
from source_stock_ticker.runtime.errors import ConfigError, ConnectorError
from source_stock_ticker.runtime.stream import Page, Row, State, Stream, Written
from source_stock_ticker.settings import read_settings

TODAY = date(2024, 3, 15)  # a Friday, so that the last day to read is Thursday, March 14


class Reading(NamedTuple):
    """What a read gave. checkpoints: after how many rows, all of them dicts, which state stood; failed: the slices."""

    rows: list[Row]
    checkpoints: list[tuple[int, State]]
    failed: list[str]

    @property
    def state(self) -> State:
        return self.checkpoints[-1][1]


@pytest.fixture(scope="session")
def connect() -> Callable[..., Any]:
    """A function: a class of streams, today and a config -> that stream."""

    def connect(table: type, today: date = TODAY, **config: Any) -> Any:
        of = read_settings({"api_key": "a-key", "tickers": ["AAPL"], "requests_per_minute": 0, **config}, today)
        logger = logging.getLogger("unit_tests")
        return table(StockApi(of.api_url, of.api_key, logger), of, logger)

    return connect


@pytest.fixture(scope="session")
def read() -> Callable[..., Reading]:
    """A function: a stream and a saved state -> its Reading. The runtime's reader, without threads and messages."""

    def read(stream: Stream[Any], saved: State | None = None) -> Reading:
        state = stream.resume(copy.deepcopy(saved or {}))
        reading = Reading([], [(0, copy.deepcopy(state))], [])
        failed_groups = set()
        for stream_slice in _slices(stream, state, reading.failed):
            group = stream.group(stream_slice)
            if group in failed_groups:
                continue
            try:
                for rows, written in _pages(stream, stream_slice):
                    reading.rows.extend(rows)
                    stream.checkpoint(state, stream_slice, written)
                    reading.checkpoints.append((len(reading.rows), copy.deepcopy(state)))
            except ConfigError:
                raise
            except ConnectorError:
                reading.failed.append(str(stream_slice))
                failed_groups |= {group} - {None}
        return reading

    return read


def _slices(stream: Stream[Any], state: State, failed: list[str]) -> Iterator[Any]:
    try:
        yield from stream.slices(copy.deepcopy(state))
    except ConfigError:
        raise
    except ConnectorError:
        failed.append("slices")


def _pages(stream: Stream[Any], stream_slice: Any) -> Iterator[tuple[list[Row], Written]]:
    """The rows of each page of a slice, and what of the slice has been written once they are."""
    token, first, last = None, None, None
    while True:
        response = stream.fetch(stream_slice, token)
        page = Page([]) if response is None else stream.parse(stream_slice, response)
        token, first, last = page.next_page_token, first or next(iter(page.rows), None), page.last or last
        yield msgspec.to_builtins(list(page.rows)), Written(first, last, page.note, token is None)
        if token is None:
            return


@pytest.fixture
def api() -> StockApi:
    return StockApi("https://api.massive.com", "my-key", logging.getLogger("unit_tests"))


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """The seconds of every sleep; none of them really passes."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def server(slept) -> Iterator[responses.RequestsMock]:
    """The API as the network shows it: tests put their responses in. A request without one fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock
