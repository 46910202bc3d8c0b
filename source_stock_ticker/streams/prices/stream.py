"""The stream stock_prices: as few requests as can be, and prices that stay right.

What has been read, and so where to resume, is kept in coverage.py.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api import LARGEST_PAGE, NotFound, NotYet, TooOld, any_of, parsed, path_of, results
from .bars import rows, rows_of_day
from .coverage import NEVER, Coverage, DaySlice, EndSlice, SplitsSlice, Sync, TickerSlice
from .plan import SplitsByTicker, are_stale, known_splits, plan, splits_by_ticker
from .runtime import ConfigError, CredentialsError, Pace, Page, Row, State, Stream, UnexpectedAnswer
from .settings import MARKET
from .trading_days import ONE_DAY, weekday_after, weekday_before, weekday_from, weekdays_between, years_before

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from .api import StockApi
    from .runtime.http_client import Answer
    from .settings import Settings

SPLITS_PATH = "/stocks/v1/splits"
SPLITS_A_YEAR = 1_500  # of the whole market, about
SPLITS_A_PAGE = 5_000
PLANS = (10, 5, 2)  # years of history that the plans have
WEEKS = timedelta(days=14)  # of which a ticker should have some bar
OLD_BASIS = (
    "stock_prices: %s must be read again because of a split, but your plan has nothing before %s any more: "
    "rows before that day keep the old prices."
)
LONG_SYNC = 2  # minutes; a longer one is announced


class StockPrices(Stream):
    """Bars (open, high, low, close, volume). Pattern: slices per parent or per day, and what has changed read again."""

    name = "stock_prices"
    schema_folder = Path(__file__).parent / "schemas"
    primary_key = ("stock_ticker", "timestamp")
    cursor_field = "timestamp"

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        self._api = api
        self._settings = settings
        self._logger = logger
        self._coverage = Coverage(settings, logger)
        self._last_request: int | None = None  # number of the last one that is planned

    def pace(self) -> Pace:
        return self._api.pace(self._last_request)

    def resume(self, saved: State) -> State:
        return self._coverage.resume(saved)

    def checkpoint(self, state: State, slice: Any, first: Row | None, last: Row | None, done: bool) -> None:
        self._coverage.note(state, slice, first, last, done)

    # What to read

    def slices(self, state: State) -> Iterator[Any]:
        """First what the splits have changed, then the plan's tickers and days."""
        settings, read = self._settings, state["read"]
        sync = Sync(settings.last_day)
        if settings.start_date > settings.last_day:
            self._logger.info(
                "stock_prices: no day from start_date (%s) on is over yet: nothing to read.", settings.start_date
            )
        first_days = {ticker: self._coverage.first_day(*covered) for ticker, covered in read.items()}
        sync.expected = {t for t, day in first_days.items() if settings.last_day - day >= WEEKS and t != MARKET}
        stale: set[str] = set()
        # Also when no day is new: a split can be announced late.
        if settings.adjusted and (
            self._coverage.read_before(read) or min(first_days.values(), default=NEVER) <= settings.last_day
        ):
            stale, known = self._splits(state)
            yield SplitsSlice(sorted(stale), known)
            market = read.get(MARKET, [None])
            first_days |= {t: weekday_from(date.fromisoformat(read.get(t, market)[0])) for t in stale}
        first_days = {ticker: day for ticker, day in first_days.items() if day <= settings.last_day}
        by_ticker, from_day, requests = self._plan(first_days)
        self._announce(requests)
        for ticker in by_ticker:
            again = ticker in stale or ticker in state["splits"] or MARKET in read
            yield TickerSlice(ticker, first_days.pop(ticker), sync, again)
        day = from_day if from_day and first_days else weekday_after(settings.last_day)
        while day <= settings.last_day:
            following = weekday_after(day)
            yield DaySlice(day, first_days, frozenset(by_ticker), sync, following > settings.last_day)
            day = following
        yield EndSlice(sync)

    def _plan(self, first_days: dict[str, date]) -> tuple[list[str], date | None, int]:
        settings = self._settings
        if MARKET in first_days or not settings.tickers:
            others = [ticker for ticker in first_days if ticker != MARKET]
            first = first_days.get(MARKET)
            return others, first, len(others) + (weekdays_between(first, settings.last_day) if first else 0)
        if settings.bar_size.timespan != "day":
            return list(first_days), None, len(first_days)
        return plan(first_days, settings.last_day, settings.requests_per_minute)

    def _announce(self, requests: int) -> None:
        self._last_request = self._api.pace().requests + requests
        minutes = requests / self._settings.requests_per_minute if self._settings.requests_per_minute else 0
        if minutes > LONG_SYNC:
            self._logger.info(
                "stock_prices: about %d requests to make; at %d a minute that takes about %.0f minutes.",
                requests,
                self._settings.requests_per_minute,
                minutes,
            )

    def _splits(self, state: State) -> tuple[set[str], SplitsByTicker]:
        """Tickers whose rows a split has made wrong, and the splits that the rows will know once they are read again.

        The API adjusts bars when it is asked, by all splits up to today. So the list is read before any price, and a
        ticker whose list is not the one that its rows were made with is read again from its start.
        """
        settings, read, saved = self._settings, state["read"], state["splits"]
        try:
            listed = self._listed_splits(min(covered[0] for covered in read.values()))
        except CredentialsError:
            raise
        except (ConfigError, NotFound) as refused:
            self._logger.warning("stock_prices: splits are not looked for. %s", refused.message)
            return set(), saved
        stale, known = set(), {}
        for ticker in {**listed, **saved}:
            from_day, through = read.get(ticker) or read.get(MARKET) or (None, None)
            if from_day is None:
                continue  # not a ticker of ours
            now = known_splits(listed.get(ticker, []), from_day, settings.today, settings.last_day)
            before = [split for split in saved.get(ticker, []) if split[:10] > from_day]
            if through and through <= settings.today.isoformat() and are_stale(before, now):
                stale.add(ticker)
            if now:
                known[ticker] = now
        return stale, known

    def _listed_splits(self, from_day: str) -> SplitsByTicker:
        query = {
            "execution_date.gt": from_day,
            "execution_date.lte": self._settings.today,
            "sort": "execution_date.asc",
            "limit": SPLITS_A_PAGE,
        }
        filters = list(any_of(self._settings.tickers))
        years = (self._settings.today - date.fromisoformat(from_day)).days / 365
        if not filters or len(filters) > 1 + years * SPLITS_A_YEAR / SPLITS_A_PAGE:
            return splits_by_ticker(self._api.rows(SPLITS_PATH, query))
        found: SplitsByTicker = {}
        for tickers in filters:
            found |= splits_by_ticker(self._api.rows(SPLITS_PATH, {"ticker.any_of": tickers, **query}))
        return found

    # One page

    def fetch(self, slice: Any, page_token: str | None) -> Answer | None:
        if page_token:
            return self._api.get(page_token)
        match slice:
            case TickerSlice():
                return self._ticker_bars(slice)
            case DaySlice(day):
                return self._day_bars(day)
        return None

    def _ticker_bars(self, slice: TickerSlice) -> Answer | None:
        # The plan may have lost the first days since. Then try start_date; and, for a ticker read before, where each
        # plan's history begins today, oldest first.
        edges = [years_before(self._settings.today, years) + ONE_DAY for years in PLANS if slice.again]
        edges = sorted({*edges, self._settings.start_date})
        first, *later = [slice.first, *(edge for edge in edges if slice.first < edge <= slice.sync.last_day)]
        try:
            return self._bars_so_far(slice, first)
        except TooOld:
            for edge in later:
                try:
                    answer = self._bars_so_far(slice, edge)
                except TooOld:
                    continue
                if slice.again:
                    self._logger.warning(OLD_BASIS, slice.ticker, edge)
                return answer
            raise

    def _bars_so_far(self, slice: TickerSlice, first: date) -> Answer | None:
        """The ticker's bars up to the last day that the API has."""
        sync = slice.sync
        try:
            return self.bars(slice.ticker, first, sync.last_day)
        except NotYet:
            sync.last_day = min(sync.last_day, weekday_before(self._settings.last_day, 1))
            return self.bars(slice.ticker, first, sync.last_day) if first <= sync.last_day else None

    def bars(self, ticker: str, first: date, last: date, limit: int = LARGEST_PAGE) -> Answer:
        """The first page of a ticker's custom bars, both days included.

        https://massive.com/docs/rest/stocks/aggregates/custom-bars
        """
        size = self._settings.bar_size
        path = path_of(
            "v2", "aggs", "ticker", ticker, "range", size.multiplier, size.timespan, size.first_day(first), last
        )
        return self._api.get(path, {"adjusted": _lower(self._settings.adjusted), "sort": "asc", "limit": limit})

    def _day_bars(self, day: date) -> Answer | None:
        """One day's grouped bars, those of OTC tickers too, or None if the API does not have the day yet.

        https://massive.com/docs/rest/stocks/aggregates/daily-market-summary
        """
        path = path_of("v2", "aggs", "grouped", "locale", "us", "market", "stocks", day)
        try:
            return self._api.get(path, {"adjusted": _lower(self._settings.adjusted), "include_otc": "true"})
        except NotYet:
            return None

    def parse(self, slice: Any, answer: Answer) -> Page:
        adjusted = self._settings.adjusted
        body = parsed(answer)
        bars = results(answer, body)
        if body.get("adjusted", adjusted) is not adjusted:
            raise UnexpectedAnswer(f"The API answered with adjusted={body['adjusted']}, unasked, for {answer.path}.")
        if isinstance(slice, DaySlice):
            return Page(self._rows_of_day(slice, bars))
        if body.get("ticker", slice.ticker) != slice.ticker:
            raise UnexpectedAnswer(f"The API answered with the bars of another ticker for {answer.path}.")
        size, sync = self._settings.bar_size, slice.sync
        found = rows(slice.ticker, bars, size, adjusted)
        low, high = size.first_day(slice.first).isoformat(), sync.last_day.isoformat()
        if found and (found[0]["date"] < low or size.last_day_text(found[-1]["date"]) > high):
            asked_for = self._settings.last_day.isoformat()  # by now `high` may be lower
            # Some may lap over at the ends (weeks, months). If most do, it is the answer to another request.
            others = sum(not low <= row["date"] <= asked_for for row in found)
            if 2 * others > len(found):
                raise UnexpectedAnswer(f"The API sent bars of other days than were asked for, for {answer.path}.")
            if others:
                self._logger.warning(
                    "stock_prices: %d bars of %s are of days that were not asked for; left out.", others, slice.ticker
                )
            # A bar is final only when its last day is over.
            found = [row for row in found if low <= row["date"] and size.last_day_text(row["date"]) <= high]
        if found:
            sync.with_bars.add(slice.ticker)
            sync.newest = max(sync.newest, min(size.last_day_text(found[-1]["date"]), high))
        next_page_token = self._api.next_path(body)
        if next_page_token and "adjusted=" not in next_page_token:
            # The API's links leave it out, and all pages must be on one basis.
            next_page_token += f"{'&' if '?' in next_page_token else '?'}adjusted={_lower(adjusted)}"
        return Page(found, next_page_token)

    def _rows_of_day(self, slice: DaySlice, bars: list[dict[str, Any]]) -> list[Row]:
        """The rows wanted of a day's bars; a ticker that the API repeats is written once."""
        first_days, day = slice.first_days, slice.day
        named = [bar for bar in bars if isinstance(bar.get("T"), str) and bar["T"].isprintable() and bar["T"]]
        if len(named) < len(bars):
            # Users saw such rows come: they are nobody's, and the others are good.
            self._logger.warning("stock_prices: %d bars of %s have no ticker; left out.", len(bars) - len(named), day)
            bars = named
        if bars:
            slice.sync.newest = max(slice.sync.newest, day.isoformat())
        if MARKET in first_days:
            wanted = {bar["T"]: bar for bar in reversed(bars) if bar["T"] not in slice.others}
        else:
            wanted = {bar["T"]: bar for bar in reversed(bars) if first_days.get(bar["T"], NEVER) <= day}
            slice.sync.with_bars.update(wanted)
        return rows_of_day(day.isoformat(), [wanted[ticker] for ticker in sorted(wanted)], self._settings.adjusted)


def _lower(flag: bool) -> str:
    return str(flag).lower()
