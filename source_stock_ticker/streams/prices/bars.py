"""Makes rows out of the API's bars, without network or state. The hot path of a sync.

Every bar, whichever endpoint gave it, becomes the same row:

    {"stock_ticker": "AAPL", "date": "2005-02-28", "timestamp": "2005-02-28T05:00:00Z", "open": 44.68, ...}
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from itertools import repeat
from operator import itemgetter, lt
from typing import TYPE_CHECKING, Any, NamedTuple

from .runtime import Row, UnexpectedAnswer
from .trading_days import new_york_date, start_of_day, weekday_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Bar = dict[str, Any]

FIELDS = ("t", "o", "h", "l", "c", "v", "vw", "n", "otc")  # of the API's bar
NONE = type(None)  # of a field that a bar leaves out
NUMBERS = {int, float, NONE}
HOUR, MINUTE = 3_600_000, 60_000  # ms
MINUTES = [f"{minute:02d}:00Z" for minute in range(60)]
EARLIEST, LATEST = 31_536_000_000, 4_102_444_800_000  # ms: the years 1971 (1970 are seconds, not ms) and 2100


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


def rows(ticker: str, bars: list[Bar], size: BarSize, adjusted: bool) -> list[Row]:
    """The bars of one ticker as rows, oldest first, each moment once.

    A field that the API left out is None. `bars` is used up. Raises UnexpectedAnswer for a value of a wrong type.
    """
    columns = _columns(ticker, bars)
    starts = _starts(columns[0], size)
    if not all(map(lt, starts, starts[1:])):
        # Not as documented: put in order, and of a start that comes twice the later bar stands.
        by_start = dict(sorted(zip(starts, bars, strict=True), key=itemgetter(0)))
        columns = _columns(ticker, list(by_start.values()))
        starts = list(by_start)
    bars.clear()  # 20 MB of a page of 50,000, before its rows take as much
    return _rows(repeat(ticker), starts, columns, adjusted)


def rows_of_day(day: str, bars: Sequence[Bar], adjusted: bool) -> list[Row]:
    """Grouped daily bars, each of another ticker (`T`), as rows; the same as `rows` makes of custom bars."""
    columns = _columns(day, bars)
    return _rows((bar["T"] for bar in bars), repeat((day, start_of_day(day))), columns, adjusted)


def _rows(
    tickers: Iterable[str], starts: Iterable[tuple[str, str]], columns: list[list[Any]], adjusted: bool
) -> list[Row]:
    return [
        {
            "stock_ticker": ticker,
            "date": day,
            "timestamp": timestamp,
            "open": o,
            "high": h,
            "low": low,
            "close": c,
            "volume": v,
            "vwap": vw,
            "transactions": n,
            "otc": otc or False,
            "adjusted": adjusted,
        }
        for ticker, (day, timestamp), o, h, low, c, v, vw, n, otc in zip(tickers, starts, *columns[1:], strict=False)
    ]


def _columns(what: str, bars: Sequence[Bar]) -> list[list[Any]]:
    """The bars' values, a list for each of FIELDS, of the right types: whole numbers as integers (5.0 -> 5).

    Raises UnexpectedAnswer. A column at a time this takes 0.5 us a bar; a schema for each row takes 1.7 and more.
    """
    columns = [_column(field, bars) for field in FIELDS]
    for place, (field, values) in enumerate(zip(FIELDS, columns, strict=True)):
        types = set(map(type, values))
        if field in ("t", "n"):
            if types - {int, NONE}:
                columns[place] = [_whole(what, field, value) for value in values]
        elif types - ({bool, NONE} if field == "otc" else NUMBERS):
            raise UnexpectedAnswer(f"The API sent a bar of {what} whose {field} is of a wrong type.")
    moments: list[Any] = columns[0]
    if None in moments or (moments and not EARLIEST <= min(moments) <= max(moments) < LATEST):
        raise UnexpectedAnswer(f"The API sent a bar of {what} without a possible time.")
    return columns


def _column(field: str, bars: Sequence[Bar]) -> list[Any]:
    try:
        return [bar[field] for bar in bars]  # half the time of get
    except KeyError:
        return [bar.get(field) for bar in bars]


def _whole(what: str, field: str, value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        return int(value)  # 1.6e12 is how some JSON writers spell it
    if value is None or type(value) is int:
        return value
    raise UnexpectedAnswer(f"The API sent a bar of {what} whose {field} is no whole number.")


def _starts(moments: list[int], size: BarSize) -> list[tuple[str, str]]:
    """New York date and timestamp (start in UTC) of each bar."""
    return list(_intraday(moments) if size.is_intraday else map(_DAYS.__getitem__, moments))


def _intraday(moments: Iterable[int]) -> Iterator[tuple[str, str]]:
    for moment in moments:
        hour, rest = divmod(moment, HOUR)
        day, prefix = _HOURS[hour]
        minute, ms = divmod(rest, MINUTE)
        yield day, prefix + (f"{minute:02d}:{ms / 1000:06.3f}Z" if ms else MINUTES[minute])


class _Known(dict[int, tuple[str, str]]):
    """Remembers what a number works out to: 0.03 us to look up, 2 us to work out."""

    def __init__(self, work_out: Callable[[int], tuple[str, str]]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, number: int) -> tuple[str, str]:
        self[number] = worked_out = self._work_out(number)
        return worked_out


def _day(moment: int) -> tuple[str, str]:
    """New York date of a bar of a day or more, and that date's midnight: when the bar begins, whatever its stamp."""
    day = new_york_date(moment)
    return day, start_of_day(day)


def _hour(hours: int) -> tuple[str, str]:
    """New York date of an hour (since 1970), and how its timestamps begin: 2005-02-28T14:"""
    start = datetime.fromtimestamp(hours * 3600, timezone.utc)
    return new_york_date(hours * HOUR), start.strftime("%Y-%m-%dT%H:")


_DAYS, _HOURS = _Known(_day), _Known(_hour)  # as many as there are days and hours with bars: a few thousand
