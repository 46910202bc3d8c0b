"""Provides the tiny connector in its own folder, and functions that run it."""

import json
import os
import subprocess
import sys

import pytest
from tiny_connector import CATALOG, KEY, MAIN, ROOT, SCHEMA, SOURCE, SPEC, Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the connector and the files for it are."""
    folder = tmp_path_factory.mktemp("connector")
    (folder / "tiny").mkdir()
    for name, text in {
        "main.py": MAIN,
        "tiny/__init__.py": "",
        "tiny/source.py": SOURCE,
        "tiny/numbers.json": json.dumps(SCHEMA),
        "spec.yaml": SPEC,
        "catalog.json": json.dumps(CATALOG),
    }.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def start(folder, tmp_path):
    """A function that starts the connector with these arguments, as in a fresh shell in another folder."""
    started = []

    def start(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=None, **environment):
        process = subprocess.Popen(
            [sys.executable, folder / "main.py", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE if stderr is None else stderr,
            bufsize=0,  # what lines_until has not read must be left for communicate
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def finish(messages_in):
    """A function: a process -> its Run, once it has ended."""

    def finish(process, already_read=b""):
        stdout, stderr = process.communicate(timeout=20)
        return Run(messages_in(already_read + stdout), (stderr or b"").decode(), process.returncode)

    return finish


@pytest.fixture
def run(start, finish):
    return lambda *arguments, **environment: finish(start(*arguments, **environment))


@pytest.fixture
def config(tmp_path):
    """A function that writes a config file and names it."""

    def config(content=None, **fields):
        file = tmp_path / "config.json"
        file.write_bytes(content if content is not None else json.dumps({"key": KEY, **fields}).encode())
        return str(file)

    return config


@pytest.fixture
def read_of(folder, config):
    """A function: what a connector does -> the arguments of a read by it."""
    return lambda does="well": ("read", "--config", config(does=does), "--catalog", str(folder / "catalog.json"))
