"""Checks the prices against the contract of every stream: by ticker in small pages, by day, and the whole market."""

import pytest
from market import START

from source_stock_ticker.runtime.stream import Stream
from source_stock_ticker.runtime.testing import StreamContract
from source_stock_ticker.streams.prices.stream import StockPrices


class Contract(StreamContract):
    tickers = ("AAPL", "MSFT", "NVDA")
    page = 50_000  # bars

    @pytest.fixture(autouse=True)
    def _market(self, market, connect):
        market.split("AAPL", "2024-03-06")
        market.page = self.page
        self.market, self.connect = market, connect

    def stream(self) -> Stream:
        return self.connect(StockPrices, self.market.today, tickers=self.tickers, start_date=START)


class TestPricesByTicker(Contract):
    page = 4


class TestPricesByDay(Contract):
    tickers = tuple(f"T{n}" for n in range(12))

    @pytest.fixture(autouse=True)
    def _listed(self, _market):
        self.market.listed = dict.fromkeys(self.tickers, self.market.listed["AAPL"])


class TestPricesOfTheWholeMarket(Contract):
    tickers = ()
