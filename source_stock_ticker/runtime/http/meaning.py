"""Defines what a response means. A connector decides it in one function, from a Response to a Meaning:

    None            good: the caller gets the response
    Wait            the API's rate limit: all threads wait, then the request is sent again
    Again           the server failed: the request is sent again after a while
    an exception    is raised; errors.py says what each one does to a stream

docs/rest-apis.md has an example.
"""

import math
import time
from contextlib import suppress
from typing import NamedTuple

from ..errors import UnexpectedResponse, start_of
from . import retries
from .response import Response

MAX_CLOCK_ERROR = 86_400.0  # seconds


class Wait(NamedTuple):
    """seconds: how long; None: as long as Retry-After says, otherwise a minute."""

    seconds: float | None = None

    @classmethod
    def until(cls, moment: str | float | None, response: Response) -> "Wait":
        """Wait until a moment (seconds since 1970) on the API's clock, which the response's Date header shows.

        If the moment is missing or not a number: as long as Retry-After says, otherwise a minute.
        """
        try:
            until = float(moment)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return cls()
        now = time.time()
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            there = retries.http_date(response.headers["Date"])
            now = there if abs(there - now) < MAX_CLOCK_ERROR else now
        return cls(max(0.0, until - now)) if math.isfinite(until) else cls()


class Again(NamedTuple):
    """why: the end of a sentence that names the host. seconds: the minimum wait; None: as Retry-After says, if set.

    was_sent: False if the request certainly did not arrive, so any request can be repeated.
    """

    why: str
    detail: str = ""
    seconds: float | None = None
    was_sent: bool = True


Meaning = Wait | Again | Exception | None


def usual_meaning(response: Response) -> Meaning:
    """By the rules of HTTP: 429 is a rate limit, 408 and 5xx are failures, any other 4xx is an error."""
    if response.status < 400:
        return None
    said = start_of(response.body.decode(errors="replace"))
    if response.status == 429:
        return Wait()
    if response.status == 408 or response.status >= 500:
        return Again(f"it returned HTTP {response.status}", said)
    return UnexpectedResponse(f"The API returned HTTP {response.status} for {response.path}.", said)
