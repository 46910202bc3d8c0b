"""Reads the reference tables, in full each time: from one response without pages to one request per parent."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.json import Decoder

from ..api import ROWS, Body, UnknownTicker, path_of, read_body
from ..runtime.errors import ConfigError, SkipSlice, UnexpectedResponse
from ..runtime.forecast import Forecast
from ..runtime.http.response import Response
from ..runtime.stream import Page, State
from .table import TableStream

MAX_TICKERS_ALONE = 12  # requested one by one; the whole list has about thirty pages, a ticker costs two requests
DETAILS: Decoder[Body[dict[str, Any]]] = Decoder(Body[dict[str, Any]])


class Exchanges(TableStream[str]):
    """Where stocks are traded. Pattern: one response without pages. (`id` is not unique: four facilities have id 4.)"""

    name = "exchanges"
    path = "/v3/reference/exchanges"
    primary_key = ("id", "name")

    def query(self, stream_slice: str) -> dict[str, Any]:
        return {"asset_class": "stocks", "locale": "us"}


class MarketHolidays(TableStream[str]):
    """Future days on which an exchange is closed or closes early. Pattern: a response that is a bare list.

    The API drops past holidays: use append instead of overwrite to keep them.
    """

    name = "market_holidays"
    path = "/v1/marketstatus/upcoming"
    primary_key = ("exchange", "date")

    def parse(self, stream_slice: str, response: Response) -> Page:
        body = response.json()
        if isinstance(body, dict):
            read_body(response, ROWS)  # says what is wrong with it
        if not isinstance(body, list):
            raise UnexpectedResponse(f"The API sent no list of holidays for {response.path}.")
        return Page(list(map(self.row, body)))


class TickerList(NamedTuple):
    """Active or delisted tickers: one market's, or a single one."""

    active: bool
    market: str | None
    ticker: str | None

    def __str__(self) -> str:
        return f"{self.ticker or self.market} ({'active' if self.active else 'delisted'})"


class Tickers(TableStream[TickerList]):
    """What trades or has traded. Pattern: a reference list, read once for each value of a filter.

    Without active=false the API omits delisted tickers. The table has no key: a ticker can pass to another company.
    """

    name = "tickers"
    path = "/v3/reference/tickers"
    has_pages = True

    def slices(self, state: State) -> Iterator[TickerList]:
        alone = 0 < len(self._settings.tickers) <= MAX_TICKERS_ALONE
        for active in (True, False):
            if alone:
                yield from (TickerList(active, None, ticker) for ticker in self._settings.tickers)
            else:
                yield from (TickerList(active, market, None) for market in ("stocks", "otc"))

    def query(self, stream_slice: TickerList) -> dict[str, Any]:
        active, market, ticker = stream_slice
        chosen = {"market": market} if ticker is None else {"ticker": ticker}
        return {**chosen, "active": active, "order": "asc", "sort": "ticker", "limit": 1000}

    def parse(self, stream_slice: TickerList, response: Response) -> Page:
        page = super().parse(stream_slice, response)
        wanted = set(self._settings.tickers)
        return page._replace(rows=[row for row in page.rows if not wanted or row["ticker"] in wanted])


class TickerDetails(TableStream[str]):
    """A company's profile. Pattern: one request per parent, a nested object, a parent that may be unknown."""

    name = "ticker_details"
    primary_key = ("ticker",)

    def forecast(self, state: State) -> Forecast:
        return super().forecast(state)._replace(rows=len(self._settings.tickers))

    def slices(self, state: State) -> Iterator[str]:
        if not self._settings.tickers:
            raise ConfigError("tickers: ticker_details needs one request per ticker; list the tickers you want.")
        yield from self._settings.tickers

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        try:
            return self._api.get(path_of("v3", "reference", "tickers", stream_slice))
        except UnknownTicker:
            raise SkipSlice("The API does not know it (HTTP 404).") from None

    def parse(self, stream_slice: str, response: Response) -> Page:
        details = read_body(response, DETAILS).results
        if details is None:
            raise UnexpectedResponse(f"The API sent no details for {response.path}.")
        row = self.row(details)
        if row["ticker"] != stream_slice:
            raise UnexpectedResponse(f"The API sent details of another ticker for {response.path}.")
        return Page([row])
