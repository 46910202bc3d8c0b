"""Runs what the README and the docs tell people to type, and compares what comes out with what they show.

(Their tables and links: unit_tests/test_readme.py.)
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_api import SandboxApi

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
USUAL_ADDRESS = "http://localhost:8080"
IMAGE = "airbyte/source-stock-ticker:dev"

# These set things up, or start what a test starts in its own way. Whatever is neither here nor run below fails a test.
SET_UP = {
    "python3 -m venv .venv",
    "source .venv/bin/activate",
    "pip install -r requirements.txt",
    "pip install -e '.[tests]'",
    "python integration_tests/sandbox_api.py",  # test_the_sandbox_says_where_it_is
    "python -m pytest -s unit_tests",  # this very run
    "python -m pytest -s integration_tests",
}
TARGETS = {"make demo", "make test", "make lint", "make image", "make help"}
TARGETS |= {"make acceptance", "make imagetest", "make example"}  # .ci/run and integration_tests/acceptance run these
TARGETS |= {
    "make benchmark",
    "make benchmark PEERS=yes",
    "make growth",
    "make hotpath",
}  # test_benchmarks.py runs these

Step = tuple[str, list[str]]  # a command, and the lines of output shown under it


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[1]


def steps(text: str) -> list[Step]:
    """What the console blocks of a text tell to type, in their order."""
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def assert_shown(shown: list[str], real: list[str]) -> None:
    """Fail unless the lines shown are those of the real output, in order.

    "..." stands for what was cut out: parts of a line, or, alone on its line, any number of lines (none too).
    """
    rest = iter(real)
    skipping = False
    for line in shown:
        if line == "...":
            skipping = True
            continue
        pattern = re.escape(line).replace(re.escape("..."), ".*")
        pattern = re.sub(r'"emitted_at":[\d.\\]+', r'"emitted_at":[\\d.]+', pattern)
        for candidate in rest:
            if re.fullmatch(pattern, candidate):
                break
            assert skipping, f"the README shows\n{line}\nwhere this came out:\n{candidate[:400]}"
        else:
            pytest.fail(f"the README shows a line that did not come out:\n{line}")
        skipping = False
    if shown and not skipping:
        assert list(rest) == [], "more came out than the README shows"


@pytest.fixture
def checkout(api: SandboxApi, tmp_path: Path) -> Path:
    """A folder like a fresh clone, whose sample config (and secrets/config.json) names this test's sandbox."""
    for name in ("main.py", "spec.yaml", "source_stock_ticker"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "sample_files", tmp_path / "sample_files")
    config = tmp_path / "sample_files" / "config_sandbox.json"
    text = config.read_text("utf-8")
    assert USUAL_ADDRESS in text
    config.write_text(text.replace(USUAL_ADDRESS, api.url), "utf-8")
    (tmp_path / "secrets").mkdir()
    shutil.copy(config, tmp_path / "secrets" / "config.json")
    return tmp_path


