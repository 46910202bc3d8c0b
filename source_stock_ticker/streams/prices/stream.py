"""Reads stock_prices: decides what to read, and turns a response into a page of rows.

coverage.py tracks what has been read, and so where to resume.
"""

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from msgspec import UNSET

from ...api import ROWS, Body, NotFound, StockApi, TooOld, read_body
from ...runtime.errors import ConfigError, CredentialsError, UnexpectedResponse, counted
from ...runtime.forecast import Forecast
from ...runtime.http.response import Response
from ...runtime.stream import Page, State, Written
from ...settings import MARKET, Settings, is_ticker
from ...trading_days import ONE_DAY, weekday_after, weekdays_between, years_before
from ..table import TableStream
from .bars import Price, read_bars, rows, rows_of_day, unknown_keys
from .coverage import NEVER, Coverage, days_to_read_again
from .plan import Plan, plan
from .slices import DayNote, DaySlice, EndSlice, HeldBackSlice, PriceSlice, SplitsSlice, TickerSlice
from .splits import SplitEffects, listed_splits, pages_of_the_market, split_effects

SUBSCRIPTIONS = (10, 5, 2)  # years of history in the API's subscriptions
WEEKS = timedelta(days=14)  # in such a period, a ticker should have a bar
BARS_A_WEEKDAY = {"day": 252 / 261, "week": 1 / 5, "month": 12 / 261}  # approximate: some weekdays are holidays
NEAR = 1.1  # times the requests: if the whole market costs at most this, it is worth a hint
OLD_BASIS = (
    "stock_prices: %s must be read again because of a split, but your plan no longer has data before %s: "
    "rows before that day keep the old prices."
)
HELD_BACK = (
    "The API lists a split of {} without a valid day or ratio, so its prices may be wrong; "
    "the ticker is not read until the API corrects the split."
)


