"""Runs the commands in the README, and compares their output with what it shows.

(How: pages.py. The other pages: test_docs_commands.py. Tables and links: unit_tests/test_readme.py.)
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pages import (
    ACTIVATE,
    ALL_TESTS,
    IMAGE,
    SET_UP,
    TARGETS,
    WITH_MAKE,
    Shell,
    assert_shown,
    blocks,
    commands,
    section,
)
from sandbox_api import SandboxApi

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
FOUR_COMMANDS = (ROOT / "docs" / "four-commands.md").read_text("utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
TESTED = ["With your own key", "In docker"]

# What a test here does in its own way.
ELSEWHERE = {
    "make sync",  # test_a_sync_shows_what_came
    "make sync CONFIG=secrets/config.json",  # test_sync.py
    "make demo",  # test_the_demo_shows_the_four_commands
    "make new NAME=pokemon DIR=../source-pokemon",  # the tutorial and test_new_connector.py
    "make new",
    "make lessons",  # docs/lessons.md and test_lessons.py
    "make try N=1",
    "make check-lesson N=1",
}


@pytest.fixture
def ready(shell: Shell, api: SandboxApi, tmp_path: Path) -> Shell:
    """The shell, whose configs (secrets/config.json too) name this test's sandbox."""
    samples = tmp_path / "source-stock-ticker" / "sample_files"
    shutil.copy(samples / "config_sandbox.json", samples.parent / "secrets" / "config.json")
    shell.address = api.url
    shell.type(ACTIVATE)
    return shell


def test_the_rows_under_the_code_of_a_stream_are_what_a_read_writes(api: SandboxApi, connector: Any) -> None:
    (shown,) = [text for _, language, text in blocks(README) if language == "json" and '"RECORD"' in text]
    written = connector.read(streams=["exchanges"]).lines
    assert_shown(["...", *shown.splitlines(), "..."], written)


@WITH_MAKE
def test_a_sync_shows_what_came(ready: Shell) -> None:
    (step,) = commands(section(README, "Into a database"))
    ready.do(step)


@pytest.mark.parametrize("title", ["With your own key", "In docker"])
def test_the_commands_for_a_key_work(title: str, ready: Shell) -> None:
    typed = [step.command for step in commands(section(README, title)) if step.command not in TARGETS | SET_UP]
    words = [re.search(r"spec|check|discover|read", command.partition(IMAGE)[2] or command)[0] for command in typed]
    assert words == ["spec", "check", "discover", "read"]
    for command in typed:
        assert '"status":"FAILED"' not in "".join(ready.type(command))


def test_no_command_of_the_readme_is_left_untested() -> None:
    run = {step.command for title in TESTED for step in commands(section(README, title))}
    all_commands = {step.command for step in commands(README)}
    all_commands |= set(re.findall(r"`((?:make|python main\.py) [^`]+)`", README))
    assert all_commands <= run | SET_UP | TARGETS | ALL_TESTS | ELSEWHERE


@WITH_MAKE
def test_the_demo_shows_the_four_commands(shell: Shell) -> None:
    (demo,) = [step for step in commands(README) if step.command == "make demo"]
    assert demo.shown
    shell.do(demo)
    output = "\n".join(shell.type("make demo"))
    for command in ("spec", "check", "discover", "read"):
        assert f"$ python main.py {command}" in output
    assert '"status":"SUCCEEDED"' in output
    assert "That was the whole protocol" in output


@WITH_MAKE
def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = " ".join(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)).split()
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)  # help is what it does
    assert re.findall(r"^  make ([\w-]+) +\S+", done.stdout, re.MULTILINE) == targets


