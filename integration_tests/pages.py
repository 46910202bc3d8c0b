"""What a page of the docs tells people to do, and a shell that does it: the ground under the tests of README and docs.

    for step in steps(page): shell.do(step)

A page is read as a person reads it, from the top. Its blocks are

    ```console          commands, each after a "$ ", and under it what comes out; "..." stands for what was cut out
    Change `path`:      and a diff (```diff, without line numbers): the lines are looked for in that file and changed
    Make `path`:        and a block of any language: the whole of a new file
    From `path`:        and a block of any language: lines of that file, in its order; "..." stands for lines left out

What is compared with what comes out, and what is not run as it stands, says `Shell`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
USUAL_ADDRESS = "http://localhost:8080"
IMAGE = "airbyte/source-stock-ticker:dev"
LONGEST_COMMAND = 120  # seconds
WITH_MAKE = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")

# The environment is there already.
SET_UP = {
    "python3 -m venv .venv",
    "source .venv/bin/activate",
    "pip install -r requirements.txt",
    "pip install -e '.[tests]'",
    "pip install duckdb",
    "pip install -e .",
    "pip install airbyte",
    "python3 -m venv .venv-airbyte",
    "source .venv-airbyte/bin/activate",
    "pip install -e . 'airbyte-cdk>=7.39,<8' pytest",
    "pip install -e '.[engines]'",
    "pip install -e . 'airbyte-cdk>=7.39,<8'",
}
# pytest and make write otherwise under these than in a person's terminal: whole lines in the summary, colours, folders.
NOT_A_PERSONS = {"CI", "BUILD_NUMBER", "FORCE_COLOR", "PY_COLORS", "PYTEST_ADDOPTS", "MAKEFLAGS", "MAKELEVEL"}
BEHIND_A_PROXY = "HTTPS_PROXY=http://proxy.example.com:3128 REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt"
# What takes too long to be run from a page, or needs what not every machine has: each has a test of its own, and here
# `make` is only asked whether it knows the target. (Docker commands: see Shell.)
TARGETS = {"make test", "make lint", "make sandbox", "make help", "make lock"}
TARGETS |= {"make acceptance", "make image", "make imagetest", "make example"}  # .ci/run runs these
TARGETS |= {"make sbom", "make audit"}  # acceptance/test_sbom.py, test_audit.py
TARGETS |= {"make sync CONFIG=secrets/config.json"}  # the sandbox's stands for it
TARGETS |= {f"{BEHIND_A_PROXY} make sync CONFIG=secrets/config.json"}  # test_recipes.py has a proxy
TARGETS |= {"make wheelhouse"}  # it asks the package index
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

CLOCK = re.compile(r"^make: [Ww]arning: .*\n", re.MULTILINE)  # of the environment's future: see _virtual
FILE = re.compile(r"(?:^|[.:,)] )(Change|Make|From) (?:[^`]* )?`([^`]+)`[^`]*:$", re.IGNORECASE)


class Typed(NamedTuple):
    """A command, and the lines of output shown under it."""

    command: str
    shown: list[str]


class FileBlock(NamedTuple):
    """A block that has to do with a file. verb: Change, Make or From."""

    verb: str
    path: str
    text: str


def section(page: str, title: str) -> str:
    """What stands under the heading `## title`, without what follows the next heading of that level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[1]


def steps(page: str) -> list[Typed | FileBlock]:
    """What a page tells to type and to write, in its order; a block that is neither is left out."""
    found: list[Typed | FileBlock] = []
    for paragraph, language, text in blocks(page):
        if language == "console":
            for line in text.splitlines():
                if line.startswith("$ "):
                    found.append(Typed(line[2:], []))
                else:
                    last = found[-1]
                    assert isinstance(last, Typed)
                    last.shown.append(line)
        elif file := FILE.search(paragraph):
            found.append(FileBlock(file[1].capitalize(), file[2], text))
    return found


