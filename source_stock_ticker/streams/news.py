"""Articles. Pattern: a cursor of date and time, one slice per parent, a row that belongs to several parents."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from ..api import StockApi
from ..runtime.http.response import Response
from ..runtime.stream import Page, State, Written
from ..settings import MARKET, Settings
from ..trading_days import FIRST_DAY, ONE_DAY, is_day, start_of_day, weekday_before
from .table import TableStream, not_ours


class NewsSlice(NamedTuple):
    """The articles about one ticker (MARKET: about any) from its first moment (RFC 3339, or a day) on.

    windows: each ticker of this sync, and its first moment. after: the moment up to which another attempt of the same
    full refresh has written them; "" if there was none.
    """

    ticker: str
    windows: Mapping[str, str]
    after: str = ""

    def __str__(self) -> str:
        return f"news of {'the market' if self.ticker == MARKET else self.ticker}"


class NewsNote(NamedTuple):
    """What a page of a ticker's articles says beside the rows that its slice writes.

    newest: moment of the newest article, also of those that another ticker's slice writes; "" if there is none.
    left_to: other tickers, and the moment of the first article that their slices write.
    """

    newest: str
    left_to: Mapping[str, str]


class News(TableStream[NewsSlice]):
    """state = {"read": {"AAPL": ["2013-01-02", "2013-02-28T14:05:00Z"]}}    from the day .. to the newest article"""

    name = "news"
    path = "/v2/reference/news"
    primary_key = ("id",)
    cursor_field = "published_utc"

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        super().__init__(api, settings, logger)
        # What the checkpoints of this sync know: of the tickers read, the newest moment and what was left to others.
        self._newest: dict[str, str] = {}
        self._left_to: dict[str, dict[str, str]] = {}
        self._finished: set[str] = set()
        self._unowned: dict[str, str] = {}  # ids of articles that do not say what they are about, and who writes them

    def resume(self, saved: State) -> State:
        start, wanted = self._settings.start_date.isoformat(), self._settings.tickers or (MARKET,)
        read = {}
        try:
            for ticker, (from_day, newest) in saved.get("read", {}).items():
                if not isinstance(newest, str) or not is_moment(newest) or newest < FIRST_DAY.isoformat():
                    raise ValueError(newest)
                # Else start_date has moved to an earlier day: all is read again.
                if ticker in wanted and date.fromisoformat(from_day).isoformat() <= start:
                    read[ticker] = [from_day, newest]
        except (AttributeError, TypeError, ValueError) as error:
            raise not_ours(self.name, error) from None
        return {"read": read}

    def slices(self, state: State) -> Iterator[NewsSlice]:
        last_day = min(self._settings.end_date or self._settings.today, self._settings.today).isoformat()
        windows = {ticker: self._since(state["read"].get(ticker)) for ticker in self._settings.tickers or (MARKET,)}
        for ticker, since in windows.items():
            after = state["read"][ticker][1] if self.full_refresh and ticker in state["read"] else ""
            if max(since, after)[:10] <= last_day:
                yield NewsSlice(ticker, windows, after)

    def _since(self, read: list[str] | None) -> str:
        start = self._settings.start_date.isoformat()
        # All attempts of a full refresh have the same windows, or an article would change its owner between them.
        if read is None or self.full_refresh:
            return start
        # Articles arrive late too.
        day, lookback = date.fromisoformat(read[1][:10]), self._settings.lookback_days
        day = weekday_before(day, lookback) if lookback else day  # news come at the weekend too
        return max(start, f"{day}{read[1][10:]}")

    def group(self, stream_slice: NewsSlice) -> None:
        return None  # each ticker has its own entry in the state

    def query(self, stream_slice: NewsSlice) -> dict[str, Any]:
        ticker, windows, after = stream_slice
        since = after or windows[ticker]
        query = {"published_utc.gte": since, "order": "asc", "sort": "published_utc", "limit": 1000}
        if self._settings.end_date and self._settings.end_date < self._settings.today:
            query["published_utc.lt"] = start_of_day((self._settings.end_date + ONE_DAY).isoformat())
        return query if ticker == MARKET else {"ticker": ticker, **query}

    def parse(self, stream_slice: NewsSlice, response: Response) -> Page:
        page = super().parse(stream_slice, response)
        own, left_to = [], dict[str, str]()
        for row in page.rows:
            moment = row["published_utc"]
            owner = _owner(row, stream_slice) or self._unowned.setdefault(row["id"], stream_slice.ticker)
            if moment <= stream_slice.after:
                continue  # written by an earlier attempt
            if owner == stream_slice.ticker:
                own.append(row)
            else:
                left_to[owner] = min(moment, left_to.get(owner, moment))
        return Page(own, page.next_page_token, NewsNote(self._reached(r["published_utc"] for r in page.rows), left_to))

    def checkpoint(self, state: State, stream_slice: NewsSlice, written: Written) -> None:
        ticker = stream_slice.ticker
        self._newest[ticker] = max(written.note.newest, self._newest.get(ticker, ""))
        left_to = self._left_to.setdefault(ticker, {})
        for other, moment in written.note.left_to.items():
            left_to[other] = min(moment, left_to.get(other, moment))
        # Once all is written, the articles that stand under another ticker count too.
        own = self._reached([written.last["published_utc"]] if written.last else [])
        if reached := self._newest.get(ticker, "") if written.done else own:
            # Do not pass articles left to a failed ticker: it may be taken out of the config before it is read. (A full
            # refresh does: the next attempt has the same config.)
            left_to = {} if self.full_refresh else self._left_to.get(ticker, {})
            left = [moment for other, moment in left_to.items() if other not in self._finished]
            from_day, newest = state["read"].get(ticker, (self._settings.start_date.isoformat(), ""))
            state["read"][ticker] = [from_day, max(min([reached, *left]), newest)]
        if written.done:
            self._finished.add(ticker)

    def _reached(self, moments: Iterable[str]) -> str:
        """The newest moment, or "": how far the news have been read. Not one in the future, nor one oddly written."""
        tomorrow = (self._settings.today + ONE_DAY).isoformat()
        return max((moment for moment in moments if is_moment(moment) and moment[:10] <= tomorrow), default="")


def _owner(row: Mapping[str, Any], stream_slice: NewsSlice) -> str | None:
    """The ticker under which an article is written; None if the article does not say that it is about the slice's.

    An article about three of our tickers comes in three slices and must be written in one. That is the slice of the
    first ticker, in the config's order, that the article is about and whose window reaches back to it.
    """
    about, moment = row.get("tickers") or (), row["published_utc"]
    if stream_slice.ticker == MARKET:
        return MARKET
    if stream_slice.ticker not in about:
        return None
    both = (t for t, since in stream_slice.windows.items() if t in about and since <= moment)
    return next(both, stream_slice.ticker)


def is_moment(text: str) -> bool:
    """Whether a string is a moment (RFC 3339) as the API writes it: 2013-02-28T14:05:00Z."""
    return is_day(text[:10]) and text[10:11] == "T" and text[-1:] == "Z"
