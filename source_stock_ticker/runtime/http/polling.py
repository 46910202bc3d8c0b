"""Waits for something that the API prepares: a report, an export."""

import time
from collections.abc import Callable
from typing import TypeVar

from ..errors import TransientError
from .rate_limit import Clock

T = TypeVar("T")


def poll(ask: Callable[[], T | None], what: str, every: float = 5.0, at_most: float = 1800.0, clock: Clock = time) -> T:
    """The first result of `ask` that is not None: the thing is ready. Calls `ask` every `every` seconds.

    Raises TransientError if it is not ready after `at_most` seconds, and anything `ask` raises.
    """
    end = clock.monotonic() + at_most
    while (ready := ask()) is None:
        if clock.monotonic() + every > end:
            raise TransientError(f"{what} is not ready after {at_most / 60:.0f} minutes.")
        clock.sleep(every)
    return ready
