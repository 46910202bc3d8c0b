"""What a page of the docs tells you to do, and a shell that does it: the basis of the tests of README and docs.

    for step in steps(page): shell.do(step)

A page is read from the top. Its blocks are

    ```console          commands, each after a "$ ", and under it what comes out; "..." stands for what was cut out
    Change `path`:      and a diff (```diff, without line numbers): the lines are looked for in that file and changed
    Create `path`:      and a block of any language: the whole of a new file
    From `path`:        and a block of any language: lines of that file, in its order; "..." stands for lines left out

The commands of a block are for the first terminal, unless the paragraph before it names the second one. A line ^C in it
is that key. Lines before its first command are new output of a command that is still running in that terminal.

What is compared with what comes out, and what is not run as it stands, says `Shell`. The terminals are terminal.py's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from terminal import KEYS, Terminal
from usual import free_port

ROOT = Path(__file__).resolve().parent.parent
FIRST = "first"  # terminal
SERVER = "sandbox_api.py"
USUAL_ADDRESS = "http://localhost:8080"
IMAGE = "airbyte/source-stock-ticker:dev"
LONGEST_COMMAND = 120  # seconds
LONGEST_WAIT = 30  # seconds, for the output of a command that keeps running
WITH_MAKE = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")

# The environment exists already and only has to be activated.
ACTIVATE = "source .venv/bin/activate"
SET_UP = {
    "python3 -m venv .venv",
    ACTIVATE,
    "pip install -r requirements.txt",
    "pip install -e '.[tests]'",
    "pip install duckdb",
    "pip install -e .",
    "pip install airbyte",
    "python3 -m venv .venv-airbyte",
    "source .venv-airbyte/bin/activate",
    "pip install -e . 'airbyte-cdk>=7.39,<8' pytest",
    "pip install -e . 'airbyte-cdk>=7.39,<8'",
    "pip install -e '.[engines]'",
}
# pytest and make write otherwise under these than in a person's terminal: whole lines in the summary, colours, folders.
NOT_A_PERSONS = {"CI", "BUILD_NUMBER", "FORCE_COLOR", "PY_COLORS", "PYTEST_ADDOPTS", "MAKEFLAGS", "MAKELEVEL"}
NOT_A_PERSONS |= {"VENV", "PYTHON"}  # make exports what is set on its command line
BEHIND_A_PROXY = "HTTPS_PROXY=http://proxy.example.com:3128 REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"
# What takes too long to be run from a page, or needs what not every machine has: each has a test of its own, and here
# `make` is only asked whether it knows the target. (Docker commands: see Shell.)
TARGETS = {"make test", "make walks", "make lint", "make sandbox", "make help", "make lock"}
TARGETS |= {"make acceptance", "make image", "make imagetest", "make example"}  # .ci/run runs these
TARGETS |= {"make sbom", "make audit"}  # acceptance/test_sbom.py, test_audit.py
TARGETS |= {"make sync CONFIG=secrets/config.json"}  # the sandbox's stands for it
TARGETS |= {f"{BEHIND_A_PROXY} make sync CONFIG=secrets/config.json"}  # test_recipes.py has a proxy
TARGETS |= {"make wheelhouse"}  # it needs the package index
TARGETS |= {"make benchmark", "make benchmark PEERS=yes", "make growth", "make hotpath"}  # test_benchmarks.py: small
TARGETS |= {"make engines"}  # it runs integration_tests/engines/ in an environment of its own
# Parts of commands on the pages, and the packages without which these are left out. (acceptance/ has them; of Dagster,
# engines/.)
ELSEWHERE = {"load.py": "duckdb", ".df()": "pandas", ".pl()": "polars", "standard_tests": "airbyte_cdk"}
ELSEWHERE |= dict.fromkeys(("secrets/sync.py", "pyab", "postgres.py", "psql"), "airbyte")
ELSEWHERE |= {"together.py": "duckdb", "definitions.py": "dagster"}
ELSEWHERE |= {"source-declarative-manifest": "airbyte_cdk"}
# The run that this is part of.
ALL_TESTS = {"python -m pytest -s unit_tests", "python -m pytest -s integration_tests"}

ENVIRONMENT = Path(sys.executable).parent  # which a terminal has to activate
AS_THEY_ARE = re.compile(r"git |.*make demo")  # these see the configs as the page has them
CLOCK = re.compile(r"^make: [Ww]arning: .*\n", re.MULTILINE)  # of the environment's future: see virtual
FILE = re.compile(r"(?:^|[.:,)] )(Change|Create|From) (?:[^`]* )?`([^`]+)`[^`]*:$", re.IGNORECASE)


class FileBlock(NamedTuple):
    """A block that has to do with a file. verb: Change, Create or From."""

    verb: str
    path: str
    text: str


class Turn(NamedTuple):
    """What follows is for this terminal."""

    terminal: str


class Typed(NamedTuple):
    """A command, and the lines of output shown under it."""

    command: str
    shown: list[str]


class Started(NamedTuple):
    """A command that runs until a key stops it, and the lines to wait for before you continue."""

    command: str
    shown: list[str]


class Watched(NamedTuple):
    """New output of a command that is still running."""

    shown: list[str]


class Pressed(NamedTuple):
    """A key that stops a command, and what comes out then."""

    key: str
    shown: list[str]


Step = Turn | Typed | Started | Watched | Pressed | FileBlock


def section(page: str, title: str) -> str:
    """The content under the heading `## title`, up to the next heading of that level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[1]


