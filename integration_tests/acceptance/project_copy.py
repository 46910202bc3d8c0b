"""Makes what Airbyte's suites expect to find: a folder named like the connector, with a config that works.

It is a copy, so that nobody's secrets/config.json is used or overwritten; its configs name a sandbox of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sandbox_api import SandboxApi

ROOT = Path(__file__).resolve().parents[2]
USUAL_ADDRESS = "http://localhost:8080"
FILES = ["metadata.yaml", "spec.yaml", "acceptance-test-config.yml", "sample_files/*.json", "integration_tests/*.json"]


@cache
def sandbox() -> SandboxApi:
    """The sandbox that the copy's configs name. Its thread ends with the tests."""
    return SandboxApi().__enter__()


@cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()  # removed when the tests end


@cache
def project() -> Path:
    """The copy. secrets/config.json in it is sample_files/config_sandbox.json."""
    folder = Path(_temporary().name) / "source-stock-ticker"
    for file in [file for pattern in FILES for file in ROOT.glob(pattern)]:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text("utf-8").replace(USUAL_ADDRESS, sandbox().url), "utf-8")
    (folder / "secrets").mkdir()
    shutil.copy(folder / "sample_files" / "config_sandbox.json", folder / "secrets" / "config.json")
    return folder


@cache
def busy_year() -> Path:
    """A config for which no stream is empty: in its days MSFT had its split, and its first dividend; and news."""
    config = json.loads((project() / "secrets" / "config.json").read_text("utf-8"))
    config |= {"start_date": "2002-05-01", "end_date": "2003-04-30"}
    path = project() / "secrets" / "busy_year.json"
    path.write_text(json.dumps(config), "utf-8")
    return path


def locked() -> dict[str, str]:
    """What requirements.lock names: package, version."""
    return dict(re.findall(r"^(\S+)==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
