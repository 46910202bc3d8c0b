"""What the tests of the engines share: a sandbox, and syncs as they are without an engine.

`make engines` runs them in an environment of its own, and without ../conftest.py, which needs a pydantic older than
Dagster's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sandbox_api import SandboxApi
from usual import ROOT, from_the_api

DAYS = {"start_date": "2005-01-03", "end_date": "2005-04-29"}
Rows = Callable[..., list[str]]


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as sandbox:
        yield sandbox


@pytest.fixture
def config(api: SandboxApi, tmp_path: Path) -> Callable[..., Path]:
    """config(tickers=["AAPL"]) -> a file"""

    def write(**changes: Any) -> Path:
        file = tmp_path / "config.json"
        usual = {"api_key": api.key, "api_url": api.url, "requests_per_minute": 0, **DAYS}
        file.write_text(json.dumps(usual | changes))
        return file

    return write


@pytest.fixture
def rows() -> Rows:
    """rows("stock_prices", database, ...) -> the rows that these databases have together"""

    def read(stream: str, *databases: Path) -> list[str]:
        found: list[str] = []
        for path in databases:
            with duckdb.connect(str(path)) as database:
                there = database.execute(f"SELECT to_json({stream})::VARCHAR FROM {stream}").fetchall()
            found += [json.dumps(from_the_api(json.loads(row)), sort_keys=True) for (row,) in there]
        return sorted(found)

    return read


@pytest.fixture
def whole(tmp_path: Path) -> Callable[[Path], Path]:
    """whole(config) -> the database of one sync of everything"""

    def sync(config: Path) -> Path:
        path = tmp_path / "whole.duckdb"
        command = [sys.executable, str(ROOT / "destination" / "sync.py"), "--config", config, "--database", path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=100)
        return path

    return sync
