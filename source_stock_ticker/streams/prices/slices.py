"""Defines the slices of the prices: values, in the order in which they are read."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from .splits import SplitEffects


class SplitsSlice(NamedTuple):
    """The first slice: makes no request, records the known splits and what they mean for the tickers."""

    splits: SplitEffects

    def __str__(self) -> str:
        return "the splits"


class TickerSlice(NamedTuple):
    """Custom bars of one ticker from `first` to the last day. reread: its rows have been read before."""

    ticker: str
    first: date
    reread: bool

    def __str__(self) -> str:
        return self.ticker


class HeldBackSlice(NamedTuple):
    """A ticker with an unreadable split. It is not read: the slice fails, so the error names the ticker."""

    ticker: str

    def __str__(self) -> str:
        return self.ticker


class DaySlice(NamedTuple):
    """Grouped daily bars of one day. first_days: the wanted tickers with their first days; MARKET means all."""

    day: date
    first_days: Mapping[str, date]
    others: frozenset[str]  # tickers of the market that have separate slices
    is_last: bool

    def __str__(self) -> str:
        return str(self.day)


class DayNote(NamedTuple):
    """What a day's response says besides the rows: whether the API has the day, and which wanted tickers have bars."""

    has_bars: bool
    tickers: frozenset[str]


class EndSlice(NamedTuple):
    """The last slice: makes no request, records what only the complete sync shows.

    expected: tickers for which several weeks were requested, so they should have bars.
    """

    expected: frozenset[str]

    def __str__(self) -> str:
        return "the end of the sync"


PriceSlice = SplitsSlice | HeldBackSlice | TickerSlice | DaySlice | EndSlice
