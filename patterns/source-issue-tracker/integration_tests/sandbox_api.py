"""Responds like the API, with the rows in sandbox_data.json, on this machine.

    python integration_tests/sandbox_api.py     for a person: http://localhost:8080, prints each request
    with SandboxApi() as api:                   for a test: api.url, on any free port, in a thread

This file simulates the API; sandbox_server.py has the server below it, with faults on demand.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from sandbox_server import Asked, Sandbox, serve

DATA = Path(__file__).parent / "sandbox_data.json"
MESSAGES = {
    401: "Bad credentials",
    403: "Resource not accessible by this token",
    404: "Not Found",
    405: "Method not allowed",
    409: "Git Repository is empty.",
    410: "This was deleted or is disabled",
}
# A fault, for `fail_next`: the API reports that requests come too fast, whatever is left of the hourly limit.
SECONDARY_LIMIT = (
    "status", 403, {"Retry-After": "1"}, {"message": "You have exceeded a secondary rate limit. Wait a few minutes."}
)  # fmt: skip

Answer = tuple[int, dict[str, str], Any]


@dataclass(kw_only=True)
class SandboxApi(Sandbox):
    """The sandbox. You can pass each attribute at the start or set it while the sandbox runs."""

    key: str = "sandbox-token"
    page_size: int = 2  # small, to get several pages, whatever `per_page` requests
    limit: int = 5000  # requests in a window of the rate limit; one more is answered by 403
    window: float = 3600.0  # seconds; a window begins with its first request
    data: dict[str, Any] = field(default_factory=lambda: json.loads(DATA.read_text("utf-8")))
    used: int = 0  # requests in this window
    reset: float = 0.0  # when this window ends, in seconds since 1970

    def answer(self, asked: Asked) -> Answer:
        """Code, headers and JSON body for a request."""
        if asked.method != "GET":
            return 405, {"Allow": "GET"}, self.error(405)
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {}, self.error(401)
        with self._lock:
            if time.time() >= self.reset:
                self.used, self.reset = 0, time.time() + self.window
            self.used += 1
            left = self.limit - self.used
        quota = {"X-RateLimit-Remaining": str(max(left, 0)), "X-RateLimit-Reset": str(int(self.reset + 1))}
        if left < 0:
            return 403, quota, {"message": "API rate limit exceeded"}
        code, headers, body = self.found(asked)
        return code, quota | headers, body

    def found(self, asked: Asked) -> Answer:
        """What the API has at a path."""
        path = unquote(urlsplit(asked.path).path)
        if path == "/user":
            return 200, {}, {"login": "jo"}
        if match := re.fullmatch("/orgs/([^/]+)/repos", path):
            owned = [row for row in self.data["repositories"] if row["full_name"].startswith(f"{match[1]}/")]
            return self.page(owned, asked) if owned else self.refused(404)
        if match := re.fullmatch("/repos/([^/]+/[^/]+)(/.*)?", path):
            return self.found_in(match[1], match[2] or "", asked)
        return self.refused(404)

    def found_in(self, name: str, below: str, asked: Asked) -> Answer:
        """What the API has of a repository."""
        if new := self.data["renamed"].get(name):
            return 301, {"Location": asked.path.replace(name, new, 1)}, {"message": "Moved"}
        if code := self.data["refused"].get(name) or self.data["refused"].get(name + below):
            return self.refused(code)
        repository = next((row for row in self.data["repositories"] if row["full_name"] == name), None)
        if repository is None:
            return self.refused(404)
        match below:
            case "":
                return 200, {}, repository
            case "/issues":
                return self.changes(self.data["issues"].get(name, []), "updated_at", asked)
            case "/commits":
                return self.changes(self.data["commits"].get(name, []), "committed_at", asked)
        rows = self.data["comments"].get(f"{name}{below}".removesuffix("/comments"))
        return self.refused(404) if rows is None else self.page(rows, asked)

    def changes(self, rows: list[Any], cursor: str, asked: Asked) -> Answer:
        """The page of the rows from `since` on, and its ETag; an empty 304 if the client has that ETag."""
        since = moment(asked.query.get("since", "1970-01-01T00:00:00Z"))
        found = [row for row in rows if moment(row[cursor]) >= since]
        if asked.query.get("sort") == "updated":
            found.sort(key=lambda row: moment(row[cursor]), reverse=asked.query.get("direction") == "desc")
        code, headers, page = self.page(found, asked)
        etag = f'"{hashlib.sha256(json.dumps(page).encode()).hexdigest()[:16]}"'
        known = asked.headers.get("if-none-match") == etag
        return (304, {"ETag": etag}, b"") if known else (code, headers | {"ETag": etag}, page)

    def page(self, rows: list[Any], asked: Asked) -> Answer:
        """One page of the rows; if there are others, the header Link has their addresses."""
        number, size = int(asked.query.get("page", 1)), min(int(asked.query.get("per_page", 30)), self.page_size)
        links = {"prev": number - 1} if number > 1 else {}
        if number * size < len(rows):
            links["next"] = number + 1
        here = f"{self.url}{urlsplit(asked.path).path}"
        link = [f'<{here}?{urlencode({**asked.query, "page": to})}>; rel="{rel}"' for rel, to in links.items()]
        return 200, {"Link": ", ".join(link)} if link else {}, rows[(number - 1) * size : number * size]

    def refused(self, code: int) -> Answer:
        return code, {}, self.error(code)

    def error(self, code: int) -> Any:
        """The API's error body for a code."""
        return {"message": MESSAGES.get(code, "Server Error")}

    def rows(self, name: str, since: str = "") -> Iterator[dict[str, Any]]:
        """All issues, comments or commits of the API since a moment, each with its repository."""
        for place, rows in self.data[name].items():
            repository, _, number = place.partition("/issues/")
            parent = {"repository": repository} | ({"issue_number": int(number)} if number else {})
            cursor = "committed_at" if name == "commits" else "updated_at"
            yield from (row | parent for row in rows if not since or moment(row[cursor]) >= moment(since))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


if __name__ == "__main__":
    serve(SandboxApi, "key {api.key}")
