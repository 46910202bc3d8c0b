"""Runs the connector as Airbyte does, and writes what it reads into a DuckDB database: make sync

    make sync                                the sandbox, into secrets/sandbox.duckdb
    make sync CONFIG=secrets/config.json     the real thing, into secrets/config.duckdb; again, and it goes on from there

The connector is a program that knows nothing of databases. It is started once for each command, and all that it says
comes as JSON lines on its stdout:

    spec        which options there are; asked for only if some are set here
    discover    the catalog: which streams there are. Configured: which of them, in which mode, by which sync_id
    read        RECORD, STATE and COMPLETE: see tables.py
                LOG and TRACE ERROR: shown on stderr
                CONTROL: a new config, which must be kept at once, for the token in the old one may be void

Ctrl-C and SIGTERM are passed on to the connector. Then its output ends, and what a STATE has covered is kept, as after
any failure. The exit code is the connector's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import duckdb
from tables import Json, SchemaChanged, Table, connect

ROOT = Path(__file__).resolve().parent.parent
HEAD = ("stream", "rows came", "rows there", "from (UTC)", "to (UTC)")


class Connector:
    """The connector, with its config. Whichever command says it: a warning is shown, a new config is kept."""

    def __init__(self, file: Path, work: Path) -> None:
        self.exit_code = 0
        self._file, self._passed = file.resolve(), work / "config.json"
        self._config = read_config(file)
        self._shown: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def set(self, options: Json) -> None:
        """Pass these options in place of the config's own; its file stays as it is."""
        self._config |= options

    def run(self, command: str, **files: Path) -> Generator[tuple[bytes, Json], None, None]:
        """The answers to a command, each with its line."""
        if command != "spec":
            write_config(self._passed, self._config)
            files["config"] = self._passed
        words = [sys.executable, str(ROOT / "main.py"), command, *(f"--{name}={path}" for name, path in files.items())]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as self._process:
            try:
                for line in self._process.stdout or ():
                    if line.endswith(b"\n") and not self._hear(
                        message := json.loads(line)
                    ):  # else: killed in the middle
                        yield line, message
            except BaseException:
                self._process.terminate()
                raise
        code = self._process.returncode
        self.exit_code = code if code >= 0 else 128 - code

    def _stop(self, number: int, _: Any) -> None:
        if self._process is None or self._process.poll() is not None:
            sys.exit(128 + number)
        self._process.send_signal(number)

    def _hear(self, message: Json) -> bool:
        """Deal with what any command may say; False if this is something else."""
        match message:
            case {"log": {"level": "FATAL" | "ERROR" | "WARN", "message": str(said)}}:
                self._show(said)
            case {"trace": {"error": {"message": str(said)}}}:
                self._show(said)
            case {"control": {"connectorConfig": {"config": dict(config)}}}:
                # What the connector has changed; not what was set for this run.
                changed = {name: value for name, value in config.items() if self._config.get(name) != value}
                write_config(self._file, read_config(self._file) | changed)
                self._config = config
            case _:
                return False
        return True

    def _show(self, sentence: str) -> None:
        """Once: a wrong key fails every stream with the same sentence."""
        if sentence not in self._shown:
            self._shown.add(sentence)
            wiped = "\r\x1b[K" if sys.stderr.isatty() else ""  # the connector's line of progress
            print(wiped + sentence, file=sys.stderr)


def read_config(file: Path) -> Json:
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        sys.exit(f"CONFIG: {file} holds no JSON object ({error}).")


def write_config(file: Path, config: Json) -> None:
    """At any moment either the old config is there or the new one, for the same people to read."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    if file.exists():
        shutil.copymode(file, new)
    new.replace(file)


def options_set(settings: list[str], connector: Connector) -> Json:
    """NAME=VALUE, as the type that the spec says. Whether the value is right is the connector's to say."""
    if not settings:
        return {}
    (spec,) = [message["spec"] for _, message in connector.run("spec")]
    known = spec["connectionSpecification"]["properties"]
    options = dict(setting.split("=", 1) for setting in settings if "=" in setting)
    if len(options) < len(settings) or not options.keys() <= known.keys():
        sys.exit(f"SET: say NAME=VALUE, or NAME=@FILE, for different names of these: {', '.join(known)}.")
    return {name: typed(value, known[name]) for name, value in options.items()}


def typed(value: str, schema: Mapping[str, Any]) -> Any:
    """@FILE stands for what is in it. A list has commas between its items, or each on a line of its own."""
    if value.startswith("@"):
        value = Path(value[1:]).read_text("utf-8").strip()
    if "array" in schema["type"]:
        return [typed(item.strip(), schema["items"]) for item in re.split("[,\n]", value) if item.strip()]
    try:
        return value if "string" in schema["type"] else json.loads(value)
    except ValueError:
        return value


