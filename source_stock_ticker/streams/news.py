"""Reads articles. Pattern: a date-time cursor, one slice per parent, a row that belongs to several parents."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from ..api import StockApi
from ..runtime.cursors import CursorStream, Moment, Window, moment, rfc3339
from ..runtime.http.response import Response
from ..runtime.stream import Page, State, Unread, Written
from ..settings import MARKET, Settings
from ..trading_days import ONE_DAY, calendar_days, start_of_day
from .table import TableStream


class NewsNote(NamedTuple):
    """What a page of a ticker's articles says besides the rows that its slice writes.

    newest: the moment of the newest article, including those that another ticker's slice writes; "" if there is none.
    left_to: other tickers, with the moment of the first article that their slices write.
    """

    newest: str
    left_to: Mapping[str, str]


class News(CursorStream, TableStream[Window]):
    """state = {"read": {"AAPL": ["2013-01-02T00:00:00Z", "2013-02-28T14:05:00Z"]}}    from .. to the newest article

    An article about three of our tickers comes in three slices, but only one may write it: the slice of its owner. The
    owner is the first ticker, in the config's order, that the article is about and whose slice reaches back to it.
    """

    name = "news"
    path = "/v2/reference/news"
    has_pages = True
    primary_key = ("id",)
    cursor_field = "published_utc"

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        super().__init__(api, settings, logger)
        self._tomorrow = f"{settings.today + ONE_DAY}T23:59:59Z"
        # Articles arrive late, even at the weekend.
        lookback = timedelta(days=calendar_days(settings.lookback_days))
        self.cursor = Moment(moment(f"{settings.start_date}T00:00:00Z"), lookback)
        self._since: dict[str, str] = {}  # where each ticker of this sync begins, in the config's order
        # What this sync has recorded: for each ticker read, the newest moment and what others must write.
        self._newest: dict[str, str] = {}
        self._left_to: dict[str, dict[str, str]] = {}
        self._finished: set[str] = set()
        self._unowned: dict[str, str] = {}  # ids of articles without tickers, and the ticker that writes them

    def parents(self) -> Iterable[str]:
        return self._settings.tickers or (MARKET,)

    def resume(self, saved: State) -> State:
        read = super().resume(saved)["read"]
        state = {"read": {ticker: read[ticker] for ticker in self.parents() if ticker in read}}
        for ticker in self.parents():
            # All attempts of a full refresh begin at the start, or an article's owner would change between them.
            entry = None if self.full_refresh else read.get(ticker)
            self._since[ticker] = next(self.cursor.windows(ticker, entry, full_refresh=False)).since
        return state

    def slices(self, state: State) -> Iterator[Window | Unread]:
        last_day = min(self._settings.end_date or self._settings.today, self._settings.today).isoformat()
        for window in super().slices(state):
            if isinstance(window, Unread) or window.since[:10] <= last_day:
                yield window

    def query(self, stream_slice: Window) -> dict[str, Any]:
        query = {"published_utc.gte": stream_slice.since, "order": "asc", "sort": "published_utc", "limit": 1000}
        if self._settings.end_date and self._settings.end_date < self._settings.today:
            query["published_utc.lt"] = start_of_day((self._settings.end_date + ONE_DAY).isoformat())
        return query if stream_slice.parent == MARKET else {"ticker": stream_slice.parent, **query}

    def parse(self, stream_slice: Window, response: Response) -> Page:
        page = self.checked(super().parse(stream_slice, response))
        own, newest, left_to = [], "", dict[str, str]()
        for row in page.rows:
            published = rfc3339(moment(row["published_utc"]))
            newest = max(newest, self._reached(published))
            owner = self._owner(row, published, stream_slice.parent)
            if owner == stream_slice.parent:
                own.append(row)
            else:
                left_to[owner] = min(published, left_to.get(owner, published))
        return Page(own, page.next_page_token, NewsNote(newest, left_to))

    def checkpoint(self, state: State, stream_slice: Window, written: Written) -> None:
        self.check_joint(state, stream_slice, written)
        ticker = stream_slice.parent
        self._newest[ticker] = max(written.note.newest, self._newest.get(ticker, ""))
        left_to = self._left_to.setdefault(ticker, {})
        for other, published in written.note.left_to.items():
            left_to[other] = min(published, left_to.get(other, published))
        if written.done:
            reached = self._newest[ticker]  # articles that another ticker writes count too
        else:
            reached = self._reached(rfc3339(moment(written.last["published_utc"]))) if written.last else ""
        if reached:
            # Do not go beyond articles left to a failed ticker: it may be removed from the config before it is read. (A
            # full refresh does: its next attempt has the same config.)
            left = [] if self.full_refresh else [p for other, p in left_to.items() if other not in self._finished]
            _, before = state["read"].get(ticker, ["", ""])
            state["read"][ticker] = [stream_slice.range_start, max(min([reached, *left]), before)]
        if written.done:
            self._finished.add(ticker)

    def _reached(self, published: str) -> str:
        """How far an article advances the cursor; "" if the article is from the future."""
        return published if published <= self._tomorrow else ""

    def _owner(self, row: Mapping[str, Any], published: str, ticker: str) -> str:
        """The ticker whose slice writes an article that came in `ticker`'s slice."""
        about = row.get("tickers") or ()
        if ticker == MARKET:
            return MARKET
        if ticker not in about:
            return self._unowned.setdefault(row["id"], ticker)
        return next((other for other, since in self._since.items() if other in about and since <= published), ticker)
