"""What many of the tests name: the project's files, the days of the usual config, the streams, the API's paths."""

from __future__ import annotations

import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_files"
QUARTER = ("2012-01-03", "2012-03-30")  # the days of the usual config
BARS, GROUPED, SPLITS = "/v2/aggs/ticker/", "/v2/aggs/grouped/", "/stocks/v1/splits"
STREAMS = (
    "stock_prices", "dividends", "splits", "news", "tickers", "ticker_details", "exchanges", "market_holidays",
)  # fmt: skip


def unused_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]
