"""Decides how often to try a request, and how long to wait before the next attempt.

no response, or one that means Again    `tries` attempts in all; waits 1 s, then twice as long each time, or as long
(meaning.py)                            as Retry-After says, but never longer than max_wait. A request that must not
                                        be repeated: once, unless it certainly did not arrive
one that means Wait                     QUOTA_TRIES attempts in all; waits as long as Retry-After says, otherwise a
                                        minute; gives up if that is longer than max_wait
a certificate or proxy error            once: another attempt does not help (problems.py)
any other response                      once
"""

import random
import re
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

TRIES = 5
QUOTA_TRIES = 10
FIRST_WAIT = 1.0  # seconds
QUOTA_WAIT = 60.0  # seconds after a 429 that does not say how long
MAX_ASKED = 365 * 86_400.0  # seconds; a Retry-After can have 400 digits
MAX_SECONDS, MAX_MOMENT = 1e9, 1e11  # a larger number is a moment, in seconds since 1970; or in ms
MAX_GIVEN_UP = 3  # requests in a row that all failed for one reason; from then on each has one attempt until one works


def seconds_before_next_try(failed: int, asked: float | None, max_wait: float) -> float:
    """The wait after `failed` attempts; asked: seconds from a Retry-After header, if there was one."""
    backoff = min(FIRST_WAIT * 2.0 ** (failed - 1) + random.random() / 4, QUOTA_WAIT)
    return min(max(backoff, asked or 0), max_wait)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds in a Retry-After header; None if it is absent or unreadable.

    Of several values, the largest counts. Proxies join values with commas, and `requests` joins several headers.
    """
    # A comma before a day and its month is part of an HTTP date.
    values = re.split(r",(?! *\d+[ -][A-Za-z])", headers.get("Retry-After", ""))
    return max((seconds for value in values if (seconds := _seconds(value.strip())) is not None), default=None)


def http_date(value: str) -> float:
    """An HTTP date in seconds since 1970. Raises TypeError, ValueError or OverflowError."""
    moment = parsedate_to_datetime(value)
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()  # HTTP dates are always in UTC


def _seconds(value: str) -> float | None:
    """Seconds from a number, or until the moment given by a larger number (since 1970) or an HTTP date."""
    try:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
            seconds = float(value)
            if seconds > MAX_SECONDS:
                seconds = (seconds / 1000 if seconds > MAX_MOMENT else seconds) - time.time()
        else:
            seconds = http_date(value) - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_ASKED)
