"""Finds the splits that make previously read prices wrong.

The API adjusts bars at request time, by all splits up to today: a split changes every earlier bar of its ticker. So
the list of splits is read before any price. If a ticker's splits differ from those that its rows were made with, the
ticker is read again from its start.
"""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from itertools import chain
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Raw, Struct, ValidationError
from msgspec.json import Decoder

from ...api import RAW_ROWS, StockApi, chunks
from ...runtime.errors import counted
from ...settings import MARKET, Settings, is_ticker
from ...trading_days import is_day

PATH = "/stocks/v1/splits"
SPLITS_A_YEAR = 1_500  # of the whole market, roughly
SPLITS_A_PAGE = 5_000
SETTLING = timedelta(days=5)  # for this long after a split, the API's bars may still be on the old basis
FRESH = "?"  # marks a split that the API may not have applied to its bars yet
UNREADABLE = "unreadable"  # replaces an invalid ratio; never saved
SplitsByTicker = dict[str, list[str]]  # ticker -> its splits, each as "2005-02-28 1:2", sorted
Shares = Annotated[float, Meta(gt=0, lt=1e12)]


class LooseSplit(Struct):
    """What a bad row can still say: which ticker is split, and perhaps when."""

    ticker: Any = None
    execution_date: Any = None


class Split(Struct):
    """What we need from a good row: `split_from` shares became `split_to` shares."""

    execution_date: date
    split_from: Shares
    split_to: Shares


LOOSE_SPLIT, SPLIT = Decoder(LooseSplit), Decoder(Split)


class SplitEffects(NamedTuple):
    """What the list of splits means for the prices.

    stale: tickers whose rows a split has made wrong. held_back: tickers with an unreadable split, whose rows may be
    wrong. known: the splits applied to all rows after the stale tickers have been read again.
    """

    stale: tuple[str, ...]
    held_back: tuple[str, ...]
    known: SplitsByTicker


def listed_splits(api: StockApi, settings: Settings, from_day: str, logger: logging.Logger) -> SplitsByTicker:
    """The splits after `from_day` up to today, for this sync's tickers or for all, whichever takes fewer requests."""
    query = {
        "execution_date.gt": from_day,
        "execution_date.lte": settings.today,
        "sort": "execution_date.asc",
        "limit": SPLITS_A_PAGE,
    }

    def ask(of_tickers: dict[str, str]) -> list[tuple[Any, str]]:
        return list(api.rows(PATH, {**of_tickers, **query}, read_row, RAW_ROWS))

    filters = len(list(chunks(settings.tickers)))
    by_filter = 0 < filters <= pages_of_the_market(date.fromisoformat(from_day), settings.today)
    rows = chain.from_iterable(api.by_filter(settings.tickers, ask)) if by_filter else ask({})
    return splits_by_ticker(rows, logger)


def pages_of_the_market(from_day: date, today: date) -> int:
    """The approximate number of pages in the list of all stocks' splits."""
    return 1 + int((today - from_day).days / 365 * SPLITS_A_YEAR / SPLITS_A_PAGE)


def split_effects(
    listed: SplitsByTicker,
    saved: SplitsByTicker,
    read: Mapping[str, list[Any]],
    settings: Settings,
    full_refresh: bool,
) -> SplitEffects:
    """What to do about the difference between the splits that the rows were made with and those that the API lists.

    listed: the API's list now. saved: the splits that the rows were made with. read: the days of each ticker, see
    coverage.py. full_refresh: only new splits count; a fresh one is left to the next incremental sync.
    """
    stale, held_back, known = [], [], {}
    for ticker in {**listed, **saved}:
        days = read.get(ticker) or read.get(MARKET)
        if days is None:
            continue  # not one of our tickers
        from_day, through = days
        now = known_splits(listed.get(ticker, []), from_day, settings.today, settings.last_day)
        before = [split for split in saved.get(ticker, []) if split[:10] > from_day]
        if any(UNREADABLE in split for split in now):
            held_back.append(ticker)
            now = before
        elif full_refresh and through and settled(before) == settled(now):
            now = before
        elif through and through <= settings.today.isoformat() and are_stale(before, now):
            stale.append(ticker)
        if now:
            known[ticker] = now
    return SplitEffects(tuple(sorted(stale)), tuple(sorted(held_back)), known)


def splits_by_ticker(rows: Iterable[tuple[Any, str]], logger: logging.Logger) -> SplitsByTicker:
    """The splits from `read_row`, in the format of the state."""
    found: dict[str, set[str]] = {}
    unnamed = 0
    for ticker, split in rows:
        if is_ticker(ticker):
            found.setdefault(ticker, set()).add(split)
        else:
            unnamed += 1
    if unnamed:
        logger.warning("stock_prices: ignored %s without a ticker.", counted(unnamed, "split"))
    return {ticker: sorted(splits) for ticker, splits in found.items()}


def read_row(row: Raw) -> tuple[Any, str]:
    """A row of the list as ticker and split; equal splits give equal strings: "2005-02-28 1:2".

    Each row is decoded separately, so a bad one does not affect the others. An UNREADABLE split keeps its day; if the
    day is unreadable too, it sorts last. https://massive.com/docs/rest/stocks/corporate-actions/splits
    """
    ticker, day = None, None
    with suppress(ValidationError):
        loose = LOOSE_SPLIT.decode(row)
        ticker, day = loose.ticker, loose.execution_date
        split = SPLIT.decode(row)
        return ticker, f"{split.execution_date} {split.split_from:.12g}:{split.split_to:.12g}"
    return ticker, f"{day if isinstance(day, str) and is_day(day) else date.max} {UNREADABLE}"


def known_splits(splits: Iterable[str], from_day: str, today: date, last_day: date) -> list[str]:
    """A ticker's splits that restate bars from `from_day` on, with fresh ones marked: a split changes the bars before
    its execution date, but for a few days the API's bars may still be on the old basis.

    A split near `last_day` counts as fresh too: a read of a past year day by day moves last_day, not the clock.
    """
    known = []
    for split in splits:
        day = date.fromisoformat(split[:10])
        is_fresh = today - day <= SETTLING or abs(day - last_day) <= SETTLING
        if split[:10] > from_day:
            known.append(split + FRESH if is_fresh else split)
    return known


def settled(splits: Iterable[str]) -> list[str]:
    """The same splits without the mark of fresh ones."""
    return [split.removesuffix(FRESH) for split in splits]


def are_stale(saved: list[str], now: list[str]) -> bool:
    """Whether rows made with the splits `saved` are wrong given the splits `now` (both from `known_splits`).

    Rows made while a split was fresh are never trusted: the API may not have applied the split to its bars yet, and the
    split may still be withdrawn.
    """
    return saved != now or any(split.endswith(FRESH) for split in saved)