class StockPrices(TableStream[PriceSlice]):
    """Bars (open, high, low, close, volume). Pattern: slices per parent or per day; what has changed is read again."""

    name = "stock_prices"
    primary_key = ("stock_ticker", "timestamp")
    cursor_field = "timestamp"

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        super().__init__(api, settings, logger)
        self._coverage = Coverage(settings, logger)
        self._slices: list[PriceSlice] = []  # made by `forecast`
        self._has_seen_a_bar = False

    def resume(self, saved: State) -> State:
        return self._coverage.resume(saved)

    def checkpoint(self, state: State, stream_slice: PriceSlice, written: Written) -> None:
        self._coverage.checkpoint(state, stream_slice, written, self._last_day)

    @property
    def _last_day(self) -> date:
        """The last day that this sync can read."""
        return min(self._settings.last_day, self._api.last_day)

    # What to read

    def forecast(self, state: State) -> Forecast:
        """Makes the slices, because their number depends on the splits."""
        size, made_before = self._settings.bar_size, self.request_stats().requests
        self._slices = list(self._planned_slices(state))
        first_days = {piece.ticker: piece.first for piece in self._slices if isinstance(piece, TickerSlice)}
        days = [piece for piece in self._slices if isinstance(piece, DaySlice)]
        requests = self.request_stats().requests - made_before + len(first_days) + len(days)
        first_days |= days[0].first_days if days else {}
        if size.is_intraday or MARKET in first_days:  # the number of bars is unknown, for minutes also of pages
            return Forecast(requests, exact=not size.is_intraday)
        weekdays = sum(weekdays_between(first_day, self._settings.last_day) for first_day in first_days.values())
        return Forecast(requests, True, round(weekdays * BARS_A_WEEKDAY[size.timespan]), self._hint(state, requests))

    def _hint(self, state: State, requests: int) -> str:
        """A hint if the whole market would hardly cost more than the first read of these tickers."""
        settings = self._settings
        is_first_read = all(through is None for _, through in state["read"].values())
        market = weekdays_between(settings.start_date, settings.last_day)
        market += pages_of_the_market(settings.start_date, settings.today) if settings.adjusted else 0
        if not is_first_read or settings.bar_size.timespan != "day" or not 0 < market <= NEAR * requests:
            return ""
        these = f"these {counted(len(settings.tickers), 'ticker')} cost {requests:,}"
        return f"The whole market would cost about {counted(market, 'request')}, {these}."

    def slices(self, state: State) -> Iterator[PriceSlice]:
        return iter(self._slices or self._planned_slices(state))

    def _planned_slices(self, state: State) -> Iterator[PriceSlice]:
        """First what the splits change, then the plan's tickers and days."""
        read, last_day = state["read"], self._settings.last_day
        lookback = 0 if self.full_refresh else self._settings.lookback_days
        first_days = {ticker: self._coverage.first_day(days, lookback) for ticker, days in read.items()}
        expected = frozenset(t for t, day in first_days.items() if last_day - day >= WEEKS) - {MARKET}
        splits = SplitEffects((), (), state["splits"])
        if self._settings.adjusted and self._splits_matter(read, first_days):
            splits = self._split_effects(state)
            yield SplitsSlice(splits)
            for ticker in splits.held_back:
                first_days.pop(ticker, None)  # without its own entry, it belongs to the market's days
                yield HeldBackSlice(ticker)
            first_days |= {t: self._coverage.first_day(days_to_read_again(read, t), 0) for t in splits.stale}
        yield from self._price_slices(state, {t: day for t, day in first_days.items() if day <= last_day}, splits)
        yield EndSlice(expected)

    def _price_slices(self, state: State, first_days: dict[str, date], splits: SplitEffects) -> Iterator[PriceSlice]:
        by_ticker, day = self._plan(first_days)
        if self._settings.start_date > self._settings.last_day:
            text = "stock_prices: nothing to read yet: no trading day since start_date (%s) is complete."
            self._logger.info(text, self._settings.start_date)
        for ticker in by_ticker:
            reread = ticker in splits.stale or ticker in state["splits"] or MARKET in state["read"]
            yield TickerSlice(ticker, first_days.pop(ticker), reread)
        others, last_day = frozenset((*by_ticker, *splits.held_back)), self._settings.last_day
        while day and day <= last_day:
            following = weekday_after(day)
            yield DaySlice(day, first_days, others, following > last_day)
            day = following

    def group(self, stream_slice: PriceSlice) -> str | None:
        # All days share one "through"; each ticker has its own.
        return "days" if isinstance(stream_slice, DaySlice) else None

    def _plan(self, first_days: dict[str, date]) -> Plan:
        settings = self._settings
        if not settings.tickers:
            return Plan([ticker for ticker in first_days if ticker != MARKET], first_days.get(MARKET))
        if settings.bar_size.timespan != "day":
            return Plan(list(first_days), None)
        return plan(first_days, settings.last_day, settings.requests_per_minute)

    def _splits_matter(self, read: dict[str, Any], first_days: dict[str, date]) -> bool:
        # Even without a new day: a split can be announced late.
        today = self._settings.today.isoformat()
        has_rows = any(through and through <= today for _, through in read.values())
        return has_rows or min(first_days.values()) <= self._settings.last_day

    def _split_effects(self, state: State) -> SplitEffects:
        """What the API's current list of splits means for the prices."""
        read, saved = state["read"], state["splits"]
        try:
            listed = listed_splits(self._api, self._settings, min(days[0] for days in read.values()), self._logger)
        except CredentialsError:
            raise
        except (ConfigError, NotFound) as refused:
            self._logger.warning("stock_prices: splits are not checked. %s", refused.message)
            return SplitEffects((), (), saved)
        return split_effects(listed, saved, read, self._settings, self.full_refresh)

    # One page

    def fetch(self, stream_slice: PriceSlice, page_token: str | None) -> Response | None:
        if page_token:
            return self._api.get(page_token)
        match stream_slice:
            case HeldBackSlice(ticker):
                raise UnexpectedResponse(HELD_BACK.format(ticker))
            case TickerSlice():
                return self._fetch_ticker(stream_slice)
            case DaySlice(day):
                return self._api.day_bars(day, self._settings.adjusted)
        return None

    def _fetch_ticker(self, stream_slice: TickerSlice) -> Response | None:
        # The subscription may no longer cover the first days. Then try start_date and, for a ticker that was read
        # before, the current beginning of each subscription's history, oldest first.
        settings, (ticker, first, reread) = self._settings, stream_slice
        kept = SUBSCRIPTIONS if reread else ()  # years
        edges = sorted({settings.start_date, *(years_before(settings.today, years) + ONE_DAY for years in kept)})
        for edge in [first, *(edge for edge in edges if first < edge <= self._last_day)]:
            try:
                response = self._api.bars(ticker, settings.bar_size, edge, settings.last_day, settings.adjusted)
            except TooOld as error:
                refused = error
                continue
            if reread and edge > first:
                self._logger.warning(OLD_BASIS, ticker, edge)
            return response
        raise refused

    def parse(self, stream_slice: PriceSlice, response: Response) -> Page:
        if isinstance(stream_slice, DaySlice):
            page = self._parse_day(stream_slice, response)
        else:
            assert isinstance(stream_slice, TickerSlice)  # the other slices fetch nothing
            page = self._parse_ticker(stream_slice, response)
        if page.rows and not self._has_seen_a_bar:
            self._has_seen_a_bar = True
            self.unknown_fields.update(unknown_keys(response))
        return page

    def _parse_ticker(self, stream_slice: TickerSlice, response: Response) -> Page:
        adjusted = self._settings.adjusted
        body = read_bars(response)
        self._refuse_another_basis(body, response)
        if body.ticker is not UNSET and body.ticker != stream_slice.ticker:
            raise UnexpectedResponse(f"The API sent bars of another ticker for {response.path}.")
        found = rows(stream_slice.ticker, body.results or [], self._settings.bar_size, adjusted)
        next_page_token = self._api.next_path(body)
        if next_page_token and "adjusted=" not in next_page_token:
            # The API's links omit it, and all pages must be on one basis.
            next_page_token += f"{'&' if '?' in next_page_token else '?'}adjusted={str(adjusted).lower()}"
        return Page(self._asked_for(stream_slice, found, response), next_page_token)

    def _asked_for(self, stream_slice: TickerSlice, found: list[Price], response: Response) -> list[Price]:
        """The rows of the requested days. Raises UnexpectedResponse if most rows are of other days."""
        size, last_day = self._settings.bar_size, self._last_day
        first, last = size.first_day(stream_slice.first).isoformat(), self._settings.last_day.isoformat()

        def is_over(row: Price) -> bool:  # a bar is final only when its last day is
            return size.last_day(date.fromisoformat(row.date)) <= last_day

        if not found or (found[0].date >= first and is_over(found[-1])):
            return found
        # Some bars can overlap the ends (weeks, months). If most do, it is the response to another request.
        others = sum(not first <= row.date <= last for row in found)
        if 2 * others > len(found):
            raise UnexpectedResponse(f"The API sent bars of other days than requested, for {response.path}.")
        if others:
            text = "stock_prices: ignored %s of %s for days that were not requested."
            self._logger.warning(text, counted(others, "bar"), stream_slice.ticker)
        return [row for row in found if first <= row.date and is_over(row)]

    def _parse_day(self, stream_slice: DaySlice, response: Response) -> Page:
        day, first_days, others, _ = stream_slice
        body = read_body(response, ROWS)
        self._refuse_another_basis(body, response)
        results = body.results or []
        named = [bar for bar in results if is_ticker(bar.get("T"))]
        if len(named) < len(results):
            # Users have seen such rows: they belong to no ticker, and the others are good.
            unnamed = counted(len(results) - len(named), "bar")
            self._logger.warning("stock_prices: ignored %s of %s without a ticker.", unnamed, day)
        bars = {bar["T"]: bar for bar in reversed(named)}  # if the API repeats a ticker, its first bar is kept
        if MARKET in first_days:
            wanted = sorted(bars.keys() - others)
        else:
            wanted = sorted(ticker for ticker in bars if first_days.get(ticker, NEVER) <= day)
        found = rows_of_day(day.isoformat(), {ticker: bars[ticker] for ticker in wanted}, self._settings.adjusted)
        return Page(found, note=DayNote(bool(bars), frozenset(wanted)))

    def _refuse_another_basis(self, body: Body[Any], response: Response) -> None:
        adjusted = self._settings.adjusted
        if body.adjusted is not UNSET and body.adjusted is not adjusted:
            text = f"The API sent bars with adjusted={body.adjusted}, which was not requested, for {response.path}."
            raise UnexpectedResponse(text)
