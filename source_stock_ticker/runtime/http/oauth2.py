"""Handles OAuth 2 (RFC 6749): access tokens created at run time, and refresh tokens that rotate."""

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

EARLY = 60.0  # seconds before it expires, replace a token: the API's clock may be ahead, and a request takes time


class Token(msgspec.Struct):
    """The response of the token URL (section 5.1). expires_in: seconds.

    The fields are Any: one invalid value must not lose the others, because the old refresh token may be used up.
    """

    access_token: Any = None
    expires_in: Any = None
    refresh_token: Any = None


class Refusal(msgspec.Struct):
    """The error response of the token URL (section 5.2)."""

    error: str
    error_description: str | None = None


class OAuth2:
    """Adds an access token to requests, and replaces it before it expires or after a refusal. Threads can share it.

    form: the body sent to `url`, like {"grant_type": "client_credentials", "client_id": .., "client_secret": ..}.
    hide: receives every token before it is used, so none is ever written.
    save: receives each new refresh token before anything else happens: with most APIs the old one is no longer valid.
    (If the process is killed before the API's response arrives, the new one is lost, and the user must sign in again.)
    authenticate, tries: for the requests to `url`; some APIs expect id and secret by `basic`.
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
        self._token, self._replace_at = "", 0.0  # the token, and when to replace it, on the monotonic clock
        self._failed: ConnectorError | None = None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        with self._lock:
            if time.monotonic() >= self._replace_at:
                self._get_token()
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def renew(self, refused: PreparedRequest) -> None:
        """The API rejected the token in that request: get a new one, unless another thread has already done so."""
        with self._lock:
            if refused.headers["Authorization"] == f"Bearer {self._token}":
                self._replace_at = 0.0

    def _get_token(self) -> None:
        if self._failed is not None:
            raise self._failed
        # If the response is lost, the refresh token may be used up; sending it again can revoke the access.
        request = Request(self._url, method="POST", form=self._form, repeatable="refresh_token" not in self._form)
        try:
            token = self._client.send(request).json_as(Token)
        except ConnectorError as error:
            error.detail = ""  # it can quote the response, with tokens that are not hidden yet
            if isinstance(error, CredentialsError) or not request.may_be_repeated:
                self._failed = error  # never send a refresh token twice
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
        self._replace_at = time.monotonic() + max(lifetime - EARLY, lifetime / 2)


def _is_token(value: Any) -> bool:
    """Whether the value can be sent in a header."""
    return isinstance(value, str) and re.fullmatch("[!-~]+", value) is not None


def _seconds(lifetime: Any) -> float:
    """How long a token is valid. If the API does not say: until it is rejected."""
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
    return CredentialsError(f'The API issues no token for these credentials; check them. The API says: "{said}"')
