"""Kills a read at any byte of its output, resumes it from the last whole STATE line, kills it again, and so on.

In the end, the destination must contain what one undisturbed read gives, whatever was killed where. All randomness
comes from the test's seed, so a failure can be repeated.

    python -m pytest integration_tests/test_kill_anywhere.py                    about 15 kills
    KILLS=260 SEED=7 python -m pytest -s integration_tests/test_kill_anywhere.py     the long form; -s shows its figures
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from kills import WAYS, ended, read_up_to, without_reader
from sandbox_api import SandboxApi
from usual import from_the_api

if TYPE_CHECKING:
    from conftest import Connector, Row

KILLS = int(os.environ.get("KILLS", "16"))
SEED = int(os.environ.get("SEED", "1"))
KILLS_A_CASE = 4 if KILLS <= 16 else 10
CASES = range(SEED, SEED + -(-KILLS // KILLS_A_CASE))

INCREMENTAL = ("stock_prices", "dividends", "splits", "news")
FULL_REFRESH = ("tickers", "ticker_details", "exchanges", "market_holidays")
DAYS = {"start_date": "2004-10-01", "end_date": "2005-05-31"}  # AAPL splits 2 for 1 on 2005-02-28
# What is read, in turns: each makes requests of another kind.
SHAPES: list[Row] = [
    {"tickers": ["AAPL", "GOOG", "IBM", "MSFT"], **DAYS},
    {"tickers": ["AAPL", "MSFT"], **DAYS, "requests_per_minute": 6000, "start_date": "2005-02-22"},  # days grouped
    {"tickers": ["IBM", "AAPL"], "timespan": "hour", **DAYS, "start_date": "2005-02-01"},
    {"tickers": [], **DAYS, "start_date": "2005-01-03"},  # the whole market
]
# A case is played on two days, before the split and long after it: (last day to read, today).
PLAYED = (("2005-02-25", "2005-02-26"), (DAYS["end_date"], "2005-06-01"))

Keys = dict[str, list[str]]  # primary key of each stream

figures: Counter[str] = Counter()


class Destination:
    """The result of many reads: rows by key; for streams read in full, the last complete read."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.by_key: dict[str, dict[tuple, Row]] = {name: {} for name in INCREMENTAL}
        self.whole: dict[str, list[Row]] = {}
        self.states: dict[str, Row] = {}

    def take(self, output: bytes) -> None:
        """Store what one read wrote; a truncated last line is lost, as it is for the platform."""
        counted: Counter[str] = Counter()
        rows: dict[str, list[Row]] = {}
        lines = output.split(b"\n")
        for message in map(json.loads, lines[:-1]):
            match message:
                case {"type": "RECORD", "record": {"stream": stream, "data": row}}:
                    counted[stream] += 1
                    rows.setdefault(stream, []).append(row)
                    if stream in self.by_key:
                        self.by_key[stream][tuple(row[field] for field in self.keys[stream])] = row
                case {"type": "STATE", "state": state}:
                    stream = state["stream"]["stream_descriptor"]["name"]
                    assert state["sourceStats"]["recordCount"] == counted.pop(stream, 0)
                    self.states[stream] = state
                case {"trace": {"stream_status": {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}}}:
                    assert not counted[stream], "rows after the last STATE"
                    self.whole[stream] = rows.get(stream, [])
                case {"trace": {"type": "ERROR", "error": error}}:
                    pytest.fail(f"the read failed: {error}")
        figures["rows"] += sum(map(len, rows.values()))
        figures["lines cut"] += bool(lines[-1])

    def table(self, stream: str) -> list[str]:
        """The stream's rows, sorted."""
        rows = self.by_key[stream].values() if stream in self.by_key else self.whole[stream]
        return sorted(json.dumps(from_the_api(row), sort_keys=True) for row in rows)


def begun(connector: Connector, chance: random.Random, config: Row, destination: Destination) -> subprocess.Popen:
    """A read that resumes from the destination's states; its streams come in any order."""
    incremental = connector.catalog(INCREMENTAL, "incremental")["streams"]
    in_full = connector.catalog([name for name in FULL_REFRESH if served(name, config)], "full_refresh")["streams"]
    streams = incremental + in_full
    chance.shuffle(streams)
    files = {"config": config, "catalog": {"streams": streams}, "state": list(destination.states.values())}
    paths = {"config": connector.config(**config)} | {
        name: connector.file(files[name]) for name in ("catalog", "state")
    }
    figures["reads"] += 1
    return connector.start("read", *(word for name, path in paths.items() for word in (f"--{name}", path)))


