"""The remote API: its address, its key, its pages, and what its refusals mean. Nothing of Airbyte.

Facts are from the API's documentation (massive.com/docs) and from what its users report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from .runtime import ConfigError, CredentialsError, Pace, UnexpectedAnswer, start_of
from .runtime.http_client import Answer, HttpClient

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from requests import PreparedRequest

HOSTS = {"api.massive.com", "api.polygon.io"}  # the API answers under both names, and links to either
LARGEST_PAGE = 50_000  # rows that one answer of custom bars can have
PAGE_TRIES = 3
MOST_STUCK_PAGES = 100  # in a row that bring nothing new
MOST_LIST_PAGES = 500  # of a list; the longest, the dividends of all stocks, has half as many
MOST_VALUES = 750_000  # in an answer, by its commas: tiny ones take 100 times their size; 50,000 bars have 450,000
GOOD = {"OK", "DELAYED"}  # DELAYED: the plan is not real time; the bars are good
LONGEST_FILTER = 6000  # characters of a list of tickers in an address; servers take 8,000 in all
SMALL = 4096  # bytes; an error sent with HTTP 200 is never longer


class NotYet(ConfigError):
    """The API refuses a day whose data the plan does not have yet (HTTP 403, "before end of day")."""


class TooOld(ConfigError):
    """The API refuses days that are older than the plan allows (HTTP 403, "timeframe")."""


class NotFound(UnexpectedAnswer):
    """The API has no such address (HTTP 404)."""


class UnknownTicker(NotFound):
    """The address is right, and the API does not know the ticker in it (HTTP 404, "Ticker not found.")."""


class StockApi:
    """Asks the API. `base_url` without a slash at its end; only it ever gets the key.

    Every request raises ConfigError (key, plan), TransientError (network, rate limit) or UnexpectedAnswer.
    """

    def __init__(
        self, base_url: str, key: str, logger: logging.Logger, requests_per_minute: int = 0, patient: bool = True
    ) -> None:
        def authenticate(request: PreparedRequest) -> PreparedRequest:
            # In a header: a key in the address would land in logs, errors and proxies.
            request.headers["Authorization"] = f"Bearer {key}"
            return request

        self._base = base_url
        self._client = HttpClient(authenticate, logger, requests_per_minute, 5 if patient else 1, _throttled)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """The answer to GET path?query."""
        answer = self._client.get(self._base + path + (f"?{urlencode(query)}" if query else ""))
        if answer.status != 200:
            raise _refusal(answer)
        return answer

    def rows(
        self, path: str, query: Mapping[str, Any], made: Callable[[dict[str, Any]], dict[str, Any]] = dict
    ) -> Iterator[dict[str, Any]]:
        """What `made` makes of each row of all pages of GET path?query, one page at a time.

        For the lists that `slices` needs: the runtime looks after the pages of a slice alone.
        """
        rows, page = self._page(made, path, query)
        yield from rows
        seen: set[str] = set()
        stuck, last = 0, rows[-1:]
        while page is not None:
            rows, following = self._page(made, page)
            stuck = 0 if rows and rows[-1:] != last else stuck + 1
            if page in seen:
                raise UnexpectedAnswer(f"The pages of {path} lead in a circle.")
            if stuck > MOST_STUCK_PAGES:
                raise UnexpectedAnswer(f"The last {stuck} pages of {path} brought nothing new.")
            if len(seen) == MOST_LIST_PAGES:
                raise UnexpectedAnswer(f"The API sent over {MOST_LIST_PAGES} pages for {path}.")
            seen.add(page)
            yield from rows
            page, last = following, rows[-1:] or last

    def _page(
        self,
        made: Callable[[dict[str, Any]], dict[str, Any]],
        path: str,
        query: Mapping[str, Any] | None = None,
        tries: int = PAGE_TRIES,
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The rows of one page and the path of the next. An answer that makes no sense is fetched again."""
        answer = self.get(path, query)
        try:
            body = parsed(answer)
            return list(map(made, results(answer, body))), self.next_path(body)
        except UnexpectedAnswer:
            if tries == 1:
                raise
        return self._page(made, path, query, tries - 1)

    def pace(self, until_request: int | None = None) -> Pace:
        """How the requests go; with the number of the last one that is planned also how long it still takes."""
        limit = self._client.rate_limit
        left = None if until_request is None else max(0, until_request - limit.given) * limit.interval
        return Pace(limit.given, limit.seconds_to_wait(), left)

    def next_path(self, body: Mapping[str, Any]) -> str | None:
        """Path and query of the page after this one; None on the last page. Raises UnexpectedAnswer.

        The link is an absolute URL without the key. Only its path is followed, on our own address.
        """
        link = body.get("next_url")
        if link is None or link == "":
            return None
        try:
            parts = urlsplit(link) if isinstance(link, str) else None
        except ValueError:
            parts = None
        if parts is None or parts.hostname not in HOSTS | {urlsplit(self._base).hostname}:
            raise UnexpectedAnswer(
                "The API's link to the next page (next_url) leads to another host.", start_of(str(link))
            )
        ours = urlsplit(self._base)
        # A proxy's link holds the path that our own address begins with; the API's does not.
        path = parts.path.removeprefix(ours.path) if parts.hostname == ours.hostname else parts.path
        # Old links had the key in them, and it must be in no address.
        query = "&".join(part for part in parts.query.split("&") if not part.lower().startswith("apikey="))
        return f"{path}?{query}" if query else path


