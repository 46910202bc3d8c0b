"""Checks that packaging, image and registry say the same about the connector."""

import json
import re
import subprocess
import sys
import uuid
import xml.etree.ElementTree as ET
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from test_spec import fields

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
# The keys that Airbyte's registry requires (its schema ConnectorMetadataDefinitionV0).
REQUIRED = {
    "name",
    "definitionId",
    "connectorType",
    "dockerRepository",
    "dockerImageTag",
    "license",
    "documentationUrl",
    "githubIssueLabel",
    "connectorSubtype",
    "releaseStage",
}


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
    assert metadata["metadataSpecVersion"] == "1.0"
    return metadata["data"]


@pytest.fixture(scope="module")
def setup_says() -> dict[str, str]:
    """What setup.py says about the project in a build."""
    asked = ["name", "version", "license"]
    command = [sys.executable, "setup.py", *(f"--{word}" for word in asked)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    return dict(zip(asked, said.split()[-len(asked) :], strict=True))


def labels() -> dict[str, str]:
    return dict(re.findall(r"^LABEL (\S+)=(\S+)$", DOCKERFILE, re.MULTILINE))


def test_metadata_has_every_key_that_the_registry_requires(data):
    assert data.keys() >= REQUIRED


def test_package_and_image_and_metadata_have_one_version(data, setup_says):
    package = (ROOT / "source_stock_ticker" / "__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{data["dockerImageTag"]}"' in package
    assert setup_says["version"] == data["dockerImageTag"]
    assert labels()["io.airbyte.version"] == data["dockerImageTag"]


def test_the_version_is_a_semantic_one(data):
    assert re.fullmatch(r"\d+\.\d+\.\d+", data["dockerImageTag"])


def test_package_and_image_and_metadata_have_one_name(data, setup_says):
    assert labels()["io.airbyte.name"] == data["dockerRepository"] == f"airbyte/{setup_says['name']}"
    assert data["githubIssueLabel"] == setup_says["name"]
    assert data["remoteRegistries"]["pypi"]["packageName"] == setup_says["name"]


def test_package_and_metadata_and_licence_file_name_one_licence(data, setup_says):
    assert setup_says["license"] == data["license"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(f"{data['license']} License")


def test_the_definition_id_is_a_random_uuid(data):
    assert uuid.UUID(data["definitionId"]).version == 4


def test_there_is_one_language_tag_and_one_cdk_tag(data):
    assert sorted(data["tags"]) == ["cdk:python", "language:python"]


def test_every_stage_of_the_image_is_on_the_base_image_of_the_metadata(data):
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert set(stages) == {data["connectorBuildOptions"]["baseImage"]}


def test_the_entry_point_is_said_to_docker_and_to_the_platform_alike():
    entry_point = json.loads(re.search(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)[1])
    platform = re.search(r'^ENV AIRBYTE_ENTRYPOINT="(.+)"$', DOCKERFILE, re.MULTILINE)[1]
    assert " ".join(entry_point) == platform


def test_the_image_runs_as_the_user_airbyte_by_its_number():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "1000"


def test_spec_and_metadata_name_one_documentation_page(data):
    spec = yaml.safe_load((ROOT / "spec.yaml").read_text(encoding="utf-8"))
    assert spec["documentationUrl"] == data["documentationUrl"]


def test_the_hosts_are_bare_names_and_those_that_the_spec_names_are_among_them(data):
    spec = yaml.safe_load((ROOT / "spec.yaml").read_text(encoding="utf-8"))
    defaults = [str(field.says.get("default")) for field in fields(spec["connectionSpecification"])]
    hosts = data["allowedHosts"]["hosts"]
    assert hosts
    assert not [host for host in hosts if "/" in host]
    asked = [urlsplit(address).hostname for address in defaults if address.startswith("https://")]
    assert not [host for host in asked if not any(fnmatch(host, allowed) for allowed in hosts)]


def test_every_suggested_stream_has_a_schema(data):
    schemas = {file.stem for file in (ROOT / "source_stock_ticker" / "schemas").glob("*.json")}
    assert set(data["suggestedStreams"]["streams"]) <= schemas


def test_the_icon_is_a_square_svg(data):
    icon = ET.parse(ROOT / data["icon"]).getroot()
    assert icon.tag == "{http://www.w3.org/2000/svg}svg"
    assert icon.get("width") == icon.get("height")
    assert icon.get("viewBox") == f"0 0 {icon.get('width')} {icon.get('height')}"


def test_the_image_build_sees_no_file_but_those_named():
    rules = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert rules[0] == "*"
    assert not [rule for rule in rules if rule.startswith("!") and "secrets" in rule]


def ignored(path: str) -> bool:
    """Whether git ignores a file of that name."""
    git = ["git", "-C", str(ROOT), "check-ignore", "--quiet", path]
    try:
        answer = subprocess.run(git, capture_output=True, check=False).returncode
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if answer == 128:
        pytest.skip("this is no git checkout")
    return answer == 0


@pytest.mark.parametrize("name", ["config.json", "anything/else.txt"])
def test_git_ignores_what_is_put_into_secrets(name):
    assert ignored(f"secrets/{name}")


def test_git_keeps_the_launch_settings_and_no_other_settings_of_an_editor():
    assert not ignored(".vscode/launch.json")
    assert ignored(".vscode/settings.json")


def test_the_acceptance_suites_find_every_file_in_their_config():
    text = (ROOT / "acceptance-test-config.yml").read_text(encoding="utf-8")
    files = set(re.findall(r"_path: (\S+)", text)) - {"secrets/config.json"}  # everyone's own
    assert files
    assert not [name for name in files if not (ROOT / name).is_file()]
