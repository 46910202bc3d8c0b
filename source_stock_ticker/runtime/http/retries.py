"""How often a request is tried, and how long to wait before the next try.

no response, or one that means Again    `tries` times in all; waits 1 s, then twice as long each time, or as long as
(meaning.py)                            Retry-After says, but never longer than max_wait. A request that may not be
                                        repeated: once, unless it surely did not arrive
one that means Wait                     QUOTA_TRIES times in all; waits as long as Retry-After says, else a minute;
                                        gives up if that is longer than max_wait
a certificate or proxy error            once: trying again does not fix it (problems.py)
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
MAX_ASKED = 365 * 86_400.0  # seconds; a Retry-After may have 400 digits
MAX_SECONDS, MAX_MOMENT = 1e9, 1e11  # a larger number is a moment, in seconds since 1970; or in ms
MAX_FAILED_IN_A_ROW = 3  # requests that failed with all their tries; from then on each has one try until one works


def seconds_before_next_try(failed: int, asked: float | None, max_wait: float) -> float:
    """After `failed` tries; asked: seconds of a Retry-After header, if there was one."""
    backoff = min(FIRST_WAIT * 2.0 ** (failed - 1) + random.random() / 4, QUOTA_WAIT)
    return min(max(backoff, asked or 0), max_wait)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for; None if it is absent or unreadable.

    Of several values the largest counts. Proxies join them by commas, and `requests` does so with several headers.
    """
    # The comma before a day and its month is inside an HTTP date.
    values = re.split(r",(?! *\d+[ -][A-Za-z])", headers.get("Retry-After", ""))
    return max((seconds for value in values if (seconds := _seconds(value.strip())) is not None), default=None)


def http_date(value: str) -> float:
    """Seconds since 1970 that an HTTP date says. Raises TypeError, ValueError or OverflowError."""
    moment = parsedate_to_datetime(value)
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()  # HTTP dates are in UTC, said or not


def _seconds(value: str) -> float | None:
    """Seconds that a number says, or until the moment that a larger number (since 1970) or an HTTP date says."""
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
