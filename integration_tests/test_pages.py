"""Tests that the test of a page fails when the page is wrong; otherwise it would prove nothing."""

from __future__ import annotations

import pytest
from pages import FileBlock, Shell, Typed, assert_shown, steps, without_docker

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


def test_a_command_that_fails_must_be_followed_by_its_exit_code(shell: Shell) -> None:
    shell.do(Typed("exit 3", []))
    shell.do(Typed("echo $?", ["3"]))
    shell.do(Typed("exit 3", []))
    with pytest.raises(AssertionError, match="exit code 3"):
        shell.do(Typed("echo on", ["on"]))


def test_files_are_made_changed_and_quoted(shell: Shell) -> None:
    shell.do(FileBlock("Make", "secrets/x.py", "a = 1\n\nb = 2\n"))
    shell.do(FileBlock("Change", "secrets/x.py", " a = 1\n \n-b = 2\n+b = 3\n"))
    shell.do(Typed("cat secrets/x.py", ["a = 1", "", "b = 3"]))
    shell.do(FileBlock("From", "secrets/x.py", "a = 1\n...\nb = 3\n"))


@pytest.mark.parametrize(
    "wrong",
    [
        FileBlock("Make", "main.py", "there is one\n"),
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