def test_the_launch_settings_of_the_editor_run(ready: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "source-stock-ticker"
    settings = json.loads((folder / ".vscode" / "launch.json").read_text("utf-8"))["configurations"]
    started = set()
    for one in settings:
        assert one["cwd"] == "${workspaceFolder}"
        program = one["program"].replace("${workspaceFolder}/", "")
        words = [program, *one.get("args", [])]
        assert [word for word in words if "." in word and not (folder / word).is_file()] == []
        if program == "main.py":
            started.add(words[1])
            output = ready.type(" ".join(["python", *words]))
            assert output
            assert not [line for line in output if '"FAILED"' in line or '"INCOMPLETE"' in line]
    assert started == {"spec", "check", "discover", "read"}


@WITH_MAKE
@pytest.mark.parametrize("command", ["make demo", "make test", "make benchmark", "make acceptance", "make example"])
def test_make_says_what_pip_needs_when_it_fails(command: str, tmp_path: Path) -> None:
    pip = tmp_path / "pip"
    pip.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found' >&2; exit 1\n")
    pip.chmod(0o755)
    python = tmp_path / "python"  # makes an environment whose pip finds no network
    python.write_text(f'#!/bin/sh\ncase $2 in venv) mkdir -p "$3/bin" && ln -sf {pip} "$3/bin/python";; esac\n')
    python.chmod(0o755)
    variables = [f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
    by_hand = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}  # though make may have started the tests
    command_line = [*command.split(), *variables]
    done = subprocess.run(command_line, cwd=ROOT, env=by_hand, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert "No matching distribution" in done.stderr
    assert "It needs the network for this, once." in done.stdout.splitlines()[-1]


@WITH_MAKE
@pytest.mark.parametrize("command", sorted(TARGETS))
def test_make_knows_its_targets(command: str) -> None:
    subprocess.run(["env", *command.split(), "--dry-run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=60)


def test_the_sandbox_says_where_it_is() -> None:
    (shown,) = [shown for command, shown in commands(FOUR_COMMANDS) if command.endswith("sandbox_api.py")]
    process = subprocess.Popen(
        [sys.executable, "integration_tests/sandbox_api.py", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        line = process.stdout.readline() if process.stdout else ""
        process.terminate()
    assert [re.sub(r":\d+,", ":8080,", line.rstrip("\n"))] == shown


def test_the_table_of_streams_has_the_endpoints_that_are_asked(api: SandboxApi, connector: Any) -> None:
    streams = section(REFERENCE, "Streams")
    cells = [row.split(" | ")[4] for row in streams.splitlines() if row.startswith("| `")]
    told = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for cell in cells for path in re.findall(r"`(/[^`]+)`", cell)]
    names = re.findall(r"^\| `(\w+)`", streams, re.MULTILINE)
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
    ("changes", "api_changes"),
    [
        ({"api_key": "wrong-key-of-mine"}, {}),
        ({"tickers": ["AAPLE"]}, {}),
        ({"start_date": None, "end_date": None}, {}),
        ({"api_url": "http://localhost:9"}, {}),
        ({}, {"forbidden": {"custom_bars"}}),
        ({}, {"plan_start": "2012-06-01"}),
        ({}, {"rate_per_minute": -1}),
    ],
    ids=str,
)
def test_the_page_for_trouble_explains_the_failure(
    changes: dict[str, Any], api_changes: dict[str, Any], api: SandboxApi, connector: Any
) -> None:
    for name, value in api_changes.items():
        setattr(api, name, value)
    assert_explained(connector.check(**changes).status())


def test_the_page_for_trouble_explains_a_config_that_cannot_be_read(connector: Any) -> None:
    missing = connector.run("check", "--config", "/secrets/config.json")
    status, sentence = missing.status()
    # What the image's user meets, and root, as whom tests may run, does not: test_image.py.
    assert_explained((status, sentence.replace("No such file or directory", "Permission denied")))


def assert_explained(status: tuple[str, str]) -> None:
    assert status[0] == "FAILED"
    told = re.findall(r"^\*\*`(.+?)`\*\*", TROUBLESHOOTING, re.MULTILINE)
    assert any(re.search(re.escape(start).replace(re.escape("..."), ".*"), status[1]) for start in told), status[1]


def test_the_samples_in_the_docs_are_json() -> None:
    for page in (README, (ROOT / "docs" / "choices.md").read_text("utf-8")):
        for _, language, text in blocks(page):
            if language == "json" and '"RECORD"' not in text:
                json.loads(text)
