"""Responds like the Massive (formerly Polygon.io) stock API, from real prices, on this machine.

    python integration_tests/sandbox_api.py          for a person: http://localhost:8080, prints each request
    with SandboxApi(today="2005-03-01") as api:      for a test: api.url, on any free port, in a thread

There are three modules: the data (sandbox_data.py), the API (here: endpoints, pages, refusals), and the server below
them, with faults on demand (sandbox_server.py). To simulate another API, replace the first two.
"""

import argparse
import re
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from http import HTTPStatus
from operator import eq, ge, gt, le, lt
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import sandbox_data as data
from sandbox_data import Row
from sandbox_server import Sandbox, until_ctrl_c

UPGRADE = "Please upgrade your plan at https://massive.com/pricing"
NOT_IN_PLAN = f"You are not entitled to this data. {UPGRADE}"
NO_TIMEFRAME = f"Your plan doesn't include this data timeframe. {UPGRADE}"
NOT_YET = f"Attempted to request today's data before end of day. {UPGRADE}"
BACKWARDS = "The parameter 'to' cannot be a time that occurs before 'from'"
UNREADABLE = "Could not parse the time parameter: '{}'. Use YYYY-MM-DD or Unix MS Timestamps"
TOO_MANY = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue."


class Refusal(Exception):
    """A response other than 200. The real API puts its text under `error`, that of a 403 or 404 under `message`."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        status, key = {403: ("NOT_AUTHORIZED", "message"), 404: ("NOT_FOUND", "message")}.get(code, ("ERROR", "error"))
        self.code = code
        self.body = {"status": status, "request_id": uuid.uuid4().hex, key: text}


@dataclass(kw_only=True)
class SandboxApi(Sandbox):
    """The sandbox. You can pass each attribute at the start or set it while it runs; dates are New York days."""

    key: str = "sandbox-key"
    today: str = "2013-03-04"  # the first weekday after the prices; no price of this day or later is served

    page_size: int | None = None  # most rows on a page, whatever `limit` requests
    next_url_base: str = "https://api.massive.com"  # the real API names itself, whatever host was asked
    cursor_keeps_adjusted: bool = False  # the real cursors of bars hold limit and sort only: page 2 forgets `adjusted`

    rate_per_minute: int = 0  # requests answered in a sliding minute, the others get 429; 0: no limit
    minute: float = 60.0  # seconds, for tests that sit one out
    retry_after: str | None = None  # header of a 429

    plan_start: str | None = None  # first day of prices that the plan includes; None: all
    plan_edge: str = "refuse"  # what to do with a window that begins before it: "refuse" it or "clip" it silently
    forbidden: set[str] = field(default_factory=set)  # endpoints not in the plan, by the function's name: {"news"}

    prices: dict[str, list[data.Day]] = field(default_factory=lambda: dict(data.daily_prices()))
    splits: list[Row] = field(default_factory=lambda: [dict(row) for row in data.SPLITS])
    dividends: list[Row] = field(default_factory=lambda: [dict(row) for row in data.dividends()])
    announce_days: int = 0  # how many days ahead splits and dividends are listed
    bars_as_of: str | None = None  # adjusted bars know the splits up to this day; None: today

    def __post_init__(self) -> None:
        super().__post_init__()
        self._answered: deque[float] = deque()  # when, for the rate

    def response(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Code, headers and JSON body for a path (with query)."""
        try:
            return 200, {}, self.body(path, headers.get("authorization", ""))
        except Refusal as refusal:
            headers = {"Retry-After": self.retry_after} if refusal.code == 429 and self.retry_after else {}
            return refusal.code, headers, refusal.body
        except (ValueError, LookupError, OverflowError) as error:
            return 400, {}, Refusal(400, f"Bad request: {error}").body

    def error(self, code: int) -> Row:
        """The API's error body for a code."""
        return Refusal(code, TOO_MANY if code == 429 else HTTPStatus(code).phrase).body

    def body(self, path: str, authorization: str) -> Any:
        """The response of the endpoint for this path; raises Refusal."""
        url = urlsplit(path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        self.admit(query.pop("apiKey", "") or authorization.partition("Bearer ")[2])
        # The cursor holds the first page's query; what the client says again wins.
        query = decoded(query.pop("cursor", "")) | query
        for pattern, endpoint in ENDPOINTS.items():
            if match := re.fullmatch(pattern, url.path):
                if endpoint.__name__ in self.forbidden:
                    raise Refusal(403, NOT_IN_PLAN)
                return endpoint(self, url.path, query, *map(unquote, match.groups()))
        raise Refusal(404, "Not found.")

    def admit(self, key: str) -> None:
        """Refuses a wrong key, and requests over the rate."""
        if key != self.key:
            raise Refusal(401, "Unknown API Key" if key else "API Key was not provided")
        with self._lock:
            now = time.monotonic()
            while self._answered and self._answered[0] <= now - self.minute:
                self._answered.popleft()
            if self.rate_per_minute and len(self._answered) >= self.rate_per_minute:
                raise Refusal(429, TOO_MANY)
            self._answered.append(now)

    def first_day(self, first: str, last: str) -> str:
        """The first day to serve of a window of prices; refuses what is not over, or not in the plan."""
        if last >= self.today:
            raise Refusal(403, NOT_YET if last == self.today else NO_TIMEFRAME)
        if self.plan_start and first < self.plan_start:
            if self.plan_edge == "refuse":
                raise Refusal(403, NO_TIMEFRAME)
            return self.plan_start
        return first

    def days(self, ticker: str, first: str, last: str, adjusted: bool) -> list[data.Day]:
        """The days of `ticker` from `first` to `last`, both included, as far as they are over."""
        known = self.bars_as_of or self.today
        days = [day for day in data.between(self.prices.get(ticker, []), first, last) if day.date < self.today]
        ratios = [data.share_ratio(self.splits, ticker, day.date, known) if adjusted else 1 for day in days]
        return [data.adjusted(day, ratio) for day, ratio in zip(days, ratios, strict=True)]

    def announced(self) -> str:
        """The last day of the splits and dividends that are listed."""
        return (date.fromisoformat(self.today) + timedelta(days=self.announce_days)).isoformat()


# --- Endpoints: (sandbox, path, query, the variables in the path) -> body --------------------------------------------


def custom_bars(
    api: SandboxApi, path: str, query: Row, ticker: str, many: str, span: str, first: str, last: str
) -> Row:
    """The bars of one ticker. `limit` counts the small bars (minutes, days) that they are joined from."""
    adjusted, descending, limit = is_adjusted(query), query.get("sort") == "desc", size(query, 5000, 50_000)
    bars = joined_bars(api, ticker, int(many), span, instant("from", first), instant("to", last, end=True), adjusted)
    page: list[Row] = []
    counted, rest = 0, None
    for bar, count in reversed(bars) if descending else bars:
        if page and (counted + count > limit or len(page) == api.page_size):
            rest = str(bar["t"])
            break
        page.append(bar)
        counted += count
    body = {"ticker": ticker, "adjusted": adjusted, "queryCount": counted, **some(page), **ok(), "count": len(page)}
    if rest:
        window = [first, rest] if descending else [rest, last]
        cursor = {"limit": limit, "sort": "desc" if descending else "asc"}
        if api.cursor_keeps_adjusted:
            cursor["adjusted"] = str(adjusted).lower()
        body["next_url"] = next_url(api, "/".join(path.split("/")[:-2] + window), cursor)
    return body


def joined_bars(
    api: SandboxApi, ticker: str, many: int, span: str, start: int, end: int, adjusted: bool
) -> list[tuple[Row, int]]:
    """The bars from `start` to `end` (ms), with the number of small bars in each; raises Refusal."""
    intraday = span in ("minute", "hour")
    if end < start:
        raise Refusal(400, BACKWARDS)
    if many != 1 and not intraday:
        raise Refusal(400, "The sandbox joins minutes and hours only.")
    start = max(start, data.clock(api.first_day(day_of(start), day_of(end))))
    # A window is stretched to whole bars at both ends; no bar is longer than 31 days.
    start, stretched = data.bar_start(start, many, span), end + 31 * 86_400_000
    days = api.days(ticker, max(day_of(start), api.plan_start or ""), day_of(stretched), adjusted)
    small = [bar for day in days for bar in (data.minute_bars(day) if intraday else [data.day_bar(day)])]
    return [(bar, count) for bar, count in data.rolled_up(small, many, span) if start <= bar["t"] <= end]


def grouped_daily(api: SandboxApi, path: str, query: Row, day: str) -> Row:
    """The bars of one day for all tickers; `t` is the end of the trading day, not the start as in custom_bars."""
    instant("date", day)
    first = api.first_day(day, day)
    adjusted, end = is_adjusted(query), data.clock(day, 16)
    found = {ticker: api.days(ticker, first, day, adjusted) for ticker in api.prices}
    bars = [{"T": ticker, **data.day_bar(days[0]), "t": end} for ticker, days in found.items() if days]
    return {"adjusted": adjusted, "queryCount": len(bars), **some(bars), **ok(), "count": len(bars)}


def splits(api: SandboxApi, path: str, query: Row) -> Row:
    """The splits listed today."""
    rows = data.split_rows(api.splits, api.today, api.announced())
    rows = ordered(selected(rows, query, "ticker", "execution_date"), query.get("sort", "execution_date.desc"))
    return page_of(api, path, query, rows, size(query, 100, 5000))


def dividends(api: SandboxApi, path: str, query: Row) -> Row:
    """The dividends listed today."""
    rows = data.dividend_rows(api.dividends, api.splits, api.prices, api.today, api.announced())
    rows = ordered(selected(rows, query, "ticker", "ex_dividend_date"), query.get("sort", "ticker.asc"))
    return page_of(api, path, query, rows, size(query, 100, 5000))


def news(api: SandboxApi, path: str, query: Row) -> Row:
    """The articles up to today."""
    rows = [row for row in data.news() if row["published_utc"][:10] <= api.today]
    rows = [row for row in rows if query.get("ticker", row["tickers"][0]) in row["tickers"]]
    rows = ordered(selected(rows, query, "published_utc"), f"published_utc.{query.get('order', 'desc')}")
    return page_of(api, path, query, rows, size(query, 10, 1000))


def tickers(api: SandboxApi, path: str, query: Row) -> Row:
    """The stocks listed, or with active=false the delisted ones."""
    active = query.get("active", "true") != "false"
    rows = [row for row in data.ticker_rows(api.today) if row["active"] == active]
    rows = selected(rows, query, "ticker", "type", "market", "cik")
    rows = ordered(rows, f"{query.get('sort', 'ticker')}.{query.get('order', 'asc')}")
    return page_of(api, path, query, rows, size(query, 100, 1000))


def ticker_details(api: SandboxApi, path: str, query: Row, ticker: str) -> Row:
    """One stock, as listed today or on `date`."""
    for row in data.ticker_rows(query.get("date", api.today)):
        if row["ticker"] == ticker and row["active"]:
            del row["last_updated_utc"]  # only the list has it
            return {"results": row | data.DETAILS.get(ticker, {}), **ok()}
    raise Refusal(404, "Ticker not found.")


def exchanges(api: SandboxApi, path: str, query: Row) -> Row:
    """All exchanges at once."""
    return {"results": data.EXCHANGES, **ok(), "count": len(data.EXCHANGES)}


def market_holidays(api: SandboxApi, path: str, query: Row) -> list[Row]:
    """The holidays after today: a bare array."""
    return data.holiday_rows(api.today)


def market_status(api: SandboxApi, path: str, query: Row) -> Row:
    """The market at noon of today; a bare object. Holidays count as open."""
    state = "open" if date.fromisoformat(api.today).weekday() < 5 else "closed"
    return {
        "market": state,
        "earlyHours": False,
        "afterHours": False,
        "serverTime": data.new_york(data.clock(api.today, 12)).isoformat(),
        "exchanges": {"nyse": state, "nasdaq": state, "otc": state},
        "currencies": {"fx": state, "crypto": "open"},
    }


ENDPOINTS: dict[str, Callable[..., Any]] = {
    r"/v2/aggs/ticker/([^/]+)/range/([1-9]\d*)/(minute|hour|day|week|month)/([^/]+)/([^/]+)": custom_bars,
    r"/v2/aggs/grouped/locale/us/market/stocks/([^/]+)": grouped_daily,
    r"/stocks/v1/splits": splits,
    r"/stocks/v1/dividends": dividends,
    r"/v2/reference/news": news,
    r"/v3/reference/tickers": tickers,
    r"/v3/reference/tickers/([^/]+)": ticker_details,
    r"/v3/reference/exchanges": exchanges,
    r"/v1/marketstatus/upcoming": market_holidays,
    r"/v1/marketstatus/now": market_status,
}


# --- Words of the query, pages ---------------------------------------------------------------------------------------


def ok() -> Row:
    """What every good response contains besides its results."""
    return {"status": "OK", "request_id": uuid.uuid4().hex}


def some(bars: list[Row]) -> Row:
    """The bars and how many; without any, the real API leaves `results` out."""
    return {"resultsCount": len(bars), "results": bars} if bars else {"resultsCount": 0}


def is_adjusted(query: Row) -> bool:
    """What the query says of `adjusted`; by default the API adjusts."""
    return query.get("adjusted", "true") != "false"


def size(query: Row, usual: int, most: int) -> int:
    """The requested page size, in rows."""
    limit = int(query.get("limit", usual))
    if limit < 1:
        raise ValueError("limit must be at least 1")
    return min(limit, most)


def instant(name: str, text: str, end: bool = False) -> int:
    """A query's date or time, in ms; of a date the first or last ms in New York."""
    if re.fullmatch(r"\d{9,13}", text):
        return int(text)
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise Refusal(400, UNREADABLE.format(name)) from None
    return data.clock((day + timedelta(days=1)).isoformat()) - 1 if end else data.clock(text)


def day_of(t: int) -> str:
    """The New York date at `t`, ms."""
    return data.new_york(t).date().isoformat()


COMPARE = {"": eq, "gt": gt, "gte": ge, "lt": lt, "lte": le, "any_of": lambda value, all_: value in all_.split(",")}


def selected(rows: list[Row], query: Row, *fields: str) -> list[Row]:
    """The rows that pass the query's filters on these fields: `field=`, `field.gte=`, `field.any_of=` and so on."""
    for name, wanted in query.items():
        column, _, comparison = name.partition(".")
        if column in fields:
            if column.endswith(("_date", "_utc")):
                instant(name, wanted.partition("T")[0])
            rows = [row for row in rows if COMPARE[comparison](row.get(column, ""), wanted)]
    return rows


def ordered(rows: list[Row], sort: str) -> list[Row]:
    """The rows sorted as `ticker.asc,execution_date.desc` says; those without the column come first."""
    for column, _, direction in (part.partition(".") for part in reversed(sort.split(","))):
        rows = sorted(rows, key=lambda row: (column in row, row.get(column)), reverse=direction == "desc")
    return rows


def page_of(api: SandboxApi, path: str, query: Row, rows: list[Row], limit: int) -> Row:
    """One page of the rows, and the address of the next."""
    start, limit = int(query.get("page_marker", 0)), min(limit, api.page_size or limit)
    page = rows[start : start + limit]
    body = {"results": page, **ok()} | ({} if path.startswith("/stocks/v1/") else {"count": len(page)})
    if start + limit < len(rows):
        body["next_url"] = next_url(api, path, query | {"page_marker": start + limit})
    return body


def next_url(api: SandboxApi, path: str, query: Row) -> str:
    """The address of a page; the query goes into an opaque cursor, and the key never does."""
    return f"{api.next_url_base}{path}?cursor={urlsafe_b64encode(urlencode(query).encode()).decode().rstrip('=')}"


def decoded(cursor: str) -> Row:
    """The query inside a cursor."""
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(cursor)))


def main() -> None:
    """The sandbox for a person."""
    parser = argparse.ArgumentParser(description="A stock API on this machine, from real prices of 2000 to 2013.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--key", default=SandboxApi.key)
    parser.add_argument(
        "--today",
        default=SandboxApi.today,
        type=date.fromisoformat,
        help="New York date, YYYY-MM-DD; prices end before it",
    )
    parser.add_argument("--rate", type=int, default=0, help="requests per minute; 0: no limit")
    parser.add_argument("--fail", default="", help="faults to send first, for example 429,503,drop")
    parser.add_argument("--quiet", action="store_true", help="do not print the requests")
    args = parser.parse_args()
    api = SandboxApi(port=args.port, key=args.key, today=str(args.today), rate_per_minute=args.rate, quiet=args.quiet)
    try:
        for fault in filter(None, args.fail.split(",")):
            api.fail_next(("status", int(fault)) if fault.isdigit() else fault)
    except ValueError as error:
        parser.error(str(error))
    until_ctrl_c(api, "key {api.key}, today is {api.today}")


if __name__ == "__main__":
    main()
