"""Tracks which prices have been read: the state of stock_prices.

    state = {"made_with":  {"timespan": "day", "multiplier": 1, "adjusted": true},  if it changes, read all again
             "start_date": "2003-09-10",                                            the requested start_date
             "read":       {"AAPL": ["2003-09-10", "2005-03-04"],                   read from .. through, both included
                            "NVDA": ["2003-09-10", null]},                          to be read from this day
             "splits":     {"AAPL": ["2005-02-28 1:2"]}}                            the splits applied to its rows

All days are New York dates. The entry "*" (MARKET) is the whole market (`tickers` is empty); a ticker next to it is
being read again.
"""

import logging
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from msgspec import Struct, convert

from ...runtime.cursors import unexpected_state
from ...runtime.errors import ConfigError, UnexpectedResponse
from ...runtime.stream import State, Written
from ...settings import MARKET, Settings
from ...trading_days import FIRST_DAY, ONE_DAY, last_weekday, weekday_after, weekday_before, weekday_from
from .slices import DaySlice, EndSlice, PriceSlice, SplitsSlice, TickerSlice

NEVER = date.max  # the first day to read of a ticker without missing days
NEW_LISTING = timedelta(days=7)  # a ticker whose bars begin this much after the requested day is new, or cut off
QUIET = timedelta(days=65)  # a ticker whose last bar (a month at most) began before this is delisted or renamed
MAX_NAMED = 10  # tickers that a log line names
Days = list[Any]  # [from, through]: YYYY-MM-DD; through is None until the ticker has been read


class Coverage:
    """Reads and writes the state of one sync. It carries data from one checkpoint to the next."""

    def __init__(self, settings: Settings, logger: logging.Logger) -> None:
        self._settings = settings
        self._logger = logger
        self._newest = ""  # day of the newest bar of any ticker: how far the API's data reaches
        self._finished: set[str] = set()  # tickers read up to the last day
        self._late_begins: dict[str, str | None] = {}  # tickers read from their start: first day if late
        self._with_bars: set[str] = set()  # tickers that have any
        self._quiet: set[str] = set()  # tickers whose last bar is old
        self._page_ends: dict[str, str] = {}  # tickers, and the day of the last bar of the page written last

    # Where to resume

    def resume(self, saved: State) -> State:
        """The part of the saved state that is valid for this config; new tickers are to be read from the start."""
        size, start = self._settings.bar_size, self._settings.start_date.isoformat()
        if not self._settings.tickers and size.timespan != "day":
            raise ConfigError("tickers: the whole market is available only in day bars; list the tickers you want.")
        made_with = {"timespan": size.timespan, "multiplier": size.multiplier, "adjusted": self._settings.adjusted}
        old = _checked(saved)
        if old and old.get("made_with") != made_with:
            self._logger.warning(
                "stock_prices: timespan, multiplier or adjusted changed, so everything is read again. "
                "Refresh the stream, or rows made with the old options stay."
            )
            old = {}
        read = self._still_read(old.get("read", {}), old.get("start_date", start))
        if ahead := [t for t, (_, through) in read.items() if through and through > self._settings.today.isoformat()]:
            text = "stock_prices: the state has days after today: %s. Check this machine's clock, or clear the state."
            self._logger.warning(text, _named(ahead))
        splits = {t: s for t, s in old.get("splits", {}).items() if t in read or MARKET in read}
        return {"made_with": made_with, "start_date": start, "read": read, "splits": splits}

    def _still_read(self, saved: dict[str, Days], saved_start: str) -> dict[str, Days]:
        """The days read before that still count, for each ticker of this sync."""
        start = self._settings.start_date.isoformat()
        read: dict[str, Days] = {}
        moved = []
        for ticker in self._settings.tickers or [MARKET, *(t for t in saved if MARKET in saved and t != MARKET)]:
            from_day, through = saved.get(ticker, (start, None))
            if start < saved_start and start < from_day:
                # start_date has moved to an earlier day, so there is a gap before the days already read.
                moved.append(ticker)
                from_day, through = start, None
            read[ticker] = [from_day, through]
        if moved:
            self._logger.info("stock_prices: start_date is now an earlier day; reading again: %s.", _named(moved))
        return read

    def first_day(self, days: Days, lookback_days: int) -> date:
        """The first day to read of a ticker for which `days` have been read, or NEVER.

        lookback_days: weekdays to read again, because the API corrects bars for a few days.
        """
        from_day, through = days
        start = weekday_from(date.fromisoformat(from_day))
        if through is None:
            return start
        if through > self._settings.last_day.isoformat():
            return NEVER
        missing = weekday_after(date.fromisoformat(through))
        return max(start, weekday_before(missing, lookback_days))

    # What has been written

    def checkpoint(self, state: State, stream_slice: PriceSlice, written: Written, last_day: date) -> None:
        """Record the slice's rows in `state`. last_day: the last day that the API has."""
        read = state["read"]
        match stream_slice:
            case SplitsSlice((stale, held_back, known)):
                # Both in one state: a state that knows the split also knows what must be read again.
                state["splits"] = known
                for ticker in stale:
                    read[ticker] = days_to_read_again(read, ticker)
                for ticker in held_back:
                    # The market's days will not include it.
                    read[ticker] = _days(read, ticker)
            case TickerSlice():
                self._after_page(read, stream_slice, written, last_day)
            case DaySlice():
                self._after_day(read, stream_slice, written)
            case EndSlice(expected):
                self._extend_to_the_newest(read, last_day)
                _merge_into_the_market(read)
                self._warn_of_what_is_missing(expected)

    def _after_page(self, read: dict[str, Days], stream_slice: TickerSlice, written: Written, last_day: date) -> None:
        ticker, asked, _ = stream_slice
        if written.first is not None and written.last is not None:
            last = date.fromisoformat(written.last.date)
            if written.last.date < self._page_ends.get(ticker, ""):
                # Earlier pages lacked bars from before their last one.
                read[ticker] = [min(read[ticker][0], asked.isoformat()), None]
                raise UnexpectedResponse(f"The API did not send the bars of {ticker} in the requested order.")
            self._page_ends[ticker] = written.last.date
            self._mark_begin(read, ticker, asked, written.first.date)
            last_of_bar = self._settings.bar_size.last_day(last)
            # Further pages may contain more bars of the last day: only the days before it are certainly complete.
            through = last_of_bar if written.done else last_weekday(last - ONE_DAY)
            _mark_read_through(read[ticker], min(through, last_day))
            self._with_bars.add(ticker)
            self._newest = max(self._newest, min(last_of_bar, last_day).isoformat())
            if written.done and last_day - last > QUIET:
                self._quiet.add(ticker)
        if written.done:
            self._finished.add(ticker)

    def _after_day(self, read: dict[str, Days], stream_slice: DaySlice, written: Written) -> None:
        day, first_days, _, is_last = stream_slice
        wanted = [ticker for ticker, first_day in first_days.items() if first_day <= day]
        if written.note is not None:
            self._with_bars |= written.note.tickers
            if written.note.has_bars:
                self._newest = max(self._newest, day.isoformat())
        if written.last is not None:
            for ticker in wanted:
                self._mark_begin(read, ticker, first_days[ticker], written.last.date)
                _mark_read_through(read[ticker], day)
        if is_last:
            self._finished.update(wanted)

    def _mark_begin(self, read: dict[str, Days], ticker: str, asked: date, first: str) -> None:
        """For a ticker read from its start: days for which the API has no data do not count as read."""
        days = read[ticker]
        if days[1] is None:
            late = date.fromisoformat(first) - asked > NEW_LISTING
            if late:
                days[0] = first
            if ticker == MARKET or MARKET not in read:  # the market always has some new tickers
                self._late_begins[ticker] = first if late else None

    # What only the complete sync shows

    def _extend_to_the_newest(self, read: dict[str, Days], last_day: date) -> None:
        """Mark the tickers that were read up to the last day as read through the newest bar of any ticker.

        A delisted ticker has no newer bars: the other tickers show how far the API's data reaches.
        """
        if self._newest:
            for ticker in self._finished:
                _mark_read_through(read[ticker], min(date.fromisoformat(self._newest), last_day))

    def _warn_of_what_is_missing(self, expected: frozenset[str]) -> None:
        late_begins = [day for day in self._late_begins.values() if day]
        if late_begins and len(late_begins) == len(self._late_begins):
            self._logger.warning(
                "stock_prices: the API has no bars before %s, although start_date is %s. If this is your plan's limit "
                "and you upgrade the plan, clear this stream's state to read the rest.",
                min(late_begins),
                self._settings.start_date,
            )
        quiet = self._quiet | (self._finished & expected - self._with_bars)
        if quiet:
            text = "stock_prices: no bars for weeks: %s. Check whether they are misspelled, delisted or renamed."
            self._logger.warning(text, _named(quiet))


