"""What the integration tests share: a sandbox, and a connector that runs against it as a separate process.

    def test_rows_come_out(connector, real_prices):
        run = connector.read(tickers=["IBM"])
        assert run.rows() == real_prices("IBM", "2012-01-03", "2012-03-30")

A test sees only the connector's stdout, stderr and exit code. Every line of every run is checked against the
protocol here, so no test needs to do it: see `Run`.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import sandbox_data
from airbyte_protocol.models import AirbyteMessage
from pages import Shell, clone
from sandbox_api import SandboxApi
from usual import from_the_api

Row = dict[str, Any]
Message = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
LONGEST_RUN = 100  # seconds; a connector that hangs fails its test, not the whole suite

# By message type: the key of its payload. (Airbyte protocol, AirbyteMessage.)
PAYLOADS = {
    "RECORD": "record",
    "STATE": "state",
    "LOG": "log",
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "CATALOG": "catalog",
    "TRACE": "trace",
}
PRIMARY_KEYS = {
    "stock_prices": ("stock_ticker", "timestamp"),
    "dividends": ("id",),
    "splits": ("id",),
    "news": ("id",),
    "tickers": (),
    "ticker_details": ("ticker",),
    "exchanges": ("id", "name"),
    "market_holidays": ("exchange", "date"),
}
# The config of every run, unless the test says otherwise: one quarter of one stock without splits.
USUAL_CONFIG = {
    "api_key": "sandbox-key",
    "tickers": ["IBM"],
    "start_date": "2012-01-03",
    "end_date": "2012-03-30",
    "requests_per_minute": 0,
}


@dataclass
class Run:
    """What one command wrote, and how it ended."""

    messages: list[Message]
    stderr: str
    exit_code: int
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)  # stdout as it was

    def of_type(self, kind: str) -> list[Any]:
        """The payloads of the messages of a type: of_type("LOG")[0]["level"]."""
        return [message[PAYLOADS[kind]] for message in self.messages if message["type"] == kind]

    def rows(self, stream: str = "stock_prices") -> list[Row]:
        """The stream's rows, in order."""
        return [record["data"] for record in self.of_type("RECORD") if record["stream"] == stream]

    def table(self, stream: str = "stock_prices") -> dict[tuple, Row]:
        """The stream's rows by primary key: `destination |= run.table()` does what a destination does."""
        return {tuple(row[name] for name in PRIMARY_KEYS[stream]): from_the_api(row) for row in self.rows(stream)}

    def states(self, stream: str = "stock_prices") -> list[Row]:
        """Each stream_state of the stream, oldest first."""
        return [
            state["stream"]["stream_state"]
            for state in self.of_type("STATE")
            if state["stream"]["stream_descriptor"]["name"] == stream
        ]

    def saved(self) -> list[Row]:
        """What the platform saves of this run and passes to the next: the last state of each stream."""
        last = {state["stream"]["stream_descriptor"]["name"]: state for state in self.of_type("STATE")}
        return list(last.values())

    def statuses(self, stream: str = "stock_prices") -> list[str]:
        """STARTED, RUNNING and so on, in order."""
        told = [trace["stream_status"] for trace in self.of_type("TRACE") if trace["type"] == "STREAM_STATUS"]
        return [status["status"] for status in told if status["stream_descriptor"]["name"] == stream]

    def errors(self) -> list[Row]:
        """The TRACE ERRORs."""
        return [trace["error"] for trace in self.of_type("TRACE") if trace["type"] == "ERROR"]

    def error(self) -> Row:
        """The one TRACE ERROR."""
        (error,) = self.errors()
        return error

    def logs(self, level: str = "") -> str:
        """The log messages (of a level), one per line."""
        return "\n".join(log["message"] for log in self.of_type("LOG") if level in ("", log["level"]))

    def status(self) -> tuple[str, str]:
        """The answer of a check: SUCCEEDED or FAILED, and the sentence that comes with it."""
        (status,) = self.of_type("CONNECTION_STATUS")
        return status["status"], status.get("message", "")

    def killed_after(self, lines: int) -> Run:
        """The run as if the process had been killed after this many lines."""
        return Run(self.messages[:lines], "", -9)

    def killed_after_each_state(self) -> list[Run]:
        """The same, killed right after each STATE."""
        places = [place for place, message in enumerate(self.messages) if message["type"] == "STATE"]
        return [self.killed_after(place + 1) for place in places]


