"""Calls the remote API: its address, its key, its pages, and what its refusals mean.

The facts come from the API's documentation (massive.com/docs) and from reports of its users.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from msgspec import UNSET, Raw, Struct, ValidationError, convert
from msgspec.json import Decoder

from .runtime.errors import ConfigError, CredentialsError, UnexpectedResponse, start_of
from .runtime.http.auth import bearer
from .runtime.http.client import HttpClient
from .runtime.http.meaning import Meaning, Wait, usual_meaning
from .runtime.http.pages import own_path
from .runtime.http.paging import follow
from .runtime.http.request import Request
from .runtime.http.response import Response
from .runtime.http.retries import TRIES
from .runtime.protocol.row_type import with_usual_numbers
from .runtime.stream import Page
from .trading_days import BarSize, weekday_before

HOSTS = {"api.massive.com", "api.polygon.io"}  # the API has both names, and its links use either
MAX_PAGE = 50_000  # rows in one response of custom bars
MAX_LIST_PAGES = 500  # of a list; the longest, the dividends of all stocks, has half as many
GOOD = {"OK", "DELAYED"}  # DELAYED: the plan is not real-time; the bars are good
MAX_FILTER = 6000  # characters of a list of tickers in a URL; most servers accept 8,000 in all
MAX_ERROR = 4096  # bytes; a longer body is not an error message, so large responses are decoded only once

R = TypeVar("R")
T = TypeVar("T")


class Body(Struct, Generic[R]):
    """The envelope of a response. results: a list or an object; None if there are none."""

    status: Any = UNSET
    results: R | None = None
    resultsCount: Any = None
    count: Any = None
    next_url: Any = UNSET
    ticker: Any = UNSET
    adjusted: Any = UNSET


ROWS: Decoder[Body[list[Any]]] = Decoder(Body[list[dict[str, Any]]])
RAW_ROWS: Decoder[Body[list[Any]]] = Decoder(Body[list[Raw]])  # rows that are valid JSON, not yet decoded


class NotYet(ConfigError):
    """The plan does not have this day's data yet (HTTP 403, "before end of day")."""


class TooOld(ConfigError):
    """The days are older than the plan allows (HTTP 403, "timeframe")."""


class NotFound(UnexpectedResponse):
    """The API has no such address (HTTP 404)."""


class UnknownTicker(NotFound):
    """The address is right, but the API does not know the ticker in it (HTTP 404, "Ticker not found.")."""


class TooLong(UnexpectedResponse):
    """The address is too long for the API or for a proxy in front of it (HTTP 413, 414, 431)."""