def steps(page: str) -> list[Step]:
    """What a page tells you to type and to write, in its order; a block that is neither is left out."""
    found: list[Step] = []
    terminal = FIRST
    for paragraph, language, text in blocks(page):
        if language == "console":
            if (turned := terminal_of(paragraph)) != terminal:
                found.append(Turn(terminal := turned))
            found += typed(text.splitlines())
        elif file := FILE.search(paragraph):
            found.append(FileBlock(file[1].capitalize(), file[2], text))
    return found


def terminal_of(paragraph: str) -> str:
    """For which terminal a block after this paragraph is."""
    named = set(re.findall(r"(?:in|for) (?:a|the) (\w+) terminal", paragraph, re.IGNORECASE)) or {FIRST}
    assert len(named) == 1, f"which terminal? {paragraph}"
    return str(*named)


def typed(lines: list[str]) -> list[Step]:
    """The steps of a block of commands."""
    found: list[Typed | Started | Watched | Pressed] = []
    for line in lines:
        if line.startswith("$ "):
            kind = Started if SERVER in line else Typed
            found.append(kind(line[2:], []))
        elif line in KEYS:
            if found and isinstance(found[-1], Typed):
                found[-1] = Started(*found[-1])
            found.append(Pressed(line, []))
        else:
            if not found:
                found.append(Watched([]))
            found[-1].shown.append(line)
    return list(found)


def commands(page: str) -> list[Typed | Started]:
    """Of the steps, those that are typed."""
    return [step for step in steps(page) if isinstance(step, Typed | Started)]


def blocks(page: str) -> list[tuple[str, str, str]]:
    """(the paragraph before it, its language, its text) of every block between fences."""
    found: list[tuple[str, str, str]] = []
    paragraph: list[str] = []
    language, text, ended = None, "", True
    for line in page.splitlines(keepends=True):
        if line.startswith("```"):
            if language is None:
                language, text = line[3:].strip(), ""
            else:
                found.append((" ".join(paragraph), language, text))
                language, paragraph = None, []
        elif language is not None:
            text += line
        elif line.strip():
            paragraph = [*([] if ended else paragraph), line.strip()]
            ended = False
        else:
            ended = True
    return found


def assert_shown(shown: list[str], real: list[str]) -> None:
    """Fail unless the lines shown are those of the real output, in order.

    "..." stands for what was cut out: parts of a line, or, alone on its line, any number of lines (none too).
    """
    rest = iter(real)
    skipping = False
    for line in shown:
        if line == "...":
            skipping = True
            continue
        pattern = re.sub(r'"emitted_at":[\d.\\]+', r'"emitted_at":[\\d.]+', re.escape(line))
        pattern = pattern.replace(re.escape("..."), ".*")
        for candidate in rest:
            if re.fullmatch(pattern, candidate):
                break
            assert skipping, f"the page shows\n{line}\nwhere this came out:\n{candidate[:400]}"
        else:
            pytest.fail(f"the page shows a line that did not come out:\n{line}\nof\n" + "\n".join(real)[:4000])
        skipping = False
    if shown and not skipping:
        assert list(rest) == [], "more came out than the page shows"


