"""Responds like the API, with the rows in sandbox_data.json, on this machine.

    python integration_tests/sandbox_api.py     for a person: http://localhost:8080, prints each request
    with SandboxApi() as api:                   for a test: api.url, on any free port, in a thread

This file simulates the API; sandbox_server.py has the server below it, with faults on demand.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from sandbox_server import Asked, Sandbox, serve

DATA = Path(__file__).parent / "sandbox_data.json"
LAST_DAY = datetime.now(timezone.utc).date() - timedelta(days=1)  # of spend and clicks
FIRST_DAY = LAST_DAY - timedelta(days=37)
MAX_WINDOW = 31  # days that one request for spend or clicks may cover
CATEGORIES = {400: "VALIDATION", 401: "INVALID_TOKEN", 403: "FORBIDDEN", 404: "NOT_FOUND", 429: "RATE_LIMITS"}

Answer = tuple[int, dict[str, str], Any]


def rows_of_every_day(accounts: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Spend and clicks of each account, oldest first."""
    spend, clicks = [], []
    for number in range((LAST_DAY - FIRST_DAY).days + 1):
        day = (FIRST_DAY + timedelta(days=number)).isoformat()
        for account in accounts:
            key = {"account_id": account["id"], "date": day}
            spend.append({**key, "impressions": 1000 + number, "clicks": 1, "spend": 12.5 + number})
            campaign = 'Spring, "early"\nbirds' if number % 7 == 0 else "Spring"  # what CSV must quote
            clicks.append({"id": f"{account['id']}-{number}", **key, "campaign": campaign, "cost": f"{number}.25"})
    return spend, clicks


