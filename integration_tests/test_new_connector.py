"""make new: what it refuses, what its copy holds, and what it takes to put another API into that copy.

The other API is in another_api/: the files that somebody would edit, as they are then.
"""

from __future__ import annotations

import difflib
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from pages import WITH_MAKE

if TYPE_CHECKING:
    from conftest import Connector

ROOT = Path(__file__).resolve().parent.parent
NEW = ROOT / "template" / "new.py"
OTHER_API = Path(__file__).parent / "another_api"
LONGEST = "aaaaaaaaaa-bbbbbbbb-cccccccccc"  # 30 characters
FOREIGN = re.compile(
    "stock|ticker|massive|polygon|dividend|aapl|msft|nasdaq|price|trading|new york|river-|river_level|river level", re.I
)
MAX_LINES = 120  # that are written to put another API into a copy, its sandbox, data and schemas included

Make = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = WITH_MAKE


def make_new(name: str, folder: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(NEW), name, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60)


def content(folder: Path) -> dict[str, bytes]:
    """Every file under a folder: path -> bytes; not what Python leaves there."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


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
    """A function: a folder and targets -> what make did there, with this Python in the place of a new environment."""
    environment = tmp_path_factory.mktemp("environment")
    (environment / "bin").mkdir()
    python = environment / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    def make(folder: Path, *targets: str, **variables: str) -> subprocess.CompletedProcess[str]:
        for ready in (".ready", ".ready-for-tests"):  # newer than the copy's setup.py
            (environment / ready).touch()
        return subprocess.run(
            ["make", *targets, f"VENV={environment}"],
            cwd=folder,
            env={**os.environ, **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )

    return make


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
        ("5g", "a letter first"),
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


def test_a_missing_folder_is_refused() -> None:
    done = make_new("pokemon", "")
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


def test_each_copy_has_a_definition_id_of_its_own(copy: Path, tmp_path: Path) -> None:
    assert make_new("open-weather", tmp_path).returncode == 0
    metadata = [yaml.safe_load((folder / "metadata.yaml").read_text("utf-8")) for folder in (ROOT, copy, tmp_path)]
    assert len({one["data"]["definitionId"] for one in metadata}) == 3


def test_what_the_script_names_is_there() -> None:
    new = runpy.run_path(str(NEW))
    assert [pattern for pattern in new["SHARED"].split() if not list(ROOT.glob(pattern))] == []
    taken = {file.relative_to(ROOT).as_posix() for pattern in new["SHARED"].split() for file in ROOT.glob(pattern)}
    assert set(new["EDITS"]) - taken - set(content(new["TEMPLATE"])) == set()


def test_a_file_of_ours_that_has_changed_too_much_is_named(tmp_path: Path) -> None:
    for name in ("template", *runpy.run_path(str(NEW))["SHARED"].split()):
        for file in ROOT.glob(name):
            place = tmp_path / "project" / file.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if file.is_dir() else shutil.copy)(file, place)
    (tmp_path / "project" / "setup.py").write_text("setup()")
    command = [sys.executable, "project/template/new.py", "pokemon", "copy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, "setup.py" in done.stderr, (tmp_path / "copy").exists()) == (1, True, False)


# What the copy does


def test_demo_runs_at_once(copy: Path, make: Make) -> None:
    done = make(copy, "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n$ python main.py") == 4
    assert "11 RECORD" in done.stdout


def test_its_tests_pass_at_once(copy: Path, make: Make) -> None:
    # Those of the runtime are ours but for the name; they run here already.
    done = make(copy, "test", PYTEST_ADDOPTS="-q --ignore=unit_tests/runtime")
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
    assert listed == ["help", "demo", "test", "lint", "sandbox", "image", "lock", "clean"]


# Another API in the copy


def files_to_edit(copy: Path) -> list[str]:
    """The files and folders that the copy's README says to edit."""
    readme = (copy / "README.md").read_text("utf-8")
    steps = re.findall(r"^\d\. .*?(?=^\d\. |^$)", readme.partition("## Make it yours")[2], re.MULTILINE | re.DOTALL)
    assert len(steps) == 8
    return [link for step in steps for link in re.findall(r"\]\(([^)]+)\)", step)]


