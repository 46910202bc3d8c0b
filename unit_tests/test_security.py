"""SECURITY.md says what the Dockerfile, requirements.lock, the workflows and the packages themselves say."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import yaml
from test_lock import LOCKED
from test_readme import section, table
from test_repository import TARGETS, WORKFLOWS, made

ROOT = Path(__file__).resolve().parent.parent
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
DEPENDABOT = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))["updates"]


def licence(package: str) -> str:
    """What the installed package calls it: an expression of SPDX."""
    about = metadata(package)
    return about.get("License-Expression") or about["License"]


def test_every_locked_package_stands_beside_its_licence() -> None:
    told = {name: said for said, names in table(section(SECURITY, "What is installed")) for name in names.split(", ")}
    assert told == {name: licence(name) for name in LOCKED}


def test_the_image_runs_as_the_user_that_is_named() -> None:
    (user,) = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert re.findall(r"`USER (.+?)`", SECURITY) == [user]
    assert user.isdecimal()
    assert int(user) > 0


def test_the_one_host_is_the_one_that_the_connector_asks_and_airbyte_allows() -> None:
    (host,) = re.findall(r"One host: `(\S+)`", SECURITY)
    spec = yaml.safe_load((ROOT / "spec.yaml").read_text("utf-8"))["connectionSpecification"]
    assert spec["properties"]["api_url"]["default"] == f"https://{host}"
    allowed = yaml.safe_load((ROOT / "metadata.yaml").read_text("utf-8"))["data"]["allowedHosts"]["hosts"]
    assert host in allowed


def test_what_is_done_how_often_is_what_the_workflows_and_dependabot_do() -> None:
    often = {row[0]: row[1] for row in table(section(SECURITY, "How it is kept up to date"))}
    monthly = {"interval": "monthly"}, {"default-days": 7}
    assert [(update["schedule"], update["cooldown"]) for update in DEPENDABOT] == [monthly] * 3
    assert {update["package-ecosystem"] for update in DEPENDABOT} == {"pip", "docker", "github-actions"}
    assert [how for how in often.values() if how == "Dependabot, monthly, once a version is a week old"] != []
    # PyYAML reads the key `on` as True.
    (when,) = WORKFLOWS["audit.yml"][True]["schedule"]
    assert when["cron"].split()[2:] == ["*", "*", "1"]
    assert "CI, every Monday" in often["Known vulnerabilities"]


def test_its_commands_are_targets() -> None:
    named = made(re.findall(r"`(make [^`]+)`", SECURITY))
    assert {"sbom", "audit", "lock", "imagetest"} <= named <= TARGETS
