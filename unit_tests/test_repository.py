"""Checks that changelog, workflows, CONTRIBUTING and pre-commit match the project. (Version: test_metadata.py too.)"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from source_stock_ticker import __version__

ROOT = Path(__file__).resolve().parent.parent
NEWEST_MINOR = 13  # of the Python 3 that is tested; the image has it

CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
DOCS_PAGE = (ROOT / "docs" / "integrations" / "sources" / "stock-ticker.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
SETUP = (ROOT / "setup.py").read_text("utf-8")
CI_RUN = (ROOT / ".ci" / "run").read_text("utf-8")
TARGETS = set(" ".join(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)).split())
WORKFLOWS = {file.name: yaml.safe_load(file.read_text("utf-8")) for file in (ROOT / ".github/workflows").glob("*.yml")}
JOBS = {(name, job): told for name, workflow in WORKFLOWS.items() for job, told in workflow["jobs"].items()}
ALL_JOBS = pytest.mark.parametrize("job", JOBS, ids="/".join)


def steps(name: str) -> list[dict[str, Any]]:
    """Of all jobs of a workflow."""
    return [step for (workflow, _), job in JOBS.items() if workflow == name for step in job.get("steps", [])]


def lines(name: str) -> list[str]:
    """The commands of a workflow."""
    return [line.strip() for step in steps(name) for line in step.get("run", "").splitlines()]


def made(commands: Iterable[str]) -> set[str]:
    """The targets of the commands that are `make`."""
    words = [shlex.split(command)[1:] for command in commands if command.startswith("make ")]
    return {word for command in words for word in command if re.fullmatch("[a-z]+", word)}


# --- Changelog and releases ------------------------------------------------------------------------------------------


def test_the_changelogs_have_the_same_releases_and_the_newest_is_this_version():
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", CHANGELOG, re.MULTILINE)
    assert releases == re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d{4}-\d\d-\d\d) \|", DOCS_PAGE, re.MULTILINE)
    assert releases[0][0] == __version__


def test_the_changelog_keeps_to_its_form():
    first, *releases = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert first == "[Unreleased]"
    assert [title for title in releases if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title)] == []
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def release_step(id: str, folder: Path, tag: str) -> subprocess.CompletedProcess[str]:
    """Run one step of release.yml like GitHub."""
    (script,) = [step["run"] for step in steps("release.yml") if step.get("id") == id]
    bash = ["bash", "-eo", "pipefail", "-c", script]
    return subprocess.run(bash, cwd=folder, env={"TAG": tag, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)


def test_a_release_needs_the_tag_of_this_version():
    assert release_step("compare", ROOT, f"v{__version__}").returncode == 0
    for tag in ("v", __version__, f"v{__version__}0", f"v{__version__}-beta"):
        done = release_step("compare", ROOT, tag)
        assert done.returncode == 1
        assert done.stdout == f"The tag is {tag}, but the version is {__version__}.\n"


def test_the_notes_of_a_release_are_its_part_of_the_changelog(tmp_path):
    parts = ["[Unreleased]\n\nlater", "[1.2.30] - 2020-03-03\n\nno", "[1.2.3] - 2020-02-02\n\n### Fixed\n\n- this"]
    parts.append("[1.2.2] - 2020-01-01\n\nbefore")
    (tmp_path / "CHANGELOG.md").write_text("".join(f"## {part}\n\n" for part in ["Changelog", *parts]))
    (tmp_path / "release" / "dist").mkdir(parents=True)
    assert release_step("notes", tmp_path, "v1.2.3").returncode == 0
    assert (tmp_path / "release" / "dist" / "notes.md").read_text().strip() == "### Fixed\n\n- this"


# --- Workflows -------------------------------------------------------------------------------------------------------


def test_every_python_that_setup_py_allows_is_tested():
    allowed = SpecifierSet(re.search(r'python_requires="(.+)"', SETUP)[1])
    minors = [f"3.{minor}" for minor in range(NEWEST_MINOR + 1) if f"3.{minor}" in allowed]
    assert JOBS["ci.yml", "test"]["strategy"]["matrix"]["python"] == minors
    assert JOBS["ci.yml", "wheel"]["strategy"]["matrix"]["python"] == [minors[0], minors[-1]]
    assert f"Python 3.10 to 3.{NEWEST_MINOR}" in CONTRIBUTING


def test_the_jobs_make_all_that_the_local_checks_make():
    local = made(line.strip() for line in CI_RUN.splitlines())
    assert {"test", "demo", "lint", "acceptance", "imagetest"} <= local
    assert local - made(lines("ci.yml")) <= {"new"}  # which is a part of .ci/run: copies


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_asks_for_targets_and_checks_that_exist(name):
    assert made(lines(name)) <= TARGETS
    parts = {line.split()[1] for line in lines(name) if line.startswith(".ci/run ")}
    assert parts <= set(re.findall(r"^    (\w+)\)$", CI_RUN, re.MULTILINE))
    assert made(lines(name)) | parts


def test_a_part_of_the_checks_that_does_not_exist_is_refused():
    done = subprocess.run([ROOT / ".ci" / "run", "wheels"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, "wheels" in done.stderr) == (1, True)


@ALL_JOBS
def test_a_job_waits_for_jobs_that_exist_and_ends_some_time(job):
    needed = JOBS[job].get("needs", [])
    assert {(job[0], name) for name in ([needed] if isinstance(needed, str) else needed)} <= set(JOBS)
    assert "uses" in JOBS[job] or JOBS[job]["timeout-minutes"] <= 30


@ALL_JOBS
def test_a_job_can_read_and_only_the_one_that_runs_nothing_of_ours_can_write(job):
    assert WORKFLOWS[job[0]]["permissions"] == {"contents": "read"}
    if job == ("release.yml", "release"):
        assert JOBS[job]["permissions"] == {"contents": "write"}
        assert not [step for step in JOBS[job]["steps"] if "checkout" in step.get("uses", "")]
    else:
        assert "permissions" not in JOBS[job]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_githubs_own_or_dockers_and_keep_to_a_major_version(name):
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"(actions|docker)/[a-z-]+@v\d+", action)] == []


def test_the_image_of_the_destination_has_the_duckdb_of_setup_py():
    allowed = re.search(r'^DUCKDB = "(.+?)"', SETUP, re.MULTILINE)[1]
    assert f"'{allowed}'" in (ROOT / "destination" / "Dockerfile").read_text("utf-8")


# --- CONTRIBUTING and pre-commit -------------------------------------------------------------------------------------


def test_contributing_names_targets_that_exist():
    named = made(re.findall(r"(?:^ *\$ |`)(make [^`\n]+)", CONTRIBUTING, re.MULTILINE))
    assert {"test", "lint"} <= named <= TARGETS


def test_pre_commit_has_a_ruff_that_setup_py_allows():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (ruff,) = [repository["rev"] for repository in hooks if repository["repo"].endswith("/ruff-pre-commit")]
    assert ruff.removeprefix("v") in SpecifierSet(re.search(r'"ruff(.+)"', SETUP)[1])
