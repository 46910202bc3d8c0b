"""The Docker image does what the checkout does, locked in as Airbyte's platform may run it.

`make imagetest` builds the image and names it by --connector-image. Every container has a read-only disk, none of
root's rights, and the user that the image names; it reaches the sandbox by the network of this machine (Linux).
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from project_copy import ROOT, project
from sandbox_api import SandboxApi

pytestmark = pytest.mark.image_tests

METADATA = yaml.safe_load((project() / "metadata.yaml").read_text("utf-8"))["data"]
READ = ["--config", "/secrets/config.json", "--catalog", "/secrets/catalog.json"]
LOCKED_IN = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def mounted(folder: Path) -> list[str]:
    """The options by which a container sees the folder as /secrets, and the sandbox."""
    return ["--network", "host", "-v", f"{folder}:/secrets:ro"]


def payloads(output: str, kind: str, key: str) -> list[Any]:
    """Of the messages of one type, what is in them; without the times."""
    output = re.sub(r'"read_at":"[^"]+"', '"read_at":"then"', output)
    found = [message[key] for message in map(json.loads, output.splitlines()) if message["type"] == kind]
    return [{name: value for name, value in payload.items() if name != "emitted_at"} for payload in found]


@pytest.fixture(scope="module")
def image(pytestconfig: pytest.Config) -> str:
    name = pytestconfig.getoption("--connector-image")
    return name or pytest.skip("no --connector-image names an image")


@pytest.fixture(scope="module")
def settings(image: str) -> dict[str, Any]:
    """The image's own: user, entry point, labels, variables."""
    return json.loads(docker("image", "inspect", image))[0]["Config"]


