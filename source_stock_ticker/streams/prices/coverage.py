"""What has been read of the prices: the state of stock_prices, and the slices that change it.

    state = {"made_with":  {"timespan": "day", "multiplier": 1, "adjusted": true},  other bars: all is read again
             "start_date": "2003-09-10",                                            the start_date that was asked for
             "read":       {"AAPL": ["2003-09-10", "2005-03-04"],                   read from .. through, both included
                            "NVDA": ["2003-09-10", null]},                          still to be read, from there
             "splits":     {"AAPL": ["2005-02-28 1:2"]}}                            the splits that its rows know

All days are New York dates. The whole market (`tickers` is empty) is the entry "*" (MARKET), and a ticker
beside it is being read again.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .plan import SplitsByTicker
from .runtime import ConfigError, Row, State, UnexpectedAnswer
from .settings import MARKET
from .trading_days import FIRST_YEAR, ONE_DAY, weekday_after, weekday_before, weekday_from

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection

    from .settings import Settings

NEVER = date.max  # the first day to read of a ticker of which no day is missing
NEW_LISTING = timedelta(days=7)  # a ticker that begins later than this after the day asked for is new, or cut
QUIET = timedelta(days=65)  # a ticker whose last bar (of a month at most) began before this is delisted or renamed
NAMED = 10  # tickers that a log line names


class Sync:
    """A notebook: what one sync has seen so far. Its slices share it, and the last of them, EndSlice, concludes."""

    def __init__(self, last_day: date) -> None:
        self.last_day = last_day  # moved back when the API does not have it yet
        self.newest = ""  # day of the newest bar of any ticker: so far the API's data goes
        self.finished: set[str] = set()  # tickers read up to the last day
        self.began_late: dict[str, bool] = {}  # tickers read from their start: did they begin later than asked?
        self.expected: set[str] = set()  # tickers of which weeks are asked for, so that they should have bars ..
        self.with_bars: set[str] = set()  # .. and those that have
        self.quiet: set[str] = set()  # tickers whose last bar is old
        self.ends: dict[str, str] = {}  # tickers, and the day of the last bar of the page written last


class SplitsSlice(NamedTuple):
    """The first slice: asks for nothing, notes which splits are known and what must be read again because of them."""

    stale: list[str]
    known: SplitsByTicker
    chain: None = None

    def __str__(self) -> str:
        return "the splits"


class TickerSlice(NamedTuple):
    """Custom bars of one ticker from `first` up to the last day. again: its rows have been read before."""

    ticker: str
    first: date
    sync: Sync
    again: bool
    chain: None = None  # each ticker has its own entry in the state

    def __str__(self) -> str:
        return self.ticker


class DaySlice(NamedTuple):
    """Grouped daily bars of one day. first_days: the tickers wanted from it, each from which day on; MARKET is all."""

    day: date
    first_days: dict[str, date]
    others: frozenset[str]  # tickers of the market that have slices of their own
    sync: Sync
    is_last: bool
    # All days share one "through", so after one that fails the later ones are left out (see contract.py, Chained).
    chain: str = "days"

    def __str__(self) -> str:
        return str(self.day)


class EndSlice(NamedTuple):
    """The last slice: asks for nothing, notes what only the whole of the sync can tell."""

    sync: Sync
    chain: None = None

    def __str__(self) -> str:
        return "the end of the sync"


class Coverage:
    """Reads and writes the state, for the settings of this sync. It keeps nothing itself but what they say."""

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._settings = settings
        self._logger = logger

    def resume(self, saved: State) -> State:
        """What of the saved state holds for this config; a ticker that is new to it is to be read from the start."""
        size, start = self._settings.bar_size, self._settings.start_date.isoformat()
        if not self._settings.tickers and size.timespan != "day":
            raise ConfigError("tickers: the whole market can be read in bars of a day only; list the tickers you want.")
        made_with = {"timespan": size.timespan, "multiplier": size.multiplier, "adjusted": self._settings.adjusted}
        old = _checked(saved)
        if old and old.get("made_with") != made_with:
            self._logger.info("stock_prices: timespan, multiplier or adjusted has changed, so all is read again.")
            old = {}
        read: dict[str, list[str | None]] = {}
        known, moved = old.get("read", {}), []
        for ticker in self._settings.tickers or [MARKET, *(t for t in known if MARKET in known and t != MARKET)]:
            from_day, through = known.get(ticker, (start, None))
            if start < old.get("start_date", start) and start < from_day:
                # start_date has moved to an earlier day: what was read from a later one has a gap before it.
                moved.append(ticker)
                from_day, through = start, None
            read[ticker] = [from_day, through]
        if moved:
            self._logger.info("stock_prices: start_date is earlier now, so %s are read again.", _named(moved))
        splits = {t: s for t, s in old.get("splits", {}).items() if t in read or MARKET in read}
        return {"made_with": made_with, "start_date": start, "read": read, "splits": splits}

    def read_before(self, read: dict[str, list[Any]]) -> set[str]:
        """The tickers with rows that a split can make wrong."""
        return {t for t, (_, through) in read.items() if through and through <= self._settings.today.isoformat()}

    def first_day(self, from_day: str, through: str | None) -> date:
        """The first day to read of a ticker that was read `from_day` .. `through` (None: not yet), or NEVER.

        The last days are read again, because the API corrects bars for days.
        """
        start = weekday_from(date.fromisoformat(from_day))
        if through is None:
            return start
        if through > self._settings.last_day.isoformat():
            return NEVER
        missing = weekday_after(date.fromisoformat(through))
        return max(start, weekday_before(missing, self._settings.lookback_days))

    def note(self, state: State, slice: Any, first: Row | None, last: Row | None, done: bool) -> None:
        """Write into `state` what the slice's rows from `first` to `last` mean. See Stream.checkpoint."""
        read = state["read"]
        match slice:
            case SplitsSlice(stale, known):
                # Both in one state: whoever knows the split has also noted what is still to be read.
                state["splits"] = known
                for ticker in stale:
                    read[ticker] = [read.get(ticker, read.get(MARKET))[0], None]
            case TickerSlice(ticker, first_asked, sync):
                covered = read[ticker]
                if last and last["date"] < sync.ends.get(ticker, ""):
                    # The pages before had not all bars up to their last one.
                    read[ticker] = [min(covered[0], first_asked.isoformat()), None]
                    raise UnexpectedAnswer(f"The API sent the bars of {ticker} in another order than was asked for.")
                if first:
                    self._note_begin(covered, ticker, first_asked, first["date"], sync)
                if last:
                    sync.ends[ticker] = last["date"]
                    day = date.fromisoformat(last["date"])
                    # Further pages may hold more bars of the last day: only the days before it are surely complete.
                    through = self._settings.bar_size.last_day(day) if done else weekday_before(day - ONE_DAY, 0)
                    _extend(covered, min(through, sync.last_day))
                if done:
                    sync.finished.add(ticker)
                    if last and sync.last_day - date.fromisoformat(last["date"]) > QUIET:
                        sync.quiet.add(ticker)
            case DaySlice(day, first_days, _, sync, is_last):
                wanted = [ticker for ticker, first_day in first_days.items() if first_day <= day]
                if last:
                    for ticker in wanted:
                        self._note_begin(read[ticker], ticker, first_days[ticker], last["date"], sync)
                        _extend(read[ticker], day)
                if is_last:
                    sync.finished.update(wanted)
            case EndSlice(sync):
                _extend_to_the_newest(read, sync)
                _take_into_the_market(read)
                self._warn_of_what_is_missing(read, sync)

    def _note_begin(self, covered: list[Any], ticker: str, asked: date, first: str, sync: Sync) -> None:
        """If the ticker is read from its start: note that what the API gave nothing of is not "read"."""
        if covered[1] is None:
            sync.began_late[ticker] = date.fromisoformat(first) - asked > NEW_LISTING
            if sync.began_late[ticker]:
                covered[0] = first

    def _warn_of_what_is_missing(self, read: dict[str, list[Any]], sync: Sync) -> None:
        if sync.began_late and all(sync.began_late.values()):
            self._logger.warning(
                "stock_prices: the API has no bars before %s, though start_date is %s. If your plan ends there, that "
                "is all it gives; after an upgrade clear this stream's state to read the rest.",
                min(read[ticker][0] for ticker in sync.began_late if ticker in read),
                self._settings.start_date,
            )
        quiet = sync.quiet | (sync.finished & sync.expected - sync.with_bars)
        if quiet:
            self._logger.warning("stock_prices: no bar for weeks: %s. Misspelt, delisted, renamed?", _named(quiet))


