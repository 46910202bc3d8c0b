"""What a response means. A connector says so in one function, from a Response to a Meaning:

    None            good: who asked gets the response
    Wait            the API's rate limit: nobody asks until it is over, then the request is sent again
    Again           the server failed: the request is sent again after a while
    an exception    is raised; errors.py says what each does to a stream

def meaning(response: Response) -> Meaning:
    if response.status == 403 and response.headers.get("X-RateLimit-Remaining") == "0":
        return Wait.until(response.headers.get("X-RateLimit-Reset"), response)
    if response.status == 401:
        return CredentialsError("api_key: the API does not know this key.")
    return usual_meaning(response)
"""

import math
import time
from contextlib import suppress
from typing import NamedTuple

from ..errors import UnexpectedResponse, start_of
from . import retries
from .response import Response

A_DAY = 86_400.0  # seconds; by so much no clock is wrong


class Wait(NamedTuple):
    """seconds: how long; None: as long as Retry-After says, else a minute."""

    seconds: float | None = None

    @classmethod
    def until(cls, moment: str | float | None, response: Response) -> "Wait":
        """Wait until a moment (seconds since 1970) on the clock of the API, whose response says what time it is there.

        If it is missing or no number: as long as Retry-After says, else a minute.
        """
        try:
            until = float(moment)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return cls()
        now = time.time()
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            there = retries.http_date(response.headers["Date"])
            now = there if abs(there - now) < A_DAY else now
        return cls(max(0.0, until - now)) if math.isfinite(until) else cls()


class Again(NamedTuple):
    """why: the end of a sentence that names the host. seconds: at least so long; None: as Retry-After says, if it does.

    was_sent: False if the request surely did not arrive, so that any may be repeated.
    """

    why: str
    detail: str = ""
    seconds: float | None = None
    was_sent: bool = True


Meaning = Wait | Again | Exception | None


def usual_meaning(response: Response) -> Meaning:
    """By HTTP's own rules: 429 is a rate limit, 408 and 5xx are failures, any other 4xx is an error."""
    if response.status == 429:
        return Wait()
    if response.status == 408 or response.status >= 500:
        return Again(f"it answered HTTP {response.status}", start_of(response.body.decode(errors="replace")))
    if response.status >= 400:
        said = start_of(response.body.decode(errors="replace"))
        return UnexpectedResponse(f"The API answered HTTP {response.status} for {response.path}.", said)
    return None
