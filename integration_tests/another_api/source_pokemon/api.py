"""The remote API: its address, its key, its pages, and what its refusals mean. Nothing of Airbyte.

This one is invented, and the sandbox plays it:

    GET /species?offset=2               {"count": 3, "offset": 2, "results": [...]}
    GET /sightings?from=...&offset=2    the same, by the moment seen_at, in seconds since 1970
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

    from requests import PreparedRequest


class PokemonApi:
    """Asks the API. `base_url` without a slash at its end; only it ever gets the key.

    Every request raises ConfigError (key, plan), TransientError (network, rate limit) or UnexpectedResponse.
    """

    def __init__(
        self, base_url: str, key: str, logger: logging.Logger, requests_per_minute: int = 0, patient: bool = True
    ) -> None:
        def authenticate(request: PreparedRequest) -> PreparedRequest:
            # This API takes the key in the address alone.
            request.prepare_url(request.url, {"key": key})
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

    def pace(self) -> Pace:
        """How the requests go."""
        limit = self._client.rate_limit
        return Pace(limit.given, limit.seconds_to_wait())


def page_of(answer: Answer) -> tuple[list[Row], str | None]:
    """The rows of an answer, and the offset of the page behind it, if there is one. Raises UnexpectedResponse."""
    body = _parsed(answer)
    try:
        rows, following = body["results"], body["offset"] + len(body["results"])
        return rows, str(following) if following < body["count"] else None
    except (KeyError, TypeError):
        raise UnexpectedResponse(f"The API sent no page of rows for {answer.path}.", start_of(str(body))) from None


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
