"""Makes things happen on the sandbox's market: weekdays, splits, many tickers at once; and configs for the whole."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox_api import SandboxApi
from sandbox_data import NEW_YORK

if TYPE_CHECKING:
    from conftest import Row


SPARE_CALLS = {"requests_per_minute": 6000}  # a limit, so calls are what counts; but too high to slow anything down

MARKET = {"tickers": [], "start_date": "2012-05-14", "end_date": "2012-05-23", "lookback_days": 0}
LISTED = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


def weekdays(first: str, last: str) -> list[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    days = [day + timedelta(days=n) for n in range((end - day).days + 1)]
    return [day.isoformat() for day in days if day.weekday() < 5]


def weekday_after(day: str) -> str:
    return weekdays(day, (date.fromisoformat(day) + timedelta(days=4)).isoformat())[1]


def split(ticker: str, day: str, split_to: float) -> Row:
    return {"ticker": ticker, "execution_date": day, "split_from": 1, "split_to": split_to}


def many(api: SandboxApi, number: int) -> list[str]:
    """This many tickers, all with IBM's prices."""
    tickers = [f"T{n}" for n in range(number)]
    api.prices |= dict.fromkeys(tickers, api.prices["IBM"])
    return tickers


def today_in_new_york() -> date:
    return datetime.now(NEW_YORK).date()