@pytest.fixture
def type_in(checkout: Path) -> Iterator[Callable[[str], list[str]]]:
    """A function: a command, typed into a shell in that folder -> the lines that came out."""
    programs = checkout / "bin"
    programs.mkdir()
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}

    def run(command: str) -> list[str]:
        done = subprocess.run(
            command, shell=True, cwd=checkout, env=environment, capture_output=True, encoding="utf-8", timeout=60
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        return done.stdout.splitlines()

    return run


def as_without_docker(command: str) -> str:
    """The same command by main.py, on the folders that were mounted."""
    arguments = (
        command.partition(IMAGE)[2].replace(" /secrets/", " secrets/").replace(" /sample_files/", " sample_files/")
    )
    return f"python main.py{arguments}"


def test_the_commands_for_the_sandbox_give_what_is_shown(type_in: Callable[[str], list[str]]) -> None:
    run = 0
    for command, shown in steps(section("Five minutes, no key, no network")):
        if command not in SET_UP | TARGETS:
            assert_shown(shown, type_in(command))
            run += 1
    assert run >= 7  # spec, check, discover, read; and saving a state, and going on from it


def test_a_read_resumes_from_the_saved_state(type_in: Callable[[str], list[str]]) -> None:
    commands = [command for command, _ in steps(section("Five minutes, no key, no network"))]
    *_, first, save, again = commands
    type_in(first)
    type_in(save)
    records = [line for line in type_in(again) if '"type":"RECORD"' in line]
    assert len(records) == 6  # "3 rows of each ticker instead of 41"


@pytest.mark.parametrize("title", ["With your own key", "In docker"])
def test_the_commands_for_a_key_work(title: str, type_in: Callable[[str], list[str]]) -> None:
    commands = [command for command, _ in steps(section(title)) if command not in TARGETS]
    assert [
        re.search(r"spec|check|discover|read", command.partition(IMAGE)[2] or command)[0] for command in commands
    ] == [
        "spec",
        "check",
        "discover",
        "read",
    ]
    for command in commands:
        output = type_in(as_without_docker(command) if IMAGE in command else command)
        assert '"status":"FAILED"' not in "".join(output)


def test_a_folder_that_docker_is_told_of_is_mounted() -> None:
    for command in re.findall(r"docker run [^`\n]+", README):
        for folder in re.findall(r" /(\w+)/", command):
            assert f"-v $(pwd)/{folder}:/{folder} " in command


def test_no_command_of_the_readme_is_left_untested() -> None:
    run = {
        command
        for title in ("Five minutes, no key, no network", "With your own key", "In docker")
        for command, _ in steps(section(title))
    }
    all_commands = {command for command, _ in steps(README)} | set(
        re.findall(r"`((?:make|python main\.py) [^`]+)`", README)
    )
    assert all_commands <= run | SET_UP | TARGETS


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("command", sorted(TARGETS))
def test_make_knows_its_targets(command: str) -> None:
    subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=60)


def test_the_sandbox_says_where_it_is() -> None:
    (shown,) = [shown for command, shown in steps(README) if command.endswith("sandbox_api.py")]
    process = subprocess.Popen(
        [sys.executable, "integration_tests/sandbox_api.py", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        line = process.stdout.readline() if process.stdout else ""
        process.terminate()
    assert [re.sub(r":\d+,", ":8080,", line.rstrip("\n"))] == shown


def test_the_table_of_streams_has_the_endpoints_that_are_asked(api: SandboxApi, connector: Any) -> None:
    cells = [row.split(" | ")[4] for row in section("Streams").splitlines() if row.startswith("| `")]
    told = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for cell in cells for path in re.findall(r"`(/[^`]+)`", cell)]
    names = re.findall(r"^\| `(\w+)`", section("Streams"), re.MULTILINE)
    one_day = {
        "start_date": "2012-03-30",
        "requests_per_minute": 6000,
    }  # with a limit, one day of two tickers is one call
    assert connector.read(streams=names).exit_code == 0
    assert connector.read(tickers=["IBM", "AAPL"], **one_day).exit_code == 0
    asked = {path.partition("?")[0] for path in api.calls()}
    assert [path for path in asked if not any(endpoint.fullmatch(path) for endpoint in told)] == []
    assert [endpoint.pattern for endpoint in told if not any(endpoint.fullmatch(path) for path in asked)] == []


def test_the_picture_and_the_table_of_the_splits_page_are_real() -> None:
    drawing = runpy.run_path(str(ROOT / "docs" / "draw_splits.py"))
    naive, ours, truth, table = drawing["destinations"]()
    assert ours == truth
    assert sum(naive[key] != truth[key] for key in truth) == 17
    page = (ROOT / "docs" / "splits.md").read_text("utf-8")
    assert "\n".join(table) in page
    assert drawing["picture"](naive, ours) == (ROOT / "docs" / "splits.svg").read_text("utf-8")


@pytest.mark.parametrize(
    "changes",
    [
        {"api_key": "wrong-key-of-mine"},
        {"tickers": ["AAPLE"]},
        {"start_date": None, "end_date": None},
        {"api_url": "http://localhost:9"},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_the_readme_explains_the_failure(changes: dict[str, Any], connector: Any) -> None:
    status, sentence = connector.check(**changes).status()
    assert status == "FAILED"
    told = re.findall(r"^\*\*`(.+?)`\*\*", section("When it does not work"), re.MULTILINE)
    assert any(re.search(re.escape(start).replace(re.escape("..."), ".*"), sentence) for start in told), sentence


def test_the_samples_in_the_docs_are_json() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "choices.md"):
        for block in re.findall(r"^```json\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            json.loads(block)
