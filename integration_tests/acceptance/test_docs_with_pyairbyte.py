"""What in the docs needs PyAirbyte, the CDK or DuckDB, which come with each other: the ordinary tests leave it out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest
from pages import (
    ACTIVATE,
    ELSEWHERE,
    FIRST,
    ROOT,
    USUAL_ADDRESS,
    FileBlock,
    Shell,
    Started,
    Turn,
    Typed,
    clone,
    section,
    steps,
)
from sandbox_api import SandboxApi

ACTIVATED = Typed(ACTIVATE, [])
SANDBOX = Started("python integration_tests/sandbox_api.py", ["Sandbox at ..."])
NEW = [Typed("make new NAME=pokemon DIR=../source-pokemon", []), Typed("cd ../source-pokemon", []), ACTIVATED]
LONGEST = 60  # seconds


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.fixture
def shell(tmp_path: Path, internet: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    assert all(find_spec(package) for package in ELSEWHERE.values() if package != "dagster")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")  # pyab, source-stock-ticker
    with Shell(clone(tmp_path / "source-stock-ticker")) as shell:
        yield shell


@pytest.mark.parametrize("name", ["recipes.md", "airbyte.md", "engines.md", "low-code.md"])
def test_all_that_a_page_tells_to_do_comes_out_as_it_shows(name: str, shell: Shell, internet: list[bytes]) -> None:
    text = page(name)
    if name == "recipes.md":
        text = text.replace(section(text, "Into Postgres, with PyAirbyte"), "")  # test_postgres.py
    for step in steps(text):
        shell.do(step)
    assert internet == []


def test_a_read_by_pyairbyte_that_is_stopped_leaves_no_table(tmp_path: Path) -> None:
    (script,) = [step for step in steps(page("airbyte.md")) if isinstance(step, FileBlock) and step.verb == "Create"]
    (tmp_path / "secrets").mkdir()
    with SandboxApi(page_size=2, latency=0.2) as api:
        (tmp_path / script.path).write_text(script.text.replace(USUAL_ADDRESS, api.url), "utf-8")
        command = [sys.executable, "-W", "ignore", script.path]
        process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE)
        deadline = time.monotonic() + LONGEST
        while len(api.calls("/v2/aggs/")) < 30:  # of 42, so that one ticker is through
            assert (process.poll(), time.monotonic() < deadline) == (None, True)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.communicate(timeout=LONGEST)
    assert process.returncode != 0
    with duckdb.connect(str(tmp_path / "secrets" / "stocks.duckdb")) as database:
        tables = {name for (name,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert tables
    assert not any("stock_prices" in table for table in tables)


def test_the_standard_tests_run_on_a_connector_of_ones_own(shell: Shell) -> None:
    part = section(page("build-your-own.md"), "7. Airbyte's tests")
    for step in (*NEW, Turn("second"), *NEW[1:], SANDBOX, Turn(FIRST), *steps(part)):
        shell.do(step)
