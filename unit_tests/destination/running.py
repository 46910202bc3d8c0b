"""A project for the tests of destination/sync.py, with a connector that writes what a test wants."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent.parent
Row = dict[str, Any]

CONNECTOR = """
import json, os, sys, time
from pathlib import Path

here = Path(__file__).parent
command, *words = sys.argv[1:]
files = {name: json.loads(Path(path).read_text()) for name, path in (word[2:].split("=", 1) for word in words)}
with (here / "asked.jsonl").open("a") as asked:
    asked.write(json.dumps({"command": command, **files}) + chr(10))
for step in json.loads((here / "steps.json").read_text())[command]:
    if isinstance(step, str):
        exec(step)
    else:
        print(json.dumps(step), flush=True)
"""
OPTIONS = {
    "api_key": {"type": "string"},
    "places": {"type": "array", "items": {"type": "string"}},
    "numbers": {"type": ["array", "null"], "items": {"type": "integer"}},
    "since": {"type": "string", "format": "date"},
    "days": {"type": "integer"},
    "share": {"type": "number"},
    "all": {"type": "boolean"},
    "window": {"type": "object"},
}
FIELDS = {"properties": {"id": {"type": "integer"}}}
EVENTS: Row = {
    "name": "events",
    "json_schema": FIELDS,
    "supported_sync_modes": ["full_refresh", "incremental"],
    "source_defined_primary_key": [["id"]],
    "is_resumable": True,
}
PLACES: Row = {"name": "places", "json_schema": FIELDS, "supported_sync_modes": ["full_refresh"]}
WAIT = "(here / 'waiting').touch(); time.sleep(60)"


def record(id: int, stream: str = "events") -> Row:
    return {"type": "RECORD", "record": {"stream": stream, "data": {"id": id}, "emitted_at": 1}}


def state(last: int, stream: str = "events") -> Row:
    body = {"stream_descriptor": {"name": stream}, "stream_state": {"last": last}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": body, "sourceStats": {"recordCount": 1.0}}}


def complete(stream: str = "events") -> Row:
    body = {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1.0, "stream_status": body}}


def log(level: str, text: str) -> Row:
    return {"type": "LOG", "log": {"level": level, "message": text}}


def failure(text: str) -> Row:
    return {"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": {"message": text}}}


def new_config(**config: Any) -> Row:
    body = {"type": "CONNECTOR_CONFIG", "emitted_at": 1.0, "connectorConfig": {"config": config}}
    return {"type": "CONTROL", "control": body}


class Project:
    """A folder with destination/, a connector and a config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "destination", folder / "destination", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "secrets").mkdir()
        (folder / "main.py").write_text(CONNECTOR)
        self.config = folder / "secrets" / "config.json"
        self.database = folder / "secrets" / "config.duckdb"
        self.config.write_text('{"api_key": "k"}')
        self.steps: dict[str, list[Any]] = {
            "spec": [{"type": "SPEC", "spec": {"connectionSpecification": {"properties": OPTIONS}}}],
            "discover": [{"type": "CATALOG", "catalog": {"streams": [EVENTS, PLACES]}}],
            "read": [],
        }

    def start(self, *options: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        (self.folder / "steps.json").write_text(json.dumps(self.steps))
        command = [sys.executable, "destination/sync.py", "--config", "secrets/config.json", *options]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8")

    def sync(self, *options: str, code: int = 0) -> tuple[str, str]:
        """-> stdout, stderr"""
        process = self.start(*options)
        said = process.communicate(timeout=60)
        assert process.returncode == code, said
        return said

    def asked(self, command: str) -> Row:
        """The connector's input at the last call."""
        asked = [json.loads(line) for line in (self.folder / "asked.jsonl").read_text().splitlines()]
        return [one for one in asked if one["command"] == command][-1]

    def ids(self, stream: str = "events") -> list[int]:
        with duckdb.connect(str(self.database)) as database:
            return [id for (id,) in database.execute(f"SELECT id FROM {stream} ORDER BY id").fetchall()]


def waiting(project: Project) -> subprocess.Popen[str]:
    """A sync whose connector has come to WAIT."""
    process = project.start()
    deadline = time.monotonic() + 30
    while not (project.folder / "waiting").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process
