"""examples/airflow: the DAG is linted by ruff's rules for Airflow 3, and its command works. Airflow does not run it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from usual import ROOT

DAG = ROOT / "examples" / "airflow" / "stock_ticker.py"


def lint(file: Path) -> int:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "AIR,E9,F", str(file)]
    return subprocess.run(command, capture_output=True, timeout=60).returncode


def test_the_dag_is_clean() -> None:
    compile(DAG.read_text("utf-8"), DAG.name, "exec")
    assert lint(DAG) == 0


@pytest.mark.parametrize(
    ("good", "broken"),
    [
        ("schedule=", "schedule_interval="),
        ("from airflow.providers.standard.operators.bash", "from airflow.operators.bash_operator"),
        ("with DAG(", "with Dag("),
    ],
)
def test_what_airflow_3_has_no_longer_is_found(good: str, broken: str, tmp_path: Path) -> None:
    text = DAG.read_text("utf-8")
    assert text.count(good) == 1
    (tmp_path / "broken.py").write_text(text.replace(good, broken))
    assert lint(tmp_path / "broken.py") == 1


def test_its_command_is_a_sync(config: Callable[..., Path], tmp_path: Path) -> None:
    (task,) = [
        {word.arg: word.value for word in node.keywords}
        for node in ast.walk(ast.parse(DAG.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "BashOperator"
    ]
    command = ast.literal_eval(task["bash_command"])
    for there, here in ((".venv/bin/python", sys.executable), ("secrets/config.json", config(tickers=["IBM"]))):
        assert there in command
        command = command.replace(there, str(here))
    command += f" --streams splits --database {tmp_path / 'stocks.duckdb'}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout.splitlines()[1].split()[0]) == (0, "splits")
