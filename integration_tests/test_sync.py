"""Tests make sync: what the connector reads gets into DuckDB, whatever is killed and whenever.

    python -m pytest integration_tests/test_sync.py                          some 6 kills
    SYNC_KILLS=100 SEED=7 python -m pytest -s integration_tests/test_sync.py     the long form; -s shows its figures

(What a destination does with single messages: unit_tests/destination/.)
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from pages import WITH_MAKE
from sandbox_api import SandboxApi
from terminal import Terminal
from usual import ROOT, STREAMS, from_the_api

if TYPE_CHECKING:
    from conftest import Connector

KILLS = int(os.environ.get("SYNC_KILLS", "6"))
SEED = int(os.environ.get("SEED", "1"))
KILLS_A_CASE = 3 if KILLS <= 6 else 10
CASES = range(SEED, SEED + -(-KILLS // KILLS_A_CASE))
LONGEST = 60  # seconds
DAYS = {"tickers": ["AAPL", "IBM", "MSFT"], "start_date": "2005-01-03", "end_date": "2005-05-31"}
# A case is played on two days, before AAPL's split and after it: (last day to read, today).
PLAYED = (("2005-02-25", "2005-02-26"), (DAYS["end_date"], "2005-06-01"))

figures: Counter[str] = Counter()


class Sync:
    """Runs destination/sync.py into one database, with a config for the sandbox."""

    def __init__(self, connector: Connector, name: str) -> None:
        self.connector = connector
        self.database = connector.folder / f"{name}.duckdb"

    def command(self, *options: str, **config: Any) -> list[str]:
        words = ["--config", self.connector.config(**{**DAYS, **config}), "--database", str(self.database), *options]
        return [sys.executable, str(ROOT / "destination" / "sync.py"), *words]

    def start(self, *options: str, **config: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*options, **config),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,  # so it and its connector can be killed together
        )

    def run(self, *options: str, code: int = 0, **config: Any) -> tuple[dict[str, list[str]], str]:
        """-> the lines of the table that it shows, by stream; stderr"""
        process = self.start(*options, **config)
        stdout, stderr = process.communicate(timeout=LONGEST)
        assert process.returncode == code, stderr
        return {words[0]: words[1:] for words in map(str.split, stdout.splitlines()) if words}, stderr

    def table(self, stream: str) -> list[str]:
        """The stream's rows, sorted."""
        with duckdb.connect(str(self.database)) as database:
            rows = database.execute(f"SELECT to_json({stream})::VARCHAR FROM {stream}").fetchall()
        return sorted(json.dumps(from_the_api(json.loads(row)), sort_keys=True) for (row,) in rows)


@pytest.fixture
def sync(connector: Connector) -> Callable[[str], Sync]:
    return lambda name: Sync(connector, name)


@pytest.fixture(scope="module", autouse=True)
def show_figures() -> Iterator[None]:
    yield
    print(
        f"\nSeeds {CASES.start} to {CASES.stop - 1}:", ", ".join(f"{name} {n}" for name, n in sorted(figures.items()))
    )


def test_all_streams_come_and_the_second_sync_only_adds(
    sync: Callable[[str], Sync], api: SandboxApi, real_prices: Callable[..., list[Any]]
) -> None:
    database = sync("all")
    api.today = "2005-05-31"
    shown, stderr = database.run(start_date="2005-05-02", end_date="2005-05-20")
    assert stderr == ""
    assert set(STREAMS) < set(shown)
    assert shown["stock_prices"][:2] == ["45", "45"]
    api.requests.clear()
    shown, _ = database.run("--streams", "stock_prices,dividends", start_date="2005-05-02", end_date="2005-05-23")
    assert shown["stock_prices"][:2] == ["12", "48"]  # three weekdays again, and the new one, of three tickers
    assert shown["dividends"][0] == "0"
    undisturbed = sync("new")
    undisturbed.run("--streams", "stock_prices", start_date="2005-05-02", end_date="2005-05-23")
    assert database.table("stock_prices") == undisturbed.table("stock_prices")
    assert len(database.table("stock_prices")) == len(real_prices("IBM", "2005-05-02", "2005-05-23")) * 3


