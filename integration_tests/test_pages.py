"""Tests that the test of a page fails when the page is wrong; otherwise it would prove nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from pages import (
    ACTIVATE,
    FileBlock,
    Pressed,
    Shell,
    Started,
    Step,
    Turn,
    Typed,
    Watched,
    assert_shown,
    steps,
    without_docker,
)

REAL = ["one", '{"emitted_at":1795420374038,"n":2}', "three", "four"]
PAGE = """
Type this:

```console
$ echo one
one
$ echo two
```

A file. Change `a/b.py`:

```diff
-old
+new
```

Nothing to do with a file:

```json
{}
```
"""


TERMINALS = """
In a second terminal, start it:

```console
$ python integration_tests/sandbox_api.py
Sandbox at http://localhost:8080...
```

Then ask it:

```console
$ sleep 60
^C
$ echo $?
130
```

In the second terminal, stop it:

```console
GET /v3/reference/exchanges 401
^C
```
"""
SERVER = Started("python integration_tests/sandbox_api.py", ["Sandbox at http://localhost:8080..."])
IS_ACTIVE = Typed('test "$(command -v python)" = "$PWD/.venv/bin/python"', [])
IN_SECOND = [Turn("second"), Typed(ACTIVATE, []), SERVER]
ASKED = (
    "python -c 'import requests; "
    'print(requests.get(open("sample_files/config_sandbox.json").read().split(chr(34))[-2] + "/v3/reference/exchanges")'
    ".status_code)'"
)


@pytest.mark.parametrize(
    "shown",
    [
        REAL,
        [],  # nothing is said of what comes out
        ["one", "..."],
        ["...", "three", "four"],
        ["one", "...", "four"],
        ["o...e", '{"emitted_at":1,"n":2}', "...", "four", "..."],
    ],
)
def test_real_output_can_be_shown(shown: list[str]) -> None:
    assert_shown(shown, REAL)


@pytest.mark.parametrize(
    "shown",
    [
        REAL[:3],  # more came out
        REAL[1:],
        ["two", "..."],
        ["...", "four", "three"],
        [*REAL, "five"],
        ["one", '{"emitted_at":1,"n":3}', "..."],
        ["one", "th...", "..."],  # a line is skipped without "..."
    ],
)
def test_what_did_not_come_out_must_not_be_shown(shown: list[str]) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        assert_shown(shown, REAL)


def test_a_page_is_read_in_its_order() -> None:
    change = FileBlock("Change", "a/b.py", "-old\n+new\n")
    assert steps(PAGE) == [Typed("echo one", ["one"]), Typed("echo two", []), change]


def test_the_paragraph_before_a_block_says_which_terminal_it_is_for() -> None:
    assert steps(TERMINALS) == [
        Turn("second"),
        SERVER,
        Turn("first"),
        Started("sleep 60", []),
        Pressed("^C", []),
        Typed("echo $?", ["130"]),
        Turn("second"),
        Watched(["GET /v3/reference/exchanges 401"]),
        Pressed("^C", []),
    ]


def test_a_paragraph_names_one_terminal() -> None:
    with pytest.raises(AssertionError, match="which terminal"):
        steps(TERMINALS.replace("Then ask it", "In the first terminal or in the second terminal"))


def do_all(steps: Iterable[Step], shell: Shell) -> None:
    for step in steps:
        shell.do(step)


def test_a_server_runs_in_its_terminal_until_it_is_stopped(shell: Shell) -> None:
    asked = [Turn("first"), Typed(ACTIVATE, []), Typed(ASKED, ["401"])]
    answered = [Turn("second"), Watched(["GET /v3/reference/exchanges 401"]), Pressed("^C", []), SERVER]
    do_all([*IN_SECOND, *asked, *answered], shell)


@pytest.mark.parametrize(
    "wrong",
    [
        [Turn("third"), Typed(ACTIVATE, []), SERVER],  # the address is in use
        [Typed("echo on", ["on"])],  # a server runs in this terminal
        [Watched(["GET /v3/reference/tickers 200"])],
        [Turn("first"), Pressed("^C", [])],  # nothing runs there
        [Turn("first"), IS_ACTIVE, Typed("true", [])],  # not in this one
        [Turn("first"), Started("echo ended", ["ended"]), Watched(["more"])],  # it does not go on
    ],
    ids=str,
)
def test_what_cannot_be_done_in_a_terminal_fails(
    wrong: list[Step], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.LONGEST_WAIT", 3)
    do_all(IN_SECOND, shell)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        do_all(wrong, shell)


def test_terminals_have_folders_and_variables_of_their_own(shell: Shell) -> None:
    in_second = [Turn("second"), Typed("cd docs", []), Typed("NAME=second", [])]
    in_first = [Turn("first"), Typed('basename "$PWD$NAME"', ["source-stock-ticker"])]
    do_all([*in_second, *in_first, Turn("second"), Typed('basename "$PWD$NAME"', ["docssecond"])], shell)


def test_the_environment_is_activated_in_a_terminal(shell: Shell) -> None:
    do_all([Typed(ACTIVATE, []), IS_ACTIVE, Typed("true", [])], shell)


def test_of_a_line_that_is_written_over_the_end_counts(shell: Shell) -> None:
    shell.do(Typed(r"printf '\r\033[K1 of 2\r\033[K\033[31mboth\033[0m\n'", ["both"]))


def test_a_command_that_fails_must_be_followed_by_its_exit_code(shell: Shell) -> None:
    shell.do(Typed("(exit 3)", []))
    shell.do(Typed("echo $?", ["3"]))
    shell.do(Typed("(exit 3)", []))
    with pytest.raises(AssertionError, match="exit code 3"):
        shell.do(Typed("echo on", ["on"]))


def test_files_are_made_changed_and_quoted(shell: Shell) -> None:
    shell.do(FileBlock("Create", "secrets/x.py", "a = 1\n\nb = 2\n"))
    shell.do(FileBlock("Change", "secrets/x.py", " a = 1\n \n-b = 2\n+b = 3\n"))
    shell.do(Typed("cat secrets/x.py", ["a = 1", "", "b = 3"]))
    shell.do(FileBlock("From", "secrets/x.py", "a = 1\n...\nb = 3\n"))


@pytest.mark.parametrize(
    "wrong",
    [
        FileBlock("Create", "main.py", "there is one\n"),
        FileBlock("Change", "main.py", "-not in it\n+new\n"),
        FileBlock("Change", "main.py", " import\n+twice in it\n"),
        FileBlock("From", "main.py", "not in it\n"),
        Typed("docker build . -t airbyte/source-other:dev", []),
        Typed("docker tag airbyte/source-stock-ticker:0.0.0 registry.example.com/source-stock-ticker:0.0.0", []),
        Typed("make no-such-target", []),
        Typed("cd no/such/folder", []),
    ],
    ids=str,
)
def test_a_step_that_cannot_be_taken_fails(wrong: Typed | FileBlock, shell: Shell) -> None:
    def do() -> None:
        shell.do(wrong)
        shell.do(Typed("true", []))  # a command that failed is found out by the next

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        do()


def test_a_folder_in_a_docker_command_must_be_mounted() -> None:
    run = "docker run --rm {}airbyte/source-stock-ticker:dev check --config /secrets/config.json"
    assert (
        without_docker(run.format("-v $(pwd)/secrets:/secrets ")) == "python main.py check --config secrets/config.json"
    )
    with pytest.raises(AssertionError):
        without_docker(run.format(""))
