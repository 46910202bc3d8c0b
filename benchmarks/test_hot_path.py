"""What a page of 10,000 bars costs on its way from the network's bytes to the bytes on stdout, step by step.

    make hotpath

Each row passes here once, so a microsecond a row is a second for a million rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import server
from pytest_benchmark.fixture import BenchmarkFixture

from source_stock_ticker import bars
from source_stock_ticker.runtime import messages
from source_stock_ticker.runtime.output import Output

ROWS = 10_000
TICKER = "T00000"
ROUNDS = {"rounds": 50, "warmup_rounds": 3}
TIMESPANS = pytest.mark.parametrize("timespan", ["day", "minute"])


def page(timespan: str) -> bytes:
    """The body of an answer."""
    answers = server.Answers(server.Data(1, ROWS, timespan), "")
    return answers.by_request[f"{TICKER} 0"].partition(b"\r\n\r\n")[2]


def rows(body: bytes, timespan: str) -> list[dict[str, Any]]:
    return bars.rows(TICKER, orjson.loads(body)["results"], bars.BarSize(timespan, 1), True)


@pytest.fixture
def output() -> Iterator[Output]:
    """One that writes to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    yield Output(nowhere)
    os.close(nowhere)


@TIMESPANS
def test_unpacking_the_json(benchmark: BenchmarkFixture, timespan: str) -> None:
    body = page(timespan)
    assert len(benchmark.pedantic(orjson.loads, (body,), **ROUNDS)["results"]) == ROWS


@TIMESPANS
def test_making_rows_of_bars(benchmark: BenchmarkFixture, timespan: str) -> None:
    body = page(timespan)

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        # The bars are used up.
        return (TICKER, orjson.loads(body)["results"], bars.BarSize(timespan, 1), True), {}

    assert len(benchmark.pedantic(bars.rows, setup=fresh, **ROUNDS)) == ROWS


@TIMESPANS
def test_encoding_records(benchmark: BenchmarkFixture, timespan: str) -> None:
    of_page = rows(page(timespan), timespan)
    assert benchmark.pedantic(messages.records, ("stock_prices", of_page), **ROUNDS).count(b"\n") == ROWS


def test_writing(benchmark: BenchmarkFixture, output: Output) -> None:
    lines = messages.records("stock_prices", rows(page("day"), "day"))
    benchmark.pedantic(output.write, (lines,), **ROUNDS)


@TIMESPANS
def test_all_of_it(benchmark: BenchmarkFixture, timespan: str, output: Output) -> None:
    body = page(timespan)

    def read() -> None:
        output.write(messages.records("stock_prices", rows(body, timespan)))

    benchmark.pedantic(read, **ROUNDS)


@TIMESPANS
def test_the_least_it_could_be(benchmark: BenchmarkFixture, timespan: str) -> None:
    """Unpacked and packed again as it is: no rows, no messages."""
    body = page(timespan)
    benchmark.pedantic(lambda: orjson.dumps(orjson.loads(body)), **ROUNDS)
