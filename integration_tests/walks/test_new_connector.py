"""Tests make new: what it refuses, what its copy contains, what a pattern adds, and that everything works at once."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from copies import ROOT, WITH_GIT, Make, commit, content, make_new, run
from pages import WITH_MAKE, clone

NEW = ROOT / "template" / "new.py"
LONGEST = "aaaaaaaaaa-bbbbbbbb-cccccccccc"  # 30 characters
FOREIGN = re.compile(
    "stock|ticker|massive|polygon|dividend|aapl|msft|nasdaq|price|trading|new york|river-|river_level|river level", re.I
)
GOALS = {"issue-tracker": 150, "ad-campaigns": 250, "book-lists": 150}  # lines of code, spec.yaml included
# Tests of a copy that equal ours except for the name; they run here already.
NOT_OURS = "-q --ignore=unit_tests/runtime --ignore=unit_tests/destination"

pytestmark = WITH_MAKE


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy as `make new` makes it; tests do not change it."""
    folder = tmp_path_factory.mktemp("new") / "below" / "source-open-weather"
    done = subprocess.run(
        ["make", "new", "NAME=open-weather", f"DIR={folder}", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(folder) in done.stdout
    return folder


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    return Make(tmp_path_factory.mktemp("environment"))


# What is refused


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "NAME is missing"),
        ("Pokemon", "lower-case"),
        ("open weather", "hyphen"),
        ("open_weather", "hyphen"),
        ("open--weather", "hyphen"),
        ("-weather", "lower-case"),
        ("weather-", "lower-case"),
        ("5g", "begin with a letter"),
        ("pokémon", "lower-case"),
        ("../pokemon", "lower-case"),
        ("pokemon\n", "lower-case"),
        ("source-pokemon", "NAME=pokemon"),
        ("import", "Python"),
        ("no", "YAML"),
        (LONGEST + "d", "shorter"),
    ],
)
def test_a_bad_name_is_refused_in_one_sentence(name: str, word: str, tmp_path: Path) -> None:
    done = make_new(name, tmp_path / "copy")
    assert (done.returncode, done.stdout) == (1, "")
    assert word in done.stderr
    assert "NAME" in done.stderr
    assert done.stderr.endswith(".\n")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["", "  "])
