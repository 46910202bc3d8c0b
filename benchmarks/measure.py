"""Runs one process, and reports what it took and what it wrote."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import server

LOOKS = 0.005  # seconds between two measurements of a process's memory
CLOSES = ("close", "c")  # how a row names its closing price
# PYTHONDONTWRITEBYTECODE, for example, would compile a checkout at each start, but not what pip has installed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


class Measured(NamedTuple):
    """wall, cpu: seconds, cpu in all threads. peak: of the memory in use, MB."""

    wall: float
    cpu: float
    peak: float


class Written(NamedTuple):
    """What a process wrote: rows and the sum of their closing prices in cents, and its STATE messages."""

    rows: int
    cents: int
    bytes: int
    state_bytes: int
    last_state: str
    text: str  # all lines that are not rows


class Serving(NamedTuple):
    """A running server. rows, cents: its totals."""

    url: str
    rows: int
    cents: int

    def requests(self) -> dict[str, int]:
        """How many requests came since the last call: {"prices": 100, "splits": 1}."""
        with urllib.request.urlopen(f"{self.url}/requests") as response:
            counts: dict[str, int] = json.load(response)
        return counts


class Failed(Exception):
    """A contestant did not do its job."""


@contextmanager
def serving(data: server.Data, latency: float = 0.0) -> Iterator[Serving]:
    """A server in a separate process. latency: seconds before each response."""
    options = [f"--{name}={value}" for name, value in data._asdict().items() if name != "grouped"]
    options += [f"--latency={latency}", *(["--grouped"] if data.grouped else [])]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which stops the server too
    process = subprocess.Popen([sys.executable, server.__file__, *options], stdout=subprocess.PIPE)
    try:
        yield Serving(**json.loads(process.stdout.readline() if process.stdout else ""))
    finally:
        process.terminate()
        process.wait()


def measured(command: list[str], folder: Path) -> Measured:
    """Run it once. Its stdout goes through a pipe to a process that discards it, like Airbyte's pipe."""
    with tempfile.TemporaryFile() as errors, _forgetful() as reader:
        start = time.perf_counter()
        with _started(command, folder, reader.stdin, errors) as process:
            peak = _Peak(process.pid)
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise Failed(f"{command}: exit code {process.returncode}: {errors.read().decode()[-2000:]}")
    return Measured(wall, used.ru_utime + used.ru_stime, peak.of(used))


@contextmanager
def _started(command: list[str], folder: Path, stdout: Any, stderr: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
    )
    try:
        yield process
    finally:
        process.kill()  # if the benchmark is stopped first; otherwise this does nothing


def _forgetful() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


class _Peak:
    """Measures the peak memory of a process at intervals.

    The system's own figure, ru_maxrss, starts from the parent process's value (Linux).
    """

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/status")
        self._kb = 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        try:
            while True:
                for line in self._file.read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self._kb = int(line.split()[1])
                time.sleep(LOOKS)
        except OSError:
            return  # it has ended

    def of(self, used: resource.struct_rusage) -> float:
        self._thread.join()
        if self._kb:
            return self._kb / 1024
        return used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def written(command: list[str], folder: Path) -> Written:
    """Run it once, untimed, and read its output: Airbyte's messages, Singer's messages or plain rows."""
    rows = cents = size = state_bytes = 0
    last_state, others = "", []
    with tempfile.TemporaryFile() as errors, _started(command, folder, subprocess.PIPE, errors) as process:
        for line in process.stdout or ():
            size += len(line)
            message = json.loads(line) if line.startswith(b"{") else {}
            row = _row(message)
            if row is not None:
                rows += 1
                cents += round(100 * next(row[name] for name in CLOSES if name in row))
                continue
            others.append(line.decode())
            if message.get("type") == "STATE":
                state_bytes += len(line)
                last_state = line.decode()
        if process.wait():
            errors.seek(0)
            told = f"{''.join(others)}{errors.read().decode()}"
            raise Failed(f"{command}: exit code {process.returncode}: {told[-3000:]}")
    return Written(rows, cents, size, state_bytes, last_state, "".join(others))


def _row(message: dict[str, Any]) -> dict[str, Any] | None:
    if message.get("type") == "RECORD":
        record: dict[str, Any] = message["record"]
        data: dict[str, Any] = record.get("data", record)  # in Singer this is the row itself
        return data
    return message if message and "type" not in message else None
