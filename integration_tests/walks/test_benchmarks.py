"""Tests that the benchmark works: a few rows, this connector and the lower bound, without any timing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / script), "--tiny", "--rounds=1", *options]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)


def test_every_case_runs_and_the_rows_are_the_servers() -> None:
    done = run("run.py", "--only", "ours")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(re.findall(r"^### (.+)", done.stdout, re.MULTILINE))) == 10
    written = re.findall(r"^Each wrote (\d+) rows", done.stdout, re.MULTILINE)
    assert written == ["20", "600", "400", "20", "400", "600", "30", "0"]
    requests = re.findall(r"^\| source-stock-ticker \|.* \| (\d+, \d+) \|$", done.stdout, re.MULTILINE)
    assert requests[-2:] == ["1, 1", "0, 1"]  # one new day of all tickers, and nothing new


def test_others_run_next_to_it_and_must_write_the_same_rows() -> None:
    done = run("run.py", "--only", "python,bound,ours_check", "--cases", "spec,small,newday")
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^\| ([^|]+) \| [\d.]+ \(", done.stdout, re.MULTILINE)
    ours, bound = "source-stock-ticker", "requests + orjson (lower bound)"
    assert rows == [ours, "`python -c pass`", bound, ours, bound, ours, bound, f"{ours}, only `check`"]


def test_growth_is_measured_at_four_sizes() -> None:
    done = run("growth.py", "--only", "state")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"^\| [\d,]+ \|", done.stdout, re.MULTILINE)) == 4
    assert re.search(r"^8 times the tickers in the state: .* times the memory\.$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["goals", "tables", "short table", "circumstances", "growth", "server"])
def test_the_results_have_a_place_in_the_page(name: str) -> None:
    page = (BENCHMARKS / "README.md").read_text("utf-8")
    (results,) = re.findall(rf"<!-- {name} -->\n\n(.+?)\n\n<!-- end of {name} -->\n", page, re.DOTALL)
    assert len(results) > 100


def test_a_wrong_sum_ends_the_run() -> None:
    """The figures depend on the verification, so it is verified too."""
    done = in_benchmarks("""
import run
from cases import CASES
from contestants import CONTESTANTS
wrong = run.Written(rows=20, cents=901, bytes=0, state_bytes=0, last_state="", text="")
run.verify(CONTESTANTS["ours"], CASES["small"], wrong, (20, 900))
""")
    assert done.stderr.endswith("wrote 20 rows, closes 901; it should be (20, 900)\n")


def test_a_table_replaces_the_previous_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- goals -->\n\nold\n\n<!-- end of goals -->\nbelow\n")
    code = f"import pathlib, report; report.put('goals', ['| new |', ''], pathlib.Path({str(page)!r}))"
    assert in_benchmarks(code).returncode == 0
    assert page.read_text() == "above\n<!-- goals -->\n\n| new |\n\n<!-- end of goals -->\nbelow\n"


def in_benchmarks(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, timeout=60)