@pytest.fixture
def pokemon(tmp_path: Path) -> Path:
    """A copy in which the other API stands."""
    folder = tmp_path / "source-pokemon"
    assert make_new("pokemon", folder).returncode == 0
    for schema in (folder / "source_pokemon" / "schemas").iterdir():
        schema.unlink()
    shutil.copytree(OTHER_API, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def connector(pokemon: Path, connect: Callable[..., Connector]) -> Iterator[Connector]:
    """That copy's connector, with its sandbox, a process too, as its API."""
    command = [sys.executable, "integration_tests/sandbox_api.py", "--port", "0"]
    with subprocess.Popen(command, cwd=pokemon, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        yield connect(sandbox.stdout.readline().split()[2].rstrip(","), pokemon)
        sandbox.terminate()


def test_another_api_takes_few_lines_in_the_files_that_the_readme_names(tmp_path: Path) -> None:
    assert make_new("pokemon", tmp_path).returncode == 0
    before, after = content(tmp_path), content(OTHER_API)
    named = files_to_edit(tmp_path)
    assert [
        path for path in after if "runtime" in path or not any(path == n or path.startswith(f"{n}/") for n in named)
    ] == []
    written = 0
    for path, text in after.items():
        old = before.get(path, b"").decode().splitlines()
        diff = list(difflib.unified_diff(old, text.decode().splitlines(), n=0, lineterm=""))[2:]
        written += sum(line.startswith("+") for line in diff)
    assert 50 < written <= MAX_LINES


def config_of(connector: Connector, key: str = "sandbox-key") -> list[str]:
    config = {"api_key": key, "start_date": "2024-03-01", "requests_per_minute": 0, "api_url": connector.url}
    return ["--config", connector.file(config)]


def test_the_four_commands_work_with_another_api(connector: Connector) -> None:
    good = config_of(connector)
    full = ["--catalog", connector.file(connector.catalog(["species", "sightings"], "full_refresh"))]
    incremental = ["--catalog", str(connector.root / "sample_files" / "configured_catalog.json")]

    assert connector.run("spec").exit_code == 0
    assert connector.run("check", *good).status() == ("SUCCEEDED", "")
    assert connector.run("check", *config_of(connector, "another-key")).status()[0] == "FAILED"
    (catalog,) = connector.run("discover", *good).of_type("CATALOG")
    assert [stream["name"] for stream in catalog["streams"]] == ["species", "sightings"]

    read = connector.run("read", *good, *full)
    assert [row["name"] for row in read.rows("species")] == ["Bulbasaur", "Charmander", "Squirtle"]
    assert [row["id"] for row in read.rows("sightings")] == ["s2", "s3", "s4"]  # the first was before the start_date

    first = connector.run("read", *good, *incremental)
    assert first.rows("sightings") == read.rows("sightings")
    second = connector.run("read", *good, *incremental, "--state", connector.file(first.saved()))
    assert [row["id"] for row in second.rows("sightings")] == ["s4"]  # again: it lies in the lookback
    assert len(second.rows("species")) == 3


def test_a_key_that_stands_in_the_address_does_not_get_out(connector: Connector) -> None:
    checked = connector.run("check", *config_of(connector), "--debug")  # fails if the key is in the output
    assert "GET" in checked.logs("DEBUG")


def test_style_types_and_layout_are_still_right_with_another_api(pokemon: Path, make: Make) -> None:
    done = make(pokemon, "lint")
    assert done.returncode == 0, done.stdout
    tests = [sys.executable, "-m", "pytest", "-q", "unit_tests/test_layout.py", "unit_tests/test_spec.py"]
    layout = subprocess.run(tests, cwd=pokemon, capture_output=True, text=True, timeout=60)
    assert layout.returncode == 0, layout.stdout
