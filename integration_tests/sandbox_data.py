"""Provides the sandbox's data: real daily prices, the bars made from them, and the other tables.

No HTTP here. Dates are strings, `YYYY-MM-DD`, and mean New York trading days; `t` is in ms since 1970, UTC.
Real: day bars, splits, tickers, exchanges, holidays. Computed: dividends (from the prices, to within a few
per cent of the true ones). Invented: the course of a day between its four known prices, and the news.
The tables change with "today" like the API's: nothing is listed before its time, and listed rows can still change.
"""

import csv
import gzip
import hashlib
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import cache
from heapq import nlargest
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
PRICES = Path(__file__).parent.parent / "sample_files" / "prices.csv.gz"

Row = dict[str, Any]


class Day(NamedTuple):
    """One trading day of one stock: dollars and shares."""

    date: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    total_return: float = 0.0  # the close, lowered for all later splits and dividends; only the dividends need it


@cache
def daily_prices() -> dict[str, list[Day]]:
    """Ticker -> its raw days (nothing adjusted), oldest first."""
    prices = defaultdict(list)
    with gzip.open(PRICES, "rt", newline="") as file:
        for ticker, day, *numbers in list(csv.reader(file))[1:]:
            prices[ticker].append(Day(day, *map(float, numbers)))
    return dict(prices)


def between(days: list[Day], first: str, last: str) -> list[Day]:
    """The days from `first` to `last`, both included."""
    return days[bisect_left(days, (first,)) : bisect_right(days, (last, math.inf))]


# --- Bars ------------------------------------------------------------------------------------------------------------


def share_ratio(splits: Iterable[Row], ticker: str, day: str, as_of: str) -> float:
    """The number of shares at `as_of` for one share at `day`: 4 after two splits of 2 for 1."""
    return math.prod(
        split["split_to"] / split["split_from"]
        for split in splits
        if split["ticker"] == ticker and day < split["execution_date"] <= as_of
    )


def adjusted(day: Day, ratio: float) -> Day:
    """`day` in today's shares: prices divided by `ratio`, volume multiplied, rounded like the API."""
    prices = (round(price / ratio, 4) for price in day[1:5])
    return Day(day.date, *prices, float(round(day.volume * ratio)))


@cache
def clock(day: str, hour: int = 0, minute: int = 0) -> int:
    """`t` of this time on the clocks of New York."""
    year, month, dom = map(int, day.split("-"))
    return int(datetime(year, month, dom, hour, minute, tzinfo=NEW_YORK).timestamp() * 1000)


def new_york(t: int) -> datetime:
    """The time in New York at `t`."""
    return datetime.fromtimestamp(t / 1000, NEW_YORK)


def day_bar(day: Day) -> Row:
    """The bar of a whole day; it starts at midnight, New York."""
    return {"v": day.volume, "o": day.open, "c": day.close, "h": day.high, "l": day.low, "t": clock(day.date)}


def minute_bars(day: Day) -> list[Row]:
    """Thirteen one-minute bars, one every half hour from 9:30 to 15:30, that roll up to exactly the bar of `day`.

    Synthetic: straight lines from the open over the low and the high (on a falling day the high first) to the close.
    A minute without a trade has no bar in the real API either.
    """
    early, late = (day.low, day.high) if day.close >= day.open else (day.high, day.low)
    course = [*line(day.open, early, 4), *line(early, late, 5), *line(late, day.close, 4), day.close]
    each, rest = divmod(day.volume, 13)
    bars = []
    for i, (o, c) in enumerate(pairwise(course)):
        t = clock(day.date, *divmod(9 * 60 + 30 + 30 * i, 60))
        bars.append({"v": each + (0 if i else rest), "o": o, "c": c, "h": max(o, c), "l": min(o, c), "t": t})
    return bars


def line(start: float, end: float, steps: int) -> list[float]:
    """`steps` prices from `start` towards `end`, without `end`."""
    return [round(start + (end - start) * i / steps, 4) for i in range(steps)]