@dataclass(kw_only=True)
class SandboxApi(Sandbox):
    """The sandbox. You can pass each attribute at the start or set it while the sandbox runs."""

    client: tuple[str, str] = ("sandbox-client", "sandbox-client-secret")
    refresh_token: str = "sandbox-refresh-token"  # the valid one: every use replaces it
    private_token: str = "sandbox-private-token"  # of a private app: always valid
    uses: float = math.inf  # requests for which an access token is valid
    page_size: int = 2  # the maximum of a page: small, to get several pages
    pending: int = 0  # how often a report says PENDING before it is READY
    failing: int = 0  # reports that will end as FAILED
    forbidden: set[str] = field(default_factory=set)  # accounts that are listed but may not be read
    data: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: json.loads(DATA.read_text("utf-8")))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.data["daily_spend"], self.data["clicks"] = rows_of_every_day(self.data["accounts"])
        self.tokens_made = 0
        self.access_tokens: dict[str, float] = {}  # token -> how many more requests it is good for
        self.reports: list[dict[str, Any]] = []
        self._answering = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        path = urlsplit(asked.path).path
        with self._answering:
            if path == "/oauth/token":
                return self.token(asked.form)
            # Anyone who knows a file's name gets it: in real life it is on another host, which must not get the token.
            if path.startswith("/files/") == ("authorization" in asked.headers):
                return self.refused(400 if path.startswith("/files/") else 401)
            if not path.startswith("/files/") and not self.knows(asked.headers["authorization"]):
                return self.refused(401)
            for method, pattern, respond in self.ROUTES:
                if method == asked.method and (match := re.fullmatch(pattern, path)):
                    return respond(self, asked, *map(unquote, match.groups()))
            return self.refused(404)

    def error(self, code: int, message: str = "") -> Any:
        """The API's error body for a code."""
        category = CATEGORIES.get(code, "INTERNAL")
        return {"status": "error", "category": category, "message": message or category.lower().replace("_", " ")}

    def refused(self, code: int, message: str = "") -> Answer:
        return code, {}, self.error(code, message)

    # Credentials

    def token(self, form: dict[str, str]) -> Answer:
        """A new access token and a new refresh token; the old refresh token becomes invalid."""
        if (form.get("client_id"), form.get("client_secret")) != self.client:
            return 401, {}, {"error": "invalid_client"}
        if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", self.refresh_token):
            return 400, {}, {"error": "invalid_grant", "error_description": "the refresh token is spent or revoked"}
        self.tokens_made += 1
        self.refresh_token, token = f"refresh-token-{self.tokens_made}", f"access-token-{self.tokens_made}"
        self.access_tokens[token] = self.uses
        return 200, {}, {"access_token": token, "expires_in": 1800, "refresh_token": self.refresh_token}

    def knows(self, authorization: str) -> bool:
        """Whether to answer a request; each request with an access token uses it up a little."""
        token = authorization.removeprefix("Bearer ")
        if token not in self.access_tokens:
            return token == self.private_token
        self.access_tokens[token] -= 1
        return self.access_tokens[token] >= 0

    # Lists

    def accounts(self, asked: Asked) -> Answer:
        """All accounts in one response; with ids, those."""
        wanted = asked.query.get("ids", "").split(",")
        return 200, {}, {"results": [row for row in self.data["accounts"] if wanted == [""] or row["id"] in wanted]}

    def contacts(self, asked: Asked) -> Answer:
        """The contacts that a search in the body finds, oldest change first; `after` is the last row of a page."""
        search = asked.json
        if search.get("sort") != "updated_at":
            return self.refused(400, "sort by updated_at")

        def place(row: dict[str, Any]) -> str:
            return f"{row['updated_at']}|{row['id']}"

        since, after = search["filter"]["updated_at"]["gte"], search.get("after") or ""
        found = sorted((row for row in self.data["contacts"] if row["updated_at"] >= since), key=place)
        found = [row for row in found if place(row) > after]
        page = found[: self.size(search["limit"])]
        paging = {"paging": {"next": {"after": place(page[-1])}}} if len(page) < len(found) else {}
        return 200, {}, {"results": page, **paging}

    def deals(self, asked: Asked) -> Answer:
        """Deals by offset; archived ones only on request."""
        archived_too = asked.query.get("archived") == "include"
        found = [row for row in self.data["deals"] if archived_too or not row["archived"]]
        offset = int(asked.query.get("offset", 0))
        page = found[offset : offset + self.size(asked.query["limit"])]
        return 200, {}, {"results": page, "total": len(found)}

    def size(self, limit: Any) -> int:
        """The number of rows on a page: as requested, but never more than page_size."""
        return min(int(limit), self.page_size)

    # Accounts

    def daily_spend(self, asked: Asked, account: str) -> Answer:
        if refusal := self.refusal(account, asked.query):
            return refusal
        return 200, {}, {"results": self.of("daily_spend", account, asked.query)}

    def refusal(self, account: str, days: dict[str, str]) -> Answer | None:
        """Why an account's rows for these days are not available; None if they are."""
        if account not in {row["id"] for row in self.data["accounts"]}:
            return self.refused(404, f"no account {account}")
        if account in self.forbidden:
            return self.refused(403, f"account {account} is suspended")
        if (date.fromisoformat(days["to"]) - date.fromisoformat(days["from"])).days >= MAX_WINDOW:
            return self.refused(400, f"at most {MAX_WINDOW} days")
        return None

    def of(self, name: str, account: str, days: dict[str, str]) -> list[dict[str, Any]]:
        rows = [row for row in self.data[name] if row["account_id"] == account]
        return [row for row in rows if days["from"] <= row["date"] <= days["to"]]

    # Reports

    def create_report(self, asked: Asked, account: str) -> Answer:
        """A new job: each POST creates another one."""
        if refusal := self.refusal(account, asked.json):
            return refusal
        self.reports.append({"account": account, "wanted": asked.json, "polls": 0, "fails": self.failing > 0})
        self.failing -= 1
        return 201, {}, {"id": f"r{len(self.reports) - 1}"}

    def report(self, asked: Asked, number: str) -> Answer:
        report = self.reports[int(number)]
        report["polls"] += 1
        if report["polls"] <= self.pending:
            return 200, {}, {"status": "PENDING"}
        if report["fails"]:
            return 200, {}, {"status": "FAILED"}
        return 200, {}, {"status": "READY", "url": f"{self.url}/files/r{number}.csv.gz"}

    def file(self, asked: Asked, number: str) -> Answer:
        """The rows as CSV, compressed: the file itself, not by HTTP."""
        report, text = self.reports[int(number)], io.StringIO()
        writer = csv.DictWriter(text, report["wanted"]["columns"])
        writer.writeheader()
        writer.writerows(self.of("clicks", report["account"], report["wanted"]))
        headers = {"Content-Type": "application/gzip", "Content-Encoding": "identity"}
        return 200, headers, gzip.compress(text.getvalue().encode(), 1)

    ROUTES: ClassVar[list[tuple[str, str, Callable[..., Answer]]]] = [
        ("GET", "/accounts", accounts),
        ("POST", "/contacts/search", contacts),
        ("GET", "/deals", deals),
        ("GET", "/accounts/([^/]+)/daily-spend", daily_spend),
        ("POST", "/accounts/([^/]+)/reports", create_report),
        ("GET", r"/reports/r(\d+)", report),
        ("GET", r"/files/r(\d+)\.csv\.gz", file),
    ]


if __name__ == "__main__":
    serve(SandboxApi, "private app's token {api.private_token}")
