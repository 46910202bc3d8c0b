"""Which splits make prices wrong that have been read before.

The API adjusts bars when it is asked, by all splits up to today: after a split every earlier bar of that ticker is
another one. So the list of splits is read before any price, and a ticker whose list is not the one that its rows were
made with is read again from its start.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from ...api import StockApi, any_of
from ...runtime.errors import UnexpectedResponse
from ...settings import MARKET, Settings

PATH = "/stocks/v1/splits"
SPLITS_A_YEAR = 1_500  # of the whole market, about
SPLITS_A_PAGE = 5_000
SETTLING = timedelta(days=5)  # so long after a split the API's bars may still be on the old basis
FRESH = "?"  # after a split whose bars may not have moved yet
SplitsByTicker = dict[str, list[str]]  # ticker -> its splits, each as "2005-02-28 1:2", sorted


def listed_splits(api: StockApi, settings: Settings, from_day: str) -> SplitsByTicker:
    """The splits from `from_day` (not included) to today, of the tickers of this sync or of all, by fewer requests."""
    query = {
        "execution_date.gt": from_day,
        "execution_date.lte": settings.today,
        "sort": "execution_date.asc",
        "limit": SPLITS_A_PAGE,
    }
    filters = list(any_of(settings.tickers))
    years = (settings.today - date.fromisoformat(from_day)).days / 365
    if not filters or len(filters) > 1 + years * SPLITS_A_YEAR / SPLITS_A_PAGE:
        return splits_by_ticker(api.rows(PATH, query))
    found: SplitsByTicker = {}
    for tickers in filters:
        found |= splits_by_ticker(api.rows(PATH, {"ticker.any_of": tickers, **query}))
    return found


def compared(
    listed: SplitsByTicker,
    saved: SplitsByTicker,
    read: Mapping[str, list[Any]],
    settings: Settings,
    full_refresh: bool = False,
) -> tuple[set[str], SplitsByTicker]:
    """Tickers whose rows a split has made wrong, and the splits that all rows know once those are read again.

    listed: by the API now. saved: those that the rows were made with. read: the days of each ticker, see coverage.py.
    full_refresh: only splits that are new count; a fresh one is left to the increments that follow.
    """
    stale, known = set(), {}
    for ticker in {**listed, **saved}:
        days = read.get(ticker) or read.get(MARKET)
        if days is None:
            continue  # not a ticker of ours
        from_day, through = days
        now = known_splits(listed.get(ticker, []), from_day, settings.today, settings.last_day)
        before = [split for split in saved.get(ticker, []) if split[:10] > from_day]
        if full_refresh and through and settled(before) == settled(now):
            now = before
        elif through and through <= settings.today.isoformat() and are_stale(before, now):
            stale.add(ticker)
        if now:
            known[ticker] = now
    return stale, known


def splits_by_ticker(rows: Iterable[Mapping[str, Any]]) -> SplitsByTicker:
    """The API's rows of splits as we keep them in the state: the same split always gives the same string.

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
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise UnexpectedResponse(
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


def settled(splits: Iterable[str]) -> list[str]:
    """The same splits without the marks of the fresh ones."""
    return [split.removesuffix(FRESH) for split in splits]


def are_stale(saved: list[str], now: list[str]) -> bool:
    """Whether rows made when the splits were `saved` are wrong by the splits of now (both from `known_splits`).

    Rows made when a split was fresh are never to be trusted: the API's bars may not have moved yet, and the split may
    still be withdrawn.
    """
    return saved != now or any(split.endswith(FRESH) for split in saved)
