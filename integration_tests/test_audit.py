"""make audit passes on what pip-audit found, and passes nothing as clean that was not looked up.

pip-audit is a script here that says what the real one (2.10) says; the real one: acceptance/test_sbom.py.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pages import WITH_MAKE
from usual import ROOT

pytestmark = WITH_MAKE

FOUND = """Name     Version ID                  Fix Versions
-------- ------- ------------------- ------------
requests 2.31.0  GHSA-9wx4-h78v-vm56 2.32.0"""
CLEAN = "No known vulnerabilities found"
UNKNOWN = "attrs: Dependency not found on PyPI and could not be audited: attrs (26.1.0)"
INCOMPLETE = "The audit is incomplete: PyPI's database of vulnerabilities did not answer for every package"


def audit(venv: Path, script: str) -> tuple[bool, str]:
    """Whether `make audit` succeeds with such a pip-audit, and what it shows."""
    program = venv.with_name("venv-audit") / "bin" / "pip-audit"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (program.parent.parent / ".ready").touch()  # newer than setup.py
    done = subprocess.run(
        ["make", "--no-print-directory", "audit", f"VENV={venv}"],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.returncode == 0, done.stdout.strip()


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return tmp_path / "venv"


def test_nothing_found_is_a_success(venv: Path) -> None:
    assert audit(venv, f"echo '{CLEAN}' >&2") == (True, CLEAN)


def test_what_is_found_is_shown_and_fails(venv: Path) -> None:
    count = "Found 1 known vulnerability in 1 package"
    assert audit(venv, f"echo '{count}' >&2; echo '{FOUND}'; exit 1") == (False, f"{FOUND}\n{count}")


def test_a_package_that_the_database_does_not_know_is_not_passed_as_clean(venv: Path) -> None:
    skips = f"case $* in *--strict*) echo 'ERROR:pip_audit._cli:{UNKNOWN}' >&2; exit 1;; esac; echo '{CLEAN}' >&2"
    assert audit(venv, skips) == (False, f"{INCOMPLETE} (details: {venv}-audit/said.txt).")


def test_the_locked_versions_are_looked_up_as_they_are(venv: Path) -> None:
    _, _ = audit(venv, 'echo "No known: $*" >&2')
    said = venv.with_name("venv-audit") / "said.txt"
    assert "--disable-pip --require-hashes --requirement requirements.lock" in said.read_text()
