"""The image reads as it would in one of Airbyte's Kubernetes pods: with the pod's script, pipes, user and shutdown.

There is no Kubernetes here. The platform adds two things to the image: a shell script instead of its entry point, and a
folder with pipes. This test recreates both. `cat` plays Airbyte's orchestrator, which reads the pipes.
Source: github.com/airbytehq/airbyte-platform, airbyte-workload-launcher/src/main/kotlin/pods/factories/
ContainerCommandFactory.kt (`source`, `connectorCommandWrapper`) and ReplicationContainerFactory.kt; the names of the
files are in FileConstants.kt, the user is in WorkloadSecurityContextProvider.kt (2025).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from containers import LOCKED_IN
from sandbox_api import SandboxApi

if TYPE_CHECKING:
    from conftest import Connector, Row

pytestmark = pytest.mark.image_tests

AIRBYTE, OPENSHIFT = "1000:1000", "1000680000:0"  # the latter runs each project under a number of its own, in group 0
# It does what the platform's script does, but that looks for TERMINATED every ten seconds. The kill ends only the shell
# in parentheses; then the first shell ends, and with it the container: the connector dies by SIGKILL, without a word.
SCRIPT = """
[ -n "$AIRBYTE_ENTRYPOINT" ] || exit 127
(
    if [ -f /source/inputState.json ]; then state='--state /source/inputState.json'; fi
    eval "$AIRBYTE_ENTRYPOINT read --config /source/connectorConfig.json --catalog /source/catalog.json $state" \
        2> stderr > stdout
) &
connector=$!
(while true; do if [ -f TERMINATED ]; then kill $connector; exit 0; fi; sleep 0.1; done) &
wait $connector
code=$?
echo $code > exitCode.new
mv exitCode.new exitCode.txt
exit $code
"""


class Pod:
    """A source's container as the orchestrator next to it sees it: /source, two pipes, an exit code."""

    def __init__(self, image: str, source: Path, user: str, files: dict[str, Any]) -> None:
        self.source = source
        source.mkdir()
        source.chmod(0o777)  # in a pod it belongs to the group of the user
        for name, content in files.items():
            (source / name).write_text(json.dumps(content), "utf-8")
        for name in ("stdout", "stderr"):
            os.mkfifo(source / name)
            (source / name).chmod(0o666)
        shell = ["--entrypoint", "sh", image, "-c", SCRIPT]
        place = ["--network", "host", "--volume", f"{source}:/source", "--workdir", "/source", "--user", user]
        self._container = subprocess.Popen(["docker", "run", "--rm", *place, *LOCKED_IN, *shell])
        self.stdout, self._stderr = self._reader("stdout"), self._reader("stderr")

    def _reader(self, pipe: str) -> subprocess.Popen[bytes]:
        """A pipe is opened when both sides are there, so that a process waits for that, and not for ever."""
        return subprocess.Popen(["timeout", "60", "cat", self.source / pipe], stdout=subprocess.PIPE)

    def terminate(self) -> None:
        """As the orchestrator does at its end."""
        (self.source / "TERMINATED").touch()

    def end(self) -> tuple[bytes, bytes, int]:
        """The rest of stdout, all of stderr, and the exit code, which is reported in two ways."""
        stdout, stderr = self.stdout.communicate()[0], self._stderr.communicate()[0]
        code = self._container.wait(timeout=60)
        assert (self.source / "exitCode.txt").read_text() == f"{code}\n"
        return stdout, stderr, code


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    """One of its own for each test, to be changed as the test likes."""
    with SandboxApi() as sandbox:
        yield sandbox


@pytest.fixture
def pod(image: str, connector: Connector, tmp_path: Path) -> Callable[..., Pod]:
    """pod(AIRBYTE, start_date=...) starts one, for a read of prices with that in its config."""

    def start(user: str, state: Any = None, **config: Any) -> Pod:
        files = {
            "connectorConfig.json": json.loads(Path(connector.config(**config)).read_text("utf-8")),
            "catalog.json": connector.catalog(["stock_prices"], "incremental"),
        }
        return Pod(image, tmp_path / "source", user, files | ({"inputState.json": state} if state else {}))

    return start


def messages(stdout: bytes) -> list[dict[str, Any]]:
    """Those in whole lines: a last one that is cut off is lost, as it is for the platform."""
    return [json.loads(line) for line in stdout.split(b"\n")[:-1]]


def rows(stdout: bytes) -> list[Row]:
    return [message["record"]["data"] for message in messages(stdout) if message["type"] == "RECORD"]


def states(stdout: bytes) -> list[Row]:
    return [message["state"] for message in messages(stdout) if message["type"] == "STATE"]


@pytest.mark.parametrize("user", [AIRBYTE, OPENSHIFT])
def test_a_read_brings_the_rows_and_exit_code_0(user: str, pod: Callable[..., Pod], connector: Connector) -> None:
    stdout, stderr, code = pod(user).end()
    assert (code, stderr) == (0, b"")
    assert rows(stdout) == connector.read().rows() != []


def test_a_read_goes_on_from_the_state_that_lies_beside_the_config(
    pod: Callable[..., Pod], connector: Connector
) -> None:
    saved = connector.read().saved()
    stdout, _, code = pod(AIRBYTE, state=saved).end()
    assert (code, rows(stdout)) == (0, connector.read(state=saved).rows())
    assert 0 < len(rows(stdout)) < len(connector.read().rows())


@pytest.mark.parametrize("config", [{"api_key": "a-wrong-key"}, {"tickers": "IBM"}])
def test_a_config_that_fails_is_one_error_and_exit_code_1(config: dict[str, Any], pod: Callable[..., Pod]) -> None:
    stdout, stderr, code = pod(AIRBYTE, **config).end()
    assert (code, stderr) == (1, b"")
    (error,) = (message["trace"]["error"] for message in messages(stdout) if "error" in message.get("trace", {}))
    assert error["failure_type"] == "config_error"


def test_a_read_that_is_terminated_leaves_a_state_from_which_the_next_one_completes_the_table(
    pod: Callable[..., Pod], api: SandboxApi, connector: Connector, real_prices: Callable[..., list[Row]]
) -> None:
    api.page_size, api.latency = 200, 0.1
    long = {"start_date": "2000-03-01", "adjusted": False}
    terminated = pod(AIRBYTE, **long)
    assert terminated.stdout.stdout
    first = [terminated.stdout.stdout.readline() for _ in range(500)]
    started = time.monotonic()
    terminated.terminate()
    rest, stderr, code = terminated.end()
    assert time.monotonic() - started < 10
    assert (code, stderr) == (143, b"")
    stdout = b"".join(first) + rest
    api.latency = 0
    then = connector.read(state=states(stdout)[-1:], **long).rows()
    table = {row["timestamp"]: row for row in rows(stdout) + then}
    assert list(table.values()) == real_prices("IBM", "2000-03-01", "2012-03-30", adjusted=False)
    assert len(then) < len(table)