class StockApi:
    """Sends requests to the API. base_url: without a trailing slash; only this host ever gets the key.

    last_day: the last day that the API has, as far as known. Threads can share an object.
    Every request can raise ConfigError (key, plan), TransientError (network, rate limit) or UnexpectedResponse.
    """

    def __init__(
        self, base_url: str, key: str, logger: logging.Logger, requests_per_minute: int = 0, patient: bool = True
    ) -> None:
        self.last_day = date.max
        self._base = base_url
        self._logger = logger
        self._max_filter = MAX_FILTER  # characters; fewer after an address was too long
        tries = TRIES if patient else 1
        self.client = HttpClient(bearer(key), logger, requests_per_minute, tries, _meaning)

    def get(self, path: str, query: Mapping[str, Any] | None = None, next_path: str | None = None) -> Response:
        """The response to GET path?query, or to `next_path`: a further page."""
        request = Request(self._base + next_path) if next_path else Request(self._base + path, query or {})
        return self.client.send(request)

    def rows(
        self,
        path: str,
        query: Mapping[str, Any],
        make_row: Callable[[Any], T],
        decoder: Decoder[Body[list[Any]]] = ROWS,
    ) -> Iterator[T]:
        """All rows of a list, each made by `make_row`, for what `slices` needs to know."""
        fetch, parse = partial(self.get, path, query), partial(self.page, make_row=make_row, decoder=decoder)
        for page in follow(fetch, parse, path, self._logger, MAX_LIST_PAGES):
            yield from page.rows

    def by_filter(self, tickers: Sequence[str], ask: Callable[[dict[str, str]], T]) -> Iterator[T]:
        """One result of `ask` per filter; the filters together name all tickers, in as few requests as URLs allow.

        ask: makes the requests; takes the filter part of their query, {"ticker.any_of": "AAPL,MSFT"}. If it raises
        TooLong, it is called again with half as many tickers, and no later filter is longer. Raises TooLong if a
        single ticker is too long.
        """
        rest = tickers
        while rest:
            chunk = next(chunks(rest, self._max_filter))
            try:
                result = ask({"ticker.any_of": ",".join(chunk)})
            except TooLong as error:
                if len(chunk) == 1:
                    text = f'An address with only the ticker "{chunk[0]}" is too long for the API. {error.message}'
                    raise TooLong(text) from None
                self._max_filter = sum(map(_length, chunk)) // 2
                self._logger.info("An address with %d tickers is too long; trying half as many.", len(chunk))
            else:
                yield result
                rest = rest[len(chunk) :]

    def page(
        self, response: Response, make_row: Callable[[Any], Any], decoder: Decoder[Body[list[Any]]] = ROWS
    ) -> Page:
        """The rows of one response, each made by `make_row`, and the token of the next page."""
        body = read_body(response, decoder)
        return Page(list(map(make_row, body.results or [])), self.next_path(body))

    def bars(
        self, ticker: str, size: BarSize, first: date, last: date, adjusted: bool, limit: int = MAX_PAGE
    ) -> Response | None:
        """The first page of a ticker's custom bars, both days included; None if the API has no data from `first` on.

        https://massive.com/docs/rest/stocks/aggregates/custom-bars
        """
        last = min(last, self.last_day)
        if last < first:
            return None
        path = path_of(
            "v2", "aggs", "ticker", ticker, "range", size.multiplier, size.timespan, size.first_day(first), last
        )
        try:
            return self.get(path, {"adjusted": adjusted, "sort": "asc", "limit": limit})
        except NotYet:
            if last == self.last_day:
                raise  # last_day was lowered before: even the day before is refused, so a few hours later will not help
        self.last_day = min(self.last_day, weekday_before(last, 1))
        return self.bars(ticker, size, first, last, adjusted, limit)

    def day_bars(self, day: date, adjusted: bool) -> Response | None:
        """One day's grouped bars, OTC tickers included, or None if the API does not have the day yet.

        https://massive.com/docs/rest/stocks/aggregates/daily-market-summary
        """
        path = path_of("v2", "aggs", "grouped", "locale", "us", "market", "stocks", day)
        try:
            return self.get(path, {"adjusted": adjusted, "include_otc": True})
        except NotYet:
            return None

    def next_path(self, body: Body[Any]) -> str | None:
        """Path and query of the next page; None on the last page. Raises UnexpectedResponse.

        The API's link is an absolute URL without the key. Only its path is used, on our own address.
        """
        if body.next_url is UNSET or body.next_url is None or body.next_url == "":
            return None
        path, _, query = own_path(body.next_url, self._base, HOSTS).partition("?")
        # Old links contained the key, which must not appear in any address.
        query = "&".join(part for part in query.split("&") if not part.lower().startswith("apikey="))
        return f"{path}?{query}" if query else path


def path_of(*segments: object) -> str:
    """A path of these segments, each escaped: tickers can contain any character."""
    return "".join("/" + quote(str(segment), safe="") for segment in segments)


def chunks(tickers: Iterable[str], max_length: int = MAX_FILTER) -> Iterator[list[str]]:
    """The tickers in lists, each with at most `max_length` characters in a URL (a longer ticker is alone)."""
    chunk: list[str] = []
    length = 0
    for ticker in tickers:
        size = _length(ticker)
        if chunk and length + size > max_length:
            yield chunk
            chunk, length = [], 0
        chunk.append(ticker)
        length += size
    if chunk:
        yield chunk


