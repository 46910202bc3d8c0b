"""What the integration tests share: a sandbox, and the connector that runs against it as a separate process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from airbyte_protocol.models import AirbyteMessage
from sandbox_api import SandboxApi

from source_river_levels.runtime.protocol.spec import secrets

ROOT = Path(__file__).resolve().parent.parent
CONFIG = (ROOT / "sample_files" / "config_sandbox.json").read_text("utf-8")
ADDRESS = re.compile(r"http://localhost:\d+")  # of the sandbox, in CONFIG
SCHEMA = yaml.safe_load((ROOT / "spec.yaml").read_text("utf-8"))["connectionSpecification"]


class Run(NamedTuple):
    """What a command wrote, and how it ended."""

    exit_code: int
    messages: list[dict[str, Any]]

    def of(self, kind: str, key: str) -> list[Any]:
        """The values of the messages of a type under `key`: of("STATE", "state")."""
        return [message[key] for message in self.messages if message["type"] == kind]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """The stream's rows, in order."""
        return [record["data"] for record in self.of("RECORD", "record") if record["stream"] == stream]


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as sandbox:
        yield sandbox


@pytest.fixture
def run(api: SandboxApi, tmp_path: Path) -> Callable[..., Run]:
    """A function: a command, its catalog and state, and config options -> its Run against the sandbox `api`."""

    def run(command: str, catalog: Any = None, state: Any = None, **config: Any) -> Run:
        configured = json.loads(ADDRESS.sub(api.url, CONFIG)) | config
        files = {"config": configured, "catalog": catalog, "state": state}
        arguments = [command]
        for name, content in files.items():
            if content is not None and (command != "spec"):
                (tmp_path / name).write_text(json.dumps(content), "utf-8")
                arguments += [f"--{name}", str(tmp_path / name)]
        done = subprocess.run(
            [sys.executable, "main.py", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60
        )
        assert done.stderr == ""
        lines = done.stdout.splitlines()
        messages = [json.loads(line) for line in lines]
        # A CONTROL message passes the config to the platform, which saves it; nothing else shows a secret.
        shown = "".join(line for line, message in zip(lines, messages, strict=True) if message["type"] != "CONTROL")
        assert [secret for secret in secrets(configured, SCHEMA) if str(secret) in shown] == []
        for message in messages:
            AirbyteMessage.parse_obj(message)  # raises if it does not fit the protocol
        return Run(done.returncode, messages)

    return run
