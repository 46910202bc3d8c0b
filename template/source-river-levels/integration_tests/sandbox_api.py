"""Responds like the API, with the rows in sandbox_data.json, on this machine.

    python integration_tests/sandbox_api.py     for a person: http://localhost:8080, prints each request
    with SandboxApi() as api:                   for a test: api.url, on any free port, in a thread

This file simulates the API; sandbox_server.py has the server below it, with faults on demand.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox_server import Sandbox, serve

DATA = Path(__file__).parent / "sandbox_data.json"


@dataclass(kw_only=True)
class SandboxApi(Sandbox):
    """The sandbox. You can pass each attribute at the start or set it while the sandbox runs."""

    key: str = "sandbox-key"
    page_size: int = 2  # small, to get several pages
    data: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: json.loads(DATA.read_text("utf-8")))

    def response(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Code, headers and JSON body for a path (with query)."""
        if headers.get("authorization") != f"Bearer {self.key}":
            return 401, {}, self.error(401)
        url = urlsplit(path)
        query = dict(parse_qsl(url.query))
        if url.path == "/stations":
            return 200, {}, self.page("stations", self.data["stations"], query)
        if match := re.fullmatch("/stations/([^/]+)/readings", url.path):
            rows = [row for row in self.data["readings"] if row["station_id"] == unquote(match[1])]
            rows = sorted(rows, key=lambda row: row["measured_at"])
            return 200, {}, self.page("readings", [r for r in rows if r["measured_at"] >= query["since"]], query)
        return 404, {}, self.error(404)

    def error(self, code: int) -> Any:
        """The API's error body for a code."""
        return {"error": {401: "unknown key", 404: "no such path"}.get(code, "out of order")}

    def page(self, name: str, rows: list[dict[str, Any]], query: dict[str, str]) -> Any:
        """One page of the rows, and the number of the next."""
        number = int(query.get("page", 1))
        more = number * self.page_size < len(rows)
        page = rows[(number - 1) * self.page_size : number * self.page_size]
        return {name: page, "next_page": str(number + 1) if more else None}


if __name__ == "__main__":
    serve(SandboxApi, "key {api.key}")