class Connector:
    """Runs the connector against a sandbox. Config options are keyword arguments: check(tickers=["AAPL"])."""

    def __init__(self, folder: Path, url: str, root: Path = ROOT) -> None:
        self.folder = folder
        self.url = url
        self.root = root  # of the project
        self.longest_run: float = LONGEST_RUN
        self._numbers = count(1)

    def check(self, *options: str, **config: Any) -> Run:
        return self.run("check", "--config", self.config(**config), *options)

    def discover(self, **config: Any) -> Run:
        return self.run("discover", "--config", self.config(**config))

    def read(
        self,
        *options: str,
        streams: Sequence[str] = ("stock_prices",),
        mode: str = "incremental",
        state: Any = None,
        **config: Any,
    ) -> Run:
        """Read the streams. state: what `Run.saved` gave, or anything else for JSON; None passes no file."""
        files = ["--config", self.config(**config), "--catalog", self.file(self.catalog(streams, mode))]
        if state is not None:
            files += ["--state", self.file(state)]
        return self.run("read", *files, *options)

    def read_each(self, settings: Iterable[dict[str, Any]]) -> list[Run]:
        """A read for each of these settings; they are independent, so two run at a time."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda one: self.read(**one), settings))

    def run(self, *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Run:
        """Run a command to its end. Fails the test if it takes too long, or if its output is invalid."""
        started = time.monotonic()
        process = self.start(*arguments, env=env, cwd=cwd)
        try:
            stdout, stderr = process.communicate(timeout=self.longest_run)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            pytest.fail(f"{arguments[0]} was still running after {self.longest_run} s")
        return judged(stdout, stderr.decode(), process.returncode, time.monotonic() - started, self.secrets(arguments))

    def start(self, *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.Popen:
        """Start a command, for tests that stop it or read its output themselves."""
        command = [sys.executable, str(self.root / "main.py"), *arguments]
        pipe, cwd = subprocess.PIPE, cwd or self.root
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=env, cwd=cwd)

    def config(self, **changes: Any) -> str:
        """A config file: the usual config with these changes; None removes a field."""
        config = {**USUAL_CONFIG, "api_url": self.url, **changes}
        return self.file({name: value for name, value in config.items() if value is not None})

    def sample(self, path: str) -> str:
        """A copy of one of the project's config files that names this sandbox's port, not the usual one."""
        config = json.loads((ROOT / path).read_text())
        assert config["api_url"] == "http://localhost:8080"
        return self.file({**config, "api_url": self.url})

    def catalog(self, streams: Iterable[str], mode: str) -> Row:
        """A configured catalog; a stream has only its name, which is all that a source can rely on."""
        entries = [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": mode,
                "destination_sync_mode": "append_dedup" if mode == "incremental" else "overwrite",
            }
            for name in streams
        ]
        return {"streams": entries}

    def file(self, content: Any) -> str:
        """A new file with this content: text unchanged, anything else as JSON. -> its path."""
        path = self.folder / f"{next(self._numbers)}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return str(path)

    def secrets(self, arguments: Sequence[str]) -> list[str]:
        """The key in the config file of these arguments, if there is one."""
        for word in arguments:
            path = Path(word.removeprefix("--config="))
            try:
                config = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(config, dict) and isinstance(config.get("api_key"), str) and config["api_key"]:
                return [config["api_key"]]
        return []


def judged(stdout: bytes, stderr: str, exit_code: int, seconds: float, secrets: Iterable[str]) -> Run:
    """The run, if it follows the rules for every run; otherwise the test fails here."""
    lines = stdout.decode("utf-8").split("\n")[:-1]
    assert not stdout or stdout.endswith(b"\n"), "the last line is truncated"
    for secret in secrets:
        for spelling in spellings(secret):
            assert spelling not in stdout.decode() + stderr, f"the key leaked, spelled {spelling}"
    run = Run([valid(line) for line in lines], stderr, exit_code, seconds, lines)
    if exit_code in (0, 1):
        assert stderr == ""  # Airbyte shows each of its lines as an error
        counted = sum(state["sourceStats"]["recordCount"] for state in run.of_type("STATE"))
        assert counted == len(run.of_type("RECORD")), "the platform counts too, and would find a difference"
    return run


def valid(line: str) -> Message:
    """The message in a line. Fails unless the protocol's models accept it without converting a type.

    (pydantic, on which they are based, would accept "5" as a number.)
    """
    message = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert set(message) == {"type", PAYLOADS[message["type"]]}, line
    model = AirbyteMessage.parse_obj(message)
    if message["type"] == "RECORD":
        # As below, but by hand: there are many.
        record = message["record"]
        assert {"stream", "data", "emitted_at"} <= set(record), line
        assert set(record) <= {"stream", "data", "emitted_at", "namespace", "meta"}, line
        assert (type(record["stream"]), type(record["emitted_at"])) == (str, int), line
        assert record["data"], line
    else:
        as_understood = json.loads(model.json(exclude_unset=True))
        assert json.dumps(as_understood, sort_keys=True) == json.dumps(message, sort_keys=True)
        assert message["type"] != "TRACE" or not holds_null(message), line
    if message["type"] == "STATE":
        assert type(message["state"]["sourceStats"]["recordCount"]) is float, line
    return message


def holds_null(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(holds_null, value.values() if isinstance(value, dict) else value))
    return value is None


def spellings(secret: str) -> set[str]:
    """The spellings of a secret."""
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
    return found | {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1], coded}


@pytest.fixture(scope="session")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Connector]:
    """Makes connectors, for tests that need several; each writes its files to its own folder."""
    return lambda url, root=ROOT: Connector(tmp_path_factory.mktemp("connector"), url, root)


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as sandbox:
        yield sandbox


@pytest.fixture
def connector(api: SandboxApi, connect: Callable[[str], Connector]) -> Connector:
    """The connector with the sandbox `api` as its API."""
    return connect(api.url)


@pytest.fixture
def real_prices(api: SandboxApi) -> Callable[..., list[Row]]:
    """real_prices(ticker, first, last): the rows that the sandbox's prices must become, both days included."""

    def rows(ticker: str, first: str, last: str, adjusted: bool = True) -> list[Row]:
        return [price_row(ticker, day, adjusted) for day in api.days(ticker, first, last, adjusted)]

    return rows


