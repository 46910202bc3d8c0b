"""Provides the market that the tests of the prices read, and a sync of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from market import START, Market

from source_stock_ticker.streams.prices.stream import StockPrices


@pytest.fixture
def market() -> Iterator[Market]:
    with Market("AAPL", "MSFT", "NVDA") as market:
        yield market


@pytest.fixture
def sync(connect, read, market):
    """A function: reads the market from a saved state; config options: start_date and adjusted."""

    def sync(saved: dict | None = None, **config: Any) -> Any:
        return read(connect(StockPrices, market.today, **({"start_date": START} | config)), saved)

    return sync
