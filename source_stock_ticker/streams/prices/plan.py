"""Finds the fewest requests to read the prices, with a pure function.

Requests are scarce: a free key has 5 per minute. One request for custom bars returns one ticker's whole
history; one request for grouped daily bars returns one day of every ticker.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from ...trading_days import weekdays_between

# Without a rate limit, time matters: a grouped day has a megabyte, a ticker's bars a tenth of that.
DAY_COST_WITHOUT_LIMIT = 10


class Plan(NamedTuple):
    """by_ticker: tickers to read with custom bars. from_day: the first grouped day, for the other tickers."""

    by_ticker: list[str]
    from_day: date | None


def plan(first_days: Mapping[str, date], last_day: date, requests_per_minute: int) -> Plan:
    """The cheapest way to read each ticker from its first day to `last_day`, both included.

    Each ticker that begins before the cut day costs one request, and so does each weekday from the cut on (without a
    limit, DAY_COST_WITHOUT_LIMIT). The best cut is the first day of some ticker, or none. If two cuts cost the same,
    the one with fewer grouped days wins, because these are larger.
    """
    day_cost = 1 if requests_per_minute else DAY_COST_WITHOUT_LIMIT
    best_cost, cut = len(first_days), None
    before_cut = len(first_days)
    for day, count in sorted(Counter(first_days.values()).items(), reverse=True):
        before_cut -= count
        cost = before_cut + day_cost * weekdays_between(day, last_day)
        if cost < best_cost:
            best_cost, cut = cost, day
    return Plan([ticker for ticker, day in first_days.items() if cut is None or day < cut], cut)