def _merge_into_the_market(read: dict[str, Days]) -> None:
    """Drop the tickers next to the whole market that have been read again and have caught up with it."""
    market_through = read.get(MARKET, [None, None])[1]
    if market_through:
        caught_up = [t for t, (_, through) in read.items() if t != MARKET and through and through >= market_through]
        for ticker in caught_up:
            del read[ticker]


def days_to_read_again(read: dict[str, Days], ticker: str) -> Days:
    """What the state says of a ticker whose rows are wrong: to be read from its start."""
    return [_days(read, ticker)[0], None]


def _days(read: dict[str, Days], ticker: str) -> Days:
    """A copy of the days read of a ticker, or of the market if the ticker has no entry."""
    return list(read.get(ticker) or read[MARKET])


def _mark_read_through(days: Days, through: date) -> None:
    """Record that a ticker has been read through that day; the day never moves back."""
    text = through.isoformat()
    if text >= (days[1] or days[0]):
        days[1] = text


def _named(tickers: Collection[str]) -> str:
    """The tickers for a log line, or as many as fit one."""
    more = f" and {len(tickers) - MAX_NAMED} more" if len(tickers) > MAX_NAMED else ""
    # Quoted, because a ticker can contain a comma and a space.
    return ", ".join("the whole market" if t == MARKET else f'"{t}"' for t in sorted(tickers)[:MAX_NAMED]) + more


class SavedState(Struct):
    """The format of our state."""

    start_date: date
    read: dict[str, tuple[date, date | None]]
    made_with: dict[str, Any] = {}
    splits: dict[str, list[str]] = {}


def _checked(saved: State) -> State:
    """The saved state if it has our format. Raises ConfigError: a misread state would silently lose rows."""
    if saved:
        try:
            shaped = convert(saved, SavedState)
            if min(day for days in [(shaped.start_date,), *shaped.read.values()] for day in days if day) < FIRST_DAY:
                raise ValueError(saved)
        except ValueError as error:
            raise unexpected_state("stock_prices", error) from None
    return saved
