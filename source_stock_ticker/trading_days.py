"""Knows New York dates: which day it is there, which days have bars, when a day's bar begins.

Every weekday counts as a trading day. A holiday costs one empty response; a mistake in a calendar of
holidays would cost data.
"""

from datetime import date, datetime, time, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = date(1970, 1, 1)  # the API has no older data
ONE_DAY = timedelta(days=1)
A_YEAR = timedelta(days=366)
SATURDAY = 5


def is_day(text: str) -> bool:
    """Whether a string is a day, written as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text  # fromisoformat takes 20050228 too
    except ValueError:
        return False


def today_in_new_york() -> date:
    """The current date in New York, whatever this machine's time zone."""
    return datetime.now(NEW_YORK).date()


def last_weekday(day: date) -> date:
    """`day`, or the last weekday before it."""
    return day - timedelta(days=max(0, day.weekday() - SATURDAY + 1))


def weekday_before(day: date, count: int) -> date:
    """The weekday `count` weekdays before `day`; with 0, `day` or the last weekday before it."""
    weekday = last_weekday(day)
    for _ in range(count if weekday == day else count - 1):
        weekday -= timedelta(days=3) if weekday.weekday() == 0 else ONE_DAY
    return weekday


def calendar_days(weekdays: int) -> int:
    """The largest number of days that this many weekdays span, weekends included."""
    return weekdays + 2 * -(-weekdays // 5)


def weekday_from(day: date) -> date:
    """`day`, or the first weekday after it."""
    while day.weekday() >= SATURDAY:
        day += ONE_DAY
    return day


def weekday_after(day: date) -> date:
    """The first weekday after `day`."""
    return weekday_from(day + ONE_DAY)


def weekdays_between(first: date, last: date) -> int:
    """The number of weekdays from `first` to `last`, both included."""
    days = (last - first).days + 1
    if days <= 0:
        return 0
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((first + timedelta(days=n)).weekday() < SATURDAY for n in range(rest))


def years_before(day: date, years: int) -> date:
    """The same day that many years earlier; for February 29, the 28th."""
    if day.month == 2 and day.day == 29:
        day -= ONE_DAY
    return day.replace(year=day.year - years)


def new_york_date(epoch_ms: int) -> str:
    """The date in New York at that moment (ms since 1970), as YYYY-MM-DD."""
    return datetime.fromtimestamp(epoch_ms / 1000, NEW_YORK).date().isoformat()


def start_of_day(day: str) -> str:
    """Midnight in New York at the start of that day (YYYY-MM-DD), in UTC as RFC 3339: 2005-02-28T05:00:00Z."""
    midnight = datetime.combine(date.fromisoformat(day), time(), NEW_YORK)
    return midnight.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class BarSize(NamedTuple):
    """The period that one bar covers: `multiplier` times minute, hour, day, week (from Sunday) or month."""

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
        """The last day of the bar that covers `day`; for a week or month, its last weekday."""
        if self.timespan == "week":
            return self.first_day(day) + timedelta(days=5)
        if self.timespan == "month":
            return last_weekday((day.replace(day=1) + timedelta(days=31)).replace(day=1) - ONE_DAY)
        return day
