"""How often a request is tried, and how long to wait before the next try.

no response, or HTTP 408 or 5xx    `tries` times in all; 1 s before the second, then twice as long each time
HTTP 429 (the API's rate limit)    QUOTA_TRIES times in all, after as long as Retry-After asks for, else a minute
any other response                 once: what it means is the caller's to say
"""

import random
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

TRIES = 5
QUOTA_TRIES = 10
FIRST_WAIT = 1.0  # seconds
QUOTA_WAIT = 60.0  # seconds after a 429 that does not say how long
MAX_WAIT = 300.0  # seconds; if the rate limit asks for more silence, the request is given up
MAX_ASKED = 365 * 86_400.0  # seconds; a Retry-After may have 400 digits
MAX_FAILED_IN_A_ROW = 3  # requests that failed with all their tries; from then on each has one try until one works


def is_failure(status: int) -> bool:
    """Whether a response of that HTTP status says that the server failed, so that the next try may work."""
    return status == 408 or status >= 500


def seconds_before_next_try(failed: int, asked: float | None) -> float:
    """After `failed` tries; asked: seconds of a Retry-After header, if there was one."""
    backoff = min(FIRST_WAIT * 2.0 ** (failed - 1) + random.random() / 4, QUOTA_WAIT)
    return min(max(backoff, asked or 0), MAX_WAIT)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, which holds a number or an HTTP date; None if it is absent or unreadable."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), MAX_ASKED)
    try:
        moment = parsedate_to_datetime(value)
        # HTTP dates are in UTC, said or not.
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
