"""Makes copies for the tests of `make new` and `make update`, and runs what people run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WITH_GIT = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
LEFT_BY_TOOLS = {".git", "__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"}

Done = subprocess.CompletedProcess[str]


def make_new(
    name: str, folder: Path | str, pattern: str = "", project: Path = ROOT, env: dict[str, str] | None = None
) -> Done:
    """What `make new` does, without make."""
    command = [sys.executable, str(project / "template" / "new.py"), name, str(folder), pattern]
    return run(command, project, **(env or {}))


def run(command: list[str], folder: Path, **env: str) -> Done:
    environment = {**os.environ, **env}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=300)


def content(folder: Path) -> dict[str, bytes]:
    """Every file in a folder: path -> bytes; without what git, Python and its tools leave there."""
    paths = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    return {path.as_posix(): file.read_bytes() for path, file in paths.items() if not LEFT_BY_TOOLS & set(path.parts)}


def commit(folder: Path) -> None:
    """Commit everything, as its user would."""
    for words in (["add", "--all"], ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "mine"]):
        assert run(["git", *words], folder).returncode == 0


class Make:
    """A function: a folder and targets -> what make did there, with this Python instead of a new environment."""

    def __init__(self, environment: Path) -> None:
        self._environment = environment
        python = environment / "bin" / "python"
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)

    def __call__(self, folder: Path, *words: str, **variables: str) -> Done:
        for name in (".ready", ".ready-for-tests", ".ready-to-sync"):
            ready = self._environment / name
            ready.touch()  # newer than the copy's setup.py
            if "update" in words:
                os.utime(ready, (time.time() + 600,) * 2)  # which that writes
        command = ["make", *words, f"VENV={self._environment}", f"PYTHON={sys.executable}"]
        return run(command, folder, **{"MAKEFLAGS": "", "MAKELEVEL": "0", **variables})
