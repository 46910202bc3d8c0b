"""PyAirbyte, Airbyte's client for Python, drives the installed command: all streams into DuckDB, and then what is new.

Between the two syncs lies Apple's split of 2005-02-28. What is in the database in the end must be what the API says
then, also of the days before the split.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sandbox_api import SandboxApi

# Before the import: it looks at them once. No telemetry, no look into Airbyte's registry.
os.environ |= {"DO_NOT_TRACK": "1", "AIRBYTE_OFFLINE_MODE": "1"}
import airbyte

# PyAirbyte ends a command that it needs no more, and complains of it afterwards, where nobody catches an error.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

COMMAND = Path(sys.executable).with_name("source-stock-ticker")
TICKERS = ["AAPL", "IBM", "MSFT"]
START = "2004-01-02"
FIRST_END, SECOND_END = "2005-02-18", "2005-03-11"
STREAMS = {
    "stock_prices": "stock_ticker, timestamp",
    "dividends": "id",
    "splits": "id",
    "news": "id",
    "tickers": "",
    "ticker_details": "ticker",
    "exchanges": "id, name",
    "market_holidays": "exchange, date",
}


class Synced(NamedTuple):
    sql: Callable[[str], list[tuple]]  # runs a query on the database
    first: int  # rows that a sync sent
    second: int
    strangers: list[str]  # other machines that were asked for


@pytest.fixture(scope="module")
def strangers() -> Iterator[list[str]]:
    """The hosts beyond this machine that this process tried to find; it finds none of them."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def local_only(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("localhost", "127.0.0.1", "::1"):
            asked.append(str(host))
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is not this machine")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", local_only)
        yield asked


@pytest.fixture(scope="module")
def synced(api: SandboxApi, strangers: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """Two syncs of all streams, three weeks apart."""
    folder = tmp_path_factory.mktemp("pyairbyte")
    cache = airbyte.caches.DuckDBCache(db_path=folder / "stocks.duckdb", cache_dir=folder / "cache")

    def sync(today: str, end_date: str) -> int:
        api.today = today
        source = airbyte.get_source("source-stock-ticker", config(api, end_date), local_executable=COMMAND)
        source.check()
        assert source.get_available_streams() == list(STREAMS)  # discover
        source.select_all_streams()
        return source.read(cache).processed_records

    def sql(query: str) -> list[tuple]:
        with cache.get_sql_engine().connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    usual_today = api.today
    yield Synced(sql, sync("2005-02-22", FIRST_END), sync("2005-03-14", SECOND_END), strangers)
    api.today = usual_today


def config(api: SandboxApi, end_date: str) -> dict[str, Any]:
    return {
        "api_key": api.key,
        "api_url": api.url,
        "tickers": TICKERS,
        "start_date": START,
        "end_date": end_date,
        "requests_per_minute": 0,
    }


def test_prices_in_the_database_are_those_of_the_api(synced: Synced, real_prices: Callable[..., Any]) -> None:
    columns = ["stock_ticker", "date", "open", "high", "low", "close", "volume", "adjusted"]
    found = synced.sql(f"SELECT {', '.join(columns)} FROM stock_prices ORDER BY stock_ticker, date")
    rows = [(ticker, str(day), *map(float, values), adjusted) for ticker, day, *values, adjusted in found]
    expected = [row for ticker in TICKERS for row in real_prices(ticker, START, SECOND_END)]
    assert rows == [tuple(row[column] for column in columns) for row in expected]


def test_the_timestamp_is_midnight_in_new_york(synced: Synced) -> None:
    local = "timezone('America/New_York', timezone('UTC', timestamp))"
    assert synced.sql(f"SELECT count(*) FROM stock_prices WHERE {local} != date") == [(0,)]


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_has_rows(synced: Synced, stream: str) -> None:
    ((rows,),) = synced.sql(f"SELECT count(*) FROM {stream}")
    assert rows > 0


@pytest.mark.parametrize("stream", [stream for stream, key in STREAMS.items() if key])
def test_no_row_is_there_twice(synced: Synced, stream: str) -> None:
    key = STREAMS[stream]
    assert synced.sql(f"SELECT {key} FROM {stream} GROUP BY {key} HAVING count(*) > 1") == []


def test_the_second_sync_sends_less(synced: Synced) -> None:
    assert 0 < synced.second < synced.first


def test_the_split_is_in_the_database(synced: Synced) -> None:
    query = "SELECT ticker, execution_date, split_from, split_to FROM splits"
    assert [(ticker, str(day), float(one), float(two)) for ticker, day, one, two in synced.sql(query)] == [
        ("AAPL", "2005-02-28", 1.0, 2.0)
    ]


def test_nobody_but_the_sandbox_was_asked(synced: Synced) -> None:
    assert synced.strangers == []


def test_a_refused_key_is_told_to_the_user(api: SandboxApi) -> None:
    refused = config(api, FIRST_END) | {"api_key": "not-a-key-of-anybody"}
    source = airbyte.get_source("source-stock-ticker", refused, local_executable=COMMAND)
    with pytest.raises(airbyte.exceptions.AirbyteConnectorCheckFailedError, match="api_key"):
        source.check()


def test_a_read_may_be_left_after_its_first_rows(api: SandboxApi) -> None:
    source = airbyte.get_source("source-stock-ticker", config(api, SECOND_END), local_executable=COMMAND)
    rows = source.get_records("stock_prices")
    assert next(iter(rows))["stock_ticker"] == TICKERS[0]
    del rows  # PyAirbyte ends the connector now, by a signal
