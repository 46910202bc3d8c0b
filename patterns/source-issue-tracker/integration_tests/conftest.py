"""What the integration tests share: a sandbox, and the connector that runs against it as a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from airbyte_protocol.models import AirbyteMessage
from sandbox_api import SandboxApi

ROOT = Path(__file__).resolve().parent.parent
CONFIG = json.loads((ROOT / "sample_files" / "config_sandbox.json").read_text("utf-8"))


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

    def logs(self, level: str) -> str:
        """The log messages of a level, one per line."""
        return "\n".join(log["message"] for log in self.of("LOG", "log") if log["level"] == level)

    def states(self) -> list[Any]:
        """What the platform saves of this run: the last state of each stream."""
        last = {state["stream"]["stream_descriptor"]["name"]: state for state in self.of("STATE", "state")}
        return list(last.values())


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as sandbox:
        yield sandbox


@pytest.fixture
def run(api: SandboxApi, tmp_path: Path) -> Callable[..., Run]:
    """A function: a command, its catalog and state, and words of the config -> its Run against the sandbox `api`.

    killed_after: after this many messages the process gets SIGKILL; the Run has only those.
    """

    def run(command: str, catalog: Any = None, state: Any = None, killed_after: int = 0, **config: Any) -> Run:
        files = {"config": {**CONFIG, "api_url": api.url, **config}, "catalog": catalog, "state": state}
        arguments = [command]
        for name, content in files.items():
            if content is not None and (command != "spec"):
                (tmp_path / name).write_text(json.dumps(content), "utf-8")
                arguments += [f"--{name}", str(tmp_path / name)]
        command_line = [sys.executable, "main.py", *arguments]
        with subprocess.Popen(command_line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            if not killed_after:
                stdout, stderr = process.communicate(timeout=60)
            else:
                assert process.stdout is not None
                assert process.stderr is not None
                stdout = b"".join(process.stdout.readline() for _ in range(killed_after))
                process.kill()
                stderr = process.stderr.read()
        assert stderr == b""
        assert files["config"]["access_token"].encode() not in stdout
        messages = [json.loads(line) for line in stdout.splitlines()]
        for message in messages:
            AirbyteMessage.parse_obj(message)  # raises if it does not fit the protocol
        return Run(process.returncode, messages)

    return run
