"""Spaces requests so that a plan of N requests a minute is never exceeded, over all threads together."""

import threading
import time
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """What of the `time` module we use; tests hand in one that does not really sleep."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class RequestStats(NamedTuple):
    """How the requests go, for whoever watches a sync.

    requests: sent so far. seconds_to_wait: until the rate limit lets the next one go. interval: seconds between two.
    """

    requests: int = 0
    seconds_to_wait: float = 0.0
    interval: float = 0.0


class RateLimit:
    """Gives out turns, 60 / requests_per_minute seconds apart; 0 = no limit of our own.

    What the API itself says (429, Retry-After) comes in by `hold` and holds back every thread.
    """

    def __init__(self, requests_per_minute: float, clock: Clock = time) -> None:
        self.interval = 60 / requests_per_minute if requests_per_minute else 0.0  # seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._next = self._held = 0.0  # on the clock: when the next turn is free; until when the API wants silence
        self._turns: list[float] = []  # of the threads that wait now
        self.given = 0  # turns, so far

    def wait(self) -> None:
        """Return when the caller may send one request."""
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
                if self._held <= turn:  # else a hold came in while we slept: take a turn behind it
                    self.given += 1
                    return

    def hold(self, seconds: float) -> None:
        """Let no request go for so long from now on."""
        with self._lock:
            self._held = max(self._held, self._clock.monotonic() + seconds)

    def seconds_to_wait(self) -> float:
        """How long until one of the waiting threads may go on; 0 if none waits."""
        with self._lock:
            return max(0.0, min(self._turns) - self._clock.monotonic()) if self._turns else 0.0

    def stats(self) -> RequestStats:
        """How the requests go."""
        return RequestStats(self.given, self.seconds_to_wait(), self.interval)
