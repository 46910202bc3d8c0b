"""The tables beside the prices. Each class says which pattern it is; read together they show nearly all there are.

TableStream        one request and its pages: the base of the others
Exchanges          one answer, no pages, no parameters
MarketHolidays     an answer that is a bare list
Tickers            a reference list, read once for each value of a filter
TickerDetails      one request per parent; a parent that is unknown is skipped
Dividends, Splits  rows that are announced, corrected and withdrawn: what has changed is sent again
News               a cursor of date and time; one row that belongs to several parents
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date, datetime, time, timezone
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .api import UnknownTicker, any_of, parsed, path_of, results
from .runtime import ConfigError, Pace, Page, Row, State, Stream, UnexpectedAnswer
from .settings import MARKET
from .trading_days import A_YEAR, FIRST_YEAR, NEW_YORK, ONE_DAY, weekday_before

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator

    from .api import StockApi
    from .runtime.http_client import Answer
    from .settings import Settings

MOST_OF_A_TICKER = 20_000  # announcements
CHEAPER_ALONE = 12  # tickers; the whole list has some thirty pages, a ticker costs two requests


class TableStream(Stream):
    """Rows as the API has them, under its own field names. A subclass gives the path, and the query if there is one."""

    schema_folder = Path(__file__).parent / "schemas"
    path: str

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        self._api = api
        self._settings = settings
        self._logger = logger

    def pace(self) -> Pace:
        return self._api.pace()

    def query(self, slice: Any) -> dict[str, Any]:
        """The parameters of a slice's first page; the links to further pages hold them already."""
        return {}

    def fetch(self, slice: Any, page_token: str | None) -> Answer | None:
        return self._api.get(page_token) if page_token else self._api.get(self.path, self.query(slice))

    def parse(self, slice: Any, answer: Answer) -> Page:
        body = parsed(answer)
        return Page([self.row(row) for row in results(answer, body)], self._api.next_path(body))


class Exchanges(TableStream):
    """Where stocks are traded. Pattern: one answer without pages. (`id` alone repeats: four reporters share a 4.)"""

    name = "exchanges"
    path = "/v3/reference/exchanges"
    primary_key = ("id", "name")

    def query(self, slice: Any) -> dict[str, Any]:
        return {"asset_class": "stocks", "locale": "us"}


class MarketHolidays(TableStream):
    """The days to come on which an exchange is closed or closes early. Pattern: an answer that is a bare list.

    The API forgets a holiday once it is over: append, rather than overwrite, to keep the past.
    """

    name = "market_holidays"
    path = "/v1/marketstatus/upcoming"
    primary_key = ("exchange", "date")

    def parse(self, slice: Any, answer: Answer) -> Page:
        body = parsed(answer)
        if isinstance(body, dict):
            results(answer, body)  # says what is wrong with it
        if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
            raise UnexpectedAnswer(f"The API sent no list of holidays for {answer.path}.")
        return Page([self.row(row) for row in body])


class TickerList(NamedTuple):
    """Active or delisted tickers: all of a market, or one."""

    active: bool
    market: str | None
    ticker: str | None

    def __str__(self) -> str:
        return f"{self.ticker or self.market}, {'active' if self.active else 'delisted'}"


class Tickers(TableStream):
    """What can be traded, and what could be. Pattern: a reference list, read once for each value of a filter.

    Without active=false the API leaves delisted tickers out. It has no key: a ticker can be given to another company.
    """

    name = "tickers"
    path = "/v3/reference/tickers"

    def slices(self, state: State) -> Iterator[TickerList]:
        alone = 0 < len(self._settings.tickers) <= CHEAPER_ALONE
        for active in (True, False):
            if alone:
                yield from (TickerList(active, None, ticker) for ticker in self._settings.tickers)
            else:
                yield from (TickerList(active, market, None) for market in ("stocks", "otc"))

    def query(self, slice: TickerList) -> dict[str, Any]:
        chosen = {"market": slice.market} if slice.ticker is None else {"ticker": slice.ticker}
        return {**chosen, "active": str(slice.active).lower(), "order": "asc", "sort": "ticker", "limit": 1000}

    def parse(self, slice: TickerList, answer: Answer) -> Page:
        rows, next_page_token = super().parse(slice, answer)
        wanted = set(self._settings.tickers)
        return Page([row for row in rows if not wanted or row["ticker"] in wanted], next_page_token)