@pytest.mark.parametrize("seed", CASES)
def test_killed_anywhere_and_run_again_the_tables_equal_those_of_an_undisturbed_sync(
    seed: int, sync: Callable[[str], Sync], api: SandboxApi
) -> None:
    chance = random.Random(seed)
    options = ["--full"] if seed % 2 else []
    killed, undisturbed = sync("killed"), sync("undisturbed")
    config: dict[str, Any] = {"num_workers": chance.choice([1, 4]), "lookback_days": chance.choice([0, 3])}
    api.page_size, api.latency, api.announce_days = chance.choice([3, 20]), chance.choice([0.002, 0.02]), 30
    for config["end_date"], api.today in PLAYED:
        for _ in range(-(-KILLS_A_CASE // 2)):
            process = killed.start(*options, **config)
            time.sleep(chance.uniform(0.3, 2.0))
            if process.poll() is not None:
                figures["syncs that were through before"] += 1
            elif chance.random() < 0.7:
                os.killpg(process.pid, signal.SIGKILL)
                figures["both killed"] += 1
            else:
                process.kill()  # the connector ends when it finds that nobody reads
                figures["only the destination killed"] += 1
            process.communicate(timeout=LONGEST)
        killed.run(*options, **config)
    undisturbed.run(**config)
    for stream in STREAMS:
        assert killed.table(stream) == undisturbed.table(stream), stream
    assert len(killed.table("stock_prices")) > 300


@pytest.mark.parametrize("full", [[], ["--full"]], ids=["incremental", "full refresh"])
def test_ctrl_c_keeps_what_is_there_and_the_next_sync_resumes(
    full: list[str], sync: Callable[[str], Sync], api: SandboxApi
) -> None:
    database = sync("stopped")
    api.page_size, api.latency = 3, 0.05
    options = ["--streams", "stock_prices,exchanges", *full]
    process = database.start(*options, num_workers=1)
    deadline = time.monotonic() + LONGEST
    while len(api.requests) < 50:  # of more than 100, so one ticker is complete
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to both
    stdout, stderr = process.communicate(timeout=LONGEST)
    assert (process.returncode, stderr.startswith("Stopped by SIGINT")) == (130, True)
    kept = len(database.table("stock_prices"))
    assert kept == 0 if full else 100 < kept < 250
    assert re.search(rf"^stock_prices +[1-9]\d* +{kept}\b", stdout, re.MULTILINE), stdout
    api.requests.clear()
    api.latency = 0
    database.run(*options, num_workers=1)
    assert len(api.requests) < 90
    undisturbed = sync("undisturbed")
    undisturbed.run("--streams", "stock_prices")
    assert database.table("stock_prices") == undisturbed.table("stock_prices")


def test_a_wrong_key_is_reported_on_the_terminal_in_one_sentence(sync: Callable[[str], Sync]) -> None:
    _, stderr = sync("refused").run(code=1, api_key="wrong")
    (sentence,) = stderr.splitlines()
    assert sentence.startswith("api_key: ")


def test_who_watches_sees_that_sentence_once_too_and_which_streams_it_ended(sync: Callable[[str], Sync]) -> None:
    refused = sync("watched")
    command = refused.command("--streams", "splits,news,exchanges", api_key="wrong")
    terminal = Terminal(ROOT, os.environ)
    code, shown = terminal.run(shlex.join(command), LONGEST)
    terminal.close()
    assert code == 1
    first, *others = [line.split(": ", 2)[1:] for line in shown.splitlines() if line.startswith("error: ")]
    assert (first[0], first[1].startswith("api_key: ")) == ("splits", True)
    assert others == [["news", "the same as for splits"], ["exchanges", "the same as for splits"]]


@WITH_MAKE
@pytest.mark.parametrize(("full", "reads_in_full"), [("yes", True), ("no", False), ("", False)])
def test_make_reads_in_full_if_asked_to(full: str, reads_in_full: bool) -> None:
    environment = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}
    command = ["make", "--dry-run", "sync", f"FULL={full}"]
    assert ("--full" in subprocess.check_output(command, cwd=ROOT, env=environment, encoding="utf-8")) == reads_in_full


def test_tickers_can_come_from_a_file(sync: Callable[[str], Sync], tmp_path: Path) -> None:
    (tmp_path / "tickers.txt").write_text("GOOG\nIBM\n")
    database = sync("file")
    database.run("--streams", "ticker_details", "--set", f"tickers=@{tmp_path / 'tickers.txt'}")
    assert len(database.table("ticker_details")) == 2
