"""Plants a fault in a copy of a connector, and checks whether the learner has fixed it: make lesson N=1.

Each folder next to this file is a lesson:

    report.md      what a user reported; its heading is the lesson's title
    hints.md       three hints
    solution.md    what was wrong, and diffs: the fix, and fixes that only look right
    check.py       CONNECTOR: the one to copy; reproduce: what the user did; check: whether it still goes wrong

The copied code is correct, so the fault is the fix, applied in reverse.

The copies are lesson-1/ and so on, next to lessons/. Its .lesson.json records the hints given. Needs only what the
connector needs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
sys.path += [str(PROJECT / "template"), str(PROJECT / "integration_tests")]  # new.py; sandbox_server.py, for a sandbox
import new  # noqa: E402

PARTS = ("main.py", "sample_files/", "source_", "spec.yaml", "integration_tests/sandbox_")  # what a copy gets
WIDTH = 150  # characters shown of a message
MAX_ROWS = 6  # rows shown of one parent, in sequence
LONGEST_READ = 60  # seconds
FIX, LOOKS_RIGHT = "The fix", "A fix that only looks right"  # headings in solution.md, or how they begin


class Refused(Exception):
    """The command cannot be carried out; the message says what to do instead."""


# --- Lessons and copies ----------------------------------------------------------------------------------------------


class Edit(NamedTuple):
    """Lines of a file, and what replaces them."""

    path: str
    before: str
    after: str

    def apply(self, folder: Path, backwards: bool = False) -> None:
        """Change the file. Raises Refused if the lines are not in it, or more than once."""
        old, other = (self.after, self.before) if backwards else (self.before, self.after)
        file = folder / self.path
        text = file.read_text("utf-8") if file.exists() else ""
        if (count := text.count(old)) != 1:
            raise Refused(f"{self.path} holds these lines {count} times, not once:\n{old}")
        file.write_text(text.replace(old, other), "utf-8")


class Lesson:
    """One folder of lessons/, and the copy that belongs to it."""

    def __init__(self, folder: Path, place: Path = PROJECT) -> None:
        self.folder, self.number = folder, int(folder.name.partition("-")[0])
        self.copy = place / f"lesson-{self.number}"
        self._memory = self.copy / ".lesson.json"

    @property
    def title(self) -> str:
        return self.text("report").partition("\n")[0].removeprefix("# ")

    def text(self, name: str) -> str:
        return (self.folder / f"{name}.md").read_text("utf-8")

    def headings(self, start: str) -> list[str]:
        """The headings of solution.md that begin with `start`."""
        return re.findall(rf"^## ({start}.*)$", self.text("solution"), re.MULTILINE)

    def edits(self, heading: str) -> list[Edit]:
        """The diff under a heading of solution.md: `--- path`, then lines that begin with -, + or a blank.

        @@ starts another place in the same file.
        """
        section = self.text("solution").partition(f"## {heading}\n")[2].partition("\n## ")[0]
        diff = section.partition("```diff\n")[2].partition("```")[0]
        found = []
        for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
            path, _, rest = part.partition("\n")
            for place in re.split(r"^@@\n", rest, flags=re.MULTILINE):
                lines = place.splitlines(keepends=True)
                before, after = ("".join(line[1:] or "\n" for line in lines if line[0] != sign) for sign in "+-")
                found.append(Edit(path, before, after))
        return found

    def plant(self) -> None:
        """Make the copy, with the fault in it. Raises Refused if the code no longer has the lines to change."""
        name = self.checks.CONNECTOR
        for path, file in new.files(name, name if name in new.patterns() else "").items():
            if path.startswith(PARTS):
                new.write(self.copy / path, file)
        try:
            for edit in self.edits(FIX):
                edit.apply(self.copy, backwards=True)
        except Refused as error:
            shutil.rmtree(self.copy)
            raise Refused(f"{self.folder.name}/solution.md no longer fits the code. {error}") from None
        shutil.copy(self.folder / "report.md", self.copy / "REPORT.md")
        (self.copy / ".gitignore").write_text("*\n")
        self.remember(hints=0, fixed=False)

    def apply(self, heading: str) -> None:
        """Apply the diff under a heading of solution.md to the copy."""
        for edit in self.edits(heading):
            edit.apply(self.copy)

    def complaint(self) -> str | None:
        """What still goes wrong with the copy, in a sentence; None if nothing does."""
        try:
            self.checks.check(Connector(self))
        except AssertionError as error:
            return str(error)
        return None

    @property
    def checks(self) -> Any:
        return module(self.folder / "check.py")

    @property
    def memory(self) -> dict[str, Any] | None:
        """The learner's progress: {"hints": 1, "fixed": false}; None if the lesson has not begun."""
        if not self._memory.exists():
            return None
        try:
            return {"hints": 0, "fixed": False, **json.loads(self._memory.read_text("utf-8"))}
        except (TypeError, ValueError):  # it is broken
            return {"hints": 0, "fixed": False}

    def remember(self, **what: Any) -> None:
        self._memory.write_text(json.dumps({**(self.memory or {}), **what}), "utf-8")


