"""The remote API: its address, its key, its pages, and what its refusals mean. Nothing of Airbyte.

This one is invented, and the sandbox plays it:

    GET /stations                                   {"stations": [...], "next_page": "2"}
    GET /stations/{id}/readings?since=...&page=2    {"readings": [...], "next_page": null}, oldest first
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .runtime import (
    ConfigError,
    ConnectorError,
    CredentialsError,
    Pace,
    Row,
    UnexpectedResponse,
    start_of,
)
from .runtime.http_client import Answer, HttpClient

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from requests import PreparedRequest


class RiverLevelsApi:
    """Asks the API. `base_url` without a slash at its end; only it ever gets the key.

    Every request raises ConfigError (key, plan), TransientError (network, rate limit) or UnexpectedResponse.
    """

    def __init__(
        self, base_url: str, key: str, logger: logging.Logger, requests_per_minute: int = 0, patient: bool = True
    ) -> None:
        def authenticate(request: PreparedRequest) -> PreparedRequest:
            # In a header: a key in the address would land in logs, errors and proxies.
            request.headers["Authorization"] = f"Bearer {key}"
            return request

        self._base = base_url
        self._client = HttpClient(authenticate, logger, requests_per_minute, 5 if patient else 1)

    def get(self, path: str, **query: str | None) -> Answer:
        """The answer to GET path?query; what is None is left out of the query."""
        said = urlencode({name: value for name, value in query.items() if value is not None})
        answer = self._client.get(f"{self._base}{path}?{said}" if said else self._base + path)
        # Here come 2xx and 4xx. 429, 408 and 5xx were tried again by the client, which raises; a redirect never comes.
        # If a 404 of your API means "no more pages", say so here: a `fetch` that returns None ends its slice.
        if answer.status != 200:
            raise _refusal(answer)
        return answer

    def rows(self, path: str, name: str) -> Iterator[Row]:
        """The rows of all pages of GET path, one page at a time."""
        page: str | None = None
        seen: set[str] = set()
        while True:
            rows, page = page_of(self.get(path, page=page), name)
            yield from rows
            if page is None:
                return
            if page in seen:
                raise UnexpectedResponse(f"The pages of {path} lead in a circle.", f"again {page}")
            seen.add(page)

    def pace(self) -> Pace:
        """How the requests go."""
        limit = self._client.rate_limit
        return Pace(limit.given, limit.seconds_to_wait())


def page_of(answer: Answer, name: str) -> tuple[list[Row], str | None]:
    """The rows that an answer holds under `name`, and which page comes next, if one does. Raises UnexpectedResponse."""
    body = _parsed(answer)
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list) or set(map(type, rows)) - {dict}:
        raise UnexpectedResponse(f"The API sent no list of {name} for {answer.path}.", start_of(str(body)))
    following = body.get("next_page")
    return rows, None if following is None else str(following)


def _parsed(answer: Answer) -> Any:
    import orjson

    try:
        return orjson.loads(answer.body)
    except ValueError as error:
        raise UnexpectedResponse(f"The API sent something that is not JSON for {answer.path}.", str(error)) from None


def _refusal(answer: Answer) -> ConnectorError:
    """The error for an answer that is no success; the API says what is wrong under `error`."""
    try:
        body = _parsed(answer)
    except UnexpectedResponse:
        body = None
    said = body.get("error") if isinstance(body, dict) else None
    quoted = f' The API says: "{start_of(str(said))}"' if said else ""
    if answer.status == 401:
        return CredentialsError(f"api_key: the API does not know this key (HTTP 401).{quoted}")
    if answer.status == 403:
        return ConfigError(f"Your key may not read this (HTTP 403).{quoted}")
    hint = "; is api_url right?" if answer.status == 404 else "."
    return UnexpectedResponse(f"The API answered HTTP {answer.status} for {answer.path}{hint}{quoted}")