@pytest.fixture
def in_a_shell(image: str) -> Callable[[str], str]:
    """in_a_shell("id -u") -> what a shell in the image prints."""
    shell = ["--network", "none", *LOCKED_IN, "--entrypoint", "sh", image, "-c"]
    return lambda command: docker("run", "--rm", *shell, f"{command}; :").strip()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder that is mounted: the good config, and a catalog of all streams; anyone may read them."""
    for name, path in (
        ("config.json", "secrets/config.json"),
        ("catalog.json", "sample_files/configured_catalog_all_streams.json"),
    ):
        (tmp_path / name).write_bytes((project() / path).read_bytes())
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def run(image: str, files: Path) -> Callable[..., str]:
    """run("check", "--config", "/secrets/config.json") -> what the connector in the image prints."""
    return lambda *arguments: docker("run", "--rm", *mounted(files), *LOCKED_IN, image, *arguments)


@pytest.fixture
def here(connect: Callable[[str], Any], files: Path) -> Callable[..., str]:
    """The same, by the checkout; there each line is judged."""
    connector = connect("")
    return lambda *words: "\n".join(connector.run(*(word.replace("/secrets", str(files)) for word in words)).lines)


def test_spec_needs_no_network_and_is_the_spec_file(image: str) -> None:
    output = docker("run", "--rm", "--network", "none", *LOCKED_IN, image, "spec")
    assert payloads(output, "SPEC", "spec") == [yaml.safe_load((project() / "spec.yaml").read_text("utf-8"))]


def test_check_accepts_a_mounted_config(run: Callable[..., str]) -> None:
    output = run("check", "--config", "/secrets/config.json")
    assert payloads(output, "CONNECTION_STATUS", "connectionStatus") == [{"status": "SUCCEEDED"}]


def test_check_says_that_a_config_is_not_readable(run: Callable[..., str], files: Path) -> None:
    (files / "config.json").chmod(0o600)
    (status,) = payloads(run("check", "--config", "/secrets/config.json"), "CONNECTION_STATUS", "connectionStatus")
    assert (status["status"], "Permission denied" in status["message"]) == ("FAILED", True)


def test_discover_shows_what_the_checkout_shows(run: Callable[..., str], here: Callable[..., str]) -> None:
    command = ["discover", "--config", "/secrets/config.json"]
    assert payloads(run(*command), "CATALOG", "catalog") == payloads(here(*command), "CATALOG", "catalog") != []


@pytest.mark.parametrize(("kind", "key"), [("RECORD", "record"), ("STATE", "state")])
def test_read_sends_what_the_checkout_sends(
    kind: str, key: str, run: Callable[..., str], here: Callable[..., str]
) -> None:
    assert payloads(run("read", *READ), kind, key) == payloads(here("read", *READ), kind, key) != []


@pytest.fixture
def slow(api: SandboxApi) -> Iterator[SandboxApi]:
    api.requests.clear()
    api.latency = 30.0
    yield api
    api.latency = 0.0


def test_a_stopped_container_ends_within_seconds(slow: SandboxApi, image: str, files: Path) -> None:
    container = docker("run", "--detach", *mounted(files), *LOCKED_IN, image, "read", *READ).strip()
    try:
        give_up = time.monotonic() + 30
        while not slow.calls() and time.monotonic() < give_up:
            time.sleep(0.05)
        started = time.monotonic()
        docker("stop", "--time", "20", container)
        assert time.monotonic() - started < 5
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container).strip() == "143"
    finally:
        docker("rm", "--force", container)


def test_the_platform_can_start_it_in_a_shell(settings: dict[str, Any], in_a_shell: Callable[[str], str]) -> None:
    entry_point = dict(variable.split("=", 1) for variable in settings["Env"])["AIRBYTE_ENTRYPOINT"]
    assert entry_point == " ".join(settings["Entrypoint"]) == "python /airbyte/integration_code/main.py"
    assert '"type":"SPEC"' in in_a_shell("eval $AIRBYTE_ENTRYPOINT spec | cat")


def test_the_labels_are_those_of_the_metadata(settings: dict[str, Any], in_a_shell: Callable[[str], str]) -> None:
    assert settings["Labels"]["io.airbyte.name"] == METADATA["dockerRepository"]
    assert settings["Labels"]["io.airbyte.version"] == METADATA["dockerImageTag"]
    assert in_a_shell("$AIRBYTE_ENTRYPOINT --version") == METADATA["dockerImageTag"]


def test_it_does_not_run_as_root(settings: dict[str, Any], in_a_shell: Callable[[str], str]) -> None:
    assert (settings["User"], in_a_shell("id -u")) == ("airbyte", "1000")


def test_nothing_is_in_it_that_a_sync_does_not_need(in_a_shell: Callable[[str], str]) -> None:
    names = ["source_stock_ticker/source.py", "unit_tests", "sandbox_api.py", "secrets/config.json", ".git"]
    found = in_a_shell("find / -xdev " + " -o ".join(f"-path '*/{name}'" for name in names) + " 2>/dev/null")
    assert len(found.splitlines()) == 1  # the first, which shows that the search works
    assert found.endswith("site-packages/source_stock_ticker/source.py")


def test_there_is_no_compiler_and_no_cache_of_pip(in_a_shell: Callable[[str], str]) -> None:
    assert in_a_shell("command -v python gcc cc make") == "/usr/local/bin/python"
    assert in_a_shell("find / -xdev -path '*/pip/http*' 2>/dev/null") == ""


def test_no_program_in_it_lends_the_rights_of_root(in_a_shell: Callable[[str], str]) -> None:
    assert in_a_shell("find / -xdev -type f -perm /6000 2>/dev/null") == ""


def test_its_user_can_change_no_code(in_a_shell: Callable[[str], str]) -> None:
    # Whether or not the disk is read-only: by the rights of the files alone.
    folders = "/airbyte/integration_code /usr/local/lib /usr/local/bin"
    assert in_a_shell(f"find {folders} -user airbyte -o ! -type l -perm /022 2>/dev/null") == ""
    assert in_a_shell("test -r /airbyte/integration_code/main.py && echo yes") == "yes"


def test_it_holds_the_locked_versions(in_a_shell: Callable[[str], str]) -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = {tuple(line.split()[0].split("==")) for line in lock.splitlines() if "==" in line}
    listed = {tuple(line.split("==")) for line in in_a_shell("pip list --format freeze 2>/dev/null").splitlines()}
    assert {(name.lower(), version) for name, version in listed} >= locked
