"""OAuth 2: an access token that is made at run time, and refresh tokens that rotate."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from requests import PreparedRequest

from ..errors import ConnectorError, CredentialsError, UnexpectedResponse
from .client import HttpClient
from .request import Request
from .response import Response

EARLY = 60.0  # seconds before its end a token is replaced: the API's clock may be ahead, and a request takes time


class OAuth2:
    """An access token that is made at run time (RFC 6749) and replaced before it ends. Threads may share it.

    client: asks the token's address `url`; its own credentials, often `nobody`, are those that go there.
    form: what is sent: {"grant_type": "client_credentials", "client_id": ..} or {"grant_type": "refresh_token", ..}.
    hide: gets every token before it is used, so that none is ever written.
    save: gets each new refresh token before anything else happens: with most APIs the old one is spent by then, and a
    process that is killed must not lose it.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        form: Mapping[str, str],
        hide: Callable[[str], None],
        save: Callable[[str], None] | None = None,
    ) -> None:
        self._client, self._url, self._form, self._hide, self._save = client, url, dict(form), hide, save
        self._lock = threading.Lock()  # one thread gets the token, the others wait for it
        self._token, self._ends = "", 0.0  # the token, and when it is to be replaced, on the monotonic clock
        self._refused: ConnectorError | None = None

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
            answer = self._answer(self._client.send(request))
        except CredentialsError as error:
            self._refused = error
            raise
        self._token = answer["access_token"]
        self._hide(self._token)
        new = answer.get("refresh_token")
        if isinstance(new, str) and new != self._form.get("refresh_token"):
            self._hide(new)
            self._form["refresh_token"] = new
            if self._save is not None:
                self._save(new)
        lifetime = float(answer.get("expires_in") or "inf")  # without one it holds until the API refuses it
        self._ends = time.monotonic() + max(lifetime - EARLY, lifetime / 2)

    def _answer(self, response: Response) -> dict[str, Any]:
        """What the token's address says. Raises CredentialsError (RFC 6749, 5.2) or UnexpectedResponse."""
        try:
            answer = response.json()
            if response.status in (400, 401, 403):
                raise self._refusal(answer)
            if response.status == 200 and isinstance(answer["access_token"], str):
                float(answer.get("expires_in") or 0)
                return dict(answer)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
        raise UnexpectedResponse(f"The API sent no token for {response.path} (HTTP {response.status}).")

    def _refusal(self, answer: Mapping[str, Any]) -> CredentialsError:
        if answer["error"] == "invalid_grant":
            return CredentialsError("The API no longer accepts the refresh token; sign in again to get a new one.")
        said = answer.get("error_description") or answer["error"]
        return CredentialsError(f'The API gives no token for these credentials; check them. It says: "{said}"')
