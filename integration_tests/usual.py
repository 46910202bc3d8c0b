"""Names that many tests use: the project's files, the days of the usual config, the streams, the API's paths."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from sandbox_api import SandboxApi

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_files"
YEARS = {"tickers": ["AAPL", "IBM", "MSFT"], "start_date": "2003-01-01", "end_date": "2013-02-28"}
QUARTER = ("2012-01-03", "2012-03-30")  # the days of the usual config
BARS, GROUPED, SPLITS = "/v2/aggs/ticker/", "/v2/aggs/grouped/", "/stocks/v1/splits"
STREAMS = (
    "stock_prices", "dividends", "splits", "news", "tickers", "ticker_details", "exchanges", "market_holidays",
)  # fmt: skip
BEARER = {"Authorization": "Bearer sandbox-key"}
_CLOSED: list[socket.socket] = []


def from_the_api(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without the one field that differs from read to read."""
    return {field: value for field, value in row.items() if field != "read_at"}


def get(api: SandboxApi, path: str, **query: Any) -> requests.Response:
    """A response of the sandbox, as it is."""
    return requests.get(api.url + path, params=query, headers=BEARER, timeout=5, allow_redirects=False)


def refusing_port() -> int:
    """A port that refuses connections as long as the tests run: it stays bound, so no server of a test gets it."""
    closed = socket.socket()
    closed.bind(("localhost", 0))
    _CLOSED.append(closed)
    return closed.getsockname()[1]


def free_port() -> int:
    """A port for a server: nobody uses it, and it is outside the range from which the system gives ports."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)):
                return port
    raise OSError("no port is free")
