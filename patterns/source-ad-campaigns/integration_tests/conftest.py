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

    @property
    def configs(self) -> list[dict[str, Any]]:
        """The configs from CONTROL messages, in order: the last one is the connection's new config."""
        return [control["connectorConfig"]["config"] for control in self.of("CONTROL", "control")]

    @property
    def errors(self) -> list[str]:
        """What the TRACE ERRORs say."""
        return [trace["error"]["message"] for trace in self.of("TRACE", "trace") if trace["type"] == "ERROR"]


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as sandbox:
        yield sandbox


@pytest.fixture
def oauth2(api: SandboxApi) -> dict[str, str]:
    """Credentials that work once."""
    client_id, client_secret = api.client
    words = {"client_id": client_id, "client_secret": client_secret, "refresh_token": api.refresh_token}
    return {"auth_type": "oauth2", **words}


@pytest.fixture
def start(api: SandboxApi, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """A function: a command, its catalog and state, and config options -> its process against `api`."""

    def start(command: str, catalog: Any = None, state: Any = None, **config: Any) -> subprocess.Popen[str]:
        config = {**CONFIG, "api_url": api.url, **config}
        arguments = [command]
        for name, content in {"config": config, "catalog": catalog, "state": state}.items():
            if content is not None and command != "spec":
                (tmp_path / name).write_text(json.dumps(content), "utf-8")
                arguments += [f"--{name}", str(tmp_path / name)]
        command_line = [sys.executable, "main.py", *arguments]
        return subprocess.Popen(
            command_line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )

    return start


@pytest.fixture
def run(api: SandboxApi, start: Callable[..., subprocess.Popen[str]]) -> Callable[..., Run]:
    """A function: the arguments of `start` -> its Run. Only a CONTROL message may contain a secret."""

    def run(*command: Any, **config: Any) -> Run:
        process = start(*command, **config)
        output, errors = process.communicate(timeout=60)
        assert errors == ""
        assert process.returncode is not None
        shown = "".join(line for line in output.splitlines(True) if not line.startswith('{"type":"CONTROL"'))
        assert [secret for secret in secrets(api) if secret in shown] == []
        return Run(process.returncode, parsed(output))

    return run


def secrets(api: SandboxApi) -> set[str]:
    """All secrets: those in the configs, and the tokens that the sandbox has made."""
    made = {f"refresh-token-{number}" for number in range(1, api.tokens_made + 1)}
    return {api.private_token, api.client[1], "sandbox-refresh-token", *made, *api.access_tokens}


@pytest.fixture
def killed() -> Callable[[str], Run]:
    """A function: what a process wrote until it was killed -> the Run of it."""
    return lambda output: Run(-9, parsed(output))


def parsed(output: str) -> list[dict[str, Any]]:
    """The messages of an output; the last line can be truncated."""
    messages = [json.loads(line) for line in output.splitlines(True) if line.endswith("\n")]
    for message in messages:
        AirbyteMessage.parse_obj(message)  # raises if it does not fit the protocol
    return messages
