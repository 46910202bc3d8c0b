"""Makes rows out of the API's bars: pure values in, values out. The hot path of a sync.

Every bar, whichever endpoint gave it, becomes the same row:

    {"stock_ticker": "AAPL", "date": "2005-02-28", "timestamp": "2005-02-28T05:00:00Z", "open": 44.68, ...}
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from .runtime import Row, UnexpectedAnswer
from .trading_days import new_york_date, start_of_day, weekday_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Bar = dict[str, Any]

NUMBER_FIELDS = ("o", "h", "l", "c", "v", "vw")
HOUR = 3_600_000  # ms
MINUTES = [f"{minute:02d}:00Z" for minute in range(60)]
LATEST = 4_102_444_800_000  # ms: the year 2100; a bar after it is no bar
NONE = type(None)  # of a field that a bar leaves out


class BarSize(NamedTuple):
    """The time that one bar covers: `multiplier` times minute, hour, day, week (from Sunday) or month."""

    timespan: str
    multiplier: int

    @property
    def is_intraday(self) -> bool:
        return self.timespan in ("minute", "hour")

    def first_day(self, day: date) -> date:
        """The first day of the bar that covers `day`."""
        if self.timespan == "week":
            return day - timedelta(days=(day.weekday() + 1) % 7)
        return day.replace(day=1) if self.timespan == "month" else day

    def last_day(self, day: date) -> date:
        """The last day of the bar that begins on `day`; of a week or month its last weekday."""
        if self.timespan == "week":
            return weekday_before(day + timedelta(days=6), 0)
        if self.timespan == "month":
            return weekday_before((day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1), 0)
        return day

    def last_day_text(self, day: str) -> str:
        """The same, from YYYY-MM-DD to YYYY-MM-DD."""
        return self.last_day(date.fromisoformat(day)).isoformat() if self.timespan in ("week", "month") else day


def rows(ticker: str, bars: Sequence[Bar], size: BarSize, adjusted: bool) -> list[Row]:
    """The bars of one ticker as rows, oldest first, each moment once.

    A field that the API left out is None. Raises UnexpectedAnswer for a value of a wrong type.
    """
    check_types(ticker, bars)
    moments = [bar["t"] for bar in bars]
    if any(later <= earlier for earlier, later in pairwise(moments)):
        # Not as documented: put in order, and of a moment that comes twice the later bar stands.
        bars = sorted({bar["t"]: bar for bar in bars}.values(), key=lambda bar: bar["t"])
        moments = [bar["t"] for bar in bars]
    days = _intraday(moments) if size.is_intraday else map(day_of_bar, moments)
    return [row(ticker, day, timestamp, bar, adjusted) for (day, timestamp), bar in zip(days, bars, strict=True)]


def row(ticker: str, day: str, timestamp: str, bar: Bar, adjusted: bool) -> Row:
    """One row. day: New York date; timestamp: start of the bar, UTC, RFC 3339."""
    get = bar.get
    return {
        "stock_ticker": ticker,
        "date": day,
        "timestamp": timestamp,
        "open": get("o"),
        "high": get("h"),
        "low": get("l"),
        "close": get("c"),
        "volume": get("v"),
        "vwap": get("vw"),
        "transactions": get("n"),
        "otc": get("otc") or False,
        "adjusted": adjusted,
    }


@lru_cache(maxsize=20_000)
def day_of_bar(epoch_ms: int) -> tuple[str, str]:
    """New York date, and its midnight in UTC, of a bar of a day or more. The same for all moments of the day:
    custom bars are stamped with the day's first moment, grouped daily bars with 16:00."""
    day = new_york_date(epoch_ms)
    return day, start_of_day(day)


def _intraday(moments: Iterable[int]) -> Iterable[tuple[str, str]]:
    for moment in moments:
        hour, rest = divmod(moment, HOUR)
        day, prefix = _hour(hour)
        minute, rest = divmod(rest, 60_000)
        yield day, prefix + (MINUTES[minute] if not rest else f"{minute:02d}:{rest / 1000:06.3f}Z")


@lru_cache(maxsize=20_000)
def _hour(hours: int) -> tuple[str, str]:
    """New York date of an hour (since 1970), and how its timestamps begin: 2005-02-28T14:. Bars share few hours."""
    start = datetime.fromtimestamp(hours * 3600, timezone.utc)
    return new_york_date(hours * HOUR), start.strftime("%Y-%m-%dT%H:")


def check_types(what: str, bars: Sequence[Bar]) -> None:
    """Raise UnexpectedAnswer unless all fields have their types; write whole numbers as integers (5.0 -> 5).

    A column at a time: 0.3 us a bar, where a schema for each row takes 1.7 and more.
    """
    for field in NUMBER_FIELDS:
        if not {type(bar.get(field)) for bar in bars} <= {int, float, NONE}:
            raise UnexpectedAnswer(f"The API sent a bar of {what} whose {field} is no number.")
    for field, types in (("t", {int}), ("n", {int, NONE})):
        if not {type(bar.get(field)) for bar in bars} <= types:
            for bar in bars:
                value = bar.get(field)
                if type(value) is float and value.is_integer():
                    bar[field] = int(value)
                elif type(value) not in types:
                    raise UnexpectedAnswer(f"The API sent a bar of {what} whose {field} is no whole number.")
    if not {type(bar.get("otc")) for bar in bars} <= {bool, NONE}:
        raise UnexpectedAnswer(f"The API sent a bar of {what} whose otc is neither true nor false.")
    if any(not 0 <= bar["t"] < LATEST for bar in bars):
        raise UnexpectedAnswer(f"The API sent a bar of {what} at an impossible time.")