class Shell:
    """Terminals in a folder of its own, and the files that a page changes there.

    Every command is typed and its output compared, except: SET_UP is left out, but each terminal must activate the
    environment; of TARGETS only the name is checked; `docker run` runs main.py on the folders that are mounted; other
    docker commands must name the image as make and metadata.yaml do; and what needs packages of ELSEWHERE is left out
    where they are not. A command that fails has to be followed by `echo $?` and its exit code.

    All sandboxes of a shell use one free port instead of 8080. So a page fails if it starts a second sandbox before it
    has stopped the first. While a command runs, the configs name that port, except for git.
    """

    def __init__(self, folder: Path) -> None:
        self._home = folder
        self._exit_code, self._output = 0, ""  # of the last command
        self.address = f"http://localhost:{free_port()}"
        person = {name: value for name, value in os.environ.items() if name not in NOT_A_PERSONS}
        path = os.pathsep.join(place for place in person["PATH"].split(os.pathsep) if place != str(ENVIRONMENT))
        no_pager = {"PAGER": "cat", "GIT_PAGER": "cat"}  # nobody is there to turn its pages
        self._environment = person | no_pager | {"PATH": path, "COLUMNS": "80", "TERM": "xterm"}
        self._terminals: dict[str, Terminal] = {}
        self._turn_to(FIRST)

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in self._terminals.values():
            terminal.close()

    def do(self, step: Step) -> None:
        """Take one step of a page. Fails if it does not come out as the page says."""
        match step:
            case FileBlock():
                self.edit(step)
            case Turn(terminal):
                self._turn_to(terminal)
            case Pressed(key, shown):
                self._exit_code, output = self._terminal.press(key, LONGEST_WAIT)
                assert_shown(shown, self._as_a_person_has_it(output))
                self._exit_code = 0  # it was stopped on purpose
            case Watched(shown):
                self._await(shown)
            case Started(command, shown):
                self._assert_the_last_one_went_well(command)
                self._prepare(command)
                self._terminal.start(command + (f" --port {self.address[-5:]}" if SERVER in command else ""))
                self._await(shown)
            case Typed(command, shown) if not needs_what_is_not_here(command):
                self._assert_the_last_one_went_well(command)
                assert_shown(shown, self.type(command))

    def type(self, command: str) -> list[str]:
        """The lines that a command writes."""
        if command == "source .venv-airbyte/bin/activate":
            command = ACTIVATE  # both stand for the environment of the tests
        if command in SET_UP - {ACTIVATE}:
            return []
        if command.startswith(("docker build", "docker tag", "docker push", "kind load", "kubectl")):
            assert command in self._image_commands()
            return []
        if command.startswith("docker run"):
            command = without_docker(command)
        if command in TARGETS:
            command += " --dry-run > /dev/null"
        self._prepare(command)
        self._exit_code, self._output = self._terminal.run(command, LONGEST_COMMAND)
        return self._as_a_person_has_it(self._output)

    def _turn_to(self, name: str) -> None:
        if name not in self._terminals:
            self._terminals[name] = Terminal(self._home, self._environment)
        self._terminal = self._terminals[name]

    def _assert_the_last_one_went_well(self, command: str) -> None:
        failed = f"exit code {self._exit_code}:\n{self._output[-4000:]}"
        assert self._exit_code == 0 or command == "echo $?", failed

    def _prepare(self, command: str) -> None:
        """Before a command: the folder's environment is there, and its configs name the sandbox's port."""
        folder = self._terminal.folder
        if (folder / "setup.py").exists() and not (folder / ".venv").exists():
            virtual(folder / ".venv")
        old, new = USUAL_ADDRESS, self.address
        if AS_THEY_ARE.match(command):
            old, new = new, old
        for file in folder.glob("*/*.json"):
            if old in (text := file.read_text("utf-8")):
                file.write_text(text.replace(old, new), "utf-8")

    def _await(self, shown: list[str]) -> None:
        """Wait until a command that is still running has written this."""
        self._terminal.wait_until(lambda text: assert_shown(shown, self._as_a_person_has_it(text)), LONGEST_WAIT)

    def _as_a_person_has_it(self, output: str) -> list[str]:
        return CLOCK.sub("", output).replace(self.address, USUAL_ADDRESS).splitlines()

    def edit(self, block: FileBlock) -> None:
        """Change or create the file, or find the lines in it."""
        file = self._terminals[FIRST].folder / block.path
        if block.verb == "Create":
            assert not file.exists(), block.path
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text.replace(USUAL_ADDRESS, self.address), "utf-8")
            return
        text = file.read_text("utf-8")
        if block.verb == "From":
            assert_shown(["...", *block.text.splitlines(), "..."], text.splitlines())
            return
        lines = block.text.splitlines(keepends=True)
        before = "".join(line[1:] or "\n" for line in lines if line[:1] != "+")
        after = "".join(line[1:] or "\n" for line in lines if line[:1] != "-")
        assert text.count(before) == 1, f"{block.path} has not once, but {text.count(before)} times:\n{before}"
        file.write_text(text.replace(before, after), "utf-8")

    def _image_commands(self) -> list[str]:
        """What may be done with the image: as `make image` names it, or under the version in metadata.yaml."""
        dry_run = ["make", "image", "--dry-run"]
        made = subprocess.check_output(dry_run, cwd=self._home, encoding="utf-8").strip()
        data = yaml.safe_load((self._home / "metadata.yaml").read_text("utf-8"))["data"]
        released = f"{data['dockerRepository']}:{data['dockerImageTag']}"
        pushed = released.replace("airbyte/", "registry.example.com/")
        return [
            made,
            f"docker build . -t {released}",
            f"kind load docker-image {released} --name airbyte-abctl",
            f"docker tag {released} {pushed}",
            f"docker push {pushed}",
            f"docker build destination -t {IMAGE.replace(':dev', ':sync')}",
            *(f"kubectl apply -f {file.relative_to(self._home)}" for file in self._home.glob("examples/*/*.yaml")),
        ]