def served(stream: str, config: Row) -> bool:
    """ticker_details of the whole market is refused: it would cost a request for each ticker."""
    return bool(config["tickers"]) or stream != "ticker_details"


def whole_read(connector: Connector, chance: random.Random, config: Row, destination: Destination) -> None:
    process = begun(connector, chance, config, destination)
    destination.take(read_up_to(process, 1 << 30))
    ended(process, 0)


@pytest.fixture(scope="module", autouse=True)
def show_figures() -> Iterator[None]:
    started = time.monotonic()
    yield
    told = ", ".join(f"{name} {number}" for name, number in sorted(figures.items()))
    print(f"\nSeeds {CASES.start} to {CASES.stop - 1}, {time.monotonic() - started:.0f} s: {told}")


@pytest.fixture(scope="module")
def keys(connect: Callable[[str], Connector]) -> Keys:
    """As the platform knows them: from discover."""
    (catalog,) = connect("https://api.massive.com").discover().of_type("CATALOG")
    return {s["name"]: [path[0] for path in s.get("source_defined_primary_key", [])] for s in catalog["streams"]}


@pytest.mark.parametrize("seed", CASES)
def test_a_read_killed_anywhere_again_and_again_ends_as_an_undisturbed_one(
    seed: int, connector: Connector, api: SandboxApi, keys: Keys
) -> None:
    chance = random.Random(seed)
    shape: Row = SHAPES[seed % len(SHAPES)]
    config: Row = shape | {
        "num_workers": chance.choice([1, 2, 4, 16]),
        "lookback_days": chance.choice([0, 3]),
        "adjusted": chance.random() < 0.8,
    }
    api.page_size = chance.choice([3, 20, 60])
    api.latency = chance.choice([0, 0.002])
    api.announce_days = 30
    destination = Destination(keys)

    for config["end_date"], api.today in PLAYED:
        for _ in range(KILLS_A_CASE // 2):
            fault(api, chance)
            process = begun(connector, chance, config, destination)
            # As likely within the first 100 bytes as in the first 100,000.
            size = int(10 ** chance.uniform(1, 5.5))
            output = read_up_to(process, size)
            if len(output) < size:
                ended(process, 0)
                figures["reads that were through before"] += 1
            else:
                way = chance.choice(WAYS)
                figures[way.__name__] += 1
                figures["kills"] += 1
                output += way(process)
            destination.take(output)
    whole_read(connector, chance, config, destination)

    undisturbed = Destination(keys)
    whole_read(connector, chance, config, undisturbed)
    for stream in filter(lambda name: served(name, config), INCREMENTAL + FULL_REFRESH):
        assert destination.table(stream) == undisturbed.table(stream), stream
    assert undisturbed.table("stock_prices")


def fault(api: SandboxApi, chance: random.Random) -> None:
    """Sometimes a response is broken too; these two are requested again without a wait."""
    if chance.random() < 0.3:
        part: Any = chance.choice(["/v2/aggs/", "/stocks/v1/", "/v3/", "/news"])
        api.fail_next(None, chance.randrange(3), part)
        api.fail_next(chance.choice(["truncated", "garbage"]), 1, part)
        figures["faults"] += 1


@pytest.mark.parametrize("workers", [1, 4])
def test_a_reader_that_goes_away_is_noticed_by_a_worker_that_logs(
    connector: Connector, api: SandboxApi, workers: int
) -> None:
    api.page_size = 20
    api.fail_next(None, path="/v2/aggs/")
    api.fail_next(lambda handler: (api.stopped.wait(1), handler.send(503, {}, b"")), math.inf, "/v2/aggs/")
    config = connector.config(adjusted=False, num_workers=workers)
    catalog = connector.file(connector.catalog(["stock_prices"], "incremental"))
    process = connector.start("read", "--config", config, "--catalog", catalog)
    read_up_to(process, 100)
    time.sleep(0.5)  # all that can be written has been, and the worker waits for its second page
    without_reader(process)