def bar_start(t: int, multiplier: int, timespan: str) -> int:
    """`t` of the bar that `t` falls into. Weeks begin on Sunday, months on the first, at midnight in New York."""
    moment = new_york(t)
    day = moment.date()
    if timespan in ("minute", "hour"):
        size = multiplier * (60 if timespan == "hour" else 1)
        minutes = (moment.hour * 60 + moment.minute) // size * size
        return clock(day.isoformat(), *divmod(minutes, 60))
    if timespan == "week":
        day -= timedelta(days=day.isoweekday() % 7)
    if timespan == "month":
        day = day.replace(day=1)
    return clock(day.isoformat())


def rolled_up(bars: Iterable[Row], multiplier: int, timespan: str) -> list[tuple[Row, int]]:
    """Small bars, in order, joined to larger ones, each with the number of small bars in it."""
    joined: dict[int, list[Row]] = defaultdict(list)
    for bar in bars:
        joined[bar_start(bar["t"], multiplier, timespan)].append(bar)
    return [(joined_bar(t, some), len(some)) for t, some in joined.items()]


def joined_bar(t: int, bars: list[Row]) -> Row:
    """One bar that starts at `t` and covers `bars`."""
    high, low = max(bar["h"] for bar in bars), min(bar["l"] for bar in bars)
    volume = sum(bar["v"] for bar in bars)
    return {"v": volume, "o": bars[0]["o"], "c": bars[-1]["c"], "h": high, "l": low, "t": t}


# --- Splits, dividends, news -----------------------------------------------------------------------------------------

# These four fields are all that a split needs; the rest of its row is worked out when it is listed.
SPLITS: list[Row] = [
    {"ticker": "AAPL", "execution_date": "2000-06-21", "split_from": 1, "split_to": 2},
    {"ticker": "MSFT", "execution_date": "2003-02-18", "split_from": 1, "split_to": 2},
    {"ticker": "AAPL", "execution_date": "2005-02-28", "split_from": 1, "split_to": 2},
]


def row_id(*key: object) -> str:
    """An id that stays the same from run to run, shaped like the API's."""
    return "E" + hashlib.sha256("|".join(map(str, key)).encode()).hexdigest()


def split_rows(splits: list[Row], today: str, until: str) -> list[Row]:
    """The splits executed by `until`, as listed on `today`; a row's own fields win over those worked out here."""
    rows = []
    for split in splits:
        ticker, day, ratio = split["ticker"], split["execution_date"], split["split_to"] / split["split_from"]
        row = {
            "id": row_id("split", ticker, day),
            "adjustment_type": "forward_split" if ratio > 1 else "reverse_split",
            # From here to today, later splits included: so a new split changes the rows of the old ones.
            "historical_adjustment_factor": round(1 / ratio / share_ratio(splits, ticker, day, today), 6),
        }
        if day <= until:
            rows.append(row | split)
    return rows


def last_close(days: list[Day], splits: list[Row], ticker: str, day: str) -> float:
    """The close before `day` in shares of `day`; infinity if there is none, so a dividend has no weight."""
    before = days[: bisect_left(days, (day,))][-1:]
    return before[0].close / share_ratio(splits, ticker, before[0].date, day) if before else math.inf


@cache
def dividends() -> tuple[Row, ...]:
    """The dividends, inferred: on an ex-dividend date the total return leaves the course of the price.

    That gives the true dates, and the amounts to within a few per cent. The days of declaration and payment are
    unknown: these fields are absent, as in some of the API's rows. All dividends count as quarterly except
    MSFT's special dividend of 2004.
    """
    rows = []
    for ticker, days in daily_prices().items():
        for before, day in pairwise(days):
            close = before.close / share_ratio(SPLITS, ticker, before.date, day.date)
            share = 1 - before.total_return / close * day.close / day.total_return  # the part of the close paid out
            if share > 2e-5:  # anything less is rounding
                row = {"ticker": ticker, "ex_dividend_date": day.date, "cash_amount": round(close * share, 4)}
                kind = {"distribution_type": "recurring", "frequency": 4}
                if share > 0.05:
                    kind = {"distribution_type": "special", "frequency": 0}
                rows.append(row | kind)
    return tuple(rows)


