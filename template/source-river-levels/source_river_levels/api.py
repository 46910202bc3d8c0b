"""The remote API: its address, its key, its pages, and what its refusals mean. Nothing of Airbyte.

This one is invented, and the sandbox plays it:

    GET /stations                                   {"stations": [...], "next_page": "2"}
    GET /stations/{id}/readings?since=...&page=2    {"readings": [...], "next_page": null}, oldest first
"""

import logging
from contextlib import suppress
from typing import Any

from .runtime.errors import ConfigError, CredentialsError, UnexpectedResponse, start_of
from .runtime.http.auth import bearer
from .runtime.http.client import HttpClient
from .runtime.http.meaning import Meaning, usual_meaning
from .runtime.http.request import Request
from .runtime.http.response import Response


class RiverLevelsApi:
    """Asks the API. `base_url` without a slash at its end; only it ever gets the key.

    Every request raises ConfigError (key, plan), TransientError (network, rate limit) or UnexpectedResponse.
    """

    def __init__(
        self, base_url: str, key: str, logger: logging.Logger, requests_per_minute: int = 0, patient: bool = True
    ) -> None:
        self._base = base_url
        self.client = HttpClient(bearer(key), logger, requests_per_minute, 5 if patient else 1, meaning)

    def get(self, path: str, **query: str | None) -> Response:
        """The response to GET path?query; what is None is left out of the query."""
        return self.client.send(Request(self._base + path, query))


def page_of(response: Response, name: str) -> tuple[list[Any], str | None]:
    """The rows that a response has under `name`, and which page comes next, if one does. Raises UnexpectedResponse."""
    body = response.json()
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise UnexpectedResponse(f"The API sent no list of {name} for {response.path}.", start_of(str(body)))
    next_page = body.get("next_page")
    return rows, None if next_page is None else str(next_page)


def meaning(response: Response) -> Meaning:
    """What a response means; the API says what is wrong under `error`."""
    if response.status == 200:
        return None
    quoted, path = "", response.path
    with suppress(UnexpectedResponse, KeyError, TypeError):  # it may be a proxy that answers
        quoted = f' The API says: "{start_of(str(response.json()["error"]))}"'
    match response.status:
        case 401:
            return CredentialsError(f"api_key: the API does not accept this key (HTTP 401).{quoted}")
        case 403:
            return ConfigError(f"Your key may not read this (HTTP 403).{quoted}")
        case 404:
            return UnexpectedResponse(f"The API does not know {path} (HTTP 404); check api_url.{quoted}")
    return usual_meaning(response)
