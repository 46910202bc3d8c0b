"""OAuth 2 (RFC 6749): an access token that is made at run time, and refresh tokens that rotate."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from requests import PreparedRequest

from ..errors import CredentialsError
from .auth import Authenticate, nobody
from .client import HttpClient
from .meaning import Meaning, usual_meaning
from .request import Request
from .response import Response

EARLY = 60.0  # seconds before its end a token is replaced: the API's clock may be ahead, and a request takes time


class Token(msgspec.Struct):
    """What the token's address answers (section 5.1). expires_in: seconds, which some write as a string."""

    access_token: str
    expires_in: float | Annotated[str, msgspec.Meta(pattern=r"^\d+$")] | None = None
    refresh_token: str | None = None


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
        self._refused: CredentialsError | None = None

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
        if self._refused is not None:  # a refresh token is not spent twice
            raise self._refused
        # Nobody knows what became of a refresh token whose response is lost; to send it again may end the connection.
        request = Request(self._url, method="POST", form=self._form, repeatable="refresh_token" not in self._form)
        try:
            token = self._client.send(request).json_as(Token)
        except CredentialsError as error:
            self._refused = error
            raise
        self._hide(token.access_token)
        if token.refresh_token and token.refresh_token != self._form.get("refresh_token"):
            self._hide(token.refresh_token)
            self._form["refresh_token"] = token.refresh_token
            if self._save is not None:
                self._save(token.refresh_token)
        self._token = token.access_token
        lifetime = float(token.expires_in or "inf")  # without one it holds until the API refuses it
        self._ends = time.monotonic() + max(lifetime - EARLY, lifetime / 2)


def _meaning(response: Response) -> Meaning:
    if response.status not in (400, 401, 403):
        return usual_meaning(response)
    refusal = response.json_as(Refusal)
    if refusal.error == "invalid_grant":
        return CredentialsError("The API no longer accepts the refresh token; sign in again to get a new one.")
    said = refusal.error_description or refusal.error
    return CredentialsError(f'The API gives no token for these credentials; check them. It says: "{said}"')
