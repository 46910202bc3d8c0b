"""Tests make update: a copy of an older project becomes like a copy made today, or nothing changes."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from copies import ROOT, WITH_GIT, Done, Make, commit, content, make_new, run
from pages import WITH_MAKE, clone

GUIDE = ROOT / "docs" / "upgrading.md"
RECORD = ".made-from.json"
CHANGED = "source_open_weather/runtime/errors.py"
ADDED = "unit_tests/runtime/http/test_rate_limit.py"
REMOVED = "unit_tests/runtime/test_of_old.py"
VERSION = '__version__ = "0.1.0"'

Update = Callable[..., Done]

pytestmark = WITH_MAKE


@pytest.fixture(scope="module")
def old_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version of this project like 0.1.0: one shared file differs, one is missing, and there is one more."""
    project = clone(tmp_path_factory.mktemp("old") / "source-stock-ticker")
    package = project / "source_stock_ticker"
    (package / "__init__.py").write_text(re.sub("__version__ = .*", VERSION, (package / "__init__.py").read_text()))
    (package / "runtime" / "errors.py").write_text('"""The failures."""\n')
    (project / ADDED).unlink()
    (project / REMOVED).write_text("old = True\n")
    (project / "LICENSE").write_text("MIT License\n\n(c) 2020 somebody\n")
    return project


@pytest.fixture
def old_copy(old_project: Path, tmp_path: Path) -> Path:
    """A copy of that."""
    assert make_new("open-weather", tmp_path / "copy", project=old_project).returncode == 0
    return tmp_path / "copy"


@pytest.fixture
def today(tmp_path: Path) -> dict[str, bytes]:
    """The content of a copy made today."""
    assert make_new("open-weather", tmp_path / "today").returncode == 0
    return content(tmp_path / "today")


@pytest.fixture
def update(tmp_path: Path) -> Update:
    """A function: a copy and a project -> what the update says. Its `make test` does nothing."""
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    make.write_text("#!/bin/sh\necho tested: $*\n")
    make.chmod(0o755)

    def update(copy: Path, project: Path = ROOT) -> Done:
        path = os.pathsep.join([str(make.parent), os.environ["PATH"]])
        return run([sys.executable, str(project / "template" / "update.py"), "."], copy, PATH=path)

    return update


