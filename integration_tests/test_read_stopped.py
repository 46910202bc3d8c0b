"""Tests that a read stopped by a signal or a vanished reader ends soon, between two lines, and loses nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from usual import ROOT, SAMPLES

if TYPE_CHECKING:
    from conftest import Connector, Row

    RealPrices = Callable[..., list[Row]]

STOPS = 400 if os.environ.get("LONG") else 15  # processes for each kind of signals
EARLY = 0.5  # seconds from the moment when main.py begins; most of them are imports
# Runs main.py, and tells when it begins: Ctrl-C is then set as its first lines set it.
TELLS_ITS_BEGINNING = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
sys.argv, sys.path[0] = sys.argv[1:], os.getcwd()
os.write(1, b"begun\\n")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def long_read(connector: Connector, api: SandboxApi) -> Callable[[], subprocess.Popen]:
    """Starts a read that takes a while, and waits for its first lines."""
    api.page_size = 200

    def begin() -> subprocess.Popen:
        config = connector.config(start_date="2000-03-01", tickers=["IBM"], adjusted=False)
        catalog = connector.file(connector.catalog(["stock_prices"], "incremental"))
        api.latency = 0.1
        process = connector.start("read", "--config", config, "--catalog", catalog)
        assert process.stdout
        process.first_lines = [process.stdout.readline() for _ in range(250)]  # type: ignore[attr-defined]
        return process

    return begin


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGTERM, -15), (signal.SIGINT, -2)])
def test_a_signal_stops_a_read_within_seconds_and_between_two_lines(
    connector: Connector, long_read: Callable[[], Any], signum: int, exit_code: int
) -> None:
    process = long_read()
    started = time.monotonic()
    process.send_signal(signum)
    lines = process.stdout.readlines()
    assert (process.wait(timeout=20), process.stderr.read()) == (exit_code, b"")
    assert time.monotonic() - started < 3
    assert [json.loads(line)["type"] for line in lines][-1] == "LOG"


@pytest.mark.parametrize("signals", ["SIGTERM", "SIGINT", "SIGTERM SIGINT", "SIGINT SIGTERM SIGTERM"])
def test_signals_at_any_early_moment_end_the_process_by_a_signal_and_between_two_lines(
    signals: str, connector: Connector, api: SandboxApi
) -> None:
    """A handler that interrupts an import, especially of a C extension, would crash it or leave a traceback."""
    api.latency = 2
    files = ["--config", connector.config(), "--catalog", connector.file(connector.catalog(["news"], "incremental"))]
    command = [sys.executable, "-c", TELLS_ITS_BEGINNING, "main.py", "read", *files]
    numbers = [signal.Signals[name] for name in signals.split()]

    def stopped(moment: float) -> tuple[float, int, bytes, bytes]:
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"begun\n"
            time.sleep(moment)
            for number in numbers:
                process.send_signal(number)
            stdout, stderr = process.communicate(timeout=20)
        return moment, process.returncode, stdout, stderr

    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(stopped, [random.uniform(0, EARLY) for _ in range(STOPS)]))
    assert [end for end in ended if -end[1] not in numbers or end[3]] == []
    for _, _, stdout, _ in ended:
        messages = [json.loads(line) for line in stdout.splitlines()]
        assert stdout[-1:] in (b"", b"\n")
        assert messages == [] or messages[-1]["log"]["message"].startswith("Stopped by SIG")


def test_what_a_stopped_read_wrote_and_the_next_sync_are_the_whole(
    connector: Connector, api: SandboxApi, long_read: Callable[[], Any], real_prices: RealPrices
) -> None:
    process = long_read()
    process.terminate()
    lines = process.first_lines + process.stdout.readlines()
    process.wait(timeout=20)
    messages = [json.loads(line) for line in lines]
    rows = [message["record"]["data"] for message in messages if message["type"] == "RECORD"]
    state = [message["state"] for message in messages if message["type"] == "STATE"][-1:]
    api.latency = 0
    rest = connector.read(start_date="2000-03-01", adjusted=False, state=state)
    table = {row["timestamp"]: row for row in rows + rest.rows()}
    assert list(table.values()) == real_prices("IBM", "2000-03-01", "2012-03-30", adjusted=False)
    assert len(rest.rows()) < len(table)


def test_a_read_whose_reader_goes_away_ends_quietly(long_read: Callable[[], Any]) -> None:
    process = long_read()
    process.stdout.close()
    assert process.wait(timeout=5) == 141
    assert process.stderr.read() == b""


def test_a_reader_that_stalls_does_not_keep_a_stopped_read_alive(connector: Connector) -> None:
    config = connector.config(start_date="2000-03-01", tickers=["IBM", "MSFT"], adjusted=False)
    catalog = connector.file(connector.catalog(["stock_prices"], "incremental"))
    process = connector.start("read", "--config", config, "--catalog", catalog)
    assert process.stdout
    process.stdout.readline()
    time.sleep(0.5)  # now the pipe is full, and nobody reads it
    process.terminate()
    assert process.wait(timeout=5) == -15
    process.communicate()


def test_it_can_be_piped_into_head(connector: Connector) -> None:
    config, catalog = connector.config(start_date="2000-03-01"), SAMPLES / "configured_catalog.json"
    command = f"'{sys.executable}' main.py read --config '{config}' --catalog '{catalog}' | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_ctrl_c_before_the_connector_listens_for_it_leaves_no_traceback(tmp_path: Path) -> None:
    shutil.copy(ROOT / "main.py", tmp_path)
    (tmp_path / "source_stock_ticker").mkdir()
    at_import = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "source_stock_ticker" / "__init__.py").write_text(at_import)
    done = subprocess.run([sys.executable, "main.py", "spec"], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
