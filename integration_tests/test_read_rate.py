"""Tests the rate: requests are spaced, the API's limit is obeyed, a long sync is announced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox_api import SandboxApi
from usual import BARS, QUARTER

if TYPE_CHECKING:
    from conftest import Connector, Row

    RealPrices = Callable[..., list[Row]]


def test_requests_are_spaced_over_all_workers(connector: Connector, api: SandboxApi) -> None:
    connector.read(tickers=["AAPL", "IBM", "MSFT"], adjusted=False, requests_per_minute=120)
    assert len(api.times) == 3
    assert api.times[-1] - api.times[0] > 0.8  # twice half a second, less what the network may lose


def test_a_rate_limit_of_the_api_is_obeyed_and_costs_no_row(
    connector: Connector, api: SandboxApi, real_prices: RealPrices
) -> None:
    api.rate_per_minute, api.minute, api.retry_after = 3, 1.0, "1"
    tickers = ["AAPL", "GOOG", "IBM", "MSFT"]
    run = connector.read(tickers=tickers)
    assert (run.exit_code, run.rows()) == (0, [row for t in tickers for row in real_prices(t, *QUARTER)])


def test_a_long_sync_is_announced(connector: Connector, api: SandboxApi) -> None:
    api.fail_next(("status", 401), math.inf, BARS)  # it need not really take so long
    run = connector.read(tickers=["AAPL", "GOOG", "IBM"], requests_per_minute=1, adjusted=False)
    assert "stock_prices: 3 requests, about 185 rows, about 3 min." in run.logs("INFO")
