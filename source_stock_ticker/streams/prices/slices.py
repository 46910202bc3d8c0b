"""The pieces in which the prices are read: immutable values, in the order in which they come."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from .splits import Compared


class SplitsSlice(NamedTuple):
    """The first slice: asks for nothing, notes which splits are known and what they mean for the tickers."""

    splits: Compared

    def __str__(self) -> str:
        return "the splits"


class TickerSlice(NamedTuple):
    """Custom bars of one ticker from `first` up to the last day. reread: its rows have been read before."""

    ticker: str
    first: date
    reread: bool

    def __str__(self) -> str:
        return self.ticker


class HeldBackSlice(NamedTuple):
    """A ticker with an unreadable split. Nothing of it is read: the slice fails, so that the error names the ticker."""

    ticker: str

    def __str__(self) -> str:
        return self.ticker


class DaySlice(NamedTuple):
    """Grouped daily bars of one day. first_days: the tickers wanted from it, each from which day on; MARKET is all."""

    day: date
    first_days: Mapping[str, date]
    others: frozenset[str]  # tickers of the market that have slices of their own
    is_last: bool

    def __str__(self) -> str:
        return str(self.day)


class DayNote(NamedTuple):
    """What a day's response says beside the rows: does the API have the day, and which of the wanted tickers has it."""

    has_bars: bool
    tickers: frozenset[str]


class EndSlice(NamedTuple):
    """The last slice: asks for nothing, notes what only the whole of the sync can tell.

    expected: tickers of which weeks were asked for, so that they should have bars.
    """

    expected: frozenset[str]

    def __str__(self) -> str:
        return "the end of the sync"


PriceSlice = SplitsSlice | HeldBackSlice | TickerSlice | DaySlice | EndSlice
