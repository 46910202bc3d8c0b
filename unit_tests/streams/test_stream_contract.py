"""Checks all streams other than the prices against the contract of every stream, with realistic responses."""

from typing import Any

import pytest
import responses
from known_responses import API, ARTICLE, DETAILS, DIVIDEND, EXCHANGES, HOLIDAYS, SPLIT, TICKER, ok

from source_stock_ticker.runtime.stream import Stream
from source_stock_ticker.runtime.testing import StreamContract
from source_stock_ticker.streams.announcements import Dividends, Splits
from source_stock_ticker.streams.news import News
from source_stock_ticker.streams.reference import Exchanges, MarketHolidays, TickerDetails, Tickers

TICKERS = ["AAPL", "MSFT"]


class Contract(StreamContract):
    """`table` over the API of `responds`."""

    table: type[Stream[Any]]

    @pytest.fixture(autouse=True)
    def _api(self, server: responses.RequestsMock, connect: Any) -> None:
        self.connect = connect
        self.responds(server)

    def responds(self, server: responses.RequestsMock) -> None:
        raise NotImplementedError

    def stream(self) -> Stream[Any]:
        stream: Stream[Any] = self.connect(self.table, tickers=TICKERS, start_date="2024-01-02")
        return stream


class TestDividends(Contract):
    table = Dividends
    differing_fields = ("read_at",)

    def responds(self, server):
        of_msft = {**DIVIDEND, "id": "E2d", "ticker": "MSFT"}
        server.get(f"{API}/stocks/v1/dividends", json=ok(DIVIDEND, of_msft))


class TestSplits(Contract):
    table = Splits
    differing_fields = ("read_at",)

    def responds(self, server):
        server.get(f"{API}/stocks/v1/splits", json=ok(SPLIT, {**SPLIT, "id": "E2s", "ticker": "MSFT"}))


class TestNews(Contract):
    table = News

    def responds(self, server):
        later = {**ARTICLE, "id": "a2", "published_utc": "2024-03-02T10:00:00Z", "tickers": TICKERS}
        server.get(f"{API}/v2/reference/news", json=ok({**ARTICLE, "tickers": TICKERS}, later))


class TestTickers(Contract):
    table = Tickers

    def responds(self, server):
        server.get(f"{API}/v3/reference/tickers", json=ok(TICKER))


class TestTickerDetails(Contract):
    table = TickerDetails

    def responds(self, server):
        for ticker in TICKERS:
            details = {**DETAILS, "ticker": ticker}
            server.get(f"{API}/v3/reference/tickers/{ticker}", json={"status": "OK", "results": details})


class TestExchanges(Contract):
    table = Exchanges

    def responds(self, server):
        server.get(f"{API}/v3/reference/exchanges", json=ok(*EXCHANGES))


class TestMarketHolidays(Contract):
    table = MarketHolidays

    def responds(self, server):
        server.get(f"{API}/v1/marketstatus/upcoming", json=HOLIDAYS)
