"""What the tests of the connector share: a stream made from a config, and a read that shows every checkpoint."""

import copy
import logging
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NamedTuple

import pytest
import responses

from source_stock_ticker.api import StockApi
from source_stock_ticker.runtime import ConfigError, ConnectorError, Page, Row, State, Stream
from source_stock_ticker.settings import read_settings

TODAY = date(2024, 3, 15)  # a Friday, so that the last day to read is Thursday, March 14


class Reading(NamedTuple):
    """What a read gave. checkpoints: after how many rows which state stood; failed: the slices that did."""

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

    def read(stream: Stream, saved: State | None = None) -> Reading:
        state = stream.resume(copy.deepcopy(saved or {}))
        reading = Reading([], [(0, copy.deepcopy(state))], [])
        failed_chains = set()
        for slice in _slices(stream, state, reading.failed):
            chain = getattr(slice, "chain", None if stream.cursor_field is None else "")
            if chain in failed_chains:
                continue
            try:
                first = None
                for rows, done in _pages(stream, slice):
                    reading.rows.extend(rows)
                    first = first or (rows[0] if rows else None)
                    stream.checkpoint(state, slice, first, rows[-1] if rows else None, done)
                    reading.checkpoints.append((len(reading.rows), copy.deepcopy(state)))
            except ConfigError:
                raise
            except ConnectorError:
                reading.failed.append(str(slice))
                failed_chains |= {chain} - {None}
        return reading

    return read


def _slices(stream: Stream, state: State, failed: list[str]) -> Iterator[Any]:
    try:
        yield from stream.slices(copy.deepcopy(state))
    except ConfigError:
        raise
    except ConnectorError:
        failed.append("slices")


def _pages(stream: Stream, slice: Any) -> Iterator[tuple[list[Row], bool]]:
    page = None
    while True:
        answer = stream.fetch(slice, page)
        rows, page = Page([]) if answer is None else stream.parse(slice, answer)
        yield rows, page is None
        if page is None:
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
    """The API as the network shows it: tests put their answers in. A request without an answer fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock
