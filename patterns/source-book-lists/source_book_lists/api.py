"""The remote API: its address, how it knows who asks, and what its responses mean. Nothing of Airbyte.

This one is invented, and the sandbox plays it:

    GET /books?page=2       {"rows": [...]}, SIZE on a page
    GET /authors?after=a2   {"rows": [...]}, and a header X-Next-Cursor on all pages but the last
    GET /loans?offset=40    {"rows": [...]}, oldest first; there is no parameter for a moment
    POST /token             {"access_token": "...", "expires_in": 3600}

All else comes with HTTP 200 too: {"error": {"code": "busy", "text": "Too many requests.", "seconds": 5}}.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from .runtime.errors import CredentialsError, Unavailable, UnexpectedResponse, start_of
from .runtime.http.auth import Authenticate, basic, in_header, in_parameter, nobody
from .runtime.http.client import HttpClient
from .runtime.http.meaning import Again, Meaning, Wait, usual_meaning
from .runtime.http.oauth2 import OAuth2
from .runtime.http.request import Request
from .runtime.http.response import Response

ADDRESS = "https://api.book-lists.example"
SIZE = 3  # rows on a full page


class BookListsApi:
    """Asks the API. credentials: as the config has them. hide: gets the tokens that are made at run time."""

    def __init__(
        self,
        base_url: str,
        credentials: Mapping[str, str],
        logger: logging.Logger,
        hide: Callable[[str], None],
        tries: int = 5,
    ) -> None:
        token_client = HttpClient(nobody, logger, tries=tries)

        def authentication() -> Authenticate:
            match credentials:
                case {"kind": "header", "api_key": key}:
                    return in_header("X-Library-Key", key)
                case {"kind": "parameter", "api_key": key}:
                    return in_parameter("key", key)
                case {"kind": "basic", "user": user, "password": password}:
                    return basic(user, password)
            form = {name: credentials[name] for name in ("client_id", "client_secret")}
            return OAuth2(token_client, f"{base_url}/token", {"grant_type": "client_credentials", **form}, hide)

        self._base_url = base_url
        self.client = HttpClient(authentication(), logger, tries=tries, meaning=meaning)

    def get(self, path: str, **query: Any) -> Response:
        """The good response to GET path?query; what is None is left out of the query."""
        return self.client.send(Request(self._base_url + path, query))


def meaning(response: Response) -> Meaning:
    """What a response means: an error may stand in the envelope of an HTTP 200."""
    if response.status == 401:
        return CredentialsError("credentials: the API does not accept them (HTTP 401).")
    match _error(response):
        case {"code": "busy", "seconds": int(seconds)}:
            return Wait(seconds)
        case {"code": "broken"}:
            return Again("it is out of order")
        case {"code": "closed", "text": text}:
            return Unavailable(f'The API does not give this: "{text}"')
        case {"text": text}:
            return UnexpectedResponse(f'The API refuses {response.path}: "{text}"')
    return usual_meaning(response)


def _error(response: Response) -> Any:
    try:
        return response.json()["error"]
    except (KeyError, TypeError, UnexpectedResponse):
        return None  # what is no envelope at all is for `rows` to refuse; then the page is fetched again


def rows(response: Response) -> list[Any]:
    """The rows in the envelope. Raises UnexpectedResponse."""
    match response.json():
        case {"rows": list(found)}:
            return found
    raise UnexpectedResponse(f"The API sent no rows for {response.path}.", start_of(str(response.body)))
