"""Responds like the API, with the rows in sandbox_data.json, on this machine.

    python integration_tests/sandbox_api.py     for a person: http://localhost:8080, prints each request
    with SandboxApi() as api:                   for a test: api.url, on any free port, in a thread

This file simulates the API; sandbox_server.py has the server below it, with faults on demand.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox_server import Asked, Sandbox, serve

DATA = Path(__file__).parent / "sandbox_data.json"
ANSWERS = {401: "Who are you?", 404: "There is no such list.", 405: "That cannot be done.", 503: "Out of order."}


@dataclass(kw_only=True)
class SandboxApi(Sandbox):
    """The sandbox. You can pass each attribute at the start or set it while the sandbox runs."""

    key: str = "sandbox-key"  # the API's key, the password and the secret of the application
    size: int = 3  # rows on a page
    lifetime: float = 3600  # seconds, of a token
    uses: int = 1_000_000  # after this many requests a token is no longer accepted, whatever its lifetime
    data: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: json.loads(DATA.read_text("utf-8")))
    tokens: dict[str, int] = field(default_factory=dict)  # token -> how often it was used

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Code, headers and body."""
        name = urlsplit(asked.path).path.removeprefix("/")
        if name == "token":
            return self.token(asked)
        if not self.knows(asked):
            return 401, {}, self.error(401)
        if asked.method != "GET":
            return 405, {"Allow": "GET"}, self.error(405)
        if name not in self.data:
            return 200, {}, self.error(404)
        return self.page(self.data[name], **{k: v for k, v in asked.query.items() if k != "key"})

    def error(self, code: int) -> Any:
        """The envelope's error for a code."""
        return {"error": {"code": "broken" if code >= 500 else "refused", "text": ANSWERS.get(code, f"No ({code}).")}}

    def knows(self, asked: Asked) -> bool:
        """Whether the request has credentials of one of the four kinds."""
        authorization = asked.headers.get("authorization", "")
        user = f"Basic {b64encode(f'ann:{self.key}'.encode()).decode()}"
        said = (asked.headers.get("x-library-key"), asked.query.get("key"), authorization)
        if said in [(self.key, None, ""), (None, self.key, ""), (None, None, user)]:
            return True
        token = authorization.removeprefix("Bearer ")
        with self._lock:
            if token not in self.tokens or self.tokens[token] == self.uses or said[:2] != (None, None):
                return False
            self.tokens[token] += 1
            return True

    def token(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """A new token for the application."""
        wanted = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": self.key}
        if asked.method != "POST" or asked.form != wanted:
            return 401, {}, {"error": "invalid_client"}
        with self._lock:
            token = f"token-{len(self.tokens) + 1}-of-the-sandbox"
            self.tokens[token] = 0
        return 200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}

    def page(
        self, rows: list[dict[str, Any]], page: str = "1", after: str = "", offset: str = "0"
    ) -> tuple[int, dict[str, str], Any]:
        """One page: by its number, or after a cursor or an offset."""
        behind = next((place for place, row in enumerate(rows, 1) if row.get("id") == after), 0)
        first = behind + int(offset) + (int(page) - 1) * self.size
        found = rows[first : first + self.size]
        more = "id" in rows[0] and first + self.size < len(rows)
        return 200, {"X-Next-Cursor": found[-1]["id"]} if more else {}, {"rows": found}


if __name__ == "__main__":
    serve(SandboxApi, "key {api.key}")
