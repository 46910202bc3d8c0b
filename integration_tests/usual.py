"""Names that many tests use: the project's files, the days of the usual config, the streams, the API's paths."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_files"
QUARTER = ("2012-01-03", "2012-03-30")  # the days of the usual config
BARS, GROUPED, SPLITS = "/v2/aggs/ticker/", "/v2/aggs/grouped/", "/stocks/v1/splits"
STREAMS = (
    "stock_prices", "dividends", "splits", "news", "tickers", "ticker_details", "exchanges", "market_holidays",
)  # fmt: skip


def from_the_api(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without the one field that differs from read to read."""
    return {field: value for field, value in row.items() if field != "read_at"}


def unused_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]