def dividend_rows(
    dividends: list[Row], splits: list[Row], prices: dict[str, list[Day]], today: str, until: str
) -> list[Row]:
    """The dividends with an ex-date by `until`, as listed on `today`; a row's own fields win, as in split_rows."""
    rows = []
    factor: dict[str, float] = defaultdict(lambda: 1.0)
    of_a_day = itemgetter("ex_dividend_date", "ticker")
    for (day, ticker), group in groupby(sorted(dividends, key=of_a_day, reverse=True), of_a_day):
        together, shares = list(group), share_ratio(splits, ticker, day, today)
        if day <= today:
            cash = sum(dividend["cash_amount"] for dividend in together)
            factor[ticker] *= 1 - cash / last_close(prices.get(ticker, []), splits, ticker, day)
        for number, dividend in enumerate(together):
            row = {
                "id": row_id("dividend", ticker, day, number),
                "currency": "USD",
                "distribution_type": "unknown",
                "split_adjusted_cash_amount": round(dividend["cash_amount"] / shares, 6),
                "historical_adjustment_factor": round(factor[ticker], 6),
            }
            if day <= until:
                rows.append(row | dividend)
    return rows


@cache
def news() -> tuple[Row, ...]:
    """A few dozen articles, oldest first, invented around the ten largest real price moves of each stock."""
    moves: dict[str, list[tuple[str, float]]] = defaultdict(list)  # day -> the stocks that moved, and by how much
    for ticker, days in daily_prices().items():
        changes = [
            (day.close * share_ratio(SPLITS, ticker, before.date, day.date) / before.close - 1, day.date)
            for before, day in pairwise(days)
        ]
        for change, day in nlargest(10, changes, key=lambda move: abs(move[0])):
            moves[day].append((ticker, change))
    return tuple(article(day, moved) for day, moved in sorted(moves.items()))


def article(day: str, moved: list[tuple[str, float]]) -> Row:
    """An article of the evening of `day`, marked as invented."""
    says = {ticker: f"{ticker} {'rose' if change > 0 else 'fell'} {abs(change):.1%}" for ticker, change in moved}
    feels = {ticker: "positive" if change > 0 else "negative" for ticker, change in moved}
    return {
        "id": row_id("news", day)[1:],
        "publisher": {"name": "Sandbox Wire (invented)", "homepage_url": "https://example.com/"},
        "title": ", ".join(says.values()) + " in a day",
        "author": "The sandbox",
        "published_utc": f"{day}T21:{int(day[-2:]) + 10}:00Z",
        "article_url": f"https://example.com/news/{day}",
        "tickers": list(says),
        "description": "An invented article about a real price move.",
        "keywords": ["price move", "invented"],
        "insights": [
            {"ticker": ticker, "sentiment": feels[ticker], "sentiment_reasoning": f"{says[ticker]}."} for ticker in says
        ],
    }


# --- Tables that stand still -----------------------------------------------------------------------------------------

# As odd as the real list: IBM twice, a preferred share with a lower case p, one delisted, one OTC, fields absent.
TICKERS: list[Row] = [
    {"ticker": "AAPL", "name": "Apple Inc.", "primary_exchange": "XNAS", "type": "CS", "cik": "0000320193",
     "composite_figi": "BBG000B9XRY4", "share_class_figi": "BBG001S5N8V8"},
    {"ticker": "BACpL", "name": "Bank of America Corporation 7.25% Preferred Series L", "primary_exchange": "XNYS"},
    {"ticker": "FB", "name": "Facebook, Inc.", "primary_exchange": "XNAS", "type": "CS", "cik": "0001326801",
     "composite_figi": "BBG000MM2P62"},
    {"ticker": "GOOG", "name": "Google Inc.", "primary_exchange": "XNAS", "type": "CS", "cik": "0001288776"},
    {"ticker": "IBM", "name": "International Business Machines", "primary_exchange": "XNYS", "type": "CS",
     "cik": "0000051143"},
    {"ticker": "IBM", "name": "International Business Machines", "primary_exchange": "XNYS", "type": "CS",
     "last_updated_utc": "2012-06-30T00:00:00Z"},
    {"ticker": "JAVA", "name": "Sun Microsystems, Inc.", "primary_exchange": "XNAS", "type": "CS",
     "cik": "0000709519", "delisted_utc": "2010-01-27T00:00:00Z"},
    {"ticker": "MSFT", "name": "Microsoft Corp", "primary_exchange": "XNAS", "type": "CS", "cik": "0000789019"},
    {"ticker": "NSRGY", "name": "Nestle S.A.", "market": "otc", "type": "ADRC"},
]  # fmt: skip

