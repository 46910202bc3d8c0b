"""make sbom lists what the image installs: each package of requirements.lock with its licence, and the connector.

`make audit`, which shares its environment, is tried here without a network; its other ends: ../test_audit.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pages import clone
from project_copy import locked
from usual import refusing_port

from source_stock_ticker import __version__

ENVIRONMENT = {**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}


def make(target: str, folder: Path, venv: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", target, f"VENV={venv}", f"PYTHON={sys.executable}"]
    environment = ENVIRONMENT | env
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=300)


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Makefile puts the environment that both targets use."""
    return tmp_path_factory.mktemp("venv") / "venv"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("project") / "source-stock-ticker")


@pytest.fixture(scope="module")
def sbom(project: Path, venv: Path) -> dict[str, Any]:
    done = make("sbom", project, venv)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((project / "dist" / "sbom.cdx.json").read_text("utf-8"))


def components(sbom: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Component by name, as requirements.lock spells it."""
    return {one["name"].lower(): one for one in sbom["components"]}


def test_it_is_cyclonedx_and_names_the_locked_versions_and_the_connector(sbom: dict[str, Any]) -> None:
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    versions = {name: component["version"] for name, component in components(sbom).items()}
    assert versions == locked() | {"source-stock-ticker": __version__}


def test_each_has_the_licence_that_stands_in_security_md(sbom: dict[str, Any], project: Path) -> None:
    table = re.findall(r"^\| ([A-Z][\w.-]+) \| ([a-z].+) \|$", (project / "SECURITY.md").read_text(), re.MULTILINE)
    told = {name: {licence} for licence, names in table for name in names.split(", ")}
    found = {
        name: {each["license"]["id"] for each in component["licenses"] if "id" in each["license"]}
        for name, component in components(sbom).items()
    }
    assert found == told | {"source-stock-ticker": {"MIT"}}


@pytest.mark.usefixtures("sbom")  # which has made the environment, while there was a network
def test_an_audit_whose_database_is_out_of_reach_fails_with_one_sentence(project: Path, venv: Path) -> None:
    done = make("audit", project, venv, HTTPS_PROXY=f"http://localhost:{refusing_port()}")
    assert done.returncode != 0
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("The audit is incomplete: ")
    assert "Traceback" not in done.stderr
    assert "ProxyError" in (venv.parent / "venv-audit" / "said.txt").read_text()