def configured(catalog: Json, chosen: list[str], in_full: bool) -> list[Json]:
    """The catalog's streams as Airbyte passes them: the chosen ones (none: all), incremental where they can be."""
    streams = {stream["name"]: stream for stream in catalog["streams"]}
    if not streams.keys() >= set(chosen):
        sys.exit(f"STREAMS: choose from these, with commas between them: {', '.join(streams)}.")
    entries = []
    for stream in (streams[name] for name in chosen or streams):
        incremental = "incremental" in stream["supported_sync_modes"] and not in_full
        modes = ("incremental", "append_dedup") if incremental else ("full_refresh", "overwrite")
        entries.append({"stream": stream, "sync_mode": modes[0], "destination_sync_mode": modes[1]})
    return entries


def read(connector: Connector, tables: dict[str, Table], entries: list[Json], work: Path) -> None:
    """Read these streams into their tables. Whatever becomes of it, what a STATE has covered is there."""
    catalog, state = work / "catalog.json", work / "state.json"
    catalog.write_text(json.dumps({"streams": entries}), "utf-8")
    state.write_text(json.dumps([table.state for table in tables.values() if table.state]), "utf-8")
    with closing(connector.run("read", catalog=catalog, state=state)) as messages:
        for line, message in messages:
            match message:
                case {"record": {"stream": name}}:
                    tables[name].record(line)
                case {"state": {"stream": {"stream_descriptor": {"name": name}}}}:
                    tables[name].checkpoint(message["state"])
                case {"trace": {"stream_status": {"status": "COMPLETE", "stream_descriptor": {"name": name}}}}:
                    tables[name].complete()
    for table in tables.values():
        table.load()


def show(rows: list[tuple[str, ...]]) -> None:
    """A table for people: numbers to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:{'<>><<'[place]}{widths[place]}}" for place, cell in enumerate(row)]
        print("  ".join(cells).rstrip())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reads with this connector into a DuckDB database.")
    parser.add_argument("--config", type=Path, help="the connector's config; without it, the sandbox is read")
    parser.add_argument(
        "--database", type=Path, help="the DuckDB file; default: in secrets/, by the name of the config"
    )
    parser.add_argument("--streams", default="", help="which, with commas between them; default: all")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the config")
    parser.add_argument("--full", action="store_true", help="read everything anew, then put it in place of the tables")
    return parser.parse_args()


def main(args: argparse.Namespace, stack: ExitStack) -> int:
    """Sync, and show what came. -> exit code"""
    started = time.monotonic()
    path: Path = args.database or ROOT / "secrets" / f"{args.config.stem if args.config else 'sandbox'}.duckdb"
    database = stack.enter_context(connect(path))
    work = path.with_name(path.name + ".work")  # beside it, where there is room for rows
    shutil.rmtree(work, ignore_errors=True)  # of a sync that was killed
    work.mkdir(mode=0o700)
    stack.callback(shutil.rmtree, work)
    if not args.config:
        sys.path.append(str(ROOT / "integration_tests"))
        sandbox = stack.enter_context(importlib.import_module("sandbox_api").SandboxApi())
        args.config = Path(shutil.copy(ROOT / "sample_files" / "config_sandbox.json", work / "sandbox.json"))
        args.set.append(f"api_url={sandbox.url}")
    connector = Connector(args.config, work)
    connector.set(options_set(args.set, connector))
    catalogs = [message["catalog"] for _, message in connector.run("discover")]
    if connector.exit_code:
        return connector.exit_code
    entries = configured(catalogs[0], [name for name in args.streams.split(",") if name], args.full)
    tables = {entry["stream"]["name"]: Table(database, entry, work / f"{n}.jsonl") for n, entry in enumerate(entries)}
    read(connector, tables, entries, work)
    show([HEAD, *(table.summary() for table in tables.values())])
    python, where = os.path.relpath(sys.executable), os.path.relpath(path)
    print(f"\nIn {where}, after {time.monotonic() - started:.1f} s. To look at it:")
    print(f"""{python} -c 'import duckdb; duckdb.connect("{where}").sql("FROM {next(iter(tables))}").show()'""")
    return connector.exit_code


if __name__ == "__main__":
    try:
        with ExitStack() as stack:
            code = main(arguments(), stack)
        sys.exit(code)
    except (SchemaChanged, duckdb.Error, OSError) as error:
        sys.exit(str(error))
