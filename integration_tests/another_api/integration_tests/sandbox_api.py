"""Answers like the API, from the rows in sandbox_data.json, on this machine.

    python integration_tests/sandbox_api.py     for a person: http://localhost:8080, prints each request
    with SandboxApi() as api:                   for a test: api.url, on any free port, in a thread

How the API speaks is here; the server under it, with its faults on demand, is in sandbox_server.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox_server import Sandbox

DATA = Path(__file__).parent / "sandbox_data.json"


@dataclass(kw_only=True)
class SandboxApi(Sandbox):
    """The sandbox. Each attribute may be given at the start or set while it runs."""

    key: str = "sandbox-key"
    page_size: int = 2  # small, so that there are pages
    data: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: json.loads(DATA.read_text("utf-8")))

    def response(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Code, headers and JSON body for a path (with query)."""
        url = urlsplit(path)
        query = dict(parse_qsl(url.query))
        if query.get("key") != self.key:
            return 401, {}, self.error(401)
        if url.path == "/species":
            return 200, {}, self.page(self.data["species"], query)
        if url.path == "/sightings":
            return 200, {}, self.page([r for r in self.data["sightings"] if r["seen_at"] >= int(query["from"])], query)
        return 404, {}, self.error(404)

    def error(self, code: int) -> Any:
        """The API's error body for a code."""
        return {"error": {401: "unknown key", 404: "no such path"}.get(code, "out of order")}

    def page(self, rows: list[dict[str, Any]], query: dict[str, str]) -> Any:
        """One page of the rows, from an offset on."""
        offset = int(query.get("offset", 0))
        return {"count": len(rows), "offset": offset, "results": rows[offset : offset + self.page_size]}


def main() -> None:
    """The sandbox for a person."""
    parser = argparse.ArgumentParser(description="The API on this machine, with invented rows.")
    parser.add_argument("--port", type=int, default=8080)
    args = parser.parse_args()
    try:
        with SandboxApi(port=args.port, quiet=False) as api:
            print(f"Sandbox at {api.url}, key {api.key}. Ctrl-C stops it.", flush=True)
            threading.Event().wait()
    except OSError as error:
        sys.exit(f"Port {args.port}: {error.strerror}. Is a sandbox running already? --port takes another.")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