def test_a_missing_folder_is_refused(folder: str) -> None:
    done = make_new("pokemon", folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "DIR=../source-pokemon" in done.stderr


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt", tmp_path / "mine.txt" / "below"):
        done = make_new("pokemon", folder)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert done.stderr.startswith("DIR: ")
    assert content(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize("way", [".", "copy", "template/copy", "../{project}/copy", "{link}/copy"])
def test_a_folder_inside_the_project_is_refused(way: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    done = make_new("pokemon", way.format(project=ROOT.name, link=tmp_path / "link"))
    assert (done.returncode, "inside this project" in done.stderr) == (1, True)
    assert not any((ROOT / name).exists() for name in ("copy", "template/copy", "source_pokemon"))


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert make_new("pokemon", tmp_path).returncode == 0
    assert (tmp_path / "source_pokemon" / "api.py").exists()


# What the copy holds


def test_the_runtime_is_byte_for_byte_the_same(copy: Path) -> None:
    ours = content(ROOT / "source_stock_ticker" / "runtime")
    assert ours
    assert content(copy / "source_open_weather" / "runtime") == ours


def test_the_runtimes_tests_and_the_sandboxs_server_come_along(copy: Path) -> None:
    ours, theirs = (content(folder / "unit_tests" / "runtime") for folder in (ROOT, copy))
    assert {name: text.replace(b"source_stock_ticker", b"source_open_weather") for name, text in ours.items()} == theirs
    server = "integration_tests/sandbox_server.py"
    assert (copy / server).read_bytes() == (ROOT / server).read_bytes()


def test_no_word_of_stocks_is_left(copy: Path) -> None:
    files = content(copy)
    assert len(files) > 70
    words = {name: FOREIGN.findall(name) + FOREIGN.findall(text.decode()) for name, text in files.items()}
    assert {name: found for name, found in words.items() if found} == {}


def test_the_copy_has_the_name_in_all_its_forms(copy: Path) -> None:
    metadata = yaml.safe_load((copy / "metadata.yaml").read_text("utf-8"))["data"]
    assert (metadata["name"], metadata["dockerRepository"]) == ("Open Weather", "airbyte/source-open-weather")
    assert "\nclass SourceOpenWeather(Source):" in (copy / "source_open_weather" / "source.py").read_text("utf-8")
    assert 'f"source-open-weather={PACKAGE}:main"' in (copy / "setup.py").read_text("utf-8")
    assert (copy / "docs" / "integrations" / "sources" / "open-weather.md").exists()
    assert os.access(copy / ".ci" / "run", os.X_OK)


def test_each_copy_has_its_own_definition_id(copy: Path, tmp_path: Path) -> None:
    assert make_new("open-weather", tmp_path).returncode == 0
    metadata = [yaml.safe_load((folder / "metadata.yaml").read_text("utf-8")) for folder in (ROOT, copy, tmp_path)]
    assert len({one["data"]["definitionId"] for one in metadata}) == 3


def test_what_the_script_names_is_there() -> None:
    new = runpy.run_path(str(NEW))
    globs = [*new["SHARED"].split(), *new["WRITTEN_ONCE"].split()]
    assert [glob for glob in globs if not list(ROOT.glob(glob))] == []
    assert [path for path in new["GENERIC"].split() if not (new["TEMPLATE"] / path).is_file()] == []
    taken = {file.relative_to(ROOT).as_posix() for glob in globs for file in ROOT.glob(glob)}
    assert set(new["THEIRS"]) <= taken
    assert set(new["EDITS"]) <= taken
    assert set(new["EDITS_OF_OWN"]) <= set(content(new["TEMPLATE"]))


def test_a_file_of_ours_that_has_changed_too_much_is_named(project: Path, tmp_path: Path) -> None:
    (project / "setup.py").write_text("setup()")
    done = make_new("pokemon", tmp_path / "copy", project=project)
    assert (done.returncode, "setup.py" in done.stderr, (tmp_path / "copy").exists()) == (1, True, False)


def test_what_the_copy_took_is_recorded(copy: Path) -> None:
    record = json.loads((copy / ".made-from.json").read_text("utf-8"))
    assert (record["name"], record["pattern"]) == ("open-weather", None)
    assert f'__version__ = "{record["version"]}"' in (ROOT / "source_stock_ticker" / "__init__.py").read_text("utf-8")
    theirs = {*content(runpy.run_path(str(NEW))["TEMPLATE"]), "LICENSE", "metadata.yaml", "acceptance-test-config.yml"}
    theirs = {path.replace("river_levels", "open_weather").replace("river-levels", "open-weather") for path in theirs}
    assert set(record["files"]) == content(copy).keys() - theirs - {".made-from.json"}


@WITH_GIT
def test_the_record_names_the_commit_that_the_project_is_at_and_no_other_repositorys(
    project: Path, tmp_path: Path
) -> None:
    def commit_in_record(name: str) -> str | None:
        assert make_new("pokemon", tmp_path / name, project=project).returncode == 0
        return json.loads((tmp_path / name / ".made-from.json").read_text("utf-8"))["commit"]

    for number, repository in enumerate((tmp_path, project)):
        run(["git", "init"], repository)
        commit(repository)
        head = run(["git", "rev-parse", "HEAD"], repository).stdout.strip()
        assert commit_in_record(str(number)) == (head if repository == project else None)


def test_the_copy_has_its_own_changelog(copy: Path) -> None:
    releases = re.findall(r"^## \[(\d.+)\]", (copy / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert releases == ["0.1.0"]


# Its first commit


@WITH_GIT
def test_the_copy_is_a_repository_with_one_commit_by_its_maker(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[user]\n name = Ash\n email = ash@pallet.example\n")
    copy = tmp_path / "copy"
    run(["git", "init", "hook"], tmp_path)  # made in a hook of this one, which git names in the environment
    env = {"GIT_CONFIG_GLOBAL": str(tmp_path / "config"), "GIT_DIR": str(tmp_path / "hook" / ".git")}
    done = make_new("pokemon", copy, env=env)
    assert "with a first commit" in done.stdout
    assert run(["git", "log", "--format=%an %D"], copy).stdout == "Ash HEAD -> main\n"
    assert run(["git", "status", "--porcelain"], copy).stdout == ""


@WITH_GIT
def test_without_a_name_in_git_the_commit_is_still_made(tmp_path: Path) -> None:
    done = make_new("pokemon", tmp_path / "copy", env={"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"})
    assert done.returncode == 0
    assert run(["git", "log", "--format=%an"], tmp_path / "copy").stdout == "source-pokemon\n"


@WITH_GIT
def test_a_copy_inside_another_repository_is_left_to_its_owner_to_commit(tmp_path: Path) -> None:
    run(["git", "init"], tmp_path)
    done = make_new("pokemon", tmp_path / "copy")
    assert (done.returncode, "without a commit" in done.stdout) == (0, True)
    assert not (tmp_path / "copy" / ".git").exists()
    assert run(["git", "status", "--porcelain"], tmp_path).stdout == "?? copy/\n"


def test_without_git_the_copy_is_made_and_says_so(tmp_path: Path) -> None:
    done = make_new("pokemon", tmp_path / "copy", env={"PATH": str(tmp_path)})
    assert (done.returncode, done.stderr, "without a commit" in done.stdout) == (0, "", True)
    assert json.loads((tmp_path / "copy" / ".made-from.json").read_text("utf-8"))["commit"] is None


# A pattern


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project for a test to change, with one pattern: part of the template under another name."""
    project = clone(tmp_path / "source-stock-ticker")
    shutil.rmtree(project / "patterns", ignore_errors=True)
    pattern = project / "patterns" / "source-cloud-heights"
    assert make_new("cloud-heights", tmp_path / "pattern").returncode == 0
    for path in content(project / "template" / "source-river-levels"):
        renamed = path.replace("river_levels", "cloud_heights").replace("river-levels", "cloud-heights")
        if renamed not in ("icon.svg", "CHANGELOG.md", "source_cloud_heights/__init__.py"):
            (pattern / renamed).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "pattern" / renamed, pattern / renamed)
    for_here = "> The README of a connector made by `make new`. Its links lead somewhere else.\n\n"
    readme = f"# source-cloud-heights\n\n{for_here}Clouds.\n\n## Streams\n\nTwo.\n"
    (pattern / "README.md").write_text(readme)
    return project


def test_a_pattern_that_does_not_exist_is_refused_and_those_that_do_are_named(project: Path, tmp_path: Path) -> None:
    done = make_new("pokemon", tmp_path / "copy", "clouds", project)
    assert (done.returncode, done.stdout, (tmp_path / "copy").exists()) == (1, "", False)
    assert done.stderr == "PATTERN: there is no clouds; omit it, or choose one of these: cloud-heights.\n"


def test_a_pattern_lies_over_the_template_and_the_template_over_the_project(project: Path, tmp_path: Path) -> None:
    pattern = project / "patterns" / "source-cloud-heights"
    (pattern / "source_cloud_heights" / "settings.py").rename(pattern / "source_cloud_heights" / "reports.py")
    (pattern / "source_cloud_heights" / "__pycache__").mkdir()
    (pattern / "source_cloud_heights" / "__pycache__" / "left.pyc").write_bytes(b"\xff")
    (pattern / "Dockerfile").write_text("FROM cloud-heights")
    (pattern / "icon.svg").write_text("<svg/>")
    done = make_new("open-weather", tmp_path / "copy", "cloud-heights", project)
    assert (done.returncode, done.stderr) == (0, "")
    copy, plain = content(tmp_path / "copy"), content(tmp_path / "pattern")
    renamed = {path.replace("cloud_heights", "open_weather").replace("cloud-heights", "open-weather") for path in plain}
    assert renamed ^ copy.keys() == {"source_open_weather/settings.py", "source_open_weather/reports.py"}
    assert (copy["Dockerfile"], copy["icon.svg"]) == (b"FROM open-weather", b"<svg/>")
    assert b"class SourceOpenWeather" in copy["source_open_weather/source.py"]
    assert b'    {"streams"},\n    {"api", "reports"},\n    # Below' in copy["unit_tests/test_layout.py"]
    record = json.loads(copy[".made-from.json"])
    assert (record["pattern"], record["files"]["Dockerfile"]) == ("cloud-heights", None)
    words = re.compile(rb"cloud.heights", re.IGNORECASE)
    assert [path for path, text in copy.items() if words.search(text) and path != ".made-from.json"] == []


def test_a_patterns_readme_takes_what_it_does_not_say_from_the_templates(project: Path, tmp_path: Path) -> None:
    assert make_new("open-weather", tmp_path / "copy", "cloud-heights", project).returncode == 0
    readme = (tmp_path / "copy" / "README.md").read_text("utf-8")
    template = (project / "template" / "source-river-levels" / "README.md").read_text("utf-8")
    assert readme.startswith("# source-open-weather\n\nClouds.\n\n## Try it")
    assert "\n\n## Streams\n\nTwo.\n\n## Configuration\n\n| Option" in readme
    assert re.findall("^## .*", readme, re.MULTILINE) == re.findall("^## .*", template, re.MULTILINE)


@pytest.mark.parametrize("pattern", runpy.run_path(str(NEW))["patterns"]())
def test_a_copy_of_a_pattern_is_right_at_once(pattern: str, make: Make, tmp_path: Path) -> None:
    assert make_new("open-weather", tmp_path / "copy", pattern).returncode == 0
    # `.ci/run copies` lints it too, which takes as long again.
    done = make(tmp_path / "copy", "demo", "test", PYTEST_ADDOPTS=NOT_OURS)
    assert done.returncode == 0, done.stdout


# What the copy does


def test_demo_runs_at_once(copy: Path, make: Make) -> None:
    done = make(copy, "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n$ python main.py") == 4
    assert "11 RECORD" in done.stdout


def test_it_reads_into_a_database_at_once(copy: Path, make: Make, tmp_path: Path) -> None:
    for came in ("8", "5"):  # of the second read: its lookback
        done = make(copy, "sync", f"DATABASE={tmp_path / 'some.duckdb'}")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.search(rf"^readings +{came} +8 ", done.stdout, re.MULTILINE), done.stdout


def test_a_list_of_its_config_can_be_divided(make: Make, tmp_path: Path) -> None:
    assert make_new("open-weather", tmp_path / "copy", "issue-tracker").returncode == 0
    for part, code, says in (
        ("repositories=1/2", 0, "Part 1 of 2 has nothing to read."),
        ("repositories=2/2", 0, "\nissues "),
        ("2/2", 2, "the second of three would be NAME=2/3."),
    ):
        done = make(tmp_path / "copy", "sync", f"PART={part}", f"DATABASE={tmp_path / 'some.duckdb'}")
        assert done.returncode == code
        assert says in done.stdout + done.stderr


def test_its_tests_pass_at_once(copy: Path, make: Make) -> None:
    done = make(copy, "test", PYTEST_ADDOPTS=NOT_OURS)
    assert done.returncode == 0, done.stdout


def test_its_modules_can_have_any_number_of_lines(tmp_path: Path) -> None:
    assert make_new("open-weather", tmp_path).returncode == 0
    with (tmp_path / "source_open_weather" / "api.py").open("a") as api:
        api.write("# more\n" * 10_000)
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "unit_tests/test_layout.py"], tmp_path)
    assert done.returncode == 0, done.stdout


def test_style_and_types_are_right_at_once(copy: Path, make: Make) -> None:
    done = make(copy, "lint")
    assert done.returncode == 0, done.stdout
    assert "Success" in done.stdout


@pytest.mark.parametrize("name", ["x", LONGEST])
def test_no_name_is_too_short_or_too_long_for_the_style(name: str, tmp_path: Path) -> None:
    assert make_new(name, tmp_path).returncode == 0
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *words, "."], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_make_help_lists_what_a_copy_can_do(copy: Path, make: Make) -> None:
    listed = re.findall(r"^  make (\w+)", make(copy, "help").stdout, re.MULTILINE)
    own = ["help", "demo", "sync", "test", "lint", "sandbox", "image", "lock", "sbom", "audit", "clean"]
    assert listed == [*own, "update"]


# What is left to do


def test_the_readme_does_not_ask_to_edit_what_an_update_replaces(copy: Path) -> None:
    steps = (copy / "README.md").read_text("utf-8").partition("## Make it yours")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", steps, re.MULTILINE) == list("12345678")
    named = {link for link in re.findall(r"\]\(([^)#]+)\)", steps) if not re.search("/runtime/|^docs/rest-apis", link)}
    assert {"spec.yaml", "source_open_weather/streams.py", "metadata.yaml"} <= named
    assert named & json.loads((copy / ".made-from.json").read_text("utf-8"))["files"].keys() == set()


@pytest.mark.parametrize("pattern", GOALS)
def test_a_pattern_takes_as_few_lines_as_its_index_says(pattern: str) -> None:
    folder = ROOT / "patterns" / f"source-{pattern}"
    modules = [file for file in folder.glob("source_*/*.py") if file.name != "__init__.py"]
    assert modules
    spec = [line for line in (folder / "spec.yaml").read_text("utf-8").splitlines() if not re.match(r"\s*(#|$)", line)]
    lines = len(spec) + sum(map(lines_of_code, modules))
    assert lines < GOALS[pattern]
    (row,) = re.findall(rf"^\| \[{pattern}\].*", (ROOT / "patterns" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert row.endswith(f"| {lines} |")


def lines_of_code(module: Path) -> int:
    """The lines with more than a comment or a docstring."""
    text = module.read_text("utf-8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstrings.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(number not in docstrings and not re.match(r"\s*(#|$)", line) for number, line in lines)