def _length(ticker: str) -> int:
    """The length of a ticker and its comma in the query of a URL."""
    return len(quote(ticker, safe="")) + len("%2C")


def read_body(response: Response, decoder: Decoder[Body[R]], schema: Mapping[str, Any] | None = None) -> Body[R]:
    """The body of a response, with `results` of the decoder's type. Raises UnexpectedResponse.

    schema (JSON Schema): where other spellings of a number are accepted, see row_type.py.
    """
    try:
        body = response.decoded(decoder)
    except ValidationError:
        body = _second_look(response, decoder, schema or {})
    # A failed response may lack `results` too, so check its status first.
    if body.status is not UNSET and str(body.status) not in GOOD:
        raise _refusal(response)
    says_none = body.results is not None or body.status is not UNSET or body.next_url is not UNSET
    if not body.results and (body.resultsCount or body.count or not says_none):
        if _error_text(response):
            raise _refusal(response)
        raise UnexpectedResponse(f"The API sent no results for {response.path} without saying that there are none.")
    return body


def _second_look(response: Response, decoder: Decoder[Body[R]], schema: Mapping[str, Any]) -> Body[R]:
    """The body of a response that does not fit the decoder at first. Raises UnexpectedResponse."""
    body = response.json()
    if isinstance(body, dict) and str(body.get("status", "OK")) not in GOOD:
        raise _refusal(response)
    try:
        converted: Body[R] = convert(with_usual_numbers(body, schema), decoder.type)
        return converted
    except ValidationError as error:
        raise UnexpectedResponse(f"The API's response for {response.path} is not as documented: {error}.") from None


def _error_text(response: Response) -> str:
    """What went wrong, from the `error` or `message` of a JSON response; "" if there is none."""
    try:
        body = response.json()
    except UnexpectedResponse:
        return ""
    text = (body.get("error") or body.get("message") or "") if isinstance(body, dict) else ""
    return start_of(str(text), 300)


def _meaning(response: Response) -> Meaning:
    """What a response means. Users have seen the rate limit's text with other statuses than 429, even with 200."""
    if len(response.body) < MAX_ERROR and "maximum requests per minute" in _error_text(response):
        return Wait()
    usual = usual_meaning(response)
    return _refusal(response) if isinstance(usual, UnexpectedResponse) else usual


def _refusal(response: Response) -> Exception:
    """The error for a failed response."""
    said, path = _error_text(response), response.path
    quoted = f' The API says: "{said}"' if said else ""
    match response.status:
        case 401:
            text = f"api_key: the API does not accept this key (HTTP 401); check it in your dashboard.{quoted}"
            return CredentialsError(text)
        case 403:
            return _forbidden(said, quoted, path)
        case 404:
            kind = UnknownTicker if "ticker not found" in said.lower() else NotFound
            return kind(f"The API does not know {path} (HTTP 404); check api_url.{quoted}")
        case 413 | 414 | 431:
            return TooLong(f"The API returned HTTP {response.status} for {path}.{quoted}")
        case 200 | 400:
            return UnexpectedResponse(f"The API refused {path}.{quoted}", f"HTTP {response.status}")
    return UnexpectedResponse(f"The API returned HTTP {response.status} for {path}.{quoted}")


def _forbidden(said: str, quoted: str, path: str) -> ConfigError:
    """The error for a 403, by its text: the status alone has several meanings."""
    if not said:  # the API always gives a reason
        return ConfigError(f"HTTP 403 without a reason for {path}: a firewall or a proxy may block this machine.")
    if "before end of day" in said:
        return NotYet(f"end_date: your plan has no data for this day yet; choose an earlier day.{quoted}")
    if "timeframe" in said:
        return TooOld(
            "start_date: your plan does not go back that far (or this machine's clock is ahead); "
            f"choose a later start_date.{quoted}"
        )
    return ConfigError(f"Your plan does not include this data (HTTP 403).{quoted}")