def shared(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that belong to the project, by their record."""
    return {path: files[path] for path in json.loads(files[RECORD])["files"]}


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def forget(copy: Path) -> None:
    """Make the copy one that lacks a file of the project, so that there is something to update."""
    (copy / "Makefile").unlink()
    record = json.loads((copy / RECORD).read_text("utf-8"))
    del record["files"]["Makefile"]
    (copy / RECORD).write_text(json.dumps(record))
    shutil.rmtree(copy / ".git", ignore_errors=True)


def refused(done: Done, *words: str) -> bool:
    """Whether it ended with one sentence that has these words."""
    sentence = len(done.stderr.splitlines()) == 1 and done.stderr.endswith(".\n")
    return done.returncode == 1 and sentence and all(word in done.stderr for word in words)


# What is updated


@WITH_GIT
def test_a_copy_in_use_is_updated_and_what_is_its_own_stays(
    old_copy: Path, today: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    for path in ("Dockerfile", "metadata.yaml", "source_open_weather/__init__.py", "CHANGELOG.md"):
        changed(old_copy / path, "0.1.0", "3.0.0")
    changed(old_copy / "docs" / "integrations" / "sources" / "open-weather.md", "| 0.1.0 |", "| 3.0.0 |")
    changed(old_copy / "setup.py", "for Open Weather", "for the weather of tomorrow")
    (old_copy / "source_open_weather" / "clouds.py").write_text('"""Clouds."""\n')
    changed(
        old_copy / "unit_tests" / "test_layout.py", '{"api", "settings"},\n', '{"api", "settings"},\n    {"clouds"},\n'
    )
    commit(old_copy)
    before = content(old_copy)

    few = "-q --ignore=unit_tests/runtime --ignore=integration_tests"
    make = Make(tmp_path_factory.mktemp("environment"))
    done = make(old_copy, "update", f"FROM={ROOT}", PYTEST_ADDOPTS=few)
    assert done.returncode == 0, done.stdout + done.stderr
    after = content(old_copy)

    theirs = {"Dockerfile", "setup.py", "unit_tests/test_layout.py"}  # in part
    assert {path for path, text in shared(today).items() if after.get(path) != text} == theirs
    own = before.keys() - shared(before).keys() - {RECORD}
    assert {path: after[path] for path in own | theirs} == {path: before[path] for path in own | theirs}
    assert after.keys() == own | today.keys()
    assert after[RECORD] == today[RECORD]
    assert re.search(r"\d+ passed", done.stdout)
    assert "\nNew for connectors since version 0.1.0:\n\n- " in done.stdout
    assert f"\n\nEverything that is new: {ROOT / 'CHANGELOG.md'}\nThe tests pass." in done.stdout


def test_a_version_of_the_copys_own_stays_when_the_file_around_it_is_updated(
    old_project: Path, tmp_path: Path, update: Update
) -> None:
    project = tmp_path / "newer"
    shutil.copytree(old_project, project)
    assert make_new("open-weather", tmp_path / "copy", project=project).returncode == 0
    changed(project / "Dockerfile", "USER 1000", "USER 1001")
    changed(tmp_path / "copy" / "Dockerfile", "version=0.1.0", "version=7.0.0")
    shutil.rmtree(tmp_path / "copy" / ".git", ignore_errors=True)
    assert update(tmp_path / "copy", project).returncode == 0
    dockerfile = (tmp_path / "copy" / "Dockerfile").read_text("utf-8")
    assert ("version=7.0.0" in dockerfile, "USER 1001" in dockerfile) == (True, True)


COPIES = "- Copies: more, on\n  two lines."
RUNTIME = "- In `runtime/`, a helper."


@pytest.mark.parametrize(
    ("releases", "told"),
    [
        ([f"[Unreleased]\n\n- A field.\n{COPIES}\n- A page.", "[0.1.0] - day\n\n- Copies: old."], COPIES),
        ([f"[0.3.0] - day\n\n{RUNTIME}", f"[0.2.0] - day\n\n{COPIES}", "[0.1.0] - day"], f"{RUNTIME}\n{COPIES}"),
        (["[0.2.0] - day\n\n- For connectors: new."], "- For connectors: new."),
    ],
    ids=["unreleased", "two releases", "the copy's version is not listed"],
)
def test_what_is_new_are_the_changelogs_entries_for_copies_above_the_copys_version(
    releases: list[str], told: str, old_project: Path, old_copy: Path, update: Update
) -> None:
    text = "# Changelog\n\n" + "\n\n".join(f"## {release}" for release in releases)
    (old_project / "CHANGELOG.md").write_text(text)
    forget(old_copy)
    assert f"\n\nNew for connectors since version 0.1.0:\n\n{told}\n\nEvery" in update(old_copy, old_project).stdout


def test_without_such_entries_only_the_changelog_is_named(old_project: Path, old_copy: Path, update: Update) -> None:
    changelog = old_project / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n## [Unreleased]\n\n- A field.\n\n## [0.1.0] - day\n\n- Copies: old.\n")
    forget(old_copy)
    told = f" test\n\nEverything that is new: {changelog}\nThe tests pass. Check `git diff`, and commit.\n"
    assert update(old_copy, old_project).stdout.endswith(told)


def test_what_is_new_already_is_no_obstacle(old_copy: Path, today: dict[str, bytes], update: Update) -> None:
    (old_copy / CHANGED).write_bytes(today[CHANGED])
    (old_copy / ADDED).write_bytes(today[ADDED])
    (old_copy / REMOVED).unlink()
    shutil.rmtree(old_copy / ".git", ignore_errors=True)
    assert "tested: --no-print-directory test" in update(old_copy).stdout
    assert shared(content(old_copy)) == shared(today)


def test_a_second_time_there_is_nothing_to_update_and_nothing_to_test(old_copy: Path, update: Update) -> None:
    shutil.rmtree(old_copy / ".git", ignore_errors=True)
    assert update(old_copy).returncode == 0
    before = content(old_copy)
    done = update(old_copy)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stdout.startswith("Nothing to update: ")
    assert content(old_copy) == before


@pytest.mark.parametrize("pattern", ["", "issue-tracker"])
def test_a_copy_made_today_has_nothing_to_update(pattern: str, tmp_path: Path, update: Update) -> None:
    assert make_new("open-weather", tmp_path / "copy", pattern).returncode == 0
    assert update(tmp_path / "copy").stdout.splitlines()[-1].startswith("Nothing to update: ")


@WITH_GIT
def test_tests_that_fail_are_reported_and_git_can_undo_the_update(
    old_copy: Path, tmp_path: Path, update: Update
) -> None:
    before = content(old_copy)
    (tmp_path / "bin" / "make").write_text("#!/bin/sh\nexit 2\n")
    done = update(old_copy)
    assert done.returncode == 1
    assert re.search(rf"\nThe tests FAIL\. .*, from version 0\.1\.0 on: {re.escape(str(GUIDE))}\n$", done.stdout)
    assert content(old_copy) != before
    assert run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "stash", "-qu"], old_copy).returncode == 0
    assert content(old_copy) == before


def test_the_guide_brings_a_copy_that_is_older_than_the_command_to_it(old_project: Path, tmp_path: Path) -> None:
    project, copy = clone(tmp_path / "source-stock-ticker"), tmp_path / "source-pokemon"
    assert make_new("pokemon", copy, project=old_project).returncode == 0
    for name in (RECORD, "CHANGELOG.md"):
        (copy / name).unlink()
    own = (copy / "metadata.yaml").read_bytes()
    page = (project / "docs" / "upgrading.md").read_text("utf-8")
    block = page.partition("## Without")[2].split("```")[1]
    typed = "\n".join(re.findall(r"^\$ (.*)", block, re.MULTILINE))
    done = run(["bash", "-ec", typed], project)
    assert done.returncode == 0, done.stderr
    fresh = content(tmp_path / "fresh-pokemon")
    assert shared(content(copy)) == shared(fresh)
    assert (copy / "CHANGELOG.md").read_bytes() == fresh["CHANGELOG.md"]
    assert (copy / "metadata.yaml").read_bytes() == own


def test_the_guides_last_table_names_what_the_runtime_had_and_has() -> None:
    runtime = "\n".join(file.read_text("utf-8") for file in (ROOT / "source_stock_ticker" / "runtime").rglob("*.py"))
    table = GUIDE.read_text("utf-8").partition("## From 0.3.0")[2].split("\n\n")[2]
    rows = [
        [re.search(r"(\w+)(?:\(\w*\))?`", cell)[1] for cell in line.split("|")[1:3]] for line in table.split("\n")[2:]
    ]
    assert len(rows) > 3
    for old, new in rows:
        assert re.search(rf"^    (def )?{new}[(:]", runtime, re.MULTILINE), new
        assert not re.search(rf"^    def {old}[(]", runtime, re.MULTILINE), old


# What is refused: then nothing is changed


def edit(file: Path) -> None:
    file.write_text("mine\n")


@pytest.mark.parametrize(
    ("path", "change", "shown"),
    [
        (CHANGED, edit, ["-mine", "+class ConnectorError(Exception):"]),
        (CHANGED, Path.unlink, ["+class ConnectorError(Exception):"]),
        (ADDED, edit, ["-mine", "+import pytest"]),
        (REMOVED, edit, ["-mine"]),
        ("Makefile", edit, ["-mine", "+VENV ?= .venv"]),
    ],
    ids=["edited", "deleted", "in place of a new one", "edited, and to be deleted", "edited, and as it was"],
)
@WITH_GIT
def test_an_edit_by_hand_is_shown_and_nothing_is_updated(
    path: str, change: Callable[[Path], object], shown: list[str], old_copy: Path, update: Update
) -> None:
    change(old_copy / path)
    commit(old_copy)
    before = content(old_copy)
    done = update(old_copy)
    assert refused(done, "Nothing was updated", f": {path}. ", "null", RECORD)
    assert done.stdout.startswith(f"--- {path} (here)\n+++ {path} (FROM)\n@@")
    assert set(shown) <= set(done.stdout.splitlines())
    assert content(old_copy) == before


@WITH_GIT
def test_a_file_that_the_copier_takes_over_stays_theirs_for_good(
    old_copy: Path, today: dict[str, bytes], update: Update
) -> None:
    edit(old_copy / "Makefile")
    record = json.loads((old_copy / RECORD).read_text("utf-8"))
    record["files"]["Makefile"] = None
    (old_copy / RECORD).write_text(json.dumps(record))
    for _ in range(2):
        commit(old_copy)
        assert update(old_copy).returncode == 0
        (old_copy / "once more").touch()
    after = content(old_copy)
    assert {path for path, text in shared(today).items() if after[path] != text} == {"Makefile"}
    assert after["Makefile"] == b"mine\n"
    assert json.loads(after[RECORD])["files"]["Makefile"] is None


@WITH_GIT
def test_of_a_file_that_the_copier_has_taken_over_it_says_that_the_projects_differs(
    old_copy: Path, update: Update
) -> None:
    edit(old_copy / "Makefile")
    record = json.loads((old_copy / RECORD).read_text("utf-8"))
    record["files"]["Makefile"] = None
    (old_copy / RECORD).write_text(json.dumps(record))
    commit(old_copy)
    assert "Your own, so not updated; compare them with" in update(old_copy).stdout


@WITH_GIT
def test_a_file_that_leads_out_of_the_copy_is_not_written_through(
    old_copy: Path, tmp_path: Path, update: Update
) -> None:
    outside = tmp_path / "outside"
    shutil.move(old_copy / "Makefile", outside)
    (old_copy / "Makefile").symlink_to(outside)
    commit(old_copy)
    before = outside.read_bytes()
    assert refused(update(old_copy), "Nothing was updated", "Makefile")
    assert outside.read_bytes() == before


@WITH_GIT
def test_a_failing_git_does_not_prove_that_all_is_committed(old_copy: Path, update: Update) -> None:
    edit(old_copy / "README.md")
    (old_copy / ".git" / "HEAD").write_text("broken")
    assert refused(update(old_copy), "git fails here")


@WITH_GIT
@pytest.mark.parametrize("path", ["README.md", "a new file"])
def test_changes_that_are_not_committed_are_refused(path: str, old_copy: Path, update: Update) -> None:
    (old_copy / path).write_text("mine")
    before = content(old_copy)
    assert refused(update(old_copy), "uncommitted")
    assert content(old_copy) == before


def test_an_older_project_is_refused(old_project: Path, tmp_path: Path, update: Update) -> None:
    assert make_new("open-weather", tmp_path / "copy").returncode == 0
    before = content(tmp_path / "copy")
    assert refused(update(tmp_path / "copy", old_project), "FROM", "version 0.1.0")
    assert content(tmp_path / "copy") == before


def test_without_a_record_the_guide_is_named(old_copy: Path, update: Update) -> None:
    (old_copy / RECORD).unlink()
    assert refused(update(old_copy), f"{RECORD} is missing", str(GUIDE))
    assert GUIDE.is_file()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '"0.1.0"', '{"version": 1}', '{"version": "new", "name": "a", "pattern": null, "files": {}}']
    + [f'{{"version": "0.1.0", "name": {name}, "pattern": null, "files": {{}}}}' for name in ('"../a"', "1", "null")]
    + [f'{{"version": "0.1.0", "name": "a", "pattern": null, "files": {files}}}' for files in ("[1]", '{"a": 1}', "1")]
    + ['{"version": "0.1.0", "name": "a", "files": {}}', '{"version": "0.1.0", "name": "a", "pattern": null}'],
)
def test_a_broken_record_is_refused(text: str, old_copy: Path, update: Update) -> None:
    (old_copy / RECORD).write_text(text)
    before = content(old_copy)
    assert refused(update(old_copy), f"{RECORD} is invalid")
    assert content(old_copy) == before


@pytest.mark.parametrize("word", ["", "FROM=", "FROM=../no such folder", "FROM=."])
def test_what_is_not_a_project_to_update_from_is_refused(word: str, old_copy: Path, make: Make) -> None:
    done = make(old_copy, "update", *([word] if word else []))
    assert done.returncode != 0
    assert done.stdout.startswith("FROM: ")
    assert done.stdout.endswith("make update FROM=../its-folder\n")
    assert len(done.stdout.splitlines()) == 1


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "environment").mkdir()
    return Make(tmp_path / "environment")
