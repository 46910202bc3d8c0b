"""Measures what a page of 10,000 bars costs on its way from the network to stdout, step by step.

    make hotpath

Each row passes once, so a microsecond per row is a second per million rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec
import pytest
import server
from pytest_benchmark.fixture import BenchmarkFixture

from source_stock_ticker.runtime.process.output import Output
from source_stock_ticker.runtime.protocol.records import records
from source_stock_ticker.streams.prices import bars
from source_stock_ticker.trading_days import BarSize

ROWS = 10_000
TICKER = "T00000"
ROUNDS = {"rounds": 50, "warmup_rounds": 3}
TIMESPANS = pytest.mark.parametrize("timespan", ["day", "minute"])


def page(timespan: str) -> bytes:
    """The body of a response."""
    responses = server.Responses(server.Data(1, ROWS, timespan), "")
    return responses.by_request[f"{TICKER} 0"].partition(b"\r\n\r\n")[2]


def decoded(body: bytes) -> list[bars.Bar]:
    return bars.BARS.decode(body).results or []


def rows(body: bytes, timespan: str) -> list[bars.Price]:
    return bars.rows(TICKER, decoded(body), BarSize(timespan, 1), True)


@pytest.fixture
def output() -> Iterator[Output]:
    """An output that discards everything."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    yield Output(nowhere)
    os.close(nowhere)


@TIMESPANS
def test_unpacking_the_json(benchmark: BenchmarkFixture, timespan: str) -> None:
    assert len(benchmark.pedantic(decoded, (page(timespan),), **ROUNDS)) == ROWS


@TIMESPANS
def test_making_rows_of_bars(benchmark: BenchmarkFixture, timespan: str) -> None:
    of_page = decoded(page(timespan))
    assert len(benchmark.pedantic(bars.rows, (TICKER, of_page, BarSize(timespan, 1), True), **ROUNDS)) == ROWS


@TIMESPANS
def test_encoding_records(benchmark: BenchmarkFixture, timespan: str) -> None:
    of_page = rows(page(timespan), timespan)
    assert benchmark.pedantic(records, ("stock_prices", of_page), **ROUNDS).count(b"\n") == ROWS


def test_writing(benchmark: BenchmarkFixture, output: Output) -> None:
    lines = records("stock_prices", rows(page("day"), "day"))
    benchmark.pedantic(output.write, (lines,), **ROUNDS)


@TIMESPANS
def test_all_of_it(benchmark: BenchmarkFixture, timespan: str, output: Output) -> None:
    body = page(timespan)

    def read() -> None:
        output.write(records("stock_prices", rows(body, timespan)))

    benchmark.pedantic(read, **ROUNDS)


@TIMESPANS
def test_the_least_it_could_be(benchmark: BenchmarkFixture, timespan: str) -> None:
    """Decode and encode the page unchanged: no rows, no messages."""
    body = page(timespan)
    benchmark.pedantic(lambda: msgspec.json.encode(msgspec.json.decode(body)), **ROUNDS)
