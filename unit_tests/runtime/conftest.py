"""What several tests of the runtime share: a clock without real sleeps, and a reader of messages."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from airbyte_protocol.models import AirbyteMessage

PAYLOADS = {
    "RECORD": "record",
    "STATE": "state",
    "LOG": "log",
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "CATALOG": "catalog",
    "TRACE": "trace",
    "CONTROL": "control",
}


class FakeClock:
    """Time that passes only when all `threads` sleep; it then jumps to the first moment that one of them waits for.

    slept: the seconds of every sleep, in the order of their beginnings.
    """

    def __init__(self) -> None:
        self.threads = 1
        self.slept: list[float] = []
        self._now = 1000.0
        self._wake_times: list[float] = []
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._changed:
            self.slept.append(seconds)
            until = self._now + seconds
            self._wake_times.append(until)
            self._pass_time()
            assert self._changed.wait_for(lambda: self._now >= until, timeout=5)

    def ends_a_thread(self) -> None:
        """One thread will not sleep again: time need not wait for it."""
        with self._changed:
            self.threads -= 1
            self._pass_time()

    def _pass_time(self) -> None:
        if self._wake_times and len(self._wake_times) >= self.threads:
            self._now = min(self._wake_times)
            # A sleeper whose time has come counts as awake from here on.
            self._wake_times = [time for time in self._wake_times if time > self._now]
            self._changed.notify_all()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def messages_in() -> Callable[[bytes], list[dict[str, Any]]]:
    """A function: lines of output -> their messages, each checked against the protocol's own models."""

    def read(lines: bytes) -> list[dict[str, Any]]:
        assert lines == b"" or lines.endswith(b"\n"), "the last line is cut"
        messages = [json.loads(line, parse_constant=pytest.fail) for line in lines.split(b"\n")[:-1]]
        for message in messages:
            AirbyteMessage.parse_obj(message)
            assert message.keys() == {"type", PAYLOADS[message["type"]]}
        return messages

    return read
