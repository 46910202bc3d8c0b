"""What the connector's tests share: a mock of the API, a stream made from a config, a read."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import responses

from source_ad_campaigns import SourceAdCampaigns
from source_ad_campaigns.runtime import cursors
from source_ad_campaigns.runtime.testing import Reading, read_stream

CONFIG = {"credentials": {"auth_type": "private_app", "access_token": "a-token"}, "start_date": "2024-01-01"}


class Now(datetime):
    """A fixed clock: yesterday is March 9, 2024."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime(2024, 3, 10, 12, tzinfo=timezone.utc)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of every sleep; no sleep takes time."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.fixture
def server(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """A mock of the API: tests add its responses. A request without one fails."""
    monkeypatch.setattr(cursors, "datetime", Now)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def connect() -> Callable[..., Any]:
    """A function: a stream class and config options -> that stream."""

    def connect(table: type, **config: Any) -> Any:
        found = SourceAdCampaigns().streams(logging.getLogger("unit_tests"), {**CONFIG, **config})
        return next(stream for stream in found if type(stream) is table)

    return connect


@pytest.fixture
def read() -> Callable[..., Reading]:
    """A function: a stream and a saved state -> its Reading."""
    return read_stream