def _extend_to_the_newest(read: dict[str, list[Any]], sync: Sync) -> None:
    """Note the tickers that were read up to the last day as read through the newest bar of any of them.

    A delisted ticker has no newer bar of its own: the others show how far the API has bars at all.
    """
    if sync.newest:
        for ticker in sync.finished:
            _extend(read[ticker], min(date.fromisoformat(sync.newest), sync.last_day))


def _take_into_the_market(read: dict[str, list[Any]]) -> None:
    """Drop the tickers beside the whole market that have been read again and have caught up with it."""
    market_through = read.get(MARKET, [None, None])[1]
    if market_through:
        for ticker in [t for t, (_, through) in read.items() if t != MARKET and through]:
            if read[ticker][1] >= market_through:
                del read[ticker]


def _named(tickers: Collection[str]) -> str:
    """The tickers for a log line, or as many as fit one."""
    more = f" and {len(tickers) - NAMED} more" if len(tickers) > NAMED else ""
    return ", ".join(sorted(tickers)[:NAMED]).replace(MARKET, "the whole market") + more


def _extend(covered: list[str | None], through: date) -> None:
    """Note that a ticker has been read through that day; it never moves back."""
    text = through.isoformat()
    if text >= (covered[1] or covered[0] or ""):
        covered[1] = text


def _checked(saved: State) -> State:
    """The saved state if it has our shape. Raises ConfigError: a state misread would lose rows in silence."""
    try:
        days = [saved["start_date"]] if saved else []
        for from_day, through in saved["read"].values() if saved else ():
            days += [from_day, from_day if through is None else through]
        for day in days:
            if date.fromisoformat(day).isoformat() != day or day < str(FIRST_YEAR):  # fromisoformat takes 20050228 too
                raise ValueError(day)
        dict(saved.get("made_with", {}))
        if not all(isinstance(split, str) for splits in saved.get("splits", {}).values() for split in splits):
            raise TypeError("splits")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "state: that of stock_prices is not as this source writes it; clear the stream's state to read it anew.",
            repr(error),
        ) from None
    return saved
