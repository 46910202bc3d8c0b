"""The example does what it says: run twice, in a folder of its own, as `make example` runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project_copy import ROOT

SCRIPT = Path("examples", "prices_to_duckdb.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    for name in ("examples", "docs"):
        (folder / name).mkdir()
    shutil.copy(ROOT / SCRIPT, folder / SCRIPT)
    for name in ("integration_tests", "sample_files"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def outputs(folder: Path, internet: list[bytes]) -> list[str]:
    """What the first and the second run print."""
    command = [sys.executable, "-W", "ignore", str(folder / SCRIPT)]
    runs = [subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=100) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    assert "Traceback" not in runs[0].stderr + runs[1].stderr
    return [run.stdout for run in runs]


def test_the_second_run_reads_only_the_last_days(outputs: list[str]) -> None:
    first, second = (int(output.partition(" rows read into")[0].split()[-1]) for output in outputs)
    assert (first, second) == (2 * 504 + 1, 2 * 3)  # two years of two tickers and a split; then three weekdays each


def test_the_answer_knows_of_the_split(outputs: list[str]) -> None:
    for output in outputs:
        assert ["AAPL", "504", "24.02", "68.49", "185.0", "470.0"] in [line.split() for line in output.splitlines()]


def test_there_is_a_picture(outputs: list[str], folder: Path) -> None:
    assert (folder / "docs" / "example.png").read_bytes().startswith(b"\x89PNG")


def test_the_internet_is_not_needed(outputs: list[str], internet: list[bytes]) -> None:
    assert len(outputs) == 2
    assert internet == []
