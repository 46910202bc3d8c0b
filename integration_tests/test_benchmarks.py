"""The benchmark works: a few rows, this connector and the lower bound, and never a word about times."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / script), "--tiny", "--rounds", "1", *options]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)


def test_every_case_runs_and_the_rows_are_the_servers() -> None:
    only = "ours,bound,ours_check,python"
    done = run("run.py", "--only", only, "--environments", "none")
    assert (done.returncode, done.stderr) == (0, "")
    cases = re.findall(r"^### (.+)", done.stdout, re.MULTILINE)
    assert len(cases) == len(set(cases)) == 10
    assert done.stdout.count("| source-stock-ticker |") == 10
    assert done.stdout.count("| requests + orjson (lower bound) |") == 7
    assert re.findall(r"Each wrote ([\d,]+) rows", done.stdout) == ["20", "600", "600", "20", "600", "600", "30", "0"]


def test_the_calls_of_an_increment_are_counted() -> None:
    done = run("run.py", "--only", "ours", "--cases", "newday,nothing", "--environments", "none")
    assert re.findall(r"\| source-stock-ticker \|.*\| (\d+, \d+) \|", done.stdout) == ["1, 1", "0, 1"]


def test_growth_has_four_sizes_of_each_kind() -> None:
    done = run("growth.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"^\| [\d,]+ \|", done.stdout, re.MULTILINE)) == 16
    assert len(re.findall(r"times the memory\.$", done.stdout, re.MULTILINE)) == 4


@pytest.mark.parametrize("name", ["goals", "tables", "short table", "circumstances", "growth"])
def test_the_results_have_a_place_in_a_page(name: str) -> None:
    pages = [(BENCHMARKS / "README.md").read_text("utf-8"), (ROOT / "README.md").read_text("utf-8")]
    assert any(f"<!-- {name} -->\n" in page and f"\n<!-- end of {name} -->" in page for page in pages)


def test_a_wrong_sum_ends_the_run() -> None:
    """The verification is what the figures rest on, so it is verified too."""
    code = """
import run
wrong = run.Written(rows=20, cents=901, bytes=0, state_bytes=0, last_state="", text="")
run.verify(run.CONTESTANTS["ours"], run.CASES["small"], wrong, (20, 900))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, timeout=60)
    assert done.stderr.endswith("wrote 20 rows, closes 901; it should be (20, 900)\n")
