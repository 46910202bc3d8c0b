"""Which requests to make, and which splits make old prices wrong: pure functions, each rule with its reason.

A request is the scarce thing: a free key has 5 a minute. Custom bars bring one ticker's whole
history by one request, grouped daily bars bring one day of every ticker.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .runtime import UnexpectedAnswer
from .trading_days import weekdays_between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SETTLING = timedelta(days=5)  # so long after a split the API's bars may still be on the old basis
# With no rate limit time counts: a grouped day has a megabyte, a ticker's bars a tenth of it.
DAY_COST_WITHOUT_LIMIT = 10
FRESH = "?"  # after a split whose bars may not have moved yet
SplitsByTicker = dict[str, list[str]]  # ticker -> its splits, each as "2005-02-28 1:2", sorted


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


def splits_by_ticker(rows: Iterable[Mapping[str, Any]]) -> SplitsByTicker:
    """The API's rows of splits as we keep them in the state: the same split always gives the same text.

    https://massive.com/docs/rest/stocks/corporate-actions/splits
    """
    found: dict[str, set[str]] = {}
    for row in rows:
        try:
            day = date.fromisoformat(row["execution_date"])
            text = f"{day} {float(row['split_from']):.12g}:{float(row['split_to']):.12g}"
            if not isinstance(row["ticker"], str):
                raise TypeError("ticker")
            found.setdefault(row["ticker"], set()).add(text)
        except (KeyError, TypeError, ValueError) as error:
            raise UnexpectedAnswer(
                "The API sent a split without ticker, execution_date or ratio.", repr(row)
            ) from error
    return {ticker: sorted(splits) for ticker, splits in found.items()}


def known_splits(splits: Iterable[str], from_day: str, today: date, last_day: date) -> list[str]:
    """Those of a ticker's splits that restate bars from `from_day` on, the fresh ones marked: a split changes the bars
    before its execution date, but for some days the API's bars may still be on the old basis.

    A split near `last_day` counts as fresh too: whoever reads a past year day by day moves last_day, not the clock.
    """
    return [
        split + FRESH if today - day <= SETTLING or abs(day - last_day) <= SETTLING else split
        for split in splits
        if split[:10] > from_day
        for day in [date.fromisoformat(split[:10])]
    ]


def are_stale(saved: list[str], now: list[str]) -> bool:
    """Whether rows made when the splits were `saved` are wrong by the splits of now (both from `known_splits`).

    Rows made when a split was fresh are never to be trusted: the API may not have moved, and the split be withdrawn.
    """
    return saved != now or any(split.endswith(FRESH) for split in saved)