@pytest.fixture
def right(real_prices: Callable[..., list[Row]]) -> Callable[..., dict[tuple, Row]]:
    """right(tickers, first, last): the table as a full refresh would make it now.

    A table is the content of a destination: rows by primary key, where each sync's rows replace earlier ones.
    """

    def table(tickers: Iterable[str], first: str, last: str, adjusted: bool = True) -> dict[tuple, Row]:
        rows = [row for ticker in tickers for row in real_prices(ticker, first, last, adjusted)]
        return {(row["stock_ticker"], row["timestamp"]): row for row in rows}

    return table


def price_row(ticker: str, day: sandbox_data.Day, adjusted: bool) -> Row:
    midnight = time.gmtime(sandbox_data.clock(day.date) / 1000)
    return {
        "stock_ticker": ticker,
        "date": day.date,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", midnight),
        "open": day.open,
        "high": day.high,
        "low": day.low,
        "close": day.close,
        "volume": day.volume,
        "vwap": None,  # the sandbox has neither this nor the next
        "transactions": None,
        "otc": False,
        "adjusted": adjusted,
    }


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in a folder like a fresh clone, to run the commands in the docs."""
    with Shell(clone(tmp_path / "source-stock-ticker")) as shell:
        yield shell


@pytest.fixture
def plain_environment() -> dict[str, str]:
    """The variables of this process without those for language, time zone or Python."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "TZ", "PYTHON", "LOG_"))
    }
