"""Tests New York dates: in any time zone of the machine, across weekends, leap days and daylight saving."""

import time
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_stock_ticker import trading_days
from source_stock_ticker.streams.prices.bars import Bar, rows
from source_stock_ticker.trading_days import (
    BarSize,
    calendar_days,
    last_weekday,
    new_york_date,
    start_of_day,
    today_in_new_york,
    weekday_after,
    weekday_before,
    weekday_from,
    weekdays_between,
    years_before,
)

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2024, 3, day) for day in (8, 9, 10, 11))
DAYS = st.dates(date(1999, 1, 1), date(2031, 12, 31))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def is_weekday(day: date) -> bool:
    return day.isoweekday() <= 5


# Each with its own day, because the results for a bar's moment are cached.
@pytest.fixture(params=[("UTC", 15), ("Pacific/Honolulu", 16), ("Asia/Tokyo", 17), ("Pacific/Kiritimati", 18)])
def day_in_host_zone(request, monkeypatch):
    """The machine is in another time zone; returns a day of January 2024."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its time zone")
    zone, day = request.param
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    yield date(2024, 1, day)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (MONDAY, 0, MONDAY),
        (SUNDAY, 0, FRIDAY),
        (SATURDAY, 0, FRIDAY),
        (MONDAY, 1, FRIDAY),
        (SUNDAY, 1, FRIDAY),
        (SATURDAY, 1, FRIDAY),
        (MONDAY, 5, date(2024, 3, 4)),
        (MONDAY, 6, date(2024, 3, 1)),
        (FRIDAY, 3, date(2024, 3, 5)),
    ],
)
def test_weekdays_are_counted_back_over_weekends(day, count, expected):
    assert weekday_before(day, count) == expected


@given(DAYS)
def test_the_last_weekday_is_the_day_itself_or_the_one_before_it(day):
    before = (day - timedelta(days=n) for n in range(3))
    assert last_weekday(day) == weekday_before(day, 0) == next(filter(is_weekday, before))


@given(DAYS, st.integers(1, 12))
def test_the_nth_weekday_before_a_day_has_n_weekdays_from_it_to_the_day(day, count):
    found = weekday_before(day, count)
    assert is_weekday(found)
    assert weekdays_between(found, day - timedelta(days=1)) == count


@given(DAYS)
def test_the_next_weekday_is_the_first_one_after_a_day(day):
    following = (day + timedelta(days=n) for n in range(1, 4))
    assert weekday_after(day) == next(filter(is_weekday, following))


@given(DAYS)
def test_the_weekday_from_a_day_on_is_the_day_itself_or_the_next_one(day):
    assert weekday_from(day) == (day if is_weekday(day) else weekday_after(day))


@given(DAYS, st.integers(-10, 40))
def test_weekdays_between_counts_both_ends(first, length):
    last = first + timedelta(days=length)
    assert weekdays_between(first, last) == sum(is_weekday(first + timedelta(days=n)) for n in range(length + 1))


@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        (date(2024, 3, 15), 2, date(2022, 3, 15)),
        (date(2024, 2, 29), 2, date(2022, 2, 28)),
        (date(2024, 2, 29), 10, date(2014, 2, 28)),
        (date(2023, 3, 1), 2, date(2021, 3, 1)),
    ],
)
def test_a_leap_day_has_its_eve_as_the_same_day_of_other_years(day, years, expected):
    assert years_before(day, years) == expected


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2024-01-16T04:59:59+00:00", "2024-01-15"),  # winter: midnight is 05:00 UTC
        ("2024-01-16T05:00:00+00:00", "2024-01-16"),
        ("2024-07-16T03:59:59+00:00", "2024-07-15"),  # summer: 04:00 UTC
        ("2024-07-16T04:00:00+00:00", "2024-07-16"),
        ("2024-03-11T04:00:00+00:00", "2024-03-11"),  # the Monday after the clocks went forward
        ("2024-11-04T04:30:00+00:00", "2024-11-03"),  # the Monday after they went back
    ],
)
def test_the_day_of_an_instant_is_new_yorks(instant, expected):
    assert new_york_date(ms(instant)) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-03-08", "2024-03-08T05:00:00Z"),
        ("2024-03-10", "2024-03-10T05:00:00Z"),  # the clocks go forward two hours later
        ("2024-03-11", "2024-03-11T04:00:00Z"),
        ("2024-11-03", "2024-11-03T04:00:00Z"),
        ("2024-11-04", "2024-11-04T05:00:00Z"),
        ("2024-02-29", "2024-02-29T05:00:00Z"),
    ],
)
def test_a_day_begins_at_new_yorks_midnight(day, expected):
    assert start_of_day(day) == expected


def test_the_machines_time_zone_does_not_move_a_day(day_in_host_zone):
    last_second = ms(f"{day_in_host_zone + timedelta(days=1)}T04:59:59+00:00")
    assert new_york_date(last_second) == str(day_in_host_zone)


def test_the_machines_time_zone_does_not_move_a_midnight(day_in_host_zone):
    assert start_of_day(str(day_in_host_zone)) == f"{day_in_host_zone}T05:00:00Z"


@pytest.mark.parametrize(("timespan", "timestamp"), [("day", "{}T05:00:00Z"), ("hour", "{}T23:00:00Z")])
def test_the_machines_time_zone_does_not_move_a_bar(day_in_host_zone, timespan, timestamp):
    found = rows("AAPL", [Bar(ms(f"{day_in_host_zone}T23:00:00+00:00"))], BarSize(timespan, 1), True)[0]
    assert (found.date, found.timestamp) == (str(day_in_host_zone), timestamp.format(day_in_host_zone))


@pytest.mark.usefixtures("day_in_host_zone")
def test_today_is_new_yorks_whatever_the_machines_time_zone(monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2024, 3, 16, 3, 30, tzinfo=timezone.utc).astimezone(tz)

    monkeypatch.setattr(trading_days, "datetime", Clock)
    assert today_in_new_york() == date(2024, 3, 15)


@pytest.mark.parametrize("weekdays", range(1, 25))
def test_so_many_weekdays_lie_within_so_many_days_wherever_one_begins(weekdays):
    for day in (date(2024, 3, 4) + timedelta(days=n) for n in range(7)):
        assert day - timedelta(days=calendar_days(weekdays)) <= weekday_before(day, weekdays)