class TickerDetails(TableStream):
    """What a company is and does. Pattern: one request per parent, a nested object, a parent that may be unknown."""

    name = "ticker_details"
    primary_key = ("ticker",)

    def slices(self, state: State) -> Iterator[str]:
        if not self._settings.tickers:
            raise ConfigError("tickers: ticker_details costs a request for each ticker, so list those you want.")
        yield from self._settings.tickers

    def fetch(self, slice: str, page_token: str | None) -> Answer | None:
        try:
            return self._api.get(path_of("v3", "reference", "tickers", slice))
        except UnknownTicker:
            self._logger.warning("ticker_details: the API does not know %s (HTTP 404); it is left out.", slice)
            return None

    def parse(self, slice: str, answer: Answer) -> Page:
        body = parsed(answer)
        details = body.get("results") if isinstance(body, dict) else None
        if not isinstance(details, dict):
            results(answer, body)  # says what is wrong with it
            raise UnexpectedAnswer(f"The API sent no details for {answer.path}.")
        if details.get("ticker") != slice:
            raise UnexpectedAnswer(f"The API sent the details of another ticker for {answer.path}.")
        return Page([self.row(details)])


class Announced(NamedTuple):
    """All announcements of one ticker, and their fingerprint."""

    ticker: str
    rows: list[Row]
    fingerprint: str
    chain: None = None  # each ticker has its own entry in the state

    def __str__(self) -> str:
        return self.ticker