def path_of(*segments: object) -> str:
    """A path of these segments, each escaped: tickers may hold any character."""
    return "".join("/" + quote(str(segment), safe="") for segment in segments)


def any_of(tickers: Iterable[str]) -> Iterator[str]:
    """Values for a `ticker.any_of` filter: the tickers joined by commas, cut to what an address holds."""
    chunk: list[str] = []
    length = 0
    for ticker in tickers:
        size = len(quote(ticker, safe="")) + len("%2C")
        if chunk and length + size > LONGEST_FILTER:
            yield ",".join(chunk)
            chunk, length = [], 0
        chunk.append(ticker)
        length += size
    if chunk:
        yield ",".join(chunk)


def parsed(answer: Answer) -> Any:
    """The JSON of an answer. Raises UnexpectedAnswer."""
    import orjson

    if len(answer.body) > MOST_VALUES and answer.body.count(b",") > MOST_VALUES:
        raise UnexpectedAnswer(f"The API sent over {MOST_VALUES:,} values for {answer.path}.")
    try:
        return orjson.loads(answer.body)
    except ValueError as error:
        sent = "an empty body" if not answer.body.strip() else "something that is not JSON"
        raise UnexpectedAnswer(
            f"The API sent {sent} for {answer.path}.", f"{error}: {start_of(str(answer.body))}"
        ) from None


def results(answer: Answer, body: Any) -> list[dict[str, Any]]:
    """The rows of an answer; empty if it has none: `results` is then absent, null or []. Raises UnexpectedAnswer.

    An answer that is no success may lack `results` too, so its status is looked at first.
    """
    if not isinstance(body, dict):
        raise UnexpectedAnswer(f"The API sent no JSON object for {answer.path}.")
    if str(body.get("status", "OK")) not in GOOD:
        raise _refusal(answer)
    rows = body.get("results")
    if rows is None or rows == []:
        says_so = rows == [] or "status" in body or "next_url" in body
        if not says_so or body.get("resultsCount") or body.get("count"):
            raise UnexpectedAnswer(f"The API sent no results for {answer.path}, and does not say that there are none.")
        return []
    if not isinstance(rows, list) or set(map(type, rows)) - {dict}:
        raise UnexpectedAnswer(f"The API sent results that are no list of rows for {answer.path}.")
    return rows


def _error_text(answer: Answer) -> str:
    """What an answer says went wrong: in `error` or `message`, if it is JSON at all."""
    try:
        body = parsed(answer)
    except UnexpectedAnswer:
        return ""
    text = (body.get("error") or body.get("message") or "") if isinstance(body, dict) else ""
    return start_of(str(text), 300)


def _throttled(answer: Answer) -> bool:
    """Too many requests: HTTP 429, or the same text with HTTP 200 and status ERROR, as some users saw."""
    if answer.status == 429:
        return True
    return (
        answer.status == 200
        and len(answer.body) < SMALL
        and b'"ERROR"' in answer.body
        and "maximum requests per minute" in _error_text(answer)
    )


def _refusal(answer: Answer) -> Exception:
    """The error for an answer that is no success. A 403 is told by its text: its code has four meanings."""
    said = _error_text(answer)
    quoted = f' The API says: "{said}"' if said else ""
    if answer.status == 401:
        return CredentialsError(
            f"api_key: the API does not know this key (HTTP 401); check it in your dashboard.{quoted}"
        )
    if answer.status == 403:
        if "before end of day" in said:
            return NotYet(f"end_date: your plan has no data of this day yet; choose an earlier day.{quoted}")
        if "timeframe" in said:
            return TooOld(
                "start_date: your plan does not go back so far (or this machine's clock is ahead); "
                f"choose a later start_date.{quoted}"
            )
        return ConfigError(f"Your plan does not include this data (HTTP 403).{quoted}")
    if answer.status == 404:
        kind = UnknownTicker if "ticker not found" in said.lower() else NotFound
        return kind(f"The API does not know {answer.path} (HTTP 404); is api_url right?{quoted}")
    if answer.status in (200, 400):
        return UnexpectedAnswer(f"The API refused {answer.path}.{quoted}", f"HTTP {answer.status}")
    return UnexpectedAnswer(f"The API answered HTTP {answer.status} for {answer.path}.{quoted}")
