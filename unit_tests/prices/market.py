"""What the tests of the prices share: their own API, and helpers for states, rows and days.

`Market` responds like the API, with its own splits and prices. So a test tells a story, such as
"AAPL is split, the API's bars follow a day late", and then compares two reads.
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import responses

from source_stock_ticker.runtime.http.response import Response

TODAY = date(2024, 3, 15)  # a Friday, so the last day to read is Thursday, March 14
START = "2024-03-01"  # a Friday; in between, on Sunday, March 10, the clocks go forward
ONE_DAY = timedelta(days=1)


class Market:
    """The API, inside a `with` block. Its attributes say what there is, and what goes wrong."""

    def __init__(self, *tickers: str, today: date = TODAY) -> None:
        self.today = today
        self.listed = {ticker: (date(2000, 1, 3), date(2100, 1, 1)) for ticker in tickers}  # first and last day
        self.splits: list[dict[str, Any]] = []
        self.garbled: dict[str, dict[str, Any]] = {}  # ticker -> what the list says of its splits instead
        self.not_followed: list[dict[str, Any]] = []  # splits that the bars are not restated for yet
        self.holidays: set[date] = set()
        self.published: date | None = None  # the newest day with bars; None = yesterday
        self.refuses_unpublished = False
        self.plan_begins: date | None = None  # the plan has no older bars ..
        self.clips = False  # .. and does not say so
        self.page = 50_000  # bars
        self.down: tuple[str, ...] = ()  # parts of addresses that get a 503
        self.refuses_splits = False
        self.requests: list[str] = []

    def __enter__(self) -> "Market":
        self._sleep = mock.patch("time.sleep")
        self._network = responses.RequestsMock(assert_all_requests_are_fired=False)
        self._network.add_callback(responses.GET, re.compile("https://api.massive.com/"), callback=self._respond)
        self._sleep.start()
        self._network.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._network.stop(allow_assert=False)
        self._sleep.stop()

    def split(self, ticker: str, day: str, split_to: int = 2) -> dict[str, Any]:
        self.splits.append({"ticker": ticker, "execution_date": day, "split_from": 1, "split_to": split_to})
        return self.splits[-1]

    @property
    def price_requests(self) -> list[str]:
        return [request for request in self.requests if "/aggs/" in request]

    def _respond(self, request: Any) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(request.url)
        query = dict(parse_qsl(parts.query))
        self.requests.append(unquote(parts.path))
        if any(part in request.url for part in self.down):
            return 503, {}, ""
        segments = [unquote(segment) for segment in parts.path.split("/")]
        if segments[-1] == "splits":
            if self.refuses_splits:
                return 403, {}, json.dumps({"status": "NOT_AUTHORIZED", "message": "You are not entitled to this."})
            return 200, {}, json.dumps({"status": "OK", "results": list(self._splits_of(query))})
        adjusted = query.get("adjusted", "true") == "true"
        if "grouped" in segments:
            return self._bars(date.fromisoformat(segments[-1]), date.fromisoformat(segments[-1]), adjusted, None)
        first, last = (date.fromisoformat(segment) for segment in segments[-2:])
        return self._bars(first, last, adjusted, segments[4])

    def _splits_of(self, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        tickers = query.get("ticker.any_of", "").split(",")
        for row in self.splits:
            in_time = query["execution_date.gt"] < row["execution_date"] <= query["execution_date.lte"]
            if in_time and (tickers == [""] or row["ticker"] in tickers):
                yield row | self.garbled.get(row["ticker"], {})

    def _bars(self, first: date, last: date, adjusted: bool, ticker: str | None) -> tuple[int, dict[str, str], str]:
        published = self.published or self.today - ONE_DAY
        if last < first:
            return 400, {}, json.dumps({"status": "ERROR", "error": "'to' cannot be a time that occurs before 'from'"})
        if last > published and self.refuses_unpublished:
            message = "Attempted to request today's data before end of day. Please upgrade your plan."
            return 403, {}, json.dumps({"status": "NOT_AUTHORIZED", "message": message})
        if self.plan_begins and first < self.plan_begins and not self.clips:
            message = "Your plan doesn't include this data timeframe. Please upgrade your plan."
            return 403, {}, json.dumps({"status": "NOT_AUTHORIZED", "message": message})
        first = max(first, self.plan_begins or first)
        days = [first + timedelta(days=n) for n in range((min(last, published) - first).days + 1)]
        days = [day for day in days if day.isoweekday() <= 5 and day not in self.holidays]
        bars = [
            self._bar(t, day, adjusted, ticker is None) for t in ([ticker] if ticker else self.listed) for day in days
        ]
        bars = [bar for bar in bars if bar]
        body = {"status": "OK", "adjusted": adjusted, "resultsCount": len(bars)}
        if ticker and len(bars) > self.page:
            following = days[self.page]  # every day has a bar where pages matter
            path = f"/v2/aggs/ticker/{ticker}/range/1/day/{following}/{last}?cursor=bGltaXQ9Mg"
            body["next_url"] = f"https://api.massive.com:443{path}"
        if bars:
            body["results"] = bars[: self.page] if ticker else bars
        return 200, {}, json.dumps(body)

    def _bar(self, ticker: str, day: date, adjusted: bool, grouped: bool) -> dict[str, Any] | None:
        first, last = self.listed.get(ticker, (date.max, date.min))
        if not first <= day <= last:
            return None
        followed = [split for split in self.splits if adjusted and split not in self.not_followed]
        own = {
            (s["execution_date"], s["split_to"]) for s in followed if s["ticker"] == ticker
        }  # a repeated row counts once
        ratio = math.prod(split_to for split_day, split_to in own if str(day) < split_day <= str(self.today))
        price = (64 + day.toordinal() % 50) * 16
        stamp = datetime(day.year, day.month, day.day, 16 if grouped else 0, tzinfo=ZoneInfo("America/New_York"))
        bar = {
            "o": price / ratio,
            "c": (price + 8) / ratio,
            "v": 1000 * ratio,
            "n": 9,
            "t": int(stamp.timestamp()) * 1000,
        }
        return bar | {"T": ticker} if grouped else bar


def state_of(
    read: dict[str, list], splits: dict[str, list] | None = None, start: str = START, **made_with: Any
) -> dict:
    made_with = {"timespan": "day", "multiplier": 1, "adjusted": True} | made_with
    return {"made_with": made_with, "start_date": start, "read": read, "splits": splits or {}}


def table(*row_lists: list[dict]) -> dict[tuple, dict]:
    """The content of a destination after these records, each of which replaces the one with its key."""
    return {(row["stock_ticker"], row["timestamp"]): row for rows in row_lists for row in rows}


def days_of(rows: list[dict], ticker: str = "AAPL") -> list[str]:
    return [row["date"] for row in rows if row["stock_ticker"] == ticker]


def weekdays(first: str, last: str) -> list[str]:
    length = (date.fromisoformat(last) - date.fromisoformat(first)).days
    days = [date.fromisoformat(first) + timedelta(days=n) for n in range(length + 1)]
    return [day.isoformat() for day in days if day.isoweekday() <= 5]


def response(**body: Any) -> Response:
    return Response(200, json.dumps({"status": "OK", **body}).encode(), "/v2/aggs", {})
