"""Finds the fewest requests that read the prices: a pure function.

A request is the scarce thing: a free key has 5 a minute. Custom bars bring one ticker's whole
history by one request, grouped daily bars bring one day of every ticker.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from ...trading_days import weekdays_between

# With no rate limit time counts: a grouped day has a megabyte, a ticker's bars a tenth of it.
DAY_COST_WITHOUT_LIMIT = 10


class Plan(NamedTuple):
    """by_ticker: tickers read by custom bars up to the last day. from_day: the others by grouped days from it on."""

    by_ticker: list[str]
    from_day: date | None
    requests: int


def plan(first_days: Mapping[str, date], last_day: date, requests_per_minute: int) -> Plan:
    """The cheapest way to read each ticker from its first day to `last_day` (all days included).

    Tickers that begin before the cut day cost a request each, weekdays from the cut on one each (with no limit as much
    as DAY_COST_WITHOUT_LIMIT). The best cut is some ticker's first day, or there is none; of equals the one with fewer
    grouped days, which are larger.
    """
    day_cost = 1 if requests_per_minute else DAY_COST_WITHOUT_LIMIT
    best_cost, cut = len(first_days), None
    before_cut = len(first_days)
    for day, count in sorted(Counter(first_days.values()).items(), reverse=True):
        before_cut -= count
        cost = before_cut + day_cost * weekdays_between(day, last_day)
        if cost < best_cost:
            best_cost, cut = cost, day
    by_ticker = [ticker for ticker, day in first_days.items() if cut is None or day < cut]
    return Plan(by_ticker, cut, len(by_ticker) + (weekdays_between(cut, last_day) if cut else 0))
