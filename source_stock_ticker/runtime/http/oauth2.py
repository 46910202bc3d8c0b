"""OAuth 2 (RFC 6749): an access token that is made at run time, and refresh tokens that rotate."""

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from requests import PreparedRequest

from ..errors import ConnectorError, CredentialsError, UnexpectedResponse
from .auth import Authenticate, nobody
from .client import HttpClient
from .meaning import Meaning, usual_meaning
from .request import Request
from .response import Response

EARLY = 60.0  # seconds before its end a token is replaced: the API's clock may be ahead, and a request takes time


class Token(msgspec.Struct):
    """What the token's address answers (section 5.1). expires_in: seconds.

    Any, for an odd value must not lose the others: the old refresh token may be spent by then.
    """

    access_token: Any = None
    expires_in: Any = None
    refresh_token: Any = None


class Refusal(msgspec.Struct):
    """What it answers otherwise (section 5.2)."""

    error: str
    error_description: str | None = None


class OAuth2:
    """Puts an access token into requests, and replaces it before it ends or once it is refused. Threads may share it.

    form: what `url` is sent: {"grant_type": "client_credentials", "client_id": ..}, or "refresh_token" and that.
    hide: gets every token before it is used, so that none is ever written.
    save: gets each new refresh token before anything else happens: with most APIs the old one is spent by then, and a
    process that is killed must not lose it.
    authenticate, tries: of the requests to `url`; some APIs want id and secret by `basic`.
    """

    def __init__(
        self,
        url: str,
        form: Mapping[str, str],
        logger: logging.Logger,
        hide: Callable[[str], None],
        save: Callable[[str], None] | None = None,
        authenticate: Authenticate = nobody,
        tries: int = 5,
    ) -> None:
        self._url, self._form, self._hide, self._save = url, dict(form), hide, save
        self._client = HttpClient(authenticate, logger, tries=tries, meaning=_meaning)
        self._lock = threading.Lock()  # one thread gets the token, the others wait for it
        self._token, self._ends = "", 0.0  # the token, and when it is to be replaced, on the monotonic clock
        self._failed: ConnectorError | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        with self._lock:
            if time.monotonic() >= self._ends:
                self._get_token()
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def renew(self, refused: PreparedRequest) -> None:
        """The API did not accept the token in that request: get another one, if no thread has done so since."""
        with self._lock:
            if refused.headers["Authorization"] == f"Bearer {self._token}":
                self._ends = 0.0

    def _get_token(self) -> None:
        if self._failed is not None:
            raise self._failed
        # Nobody knows what became of a refresh token whose response is lost; to send it again may end the connection.
        request = Request(self._url, method="POST", form=self._form, repeatable="refresh_token" not in self._form)
        try:
            token = self._client.send(request).json_as(Token)
        except ConnectorError as error:
            error.detail = ""  # it may quote the answer, with tokens that nobody has hidden yet
            if isinstance(error, CredentialsError) or not request.may_be_repeated:
                self._failed = error  # a refresh token is not spent twice
            raise
        for secret in filter(_is_token, (token.access_token, token.refresh_token)):
            self._hide(secret)
        if _is_token(token.refresh_token) and token.refresh_token != self._form.get("refresh_token"):
            self._form["refresh_token"] = token.refresh_token
            if self._save is not None:
                self._save(token.refresh_token)
        if not _is_token(token.access_token):
            raise UnexpectedResponse(f"The API sent no access token for {request.path}.")
        self._token = token.access_token
        lifetime = _seconds(token.expires_in)
        self._ends = time.monotonic() + max(lifetime - EARLY, lifetime / 2, 1.0)


def _is_token(value: Any) -> bool:
    """Whether it can stand in a header."""
    return isinstance(value, str) and re.fullmatch("[!-~]+", value) is not None


def _seconds(lifetime: Any) -> float:
    """How long a token holds. Where the API does not say so: until it is refused."""
    try:
        return float(lifetime) if float(lifetime) > 0 else math.inf
    except (TypeError, ValueError, OverflowError):
        return math.inf


def _meaning(response: Response) -> Meaning:
    if response.status not in (400, 401, 403):
        return usual_meaning(response)
    refusal = response.json_as(Refusal)
    if refusal.error == "invalid_grant":
        return CredentialsError("The API no longer accepts the refresh token; sign in again to get a new one.")
    said = refusal.error_description or refusal.error
    return CredentialsError(f'The API gives no token for these credentials; check them. It says: "{said}"')
