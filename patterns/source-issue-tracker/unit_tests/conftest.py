"""What the connector's tests share: a mock of the API, its streams, a clock that never waits."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from source_issue_tracker import SourceIssueTracker

sys.path.append(str(Path(__file__).resolve().parent.parent / "integration_tests"))  # the API is known there alone
from sandbox_api import SandboxApi
from sandbox_server import Asked

URL = "https://api.issue-tracker.example"
CONFIG = {"access_token": "sandbox-token", "repositories": ["acme/*", "jo/settings"], "start_date": "2024-03-01"}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of every sleep: no sleep takes time, but the clocks advance."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    for name in ("time", "monotonic"):
        clock = getattr(time, name)
        monkeypatch.setattr(time, name, lambda clock=clock: clock() + sum(waits))
    return waits


@pytest.fixture
def api(waits: list[float]) -> Iterator[SandboxApi]:
    """The sandbox at the API's address, without a socket: tests change its data and make its next responses fail."""
    sandbox = SandboxApi()
    sandbox.url = URL

    def respond(request: Any) -> tuple[int, dict[str, str], Any]:
        asked = Asked(request.method, request.path_url, {name.lower(): text for name, text in request.headers.items()})
        if fault := sandbox.note(asked.method, asked.path, asked.headers):
            _, code, headers, body = fault
        else:
            code, headers, body = sandbox.answer(asked)
        return code, headers, body if isinstance(body, bytes) else json.dumps(body)

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback("GET", re.compile(re.escape(URL)), respond)
        yield sandbox


@pytest.fixture
def streams(api: SandboxApi) -> Callable[..., dict[str, Any]]:
    """A function: config options -> new streams, by name."""

    def streams(**config: Any) -> dict[str, Any]:
        made = SourceIssueTracker().streams(logging.getLogger("airbyte"), {**CONFIG, **config})
        return {stream.name: stream for stream in made}

    return streams


@pytest.fixture
def stream(streams: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """A function: the name of a stream, and config options -> a new stream."""
    return lambda name, **config: streams(**config)[name]
