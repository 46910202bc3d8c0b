"""What the tests of the connector share: the API as the network shows it, a stream made from a config, a read."""

import copy
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import responses

from source_river_levels.api import RiverLevelsApi
from source_river_levels.runtime.stream import Page, Row, State, Stream, Written
from source_river_levels.settings import read_settings

NOW = datetime(2024, 3, 15, 12, tzinfo=timezone.utc)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """The API: tests put its responses in. A request without a response fails. No sleep really passes."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def connect() -> Callable[..., Any]:
    """A function: a class of streams, and words of the config -> that stream."""

    def connect(table: type, **config: Any) -> Any:
        settings = read_settings({"api_key": "a-key", "start_date": "2024-03-01", **config}, NOW)
        logger = logging.getLogger("unit_tests")
        return table(RiverLevelsApi(settings.api_url, settings.api_key, logger), settings, logger)

    return connect


@pytest.fixture
def read() -> Callable[..., tuple[list[Row], list[tuple[int, State]]]]:
    """A function: a stream and a saved state -> its rows, and each state with the number of rows written before it.

    It does what the runtime's reader does, without threads and messages.
    """

    def read(stream: Stream[Any], saved: State | None = None) -> tuple[list[Row], list[tuple[int, State]]]:
        state = stream.resume(copy.deepcopy(saved or {}))
        rows: list[Row] = []
        states = [(0, copy.deepcopy(state))]
        for stream_slice in stream.slices(copy.deepcopy(state)):
            before, page_token, done = len(rows), None, False
            while not done:
                response = stream.fetch(stream_slice, page_token)
                page = Page([]) if response is None else stream.parse(stream_slice, response)
                rows += page.rows
                page_token, done = page.next_page_token, page.next_page_token is None
                first, last = (rows[before], rows[-1]) if len(rows) > before else (None, None)
                stream.checkpoint(state, stream_slice, Written(first, last, page.note, done))
                states.append((len(rows), copy.deepcopy(state)))
        return rows, states

    return read