DETAILS: dict[str, Row] = {
    "AAPL": {
        "list_date": "1980-12-12", "ticker_root": "AAPL", "homepage_url": "https://www.apple.com",
        "address": {"address1": "ONE APPLE PARK WAY", "city": "CUPERTINO", "state": "CA", "postal_code": "95014"},
        "description": "Apple designs consumer electronics, among them the Mac, the iPhone and the iPad.",
        "sic_code": "3571", "sic_description": "ELECTRONIC COMPUTERS", "round_lot": 100,
        # The API serves these pictures to key holders only.
        "branding": {"icon_url": "https://api.massive.com/v1/reference/company-branding/aapl/icon.png"},
    },
    "FB": {"list_date": "2012-05-18", "sic_code": "7370", "round_lot": 100},
    "GOOG": {"list_date": "2004-08-19", "sic_code": "7370", "round_lot": 100},
    "IBM": {"sic_code": "3570", "homepage_url": "https://www.ibm.com", "round_lot": 100},
    "MSFT": {"list_date": "1986-03-13", "sic_code": "7372", "round_lot": 100},
}  # fmt: skip


def ticker_rows(today: str) -> list[Row]:
    """The stocks that have been listed by `today`; `active` says whether they still are."""
    usual = {"market": "stocks", "locale": "us", "currency_name": "usd", "last_updated_utc": "2013-03-01T00:00:00Z"}
    rows = [usual | row for row in TICKERS if DETAILS.get(row["ticker"], {}).get("list_date", "") <= today]
    for row in rows:
        row["active"] = today < row.get("delisted_utc", "9999")
        if row["active"]:
            row.pop("delisted_utc", None)
    return rows


# As odd as the real list: four have the id 4, and the two tapes (SIP) have no mic.
EXCHANGES: list[Row] = [
    {"id": number, "type": kind, "asset_class": "stocks", "locale": "us", "name": name, **({"mic": mic} if mic else {})}
    for number, kind, name, mic in [
        (1, "exchange", "NYSE American, LLC", "XASE"),
        (4, "TRF", "FINRA NYSE TRF", "FINY"),
        (4, "TRF", "FINRA Nasdaq TRF Carteret", "FINN"),
        (4, "TRF", "FINRA Nasdaq TRF Chicago", "FINC"),
        (4, "TRF", "FINRA Alternative Display Facility", "XADF"),
        (5, "SIP", "Unlisted Trading Privileges", None),
        (10, "exchange", "New York Stock Exchange", "XNYS"),
        (11, "exchange", "NYSE Arca, Inc.", "ARCX"),
        (12, "exchange", "Nasdaq", "XNAS"),
        (13, "SIP", "Consolidated Tape Association", None),
    ]
]

# The rest of 2013; the days with True end at 13:00.
HOLIDAYS = [
    ("2013-03-29", "Good Friday", False),
    ("2013-05-27", "Memorial Day", False),
    ("2013-07-03", "Independence Day", True),
    ("2013-07-04", "Independence Day", False),
    ("2013-09-02", "Labor Day", False),
    ("2013-11-28", "Thanksgiving", False),
    ("2013-11-29", "Thanksgiving", True),
    ("2013-12-24", "Christmas", True),
    ("2013-12-25", "Christmas", False),
]


def holiday_rows(today: str) -> list[Row]:
    """The coming holidays, one row for each exchange; the past ones are gone, as in the API."""
    rows = []
    for day, name, early in HOLIDAYS:
        hours = {"open": utc(clock(day, 9, 30)), "close": utc(clock(day, 13))} if early else {}
        row = {"date": day, "name": name, "status": "early-close" if early else "closed", **hours}
        rows += [{"exchange": exchange} | row for exchange in ("NYSE", "NASDAQ") if day > today]
    return rows


def utc(t: int) -> str:
    """`t` as the API writes times of holidays: 2013-11-29T18:00:00.000Z."""
    return datetime.fromtimestamp(t / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
