"""Runs the connector as Airbyte does, and writes what it reads into a DuckDB database: make sync

    make sync                                the sandbox, into secrets/sandbox.duckdb
    make sync CONFIG=secrets/config.json     the real API, into secrets/config.duckdb; the next run resumes

The connector is a program that knows nothing about databases. It is started once for each command, and writes all its
messages as JSON lines to stdout:

    spec        the options; requested only if some are set here
    discover    the catalog: all streams. Configured: the selected ones, with mode and sync_id
    read        RECORD, STATE and COMPLETE: see tables.py
                LOG and TRACE ERROR: shown on stderr
                CONTROL: a new config, which must be saved at once, because the old token may be invalid

Ctrl-C and SIGTERM are passed on to the connector. Then its output ends, and what a STATE covers is kept, as after any
failure. The exit code is the connector's.
"""

import argparse
import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import duckdb
from tables import Json, SchemaChanged, Table, connect

ROOT = Path(__file__).resolve().parent.parent
INCREMENTAL = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
IN_FULL = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
HEAD = ("stream", "rows came", "rows there", "from (UTC)", "to (UTC)")


class Connector:
    """The connector, with its config. For every command, warnings are shown and a new config is saved."""

    def __init__(self, file: Path, settings: list[str], work: Path) -> None:
        self._process: Popen[bytes] | None = None
        self.exit_code, self._stopped, self._shown = 0, 0, set[str]()
        self._file, self._passed = file.resolve(), work / "config.json"
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self._config = read_config(file) | (self._options(settings) if settings else {})
        write_config(self._passed, self._config)

    def run(self, command: str, **files: Path) -> Generator[tuple[bytes, Json], None, None]:
        """The answers to a command, each with its line."""
        options = {} if command == "spec" else {"config": self._passed, **files}
        words = [str(ROOT / "main.py"), command, *(f"--{name}={file}" for name, file in options.items())]
        with Popen([sys.executable, *words], stdin=DEVNULL, stdout=PIPE) as self._process:
            try:
                for line in self._process.stdout or ():
                    if line.endswith(b"\n"):  # otherwise the connector was killed while it wrote
                        self._hear(message := json.loads(line))
                        yield line, message
            except BaseException:
                self._process.terminate()
                raise
        code = self._process.returncode
        self.exit_code, self._process = code if code >= 0 else 128 - code, None
        if command != "read" and (code or self._stopped):
            sys.exit(self._stopped or self.exit_code)  # there is nothing to read; it has reported why

    def _stop(self, number: int, _: Any) -> None:
        self._stopped = 128 + number
        if self._process is None:
            sys.exit(self._stopped)
        self._process.send_signal(number)  # not if it has ended: its output must still be read

    def _hear(self, message: Json) -> None:
        """Handle a message of any command. Each sentence is shown once: a wrong key fails all streams with the same."""
        match message:
            case {"trace": {"error": {"message": why}}} | {
                "log": {"level": "FATAL" | "ERROR" | "WARN", "message": why}
            }:
                # On a terminal the connector shows it itself.
                if why not in self._shown and not sys.stderr.isatty():
                    self._shown.add(why)
                    sys.stderr.write(f"{why}\n")  # at once, because the connector writes there too
            case {"control": {"connectorConfig": {"config": dict(config)}}}:
                # Save what the connector has changed, but not what was set for this run.
                changed = {name: value for name, value in config.items() if self._config.get(name) != value}
                write_config(self._file, read_config(self._file) | changed)
                write_config(self._passed, config)
                self._config = config

    def _options(self, settings: list[str]) -> Json:
        """NAME=VALUE, with the type from the spec. The connector decides whether the value is valid."""
        (spec,) = [message["spec"] for _, message in self.run("spec") if "spec" in message]
        known = spec["connectionSpecification"]["properties"]
        pairs = [setting.partition("=") for setting in settings]
        if unknown := [name for name, _, _ in pairs if name not in known]:
            sys.exit(f"SET: there is no option {', '.join(unknown)}; choose from these: {', '.join(known)}.")
        return {name: typed(value, known[name]) for name, _, value in pairs}


def typed(value: str, schema: Json) -> Any:
    """The value; @FILE means the content of a file. A list has commas between its items, or one item per line."""
    if value.startswith("@"):
        value = Path(value[1:]).read_text("utf-8").strip()
    if "array" in schema["type"]:
        return [typed(item.strip(), schema["items"]) for item in value.replace("\n", ",").split(",") if item.strip()]
    try:
        return value if "string" in schema["type"] else json.loads(value)
    except ValueError:
        return value


