"""Calls the remote API: its address, its key, its pages, and what its refusals mean. Knows nothing about Airbyte.

This API is invented; the sandbox simulates it:

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
    """Sends requests to the API. base_url: without a trailing slash; only this host ever gets the key.

    Every request can raise ConfigError (key, plan), TransientError (network, rate limit) or UnexpectedResponse.
    """

    def __init__(
        self, base_url: str, key: str, logger: logging.Logger, requests_per_minute: int = 0, patient: bool = True
    ) -> None:
        self._base = base_url
        self.client = HttpClient(bearer(key), logger, requests_per_minute, 5 if patient else 1, meaning)

    def get(self, path: str, **query: str | None) -> Response:
        """The response to GET path?query, without query parameters that are None."""
        return self.client.send(Request(self._base + path, query))


def page_of(response: Response, name: str) -> tuple[list[Any], str | None]:
    """The rows of a response under `name`, and the number of the next page, if any. Raises UnexpectedResponse."""
    body = response.json()
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise UnexpectedResponse(f"The API sent no list of {name} for {response.path}.", start_of(str(body)))
    next_page = body.get("next_page")
    return rows, None if next_page is None else str(next_page)


def meaning(response: Response) -> Meaning:
    """What a response means; the API puts the reason under `error`."""
    if response.status == 200:
        return None
    quoted, path = "", response.path
    with suppress(UnexpectedResponse, KeyError, TypeError):  # a proxy may have responded
        quoted = f' The API says: "{start_of(str(response.json()["error"]))}"'
    match response.status:
        case 401:
            return CredentialsError(f"api_key: the API does not accept this key (HTTP 401).{quoted}")
        case 403:
            return ConfigError(f"Your key has no permission to read this (HTTP 403).{quoted}")
        case 404:
            return UnexpectedResponse(f"The API does not know {path} (HTTP 404); check api_url.{quoted}")
    return usual_meaning(response)