def needs_what_is_not_here(command: str) -> bool:
    """Whether a command needs packages of ELSEWHERE that are not installed."""
    return any(script in command and not find_spec(package) for script, package in ELSEWHERE.items())


def virtual(environment: Path) -> None:
    """Make what looks to you and to `make` like an environment that is ready: the Python of the tests."""
    programs = environment / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "python3"):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (programs / name).chmod(0o755)
    (programs / "activate").write_text(f'PATH="{programs}:{ENVIRONMENT}:$PATH"\n')
    for name in (".ready", ".ready-for-tests", ".ready-to-sync"):
        (environment / name).touch()
        os.utime(environment / name, (2**32, 2**32))  # newer than any setup.py, so that nothing is installed


def without_docker(command: str) -> str:
    """The same command by main.py, on the folders that are mounted. Fails if one that it needs is not."""
    options, _, arguments = command.partition(IMAGE)
    assert arguments, f"another image: {command}"
    mounted = re.findall(r"-v \$\(pwd\)/(\w+):/(\w+) ", options)
    for folder in re.findall(r" /(\w+)/", arguments):
        assert (folder, folder) in mounted, command
        arguments = arguments.replace(f" /{folder}/", f" {folder}/")
    return f"python main.py{arguments}"


def clone(folder: Path) -> Path:
    """Make `folder` what a fresh clone is."""
    left_out = (".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info", "build", "dist", "secrets")
    left_out += ("lesson-*", "wheelhouse")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    (folder / "secrets").mkdir()  # nobody's key is copied
    for name in (".gitkeep", "README.md"):
        shutil.copy(ROOT / "secrets" / name, folder / "secrets" / name)
    return folder
