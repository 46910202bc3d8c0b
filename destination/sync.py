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
from settings import Arguments, Part, arguments, chosen, names, read_config, write_config
from tables import Json, Table, Unusable, connect

ROOT = Path(__file__).resolve().parent.parent
INCREMENTAL = {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
IN_FULL = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
HEAD = ("stream", "rows read", "rows total", "from (UTC)", "to (UTC)")


class Connector:
    """The connector, with its config. For every command, warnings are shown and a new config is saved."""

    stopped = 0  # the exit code for the signal received

    def __init__(self, file: Path, settings: list[str], part: Part, work: Path) -> None:
        self._process: Popen[bytes] | None = None
        self.exit_code, self._shown = 0, set[str]()
        self._file, self._passed = file.resolve(), work / "config.json"
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self.config = read_config(file)
        if settings or part.total > 1:
            (spec,) = [message["spec"] for _, message in self.run("spec") if "spec" in message]
            options = spec["connectionSpecification"]["properties"]
            self.config = part.config(self.config | chosen(settings, options), options)
        write_config(self._passed, self.config)

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
        if command != "read" and (code or self.stopped):
            sys.exit(self.stopped or self.exit_code)  # there is nothing to read; it has reported why

    def _stop(self, number: int, _: Any) -> None:
        Connector.stopped = 128 + number
        if self._process is None:
            sys.exit(self.stopped)
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
                changed = {name: value for name, value in config.items() if self.config.get(name) != value}
                write_config(self._file, read_config(self._file) | changed)
                write_config(self._passed, config)
                self.config = config


def configured(streams: list[Json], in_full: bool) -> list[Json]:
    """The streams as Airbyte passes them: incremental where they can be."""
    able = [stream for stream in streams if "incremental" in stream["supported_sync_modes"] and not in_full]
    return [{"stream": stream, **(INCREMENTAL if stream in able else IN_FULL)} for stream in streams]


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


def main(args: Arguments, stack: ExitStack) -> int:
    """Sync, and show the result. -> exit code"""
    whole = args.database or ROOT / "secrets" / f"{args.config.stem if args.config else 'sandbox'}.duckdb"
    path: Path = args.part.database(whole)
    if args.config:
        read_config(args.config)  # before there is a database: it may not exist
    database = stack.enter_context(connect(path))
    work = path.with_name(path.name + ".work")  # next to the database, where there is space for rows
    shutil.rmtree(work, ignore_errors=True)  # of a sync that was killed
    work.mkdir(mode=0o700)
    (work / ".gitignore").write_text("*")  # the config is in it
    stack.callback(shutil.rmtree, work)
    if not args.config:
        sys.path.append(str(ROOT / "integration_tests"))
        sandbox = stack.enter_context(importlib.import_module("sandbox_api").SandboxApi())
        args.config = Path(shutil.copy(ROOT / "sample_files" / "config_sandbox.json", work / "sandbox.json"))
        args.set.append(f"api_url={sandbox.url}")
    connector = Connector(args.config, args.set, args.part, work)
    (catalog,) = [message["catalog"] for _, message in connector.run("discover") if "catalog" in message]
    there = {stream["name"]: stream for stream in catalog["streams"]}
    streams = [there[name] for name in names(args.streams, there, "STREAMS") or there]
    entries = args.part.streams(configured(streams, args.full), names(args.once, there, "ONCE"), connector.config)
    made = [Table(database, entry, work / f"{n}.jsonl", connector.config) for n, entry in enumerate(entries)]
    tables = {table.name: table for table in made}
    read(connector, tables, work)
    show([HEAD, *(table.summary() for table in tables.values())])
    python, where, first = os.path.relpath(sys.executable), os.path.relpath(path), next(iter(tables))
    print(f"\nIn {where}. To look at it:")
    print(f"""{python} -c 'import duckdb; it = duckdb.connect("{where}"); it.sql("FROM {first}").show()'""")
    if connector.exit_code:
        print("\nNot everything was read. Fix the cause, then run the same command again: it resumes.")
    return connector.exit_code


if __name__ == "__main__":
    try:
        with ExitStack() as stack:
            sys.exit(main(arguments(), stack))
    except (Unusable, duckdb.Error) as error:
        sys.exit(str(error))
    except OSError as error:  # a full disk, for example
        sys.exit(f"{error.filename or 'sync'}: {error.strerror}.")
    except (KeyboardInterrupt, RuntimeError):  # a signal, and what DuckDB turns it into
        sys.exit(Connector.stopped or 130)
