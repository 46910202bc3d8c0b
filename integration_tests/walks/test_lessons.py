"""The lessons: each check sees the planted fault and each fix that only looks right, and accepts the fix."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from copies import Done, Make
from pages import WITH_MAKE, clone

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "lessons"))
teaching = importlib.import_module("lesson")
LESSONS = [lesson.folder.name for lesson in teaching.lessons()]
ALL_LESSONS = pytest.mark.parametrize("name", LESSONS)


def begun(name: str, place: Path):
    """A lesson whose copy is made, with the fault in it."""
    lesson = teaching.Lesson(ROOT / "lessons" / name, place)
    lesson.plant()
    return lesson


# --- Each lesson -----------------------------------------------------------------------------------------------------


@ALL_LESSONS
def test_the_check_sees_the_planted_fault(name: str, tmp_path: Path) -> None:
    complaint = begun(name, tmp_path).complaint()
    assert complaint
    assert not complaint.startswith("The connector does not ")  # run, end


@pytest.mark.parametrize(
    ("name", "heading"),
    [(lesson.folder.name, head) for lesson in teaching.lessons() for head in lesson.headings(teaching.LOOKS_RIGHT)],
)
def test_the_check_sees_through_a_fix_that_only_looks_right(
    name: str, heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LONGEST_READ", 20)  # one of them never ends
    lesson = begun(name, tmp_path)
    lesson.apply(heading)
    complaint = lesson.complaint()
    assert complaint
    assert not complaint.startswith("The connector does not ")  # run, end


@ALL_LESSONS
def test_the_check_accepts_the_fix(name: str, tmp_path: Path) -> None:
    lesson = begun(name, tmp_path)
    lesson.apply(teaching.FIX)
    assert lesson.complaint() is None


def test_a_debug_message_does_no_harm_once_the_key_is_marked_as_secret(tmp_path: Path) -> None:
    lesson = begun("5-support-ticket", tmp_path)
    code, marked = lesson.edits(teaching.FIX)
    assert (code.path, marked.path) == ("source_river_levels/source.py", "spec.yaml")
    marked.apply(lesson.copy)
    assert lesson.complaint() is None


@ALL_LESSONS
def test_what_the_user_did_can_be_seen(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lesson = begun(name, tmp_path)
    teaching.try_out(lesson)
    shown = capsys.readouterr().out
    for part in ("python main.py read ", "\nRECORD ", "\nSTATE ", "\nexit code 0. Requests to the API:\n    GET /"):
        assert part in shown


@ALL_LESSONS
def test_a_copy_holds_the_report_and_nothing_that_points_at_the_fault(name: str, tmp_path: Path) -> None:
    lesson = begun(name, tmp_path)
    assert (lesson.copy / "REPORT.md").read_text("utf-8") == lesson.text("report")
    (package,) = (path.name for path in lesson.copy.glob("source_*"))
    assert package in lesson.text("report") or package.replace("_", "-") in lesson.text("report")
    assert [path for path in lesson.copy.rglob("*") if re.search(r"test_|check\.py|hints|solution", path.name)] == []


@ALL_LESSONS
def test_a_solution_shows_a_fix_that_only_looks_right(name: str) -> None:
    lesson = teaching.Lesson(ROOT / "lessons" / name)
    assert all(map(lesson.edits, found := lesson.headings(teaching.LOOKS_RIGHT)))
    assert found


def test_there_are_eight_lessons_and_the_page_lists_them() -> None:
    rows = re.findall(r"^\| (\d) \| (.+?) \|", (ROOT / "docs" / "lessons.md").read_text("utf-8"), re.MULTILINE)
    assert rows == [(str(lesson.number), lesson.title) for lesson in teaching.lessons()]
    assert [number for number, _ in rows] == list("12345678")


def test_a_fault_that_no_longer_fits_the_code_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "1-moved"
    folder.mkdir()
    (folder / "check.py").write_text('CONNECTOR = "river-levels"\n')
    diff = "```diff\n--- source_river_levels/api.py\n-    faulty\n+    what is not there\n```\n"
    (folder / "solution.md").write_text(f"## The fix\n\n{diff}")
    lesson = teaching.Lesson(folder, tmp_path)
    with pytest.raises(teaching.Refused) as refused:
        lesson.plant()
    assert str(refused.value) == (
        "1-moved/solution.md no longer fits the code. source_river_levels/api.py holds these lines 0 times, not once:\n"
        "    what is not there\n"
    )
    assert not lesson.copy.exists()


# --- What a learner types --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("clone") / "project")


@pytest.fixture(scope="module")
def make(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Done]:
    """A function: words after `make` -> what it did in a clone of the project."""
    in_folder = Make(tmp_path_factory.mktemp("environment"))
    return lambda *words: in_folder(project, *words)


@WITH_MAKE
def test_a_lesson_from_its_beginning_to_its_end(project: Path, make: Callable[..., Done]) -> None:
    assert "  6  not begun                Los Angeles has two rows fewer\n" in make("lessons").stdout
    begun = make("lesson", "N=6")
    assert (begun.returncode, begun.stderr) == (0, "")
    assert "\n> Ana in Los Angeles" in begun.stdout
    failed = make("check-lesson", "N=6")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("Not fixed yet. On a machine in America/Los_Angeles, 8 readings arrive;")

    assert re.findall(r"^(\d)\.|(solution\.md)", make("hint", "N=6").stdout, re.MULTILINE) == [("1", "")]
    assert re.findall(r"^(\d)\. ", make("hint", "N=6").stdout, re.MULTILINE) == ["1", "2"]
    for _ in range(2):  # there is no fourth one
        last = make("hint", "N=6").stdout
        assert re.findall(r"^(\d)\. ", last, re.MULTILINE) == ["1", "2", "3"]
        assert last.endswith("That is all. The solution: lessons/6-los-angeles/solution.md\n")

    settings = project / "lesson-6" / "source_river_levels" / "settings.py"
    mine = settings.read_text("utf-8").replace(".astimezone()", ".replace(tzinfo=timezone.utc)")
    settings.write_text(mine, "utf-8")
    assert make("check-lesson", "N=6").stdout.startswith("Lesson 6 is fixed. Compare your fix with lessons/6-los-")
    assert "  6  fixed      3 of 3 hints  Los Angeles has two rows fewer\n" in make("lessons").stdout

    again = make("lesson", "N=6")
    assert again.stderr.startswith(
        "lesson-6/ holds your work. To throw it away and begin again: make lesson N=6 RESET=yes\n"
    )
    assert (again.returncode, settings.read_text("utf-8")) == (2, mine)
    assert make("lesson", "N=6", "RESET=yes").returncode == 0
    assert settings.read_text("utf-8") != mine
    assert "  6  begun      0 of 3 hints  Los Angeles has two rows fewer\n" in make("lessons").stdout


@WITH_MAKE
@pytest.mark.parametrize("words", ["lesson", "try N=9", "check-lesson N=one", "hint N="])
def test_a_number_that_no_lesson_has_is_refused(words: str, make: Callable[..., Done]) -> None:
    target, *_ = words.split()
    done = make(*words.split())
    sentence = f"N: choose a lesson from 1 to 8, as in make {target} N=1. `make lessons` lists them.\n"
    assert (done.returncode, done.stdout, sentence in done.stderr) == (2, "", True)


@WITH_MAKE
def test_a_lesson_that_has_not_begun_is_named(make: Callable[..., Done]) -> None:
    for target in ("try", "check-lesson", "hint"):
        assert make(target, "N=2").stderr.startswith("Lesson 2 has not begun: make lesson N=2\n")


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("for what:", r"The connector does not run, or it prints more than messages:\n.*main\.py.*SyntaxError"),
        ("import time; time.sleep(60)", r"The connector does not end: it was still running after 1 s\.$"),
    ],
)
def test_a_copy_that_is_broken_says_how(
    program: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LONGEST_READ", 1)
    lesson = begun(LESSONS[0], tmp_path)
    (lesson.copy / "main.py").write_text(program)
    assert re.match(sentence, str(lesson.complaint()), re.DOTALL)


@WITH_MAKE
def test_a_copy_that_lacks_files_or_forgot_its_hints_is_told_from_one_that_works(
    project: Path, make: Callable[..., Done]
) -> None:
    make("lesson", "N=1")
    (project / "lesson-1" / ".lesson.json").write_text("{")
    assert "  1  begun      0 of 3 hints" in make("lessons").stdout
    shutil.rmtree(project / "lesson-1" / "sample_files")
    done = make("try", "N=1")
    assert done.stderr.startswith("lesson-1/ lacks sample_files. To begin again: make lesson N=1 RESET=yes\n")


# --- A room with a bad network ---------------------------------------------------------------------------------------


@WITH_MAKE
def test_the_wheelhouse_needs_the_network_and_says_so(
    make: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    done = make("wheelhouse")
    assert done.returncode == 2
    assert "pip could not install what is needed (see above)." in done.stdout
