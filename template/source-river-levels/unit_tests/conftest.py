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
from source_river_levels.runtime import Page, Row, State, Stream
from source_river_levels.settings import read_settings

NOW = datetime(2024, 3, 15, 12, tzinfo=timezone.utc)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """The API: tests put their answers in. A request without an answer fails. No sleep really passes."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def connect() -> Callable[..., Any]:
    """A function: a class of streams, and words of the config -> that stream."""

    def connect(table: type, **config: Any) -> Any:
        settings = read_settings({"api_key": "a-key", "start_date": "2024-03-01", **config}, NOW)
        api = RiverLevelsApi(settings.api_url, settings.api_key, logging.getLogger("unit_tests"))
        return table(api, settings)

    return connect


@pytest.fixture
def read() -> Callable[..., tuple[list[Row], list[State]]]:
    """A function: a stream and a saved state -> its rows, and each state with the number of rows written before it.

    It does what the runtime's reader does, without threads and messages.
    """

    def read(stream: Stream, saved: State | None = None) -> tuple[list[Row], list[tuple[int, State]]]:
        state = stream.resume(copy.deepcopy(saved or {}))
        rows: list[Row] = []
        states = [(0, copy.deepcopy(state))]
        for slice in stream.slices(copy.deepcopy(state)):
            of_slice: list[Row] = []
            page_token, done = None, False
            while not done:
                answer = stream.fetch(slice, page_token)
                new, page_token = Page([]) if answer is None else stream.parse(slice, answer)
                rows, of_slice, done = rows + new, of_slice + new, page_token is None
                stream.checkpoint(state, slice, *([of_slice[0], of_slice[-1]] if of_slice else [None, None]), done)
                states.append((len(rows), copy.deepcopy(state)))
        return rows, states

    return read