class AnnouncedStream(TableStream):
    """Rows about days to come, which arrive late, are corrected and withdrawn. Pattern: send again what has changed.

    A cursor "newest date seen" would jump to the last day announced and then miss whatever is announced before it. So
    every sync asks for all rows (few requests: 5,000 rows each), and sends those of each ticker whose rows differ:

        state = {"ex_dividend_date": "2013-02-07", "fingerprints": {"AAPL": "5d41402abc4b2a76"}}

    A row that was withdrawn stays in the destination until a refresh: no message can delete it.
    """

    natural_key: tuple[str, ...]  # makes an id for the rows that have none

    def resume(self, saved: State) -> State:
        fingerprints, field, wanted = saved.get("fingerprints", {}), str(self.cursor_field), set(self._settings.tickers)
        try:
            date.fromisoformat(saved.get(field, "2000-01-01"))
            kept = {ticker: str(mark) for ticker, mark in fingerprints.items() if not wanted or ticker in wanted}
        except (AttributeError, TypeError, ValueError) as error:
            raise _not_ours(self.name, error) from None
        return {**({field: saved[field]} if field in saved else {}), "fingerprints": kept}

    def slices(self, state: State) -> Iterator[Announced]:
        field, known = str(self.cursor_field), state["fingerprints"]
        if str(state.get(field, "")) > (self._settings.today + A_YEAR).isoformat():
            # Airbyte's suites pass such a state and expect no rows. (A clock that was ahead by less does no harm.)
            self._logger.warning("%s: the state says that all is read up to %s; clear it.", self.name, state[field])
            return
        wanted, finished = set(self._settings.tickers), set()
        for query in self._queries(field):
            rows: Iterable[Row] = self._bounded(self._api.rows(self.path, query, self.row))
            if wanted:
                # any_of promises no order, and groupby needs one.
                rows = sorted((row for row in rows if row["ticker"] in wanted), key=itemgetter("ticker"))
            for ticker, announced in groupby(rows, key=itemgetter("ticker")):
                if ticker in finished:
                    raise UnexpectedAnswer(f"The API sent {self.name} that are not in the order of their tickers.")
                finished.add(ticker)
                own = sorted({row["id"]: row for row in announced}.values(), key=lambda row: (row[field], row["id"]))
                mark = hashlib.blake2b(repr(own).encode(), digest_size=8).hexdigest()
                if known.get(ticker) != mark:
                    yield Announced(ticker, own, mark)

    def _bounded(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows. Raises UnexpectedAnswer for a ticker that does not end: until it does, its rows are in memory."""
        sizes: Counter[str] = Counter()
        for row in rows:
            sizes[row["ticker"]] += 1
            if sizes[row["ticker"]] > MOST_OF_A_TICKER:
                raise UnexpectedAnswer(f"The API sent over {MOST_OF_A_TICKER:,} {self.name} of {row['ticker']}.")
            yield row

    def _queries(self, field: str) -> Iterator[dict[str, Any]]:
        days = {f"{field}.gte": self._settings.start_date}
        if self._settings.end_date:
            days[f"{field}.lte"] = self._settings.end_date
        order = {"sort": f"ticker.asc,{field}.asc", "limit": 5000}
        for tickers in any_of(self._settings.tickers):
            yield {"ticker.any_of": tickers, **days, **order}
        if not self._settings.tickers:
            yield {**days, **order}

    def row(self, row: Row) -> Row:
        if not row.get("id"):
            values = (row.get(field) for field in self.natural_key)
            row["id"] = "-".join(repr(float(v)) if isinstance(v, int | float) else str(v) for v in values)
        return super().row(row)

    def fetch(self, slice: Announced, page_token: str | None) -> Any:
        return slice.rows  # `slices` has them already: only the whole list shows what has changed

    def parse(self, slice: Announced, answer: Any) -> Page:
        return Page(answer)

    def checkpoint(self, state: State, slice: Announced, first: Row | None, last: Row | None, done: bool) -> None:
        state["fingerprints"][slice.ticker] = slice.fingerprint
        field, today = str(self.cursor_field), self._settings.today.isoformat()
        over = [row[field] for row in slice.rows if _is_day(row[field]) and row[field] <= today]
        if over:
            state[field] = max([*over, state.get(field, "")])


class Dividends(AnnouncedStream):
    """Cash dividends, announced ones too. Pattern: see AnnouncedStream."""

    name = "dividends"
    path = "/stocks/v1/dividends"
    primary_key = ("id",)
    cursor_field = "ex_dividend_date"
    natural_key = ("ticker", "ex_dividend_date", "distribution_type", "cash_amount")


class Splits(AnnouncedStream):
    """Stock splits, announced ones too. Pattern: the same again; this is what a second stream of a shape costs."""

    name = "splits"
    path = "/stocks/v1/splits"
    primary_key = ("id",)
    cursor_field = "execution_date"
    natural_key = ("ticker", "execution_date", "split_from", "split_to")


class NewsSlice(NamedTuple):
    """The articles about one ticker (MARKET: about any), from its first moment (RFC 3339, or a day) on."""

    ticker: str
    windows: dict[str, str]  # of this sync: each ticker's first moment
    finished: set[str]  # of this sync: the tickers whose slices are written
    moments: list[str]  # the newest of the articles parsed so far, also those that another ticker's slice writes
    left_to: dict[str, str]  # other tickers, and the moment of the first article that their slices write
    chain: None = None  # each ticker has its own entry in the state

    def __str__(self) -> str:
        return f"news of {'the market' if self.ticker == MARKET else self.ticker}"


class News(TableStream):
    """Articles. Pattern: a cursor of date and time, one slice per parent, a row that belongs to several parents.

    state = {"read": {"AAPL": ["2013-01-02", "2013-02-28T14:05:00Z"]}}      from the day .. to the newest article read
    """

    name = "news"
    path = "/v2/reference/news"
    primary_key = ("id",)
    cursor_field = "published_utc"

    def resume(self, saved: State) -> State:
        start = self._settings.start_date.isoformat()
        read = {}
        try:
            for ticker, (from_day, newest) in saved.get("read", {}).items():
                if not isinstance(newest, str) or not _is_moment(newest) or newest < str(FIRST_YEAR):
                    raise ValueError(newest)
                if (
                    ticker in (self._settings.tickers or (MARKET,))
                    and date.fromisoformat(from_day).isoformat() <= start
                ):
                    read[ticker] = [from_day, newest]  # else start_date has moved to an earlier day: all is read again
        except (AttributeError, TypeError, ValueError) as error:
            raise _not_ours(self.name, error) from None
        return {"read": read}

    def slices(self, state: State) -> Iterator[NewsSlice]:
        last_day = min(self._settings.end_date or self._settings.today, self._settings.today).isoformat()
        windows = {ticker: self._since(state["read"].get(ticker)) for ticker in self._settings.tickers or (MARKET,)}
        finished: set[str] = set()
        for ticker, since in windows.items():
            if since[:10] <= last_day:
                yield NewsSlice(ticker, windows, finished, [], {})

    def _since(self, read: list[str] | None) -> str:
        start = self._settings.start_date.isoformat()
        if read is None:
            return start
        # Articles arrive late too.
        day, lookback = date.fromisoformat(read[1][:10]), self._settings.lookback_days
        day = weekday_before(day, lookback) if lookback else day  # news come at the weekend too
        return max(start, f"{day}{read[1][10:]}")

    def query(self, slice: NewsSlice) -> dict[str, Any]:
        query = {
            "published_utc.gte": slice.windows[slice.ticker],
            "order": "asc",
            "sort": "published_utc",
            "limit": 1000,
        }
        if self._settings.end_date and self._settings.end_date < self._settings.today:
            midnight = datetime.combine(self._settings.end_date + ONE_DAY, time(), NEW_YORK)
            query["published_utc.lt"] = midnight.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return query if slice.ticker == MARKET else {"ticker": slice.ticker, **query}

    def parse(self, slice: NewsSlice, answer: Answer) -> Page:
        rows, next_page_token = super().parse(slice, answer)
        slice.moments[:] = self._reached([*slice.moments, *(row["published_utc"] for row in rows)])[-1:]
        own = []
        for row in rows:
            owner, moment = self._owner(row, slice), row["published_utc"]
            if owner == slice.ticker:
                own.append(row)
            else:
                slice.left_to[owner] = min(moment, slice.left_to.get(owner, moment))
        return Page(own, next_page_token)

    def _owner(self, row: Row, slice: NewsSlice) -> str:
        """The ticker under which an article is written.

        An article about three of our tickers comes in three slices and must be written in one. That is the slice of the
        first ticker, in the config's order, that the article is about and whose window reaches back to it.
        """
        about, moment = row.get("tickers") or (), row["published_utc"]
        both = (t for t, since in slice.windows.items() if t in about and since <= moment)
        return next(both, slice.ticker) if slice.ticker in about else slice.ticker

    def checkpoint(self, state: State, slice: NewsSlice, first: Row | None, last: Row | None, done: bool) -> None:
        # Once all is written, the articles that stand under another ticker count too.
        moments = slice.moments if done else [last["published_utc"]] if last else []
        # Not beyond what was left to a ticker that failed: it may be taken out of the config before it is read.
        missing = [first for ticker, first in slice.left_to.items() if ticker not in slice.finished]
        if reached := self._reached(moments):
            start = self._settings.start_date.isoformat()
            from_day, newest = state["read"].get(slice.ticker, (start, ""))
            state["read"][slice.ticker] = [from_day, max(min([reached[-1], *missing]), newest)]
        if done:
            slice.finished.add(slice.ticker)

    def _reached(self, moments: list[str]) -> list[str]:
        """The moments that say how far the news have been read, in order: not those in the future or oddly written."""
        tomorrow = (self._settings.today + ONE_DAY).isoformat()
        return sorted(moment for moment in moments if _is_moment(moment) and moment[:10] <= tomorrow)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    """RFC 3339, as the API writes it: 2013-02-28T14:05:00Z."""
    return _is_day(text[:10]) and text[10:11] == "T" and text[-1:] == "Z"


def _not_ours(stream: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"state: that of {stream} is not as this source writes it; clear the stream's state to read it anew.",
        repr(error),
    )
