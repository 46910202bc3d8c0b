"""examples/kubernetes: valid manifests, whose containers run commands that work. (No cluster is needed, or used.)"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox_api import SandboxApi
from usual import ROOT, STREAMS

MANIFESTS = ROOT / "examples" / "kubernetes"
ONE, PARTS = MANIFESTS / "sync.yaml", MANIFESTS / "sync-in-parts.yaml"
DAYS = {"start_date": "2005-01-03", "end_date": "2005-04-29"}
IN_THE_IMAGE = "python /airbyte/integration_code/destination/sync.py"


def validate(file: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("kubernetes-validate")), "--strict", str(file)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)


def kinds(file: Path) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(file.read_text("utf-8"))}


def pod(file: Path) -> dict[str, Any]:
    return kinds(file)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("file", [ONE, PARTS], ids=lambda file: file.name)
def test_the_manifests_are_valid(file: Path) -> None:
    done = validate(file)
    assert done.returncode == 0, done.stdout
    documents = len(list(yaml.safe_load_all(file.read_text("utf-8"))))
    assert done.stdout.count(" passed for resource ") == documents  # what it has no schema of, it only warns of


@pytest.mark.parametrize(
    ("good", "broken"),
    [
        ("runAsNonRoot:", "runAsNonRot:"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: maybe"),
        ("  schedule:", "  shedule:"),
        ("      storage: 2Gi", "      storage: [2Gi]"),
    ],
)
def test_a_broken_manifest_is_found(good: str, broken: str, tmp_path: Path) -> None:
    text = ONE.read_text("utf-8")
    assert good in text
    (tmp_path / "broken.yaml").write_text(text.replace(good, broken))
    assert validate(tmp_path / "broken.yaml").returncode != 0


def test_the_parts_differ_from_the_whole_in_their_command_alone() -> None:
    one, parts = pod(ONE), pod(PARTS)
    for spec in (one, parts):
        (container,) = spec["containers"]
        container["args"] = container.pop("command", None)
    assert one["containers"][0].pop("args") != parts["containers"][0].pop("args")
    assert one == parts


def test_no_right_is_left_to_the_pod() -> None:
    (container,) = pod(ONE)["containers"]
    assert pod(ONE)["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    ports = [port["port"] for rule in kinds(ONE)["NetworkPolicy"]["spec"]["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 443]


def test_the_secret_holds_no_key() -> None:
    assert json.loads(kinds(ONE)["Secret"]["stringData"]["config.json"])["api_key"] == "your key"


@pytest.fixture
def volumes(api: SandboxApi, tmp_path: Path) -> Callable[[str], str]:
    """What a container's command is, if the volumes and the image are here; the API is the sandbox."""
    config = json.loads(kinds(ONE)["Secret"]["stringData"]["config.json"])
    config |= {"api_key": api.key, "api_url": api.url, "requests_per_minute": 0, **DAYS}
    for folder in ("secrets", "tickers", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secrets" / "config.json").write_text(json.dumps(config))
    (tmp_path / "tickers" / "tickers.txt").write_text(kinds(ONE)["ConfigMap"]["data"]["tickers.txt"])

    def here(command: str) -> str:
        for folder in ("secrets", "tickers", "data"):
            command = command.replace(f"/{folder}/", f"{tmp_path}/{folder}/")
        return command.replace(IN_THE_IMAGE, f"{sys.executable} {ROOT / 'destination' / 'sync.py'}")

    return here


def test_the_pods_read_parts_that_together_are_the_one_pods(
    volumes: Callable[[str], str], rows: Callable[..., list[str]], tmp_path: Path
) -> None:
    (alone,), (indexed,) = pod(ONE)["containers"], pod(PARTS)["containers"]
    subprocess.run(["sh", "-c", volumes(" ".join([IN_THE_IMAGE, *alone["args"]]))], check=True, timeout=100)
    job = kinds(PARTS)["CronJob"]["spec"]["jobTemplate"]["spec"]
    for index in range(job["completions"]):
        command = [*indexed["command"], *map(volumes, indexed["args"])]
        subprocess.run(command, env={"JOB_COMPLETION_INDEX": str(index)}, check=True, timeout=100)
    files = {file.name for file in (tmp_path / "data").iterdir()}
    assert files == {"stocks.duckdb", *(f"stocks.{number}-of-3.duckdb" for number in (1, 2, 3))}
    for stream in STREAMS:
        numbers = (1,) if stream in ("exchanges", "market_holidays") else (1, 2, 3)
        parts = [tmp_path / "data" / f"stocks.{number}-of-3.duckdb" for number in numbers]
        assert set(rows(stream, *parts)) == set(rows(stream, tmp_path / "data" / "stocks.duckdb")) != set(), stream


def test_the_command_in_the_parts_is_the_entry_point_of_the_image() -> None:
    dockerfile = (ROOT / "destination" / "Dockerfile").read_text("utf-8")
    assert f"ENTRYPOINT {json.dumps(IN_THE_IMAGE.split())}\n" in dockerfile
    tag = dockerfile.partition("docker build destination -t ")[2].split()[0]
    assert [pod(file)["containers"][0]["image"] for file in (ONE, PARTS)] == [tag, tag]