def lessons(place: Path = PROJECT) -> list[Lesson]:
    return sorted((Lesson(file.parent, place) for file in HERE.glob("*/check.py")), key=lambda found: found.number)


def module(path: Path) -> ModuleType:
    """The module in a file, under a unique name: several are called check or sandbox_api."""
    spec = importlib.util.spec_from_file_location(str(path), path)
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


# --- What check.py works with ----------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What a read wrote, and how it ended."""

    messages: list[dict[str, Any]]
    exit_code: int = 0

    def rows(self, stream: str) -> list[dict[str, Any]]:
        records = [message["record"] for message in self.messages if message["type"] == "RECORD"]
        return [record["data"] for record in records if record["stream"] == stream]

    def until_each_state(self) -> Iterator[Run]:
        """For each STATE: what a destination has kept if it stops right after it."""
        for place, message in enumerate(self.messages, 1):
            if message["type"] == "STATE":
                yield Run(self.messages[:place])

    @property
    def error(self) -> str:
        """What the read says has gone wrong; "" if nothing did."""
        traces = [message["trace"] for message in self.messages if message["type"] == "TRACE"]
        return " ".join(trace["error"]["message"] for trace in traces if trace["type"] == "ERROR")


class Connector:
    """The copy, run as Airbyte runs it: each read is a process. Its API is the project's sandbox, not a copy of it.

    shown: print what is read, for `make try`.
    """

    def __init__(self, lesson: Lesson, shown: bool = False) -> None:
        self._copy, self._shown, self._name = lesson.copy, shown, lesson.checks.CONNECTOR

    def sandbox(self, **options: Any) -> Any:
        """The API that the connector reads: `with connector.sandbox() as api:`."""
        folder = new.PATTERNS if self._name in new.patterns() else new.TEMPLATE.parent
        return module(folder / f"source-{self._name}" / "integration_tests" / "sandbox_api.py").SandboxApi(**options)

    def read(
        self,
        api: Any,
        *streams: str,
        state: Run | None = None,
        zone: str = "UTC",
        may_fail: bool = False,
        options: tuple[str, ...] = (),
        **config: Any,
    ) -> Run:
        """Read those streams, from the state if there is one. Raises AssertionError if it fails. zone: TZ."""
        samples = self._copy / "sample_files"
        configured = json.loads((samples / "config_sandbox.json").read_text("utf-8"))
        catalog = json.loads((samples / "configured_catalog.json").read_text("utf-8"))
        files = {
            "config": json.dumps({**configured, "api_url": api.url, **config}),
            "catalog": json.dumps({"streams": [s for s in catalog["streams"] if s["stream"]["name"] in streams]}),
        }
        if state is not None:
            files["state"] = "\n".join(json.dumps(message) for message in state.messages)
        asked = len(api.requests)
        with tempfile.TemporaryDirectory() as folder:
            command = ["read", *options]
            for name, content in files.items():
                path = Path(folder, f"{name}.json")
                path.write_text(content, "utf-8")
                command += [f"--{name}", str(path)]
            done = self._run(command, TZ=zone)
        run = Run([json.loads(line) for line in done.stdout.splitlines()], done.returncode)
        self.say(f"python main.py {' '.join(['read', *options, *(f'--{name} ...' for name in files)])}")
        for line in shown(run.messages):
            self.say(line)
        self.say(f"exit code {run.exit_code}. Requests to the API:")
        for method, path in api.requests[asked:]:
            self.say(f"    {method} {path}")
        assert may_fail or run.exit_code == 0, f"The read fails: {run.error}"
        return run

    def spec(self) -> Any:
        """The options, as Airbyte's form shows them: a JSON Schema."""
        return json.loads(self._run(["spec"]).stdout)["spec"]["connectionSpecification"]

    def _run(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run main.py of the copy. Raises AssertionError if it does not end, or writes to stderr."""
        try:
            done = subprocess.run(
                [sys.executable, "main.py", *command],
                cwd=self._copy,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
                capture_output=True,
                encoding="utf-8",
                timeout=LONGEST_READ,
            )
        except subprocess.TimeoutExpired:
            raise AssertionError(f"The connector does not end: it was still running after {LONGEST_READ} s.") from None
        assert not done.stderr, f"The connector does not run, or it prints more than messages:\n{done.stderr[-1000:]}"
        return done

    def read_again_after_each_state(self, api: Any, whole: Run, stream: str, **config: Any) -> None:
        """Stop the destination after each STATE, and resume from it. Raises AssertionError if rows are missing."""
        for number, kept in enumerate(whole.until_each_state(), 1):
            there = kept.rows(stream) + self.read(api, stream, state=kept, **config).rows(stream)
            lost = [row for row in whole.rows(stream) if row not in there]
            assert not lost, (
                f"If the destination stops right after STATE number {number} and resumes from it, rows are lost: "
                f"{len(lost)} of {len(whole.rows(stream))}. The first of them is {json.dumps(lost[0])}."
            )

    def say(self, text: str) -> None:
        if self._shown:
            print(text if len(text) <= WIDTH else text[:WIDTH] + " ...")


def shown(messages: list[dict[str, Any]]) -> Iterator[str]:
    """The messages, readable; of many rows of one parent, only the first two and the last."""

    def kin(message: dict[str, Any]) -> Any:
        record = message.get("record", {"data": {}})
        return message["type"], [value for name, value in record["data"].items() if name.endswith("_id")]

    for (kind, _), group in groupby(messages, key=kin):
        lines = [told(message) for message in group]
        if kind == "RECORD" and len(lines) > MAX_ROWS:
            lines[2:-1] = [f"       ... {len(lines) - 3} more"]
        yield from lines


def told(message: dict[str, Any]) -> str:
    """A message as one readable line."""
    match message:
        case {"type": "RECORD", "record": {"stream": stream, "data": data}}:
            return f"RECORD {stream} {json.dumps(data)}"
        case {"type": "STATE", "state": {"stream": {"stream_descriptor": {"name": name}, "stream_state": state}}}:
            return f"STATE  {name} {json.dumps(state)}"
        case {"type": "LOG", "log": {"level": level, "message": text}}:
            return f"LOG    {level} {text}"
        case {"type": "TRACE", "trace": {"stream_status": {"stream_descriptor": {"name": name}, "status": status}}}:
            return f"STATUS {name} {status}"
        case {"type": "TRACE", "trace": {"error": {"message": text}}}:
            return f"ERROR  {text}"
    return json.dumps(message)


# --- What `make` runs ------------------------------------------------------------------------------------------------


def show_all(found: list[Lesson]) -> None:
    """make lessons"""
    for lesson in found:
        memory = lesson.memory
        state = "not begun" if memory is None else "fixed" if memory["fixed"] else "begun"
        hints = f"{memory['hints']} of 3 hints" if memory else ""
        print(f"  {lesson.number}  {state:9}  {hints:12}  {lesson.title}")
    print("make lesson N=1 begins the first one; docs/lessons.md says what to do then.")


def begin(lesson: Lesson, reset: bool) -> None:
    """make lesson N=1"""
    if lesson.copy.exists() and not reset:
        again = f"make lesson N={lesson.number} RESET=yes"
        raise Refused(f"{lesson.copy.name}/ holds your work. To throw it away and begin again: {again}")
    if lesson.copy.exists():
        shutil.rmtree(lesson.copy)
    lesson.plant()
    print(f"Lesson {lesson.number}: {lesson.text('report').removeprefix('# ')}")
    print(f"Your copy of the connector is in {lesson.copy.name}/. Find the fault there, and fix it.")
    print(f"  make try N={lesson.number}           does what the user did, with your copy")
    print(f"  make check-lesson N={lesson.number}  says whether it is fixed")
    print(f"  make hint N={lesson.number}          gives a hint; there are three")


def try_out(lesson: Lesson) -> None:
    """make try N=1"""
    lesson.checks.reproduce(Connector(lesson, shown=True))


def check(lesson: Lesson) -> None:
    """make check-lesson N=1"""
    complaint = lesson.complaint()
    lesson.remember(fixed=complaint is None)
    if complaint is not None:
        raise Refused(f"Not fixed yet. {complaint}")
    solution = (lesson.folder / "solution.md").relative_to(PROJECT)
    print(f"Lesson {lesson.number} is fixed. Compare your fix with {solution}, which also shows what fails.")


def hint(lesson: Lesson) -> None:
    """make hint N=1"""
    hints = [text.strip() for text in re.split(r"^\d\. ", lesson.text("hints"), flags=re.MULTILINE)[1:]]
    given = (lesson.memory or {})["hints"]
    lesson.remember(hints=min(given + 1, len(hints)))
    for number, text in enumerate(hints[: given + 1], 1):
        print(f"{number}. {text}")
    if given + 1 >= len(hints):
        print(f"That is all. The solution: {(lesson.folder / 'solution.md').relative_to(PROJECT)}")


def main(command: str, number: str, reset: str) -> None:
    """Do what the target `command` of the Makefile says. Raises Refused."""
    found = lessons()
    if command == "lessons":
        show_all(found)
        return
    lesson = next((lesson for lesson in found if str(lesson.number) == number), None)
    if lesson is None:
        raise Refused(
            f"N: choose a lesson from 1 to {len(found)}, as in make {command} N=1. `make lessons` lists them."
        )
    if command == "lesson":
        begin(lesson, reset == "yes")
        return
    if lesson.memory is None:
        raise Refused(f"Lesson {number} has not begun: make lesson N={number}")
    if gone := [part for part in ("main.py", "spec.yaml", "sample_files") if not (lesson.copy / part).exists()]:
        raise Refused(f"{lesson.copy.name}/ lacks {gone[0]}. To begin again: make lesson N={number} RESET=yes")
    {"try": try_out, "check-lesson": check, "hint": hint}[command](lesson)


if __name__ == "__main__":
    try:
        main(*[*sys.argv[1:], "", ""][:3])
    except (AssertionError, Refused) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
