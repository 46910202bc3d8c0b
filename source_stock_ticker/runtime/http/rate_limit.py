"""Spaces requests so that all threads together never exceed N requests per minute."""

import threading
import time
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """The part of the `time` module that we use; tests pass one that does not really sleep."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class RequestStats(NamedTuple):
    """The progress of the requests.

    requests: sent so far. seconds_to_wait: until a waiting thread can send the next one. interval: seconds between two.
    """

    requests: int = 0
    seconds_to_wait: float = 0.0
    interval: float = 0.0


class RateLimit:
    """Gives out turns, 60 / requests_per_minute seconds apart; 0 = no limit.

    `hold` applies what the API itself says (429, Retry-After) to all threads.
    """

    def __init__(self, requests_per_minute: float, clock: Clock = time) -> None:
        self.interval = 60 / requests_per_minute if requests_per_minute else 0.0  # seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._next = self._held = 0.0  # on the clock: when the next turn is free; until when the API allows none
        self._turns: list[float] = []  # of the threads that are waiting
        self.given = 0  # turns so far

    def wait(self) -> None:
        """Return when the caller can send one request."""
        while True:
            with self._lock:
                now = self._clock.monotonic()
                turn = max(now, self._next, self._held)
                self._next = turn + self.interval
                self._turns.append(turn)
            if turn > now:
                self._clock.sleep(turn - now)
            with self._lock:
                self._turns.remove(turn)
                if self._held <= turn:  # otherwise a hold came while we slept: take a later turn
                    self.given += 1
                    return

    def hold(self, seconds: float) -> None:
        """Allow no request for this many seconds from now."""
        with self._lock:
            self._held = max(self._held, self._clock.monotonic() + seconds)

    def stats(self) -> RequestStats:
        """The progress of the requests."""
        with self._lock:
            wait = min(self._turns) - self._clock.monotonic() if self._turns else 0.0
            return RequestStats(self.given, max(0.0, wait), self.interval)
