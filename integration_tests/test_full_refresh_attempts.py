"""Simulates the attempts of a full refresh like the platform, kills each anywhere, and counts the rows.

Between the attempts of one job the platform keeps the destination's rows and passes the last STATE, for each stream
that `discover` calls resumable; it empties the tables of the others. A row written after the last STATE of a killed
attempt can come again; any other row is in the table once.

    ATTEMPTS=400 SEED=7 python -m pytest integration_tests/test_full_refresh_attempts.py     the long form
"""

from __future__ import annotations

import json
import os
import random
from typing import TYPE_CHECKING

import pytest
from kills import ended, killed, read_up_to
from sandbox_api import SandboxApi
from usual import STREAMS, from_the_api

if TYPE_CHECKING:
    from conftest import Connector, Row

ATTEMPTS = int(os.environ.get("ATTEMPTS", "12"))
SEED = int(os.environ.get("SEED", "1"))
ATTEMPTS_A_JOB = 3
JOBS = range(SEED, SEED + ATTEMPTS // ATTEMPTS_A_JOB)
DAYS = {"start_date": "2004-12-01", "end_date": "2005-05-31"}
SHAPES: list[Row] = [
    {"tickers": ["AAPL", "GOOG", "IBM", "MSFT"], **DAYS},
    {"tickers": ["AAPL", "MSFT"], **DAYS, "start_date": "2005-02-22", "requests_per_minute": 6000},  # days grouped
    {"tickers": ["IBM", "AAPL"], **DAYS, "start_date": "2005-05-02", "timespan": "hour"},
    {"tickers": [], **DAYS, "start_date": "2005-03-01"},  # the whole market
]


class Destination:
    """A table for each stream, without any deduplication, and the states that the platform keeps."""

    def __init__(self, resumable: dict[str, bool]) -> None:
        self.resumable = resumable
        self.rows: dict[str, list[str]] = {stream: [] for stream in resumable}
        self.states: dict[str, Row] = {}

    def begin_attempt(self) -> None:
        for stream in self.resumable:
            if not self.resumable[stream]:
                self.rows[stream] = []
                self.states.pop(stream, None)

    def take(self, output: bytes) -> None:
        """Store what an attempt wrote, except rows after a stream's last STATE."""
        unsaved: dict[str, list[str]] = {stream: [] for stream in self.resumable}
        for message in map(json.loads, output.split(b"\n")[:-1]):
            match message:
                case {"type": "RECORD", "record": {"stream": stream, "data": row}}:
                    unsaved[stream].append(json.dumps(from_the_api(row), sort_keys=True))
                case {"type": "STATE", "state": state}:
                    stream = state["stream"]["stream_descriptor"]["name"]
                    assert state["stream"]["stream_state"]["full_refresh"]["sync_id"] is not None
                    self.states[stream] = state
                    self.rows[stream] += unsaved[stream]
                    unsaved[stream] = []

    def tables(self) -> dict[str, list[str]]:
        return {stream: sorted(rows) for stream, rows in self.rows.items()}


@pytest.mark.parametrize("seed", JOBS)
def test_after_attempts_that_were_killed_anywhere_each_row_is_there_once(
    seed: int, connector: Connector, api: SandboxApi
) -> None:
    chance = random.Random(seed)
    config = SHAPES[seed % len(SHAPES)] | {"num_workers": chance.choice([1, 4]), "lookback_days": 3}
    # The whole market's details are refused: they would cost a request for each ticker.
    streams = [name for name in STREAMS if config["tickers"] or name != "ticker_details"]
    api.page_size, api.announce_days = chance.choice([3, 20, 60]), 30
    api.today = "2005-06-01"
    (catalog,) = connector.discover(**config).of_type("CATALOG")
    resumable = {s["name"]: s["is_resumable"] for s in catalog["streams"] if s["name"] in streams}
    assert [name for name, yes in resumable.items() if yes] == list(STREAMS[:4])
    destination = Destination(resumable)

    for _ in range(ATTEMPTS_A_JOB):
        size = int(10 ** chance.uniform(2, 5.5))
        attempt(connector, config, streams, destination, size)
    attempt(connector, config, streams, destination)

    undisturbed = Destination(resumable)
    attempt(connector, config, streams, undisturbed)
    assert destination.tables() == undisturbed.tables()
    assert undisturbed.rows["stock_prices"]

    # The next job reads everything again, whatever states an older platform passes.
    destination.rows = {stream: [] for stream in streams}
    attempt(connector, config, streams, destination, sync_id=10)
    assert destination.tables() == undisturbed.tables()


def attempt(
    connector: Connector, config: Row, streams: list[str], to: Destination, size: int = 1 << 30, sync_id: int = 9
) -> None:
    """One attempt, killed after this many bytes of its output."""
    to.begin_attempt()
    catalog = connector.catalog(streams, "full_refresh")
    for entry in catalog["streams"]:
        entry["sync_id"] = sync_id
    files = {"config": connector.config(**config), "catalog": connector.file(catalog)}
    files["state"] = connector.file(list(to.states.values()))
    process = connector.start("read", *(word for name, path in files.items() for word in (f"--{name}", path)))
    output = read_up_to(process, size)
    if len(output) < size:
        ended(process, 0)
    else:
        output += killed(process)
    to.take(output)
