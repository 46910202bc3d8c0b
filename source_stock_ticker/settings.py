"""Turns the user's config into typed values, and makes the checks that a JSON Schema cannot."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple, TypeGuard

from .runtime.errors import ConfigError, start_of
from .runtime.protocol import options
from .trading_days import FIRST_DAY, ONE_DAY, BarSize, is_day, last_weekday, today_in_new_york, years_before

BAR_SIZES = {"minute": {1, 5, 10, 15, 30}, "hour": {1, 2, 4}, "day": {1}, "week": {1}, "month": {1}}
FREE_PLAN_YEARS = 2  # of history
MAX_TICKER_LENGTH = 100  # characters
TICKER_WORDS = ("ticker", "symbol", "stock")  # an unknown option with one of these words probably means `tickers`
MARKET = "*"  # the whole market, in place of a ticker; so no ticker can have this name


class Settings(NamedTuple):
    """All days are New York dates. start_date, last_day: the days to read; the range may still be empty."""

    api_key: str
    api_url: str  # without a trailing slash
    tickers: tuple[str, ...]  # without duplicates
    today: date
    start_date: date
    last_day: date
    end_date: date | None  # as configured; may be in the future, like announcements
    bar_size: BarSize
    adjusted: bool
    lookback_days: int  # weekdays
    requests_per_minute: int  # 0 = no limit
    num_workers: int


def read_settings(config: Mapping[str, Any], today: date | None = None) -> Settings:
    """The settings of a config that fits spec.yaml. today: a New York date; default: now. Raises ConfigError."""
    today = today or today_in_new_york()
    size = _bar_size(config.get("timespan", "day"), int(config.get("multiplier", 1)))
    end = _day(config, "end_date")
    # Some plans refuse today's bar; with the others it still changes.
    last_day = last_weekday(today - ONE_DAY)
    start = _day(config, "start_date") or _default_start(today, size)
    if end is not None and end < start:
        blank = "" if config.get("start_date") else " (two years back, because you left it blank)"
        raise ConfigError(f"end_date: {end} is before the start_date, {start}{blank}; change one of them.")
    return Settings(
        api_key=options.key(config["api_key"]),
        api_url=options.address(config.get("api_url", "https://api.massive.com")),
        tickers=_tickers(config),
        today=today,
        start_date=start,
        last_day=last_day if end is None else min(end, last_day),
        end_date=end,
        bar_size=size,
        adjusted=config.get("adjusted", True),
        lookback_days=int(config.get("lookback_days", 3)),
        requests_per_minute=int(config.get("requests_per_minute", 5)),
        num_workers=int(config.get("num_workers", 4)),
    )


def _default_start(today: date, size: BarSize) -> date:
    """The first day of the first complete bar in the free plan's history."""
    # One day less than two years, or the plan's moving limit would overtake a sync that starts before midnight.
    start = years_before(today, FREE_PLAN_YEARS) + ONE_DAY
    if size.first_day(start) == start:
        return start
    return size.first_day(start + timedelta(days=31 if size.timespan == "month" else 7))


def _day(config: Mapping[str, Any], field: str) -> date | None:
    value = config.get(field)
    if value is None:
        return None
    if not is_day(value) or value < FIRST_DAY.isoformat():
        raise ConfigError(f"{field}: {value} is not a day since 1970 (write it as YYYY-MM-DD, for example 2024-12-31).")
    return date.fromisoformat(value)


def is_ticker(value: object) -> TypeGuard[str]:
    """Whether a value can be a ticker: a string that is safe in a URL path, in a state and in a log line."""
    special = ("", MARKET, ".", "..")
    return isinstance(value, str) and value not in special and value == value.strip() and value.isprintable()


def _tickers(config: Mapping[str, Any]) -> tuple[str, ...]:
    tickers = config.get("tickers", [])
    named = (key for key in config if key != "tickers" and any(word in key.lower() for word in TICKER_WORDS))
    if not tickers and (other := next(named, None)):
        raise ConfigError(f"config: there is no option {other}; did you mean tickers?")
    for ticker in tickers:
        if len(ticker) > MAX_TICKER_LENGTH:
            raise ConfigError(
                f'tickers: "{start_of(ticker, MAX_TICKER_LENGTH)}" has {len(ticker)} characters, too many for one; '
                "make each ticker a separate entry."
            )
        if not is_ticker(ticker):
            raise ConfigError(f'tickers: "{ticker}" is not a ticker; remove surrounding spaces and empty entries.')
    return tuple(dict.fromkeys(tickers))


def _bar_size(timespan: str, multiplier: int) -> BarSize:
    if multiplier not in BAR_SIZES[timespan]:
        allowed = ", ".join(map(str, sorted(BAR_SIZES[timespan])))
        raise ConfigError(f"multiplier: {multiplier} is not allowed with timespan {timespan}; choose {allowed}.")
    return BarSize(timespan, multiplier)
