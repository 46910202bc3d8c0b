"""The remote API: its address, its key, its pages, and what its refusals mean. Nothing of Airbyte.

This one is invented, and the sandbox plays it:

    GET /species?offset=2               {"count": 3, "offset": 2, "results": [...]}
    GET /sightings?from=...&offset=2    the same, by the moment seen_at, in seconds since 1970
"""

import logging
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from requests import PreparedRequest

from .runtime.errors import ConfigError, ConnectorError, CredentialsError, UnexpectedResponse, start_of
from .runtime.http.client import HttpClient
from .runtime.http.rate_limit import RequestStats
from .runtime.http.response import Response


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

    def get(self, path: str, **query: str | None) -> Response:
        """The response to GET path?query; what is None is left out of the query."""
        filled = urlencode({name: value for name, value in query.items() if value is not None})
        response = self._client.get(self._base + path + (f"?{filled}" if filled else ""))
        # Here come 2xx and 4xx. 429, 408 and 5xx were tried again by the client, which raises; a redirect never comes.
        # If a 404 of your API means "no more pages", say so here: a `fetch` that returns None ends its slice.
        if response.status != 200:
            raise _refusal(response)
        return response

    def request_stats(self) -> RequestStats:
        """How the requests go."""
        return self._client.rate_limit.stats()


def page_of(response: Response) -> tuple[list[Any], str | None]:
    """The rows of a response, and the offset of the page behind it, if there is one. Raises UnexpectedResponse."""
    body = response.json()
    try:
        rows, next_offset = body["results"], body["offset"] + len(body["results"])
        return rows, str(next_offset) if next_offset < body["count"] else None
    except (KeyError, TypeError):
        raise UnexpectedResponse(f"The API sent no page of rows for {response.path}.", start_of(str(body))) from None


def _refusal(response: Response) -> ConnectorError:
    """The error for a response that is no success; the API says what is wrong under `error`."""
    quoted, path = "", response.path
    with suppress(UnexpectedResponse, KeyError, TypeError):
        quoted = f' The API says: "{start_of(str(response.json()["error"]))}"'
    match response.status:
        case 401:
            return CredentialsError(f"api_key: the API does not know this key (HTTP 401).{quoted}")
        case 403:
            return ConfigError(f"Your key may not read this (HTTP 403).{quoted}")
        case 404:
            return UnexpectedResponse(f"The API does not know {path} (HTTP 404); is api_url right?{quoted}")
    return UnexpectedResponse(f"The API answered HTTP {response.status} for {path}.{quoted}")