def read_config(file: Path) -> Json:
    """Exits with a sentence if there is none."""
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"CONFIG: {file} is not a file with a JSON object ({error}).")


def write_config(file: Path, config: Json) -> None:
    """Save the config: at any moment, either the old file or the new one exists, with the same permissions."""
    new = file.with_name(file.name + ".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    shutil.copymode(file if file.exists() else new, new)
    new.replace(file)


def configured(catalog: Json, chosen: list[str], in_full: bool) -> list[Json]:
    """The catalog's streams as Airbyte passes them: the selected ones (none: all), incremental if possible."""
    streams = {stream["name"]: stream for stream in catalog["streams"]}
    if unknown := [name for name in chosen if name not in streams]:
        sys.exit(f"STREAMS: there is no {', '.join(unknown)}; choose from these: {', '.join(streams)}.")
    able = [name for name in streams if "incremental" in streams[name]["supported_sync_modes"] and not in_full]
    return [{"stream": streams[name], **(INCREMENTAL if name in able else IN_FULL)} for name in chosen or streams]


def read(connector: Connector, tables: dict[str, Table], work: Path) -> None:
    """Read the streams into their tables. Whatever happens, what a STATE covers is saved."""
    catalog, state = work / "catalog.json", work / "state.json"
    catalog.write_text(json.dumps({"streams": [table.configured for table in tables.values()]}), "utf-8")
    state.write_text(json.dumps([table.state for table in tables.values() if table.state]), "utf-8")
    with closing(connector.run("read", catalog=catalog, state=state)) as messages:
        for line, message in messages:
            match message:
                case {"record": {"stream": name}}:
                    tables[name].record(line)
                case {"state": {"stream": {"stream_descriptor": {"name": name}}} as state_of_stream}:
                    tables[name].checkpoint(state_of_stream)
                case {"trace": {"stream_status": {"status": "COMPLETE", "stream_descriptor": {"name": name}}}}:
                    tables[name].complete()
    for table in tables.values():
        table.load()


def show(rows: list[tuple[str, ...]]) -> None:
    """A table for people: numbers to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{one:{side}{width}}" for one, side, width in zip(row, "<>><<", widths, strict=True)).rstrip())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reads with this connector into a DuckDB database.")
    parser.add_argument("--config", type=Path, help="the connector's config; default: the sandbox's")
    parser.add_argument("--database", type=Path, help="the DuckDB file; default: secrets/(name of the config).duckdb")
    parser.add_argument("--streams", default="", help="the streams to read, separated by commas; default: all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the config")
    parser.add_argument("--full", action="store_true", help="read everything again, then replace the tables")
    return parser.parse_args()


def main(args: argparse.Namespace, stack: ExitStack) -> int:
    """Sync, and show the result. -> exit code"""
    path: Path = args.database or ROOT / "secrets" / f"{args.config.stem if args.config else 'sandbox'}.duckdb"
    database = stack.enter_context(connect(path))
    work = path.with_name(path.name + ".work")  # next to the database, where there is space for rows
    shutil.rmtree(work, ignore_errors=True)  # of a sync that was killed
    work.mkdir(mode=0o700)
    stack.callback(shutil.rmtree, work)
    if not args.config:
        sys.path.append(str(ROOT / "integration_tests"))
        sandbox = stack.enter_context(importlib.import_module("sandbox_api").SandboxApi())
        args.config = Path(shutil.copy(ROOT / "sample_files" / "config_sandbox.json", work / "sandbox.json"))
        args.set.append(f"api_url={sandbox.url}")
    connector = Connector(args.config, args.set, work)
    (catalog,) = [message["catalog"] for _, message in connector.run("discover") if "catalog" in message]
    entries = configured(catalog, [name for name in args.streams.split(",") if name], args.full)
    tables = {entry["stream"]["name"]: Table(database, entry, work / f"{n}.jsonl") for n, entry in enumerate(entries)}
    read(connector, tables, work)
    show([HEAD, *(table.summary() for table in tables.values())])
    python, where, first = os.path.relpath(sys.executable), os.path.relpath(path), next(iter(tables))
    print(f"\nIn {where}. To look at it:")
    print(f"""{python} -c 'import duckdb; it = duckdb.connect("{where}"); it.sql("FROM {first}").show()'""")
    return connector.exit_code


if __name__ == "__main__":
    try:
        with ExitStack() as stack:
            sys.exit(main(arguments(), stack))
    except (SchemaChanged, duckdb.Error, OSError) as error:
        sys.exit(str(error))
