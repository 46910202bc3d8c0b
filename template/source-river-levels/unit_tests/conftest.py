"""What the connector's tests share: a mock of the API, a stream made from a config, a read."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import responses

from source_river_levels.api import RiverLevelsApi
from source_river_levels.runtime.testing import Reading, read_stream
from source_river_levels.settings import read_settings

NOW = datetime(2024, 3, 15, 12, tzinfo=timezone.utc)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """A mock of the API: tests add its responses. A request without one fails. No sleep takes time."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def connect() -> Callable[..., Any]:
    """A function: a stream class and config options -> that stream."""

    def connect(table: type, **config: Any) -> Any:
        settings = read_settings({"api_key": "a-key", "start_date": "2024-03-01", **config}, NOW)
        logger = logging.getLogger("unit_tests")
        return table(RiverLevelsApi(settings.api_url, settings.api_key, logger), settings, logger)

    return connect


@pytest.fixture
def read() -> Callable[..., Reading]:
    """A function: a stream and a saved state -> its Reading."""
    return read_stream
