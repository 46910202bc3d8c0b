"""Calls the remote API: its address, its credentials, and what its responses mean. Knows nothing about Airbyte.

This API is invented; the sandbox simulates it:

    GET /books?page=2        {"rows": [...]}, SIZE per page
    GET /authors?after=a2    {"rows": [...]}, and a header X-Next-Cursor on all pages but the last
    GET /loans?offset=40     {"rows": [...]}, oldest first; there is no date filter
    POST /token              {"access_token": "...", "expires_in": 3600}

Errors come with HTTP 200 too, {"error": {"code": "busy", "text": "Too many requests.", "seconds": 5}}, except for wrong
credentials, which are HTTP 401.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from .runtime.errors import CredentialsError, UnexpectedResponse, start_of
from .runtime.http.auth import Authenticate, basic, in_header, in_parameter
from .runtime.http.client import HttpClient
from .runtime.http.meaning import Meaning, Wait, usual_meaning
from .runtime.http.oauth2 import OAuth2
from .runtime.http.request import Request
from .runtime.http.response import Response
from .runtime.protocol import options

SIZE = 3  # rows on a full page
Hide = Callable[[str], None]


class BookListsApi:
    """Sends requests to the API. config: the user's. hide: receives the tokens that are created at run time."""

    def __init__(self, config: Mapping[str, Any], logger: logging.Logger, hide: Hide, tries: int = 5) -> None:
        self._url = options.address(config.get("api_url", "https://api.book-lists.example"))
        tokens = partial(OAuth2, f"{self._url}/token", logger=logger, hide=hide, tries=tries)
        authenticate = authentication(config["credentials"], tokens)
        self.client = HttpClient(authenticate, logger, tries=tries, meaning=meaning)

    def get(self, path: str, **query: Any) -> Response:
        """The good response to GET path?query, without query parameters that are None."""
        return self.client.send(Request(self._url + path, query))


def authentication(credentials: Mapping[str, str], tokens: Callable[..., OAuth2]) -> Authenticate:
    """Adds the credentials that the user chose to a request."""
    match credentials:
        case {"kind": "header", "api_key": key}:
            return in_header("X-Library-Key", key)
        case {"kind": "parameter", "api_key": key}:
            return in_parameter("key", key)
        case {"kind": "basic", "user": user, "password": password}:
            return basic(user, password)
    application = {name: credentials[name] for name in ("client_id", "client_secret")}
    return tokens(form={"grant_type": "client_credentials", **application})


def meaning(response: Response) -> Meaning:
    """What a response means: HTTP 200 can be an envelope with an error in it."""
    if response.status == 401:
        return CredentialsError("credentials: the API does not accept them (HTTP 401).")
    # Any other body goes to `rows_of`, which returns its rows or rejects it; a rejected page is fetched again.
    with suppress(KeyError, TypeError, UnexpectedResponse):
        match response.status, response.json()["error"]:
            case 200, {"code": "busy", "seconds": int(seconds)}:
                return Wait(seconds)
            case 200, {"text": text}:
                return UnexpectedResponse(f'The API refuses {response.path}: "{text}"')
    return usual_meaning(response)


def rows_of(response: Response) -> list[Any]:
    """The rows in the envelope. Raises UnexpectedResponse."""
    match response.json():
        case {"rows": list(rows)}:
            return rows
    raise UnexpectedResponse(f"The API sent no rows for {response.path}.", start_of(str(response.body)))