def commands(page: str) -> list[Typed]:
    """Of the steps, those that are typed."""
    return [step for step in steps(page) if isinstance(step, Typed)]


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
    """A shell in a folder of its own, and the files that a page changes there.

    Every command is run and its output compared, except: SET_UP is left out; of TARGETS only the name is checked;
    `docker run` runs main.py on the folders that are mounted; other docker commands must name the image as make and
    metadata.yaml do; and what needs packages of ELSEWHERE is left out where they are not.
    A command that fails has to be followed by `echo $?` and its exit code. The sandbox is started on any free port,
    and the configs of its folder are told.
    """

    def __init__(self, folder: Path, environment: Path) -> None:
        self._home = self._folder = folder
        self._exit_code, self._said = 0, ""  # of the last command
        self._sandboxes: list[subprocess.Popen[str]] = []
        self._addresses = [USUAL_ADDRESS]  # at which a sandbox was, the last one is the present
        person = {name: value for name, value in os.environ.items() if name not in NOT_A_PERSONS}
        path = f"{_virtual(environment)}:{Path(sys.executable).parent}:{person['PATH']}"
        self._environment = person | {"PATH": path, "COLUMNS": "80", "VENV": str(environment)}

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        for sandbox in self._sandboxes:
            sandbox.kill()
            sandbox.wait()

    def do(self, step: Typed | FileBlock) -> None:
        """Take one step of a page. Fails if it does not come out as the page says."""
        if isinstance(step, FileBlock):
            self.edit(step)
        else:
            if any(script in step.command and not find_spec(needed) for script, needed in ELSEWHERE.items()):
                return
            said = self._said
            assert self._exit_code == 0 or step.command == "echo $?", f"exit code {self._exit_code}:\n{said[-4000:]}"
            assert_shown(step.shown, self.type(step.command))

    def type(self, command: str) -> list[str]:
        """The lines that a command writes."""
        if command in SET_UP:
            return []
        if command == "echo $?":
            code, self._exit_code = self._exit_code, 0
            return [str(code)]
        if command.startswith("cd "):
            self._folder = (self._folder / command[3:]).resolve()
            assert self._folder.is_dir(), command
            return []
        if "sandbox_api.py" in command:
            return [self._start_sandbox(command)]
        if command.startswith(("docker build", "docker tag", "docker push", "kind load", "kubectl")):
            assert command in self._image_commands()
            return []
        if command.startswith("docker run"):
            command = without_docker(command)
        if command in TARGETS:
            command += " --dry-run > /dev/null"
        ours = command.startswith("python main.py")
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if ours else subprocess.STDOUT,
            encoding="utf-8",
            timeout=LONGEST_COMMAND,
        )
        self._exit_code = done.returncode
        assert done.returncode == 2 or not done.stderr, f"{command}\n{done.stderr}"  # Airbyte shows it as errors
        output = self._said = done.stdout + (done.stderr or "")
        output = CLOCK.sub("", output)
        return output.replace(self._addresses[-1], USUAL_ADDRESS).splitlines()

    def edit(self, block: FileBlock) -> None:
        """Change or make the file, or find the lines in it."""
        file = self._folder / block.path
        if block.verb == "Make":
            assert not file.exists(), block.path
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text.replace(USUAL_ADDRESS, self._addresses[-1]), "utf-8")
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
        made = subprocess.check_output(dry_run, cwd=self._folder, env=self._environment, encoding="utf-8").strip()
        data = yaml.safe_load((self._folder / "metadata.yaml").read_text("utf-8"))["data"]
        released = f"{data['dockerRepository']}:{data['dockerImageTag']}"
        pushed = released.replace("airbyte/", "registry.example.com/")
        return [
            made,
            f"docker build . -t {released}",
            f"kind load docker-image {released} --name airbyte-abctl",
            f"docker tag {released} {pushed}",
            f"docker push {pushed}",
            f"docker build destination -t {IMAGE.replace(':dev', ':sync')}",
            *(f"kubectl apply -f {file.relative_to(self._folder)}" for file in self._folder.glob("examples/*/*.yaml")),
        ]

    def answers_at(self, address: str) -> None:
        """The sandbox is there: from now on the configs of this folder say so."""
        for file in self._folder.glob("*/*.json"):
            text = file.read_text("utf-8")
            if any(known in text for known in self._addresses):
                file.write_text(re.sub("|".join(map(re.escape, self._addresses)), address, text), "utf-8")
        self._addresses.append(address)

    def _start_sandbox(self, command: str) -> str:
        process = subprocess.Popen(
            [*command.split(), "--port", "0"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._sandboxes.append(process)
        assert process.stdout
        line = process.stdout.readline().rstrip("\n")
        threading.Thread(target=process.stdout.read, daemon=True).start()  # or it would stop when the pipe is full
        found = re.search(r"http://localhost:\d+", line)
        assert found, line
        self.answers_at(found[0])
        return line.replace(found[0], USUAL_ADDRESS)


def _virtual(environment: Path) -> Path:
    """What looks to `make` like an environment that is ready: the Python of the tests. -> its folder of programs."""
    programs = environment / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "python3"):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (programs / name).chmod(0o755)
    command = Path(sys.executable).with_name("source-stock-ticker")  # as `pip install -e .` brings it
    if command.exists():
        (programs / command.name).symlink_to(command)
    for name in (".ready", ".ready-for-tests", ".ready-to-sync"):
        (environment / name).touch()
        os.utime(environment / name, (2**32, 2**32))  # newer than any setup.py, so that nothing is installed
    return programs


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
