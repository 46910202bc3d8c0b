"""Lists the contestants, how to start each, and where the peers are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import server

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
KEY = "benchmark-key"


class Contestant(NamedTuple):
    """script: a file of peers/, options of python ("-c pass"), or "" for this connector.

    environment: of the peers, or "" for this Python. options: what differs in its config.
    command: its equivalent of the case's command.
    """

    name: str
    script: str = ""
    environment: str = ""
    commands: frozenset[str] = frozenset({"spec", "check", "read"})
    options: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    command: str = ""

    @property
    def is_ours(self) -> bool:
        return not self.script


def _workers(number: int) -> Contestant:
    return Contestant(f"source-stock-ticker, {number} worker{'s' * (number > 1)}", options={"num_workers": number})


READS = frozenset({"read"})
CONTESTANTS = {
    "ours": Contestant("source-stock-ticker"),
    "ours1": _workers(1),
    "ours2": _workers(2),
    "ours8": _workers(8),
    "ours16": _workers(16),
    "ours_check": Contestant("source-stock-ticker, only `check`", command="check"),
    "python": Contestant("`python -c pass`", "-c pass", commands=frozenset({"spec"})),
    "bound": Contestant("requests + orjson (lower bound)", "prototype.py", commands=frozenset({"spec", "read"})),
    "lowcode": Contestant("airbyte-cdk, low-code", "cdk_low_code.py", "airbyte-cdk"),
    "lowcode10": Contestant(
        "airbyte-cdk, low-code, 10 threads", "cdk_low_code.py", "airbyte-cdk", READS, {"threads": 10}
    ),
    "httpstream": Contestant("airbyte-cdk, `HttpStream`", "cdk_http_stream.py", "airbyte-cdk"),
    "cdksource": Contestant("airbyte-cdk, bare `Source`", "cdk_source.py", "airbyte-cdk"),
    "client": Contestant("the API's own client", "official_client.py", "massive", READS),
    "singer": Contestant("singer-sdk", "singer_tap.py", "singer-sdk", frozenset({"spec", "read"})),
    "dlt": Contestant("dlt rest_api", "dlt_rest_api.py", "dlt", READS),
}


class Job(NamedTuple):
    """What to read from the server at `url`. options: of this connector's config. folder: for the files."""

    command: str
    url: str
    data: server.Data
    folder: Path
    options: dict[str, Any]
    state: str = ""  # a STATE message to resume from


def python_of(contestant: Contestant, environments: Path) -> Path:
    """The Python that runs it; if there is none, its environment has not been installed."""
    name = contestant.environment
    return environments / name / "bin" / "python" if name else Path(sys.executable)


def command_line(contestant: Contestant, job: Job, environments: Path) -> list[str]:
    """The contestant's command for the job; writes its config and catalog to the job's folder."""
    python = str(python_of(contestant, environments))
    if contestant.script.startswith("-c"):
        return [python, *contestant.script.split()]
    script = PEERS / contestant.script if contestant.script else HERE.parent / "main.py"
    command = contestant.command or job.command
    files = {}
    if command != "spec":
        files["config"] = json.dumps(_config(contestant, job))
    if command == "read":
        files["catalog"] = json.dumps(_catalog("incremental" if contestant.is_ours else "full_refresh"))
        if job.state and contestant.is_ours:
            files["state"] = job.state
    arguments = []
    for name, content in files.items():
        file = job.folder / f"{name}.json"
        file.write_text(content)
        arguments += [f"--{name}", str(file)]
    return [python, str(script), command, *arguments]


def _config(contestant: Contestant, job: Job) -> dict[str, Any]:
    tickers = server.names(job.data)
    if contestant.is_ours:
        return {
            "api_key": KEY,
            "api_url": job.url,
            "tickers": tickers,
            "timespan": job.data.timespan,
            "start_date": server.START,
            "end_date": server.END,
            "requests_per_minute": 0,
            **job.options,
            **contestant.options,
        }
    days = {"from": server.START, "to": server.END}
    day = {"day": server.END} if job.data.grouped else {}
    timespan = {"timespan": job.data.timespan}
    return {"api_key": KEY, "base_url": job.url, "tickers": tickers, **timespan, **days, **day, **contestant.options}


def _catalog(sync_mode: str) -> dict[str, Any]:
    stream = {
        "name": "stock_prices",
        "json_schema": {"type": "object"},
        "supported_sync_modes": ["full_refresh", "incremental"],
    }
    return {"streams": [{"stream": stream, "sync_mode": sync_mode, "destination_sync_mode": "append"}]}


def install(environments: Path) -> None:
    """Make an environment for each file of peers/requirements, unless it exists.

    Skip what cannot be installed for this Python.
    """
    for requirements in sorted((PEERS / "requirements").glob("*.txt")):
        folder = environments / requirements.stem
        if folder.exists():
            continue
        print(f"Installing {requirements.read_text().strip()} into {folder}", flush=True)
        try:
            _install(requirements, folder)
        except subprocess.CalledProcessError:
            print(f"pip cannot install it for this Python; {requirements.stem} is left out.", flush=True)


def _install(requirements: Path, folder: Path) -> None:
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # an incomplete environment would look complete
        raise


def version(contestant: Contestant, environments: Path) -> str:
    """The package that the contestant represents, and its version."""
    name = contestant.environment
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    run = [str(python_of(contestant, environments)), "-c", code]
    return f"{name} {subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()}"
