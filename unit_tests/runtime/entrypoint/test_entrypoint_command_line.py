"""Tests the command line of a whole process: its four commands, its options and its help."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_connector import ROOT, SCHEMA


def test_spec_shows_what_the_file_says(run):
    found = run("spec")
    assert [message["type"] for message in found.messages] == ["SPEC"]
    assert found.of_type("spec")[0]["connectionSpecification"]["required"] == ["key"]
    assert (found.stderr, found.exit_code) == ("", 0)


def test_check_of_a_good_config_succeeds(run, config):
    found = run("check", "--config", config())
    assert found.of_type("connectionStatus") == [{"status": "SUCCEEDED"}]
    assert (found.stderr, found.exit_code) == ("", 0)


def test_discover_shows_the_streams(run, config):
    found = run("discover", "--config", config())
    assert found.of_type("catalog") == [
        {
            "streams": [
                {
                    "name": "numbers",
                    "json_schema": SCHEMA,
                    "supported_sync_modes": ["full_refresh", "incremental"],
                    "source_defined_cursor": True,
                    "default_cursor_field": ["id"],
                    "source_defined_primary_key": [["id"]],
                    "is_resumable": True,
                }
            ]
        }
    ]
    assert (found.stderr, found.exit_code) == ("", 0)


def test_read_writes_the_rows(run, read_of):
    found = run(*read_of())
    assert found.rows == [1, 2, 3]
    assert (found.stderr, found.exit_code) == ("", 0)


def test_read_resumes_from_the_output_of_an_earlier_read(run, read_of, tmp_path):
    first = run(*read_of("fail"))
    saved = tmp_path / "output.jsonl"
    saved.write_text("\n".join(map(json.dumps, first.messages)), "utf-8")
    assert run(*read_of(), "--state", str(saved)).rows == [3]


def test_a_plan_reads_nothing(run, read_of):
    found = run(*read_of(), "--plan")
    assert [log["message"] for log in found.of_type("log")] == [
        "numbers: at least 1 request.",
        "Total: at least 1 request.",
    ]
    assert len(found.messages) == 2
    assert (found.stderr, found.exit_code) == ("", 0)


def test_a_plan_of_what_cannot_be_read_fails(run, config, tmp_path):
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps({"streams": [{"stream": {"name": "letters"}, "sync_mode": "full_refresh"}]}), "utf-8")
    found = run("read", "--plan", "--config", config(), "--catalog", str(catalog))
    assert found.error["message"] == "catalog: there is no stream letters; choose from numbers."
    assert found.exit_code == 1


def test_options_come_in_any_order_and_with_an_equals_sign(run, folder, config, tmp_path):
    (tmp_path / "state.json").write_text("[]", "utf-8")
    found = run("read", "--debug", "--state=state.json", f"--catalog={folder / 'catalog.json'}", f"--config={config()}")
    assert found.rows == [1, 2, 3]


def test_files_are_looked_for_in_the_folder_of_the_caller(run, config):
    config()
    assert run("check", "--config", "config.json").of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_each_file_can_come_from_stdin(start, finish, folder, config, tmp_path, option, name):
    (tmp_path / "state.json").write_text("[]", "utf-8")
    files = {"--config": Path(config()), "--catalog": folder / "catalog.json", "--state": tmp_path / "state.json"}
    with files[option].open("rb") as stdin:
        arguments = [str(word) for file in {**files, option: name}.items() for word in file]
        found = finish(start("read", *arguments, stdin=stdin))
    assert found.rows == [1, 2, 3]
    assert (found.stderr, found.exit_code) == ("", 0)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["check"],
        ["read", "--config", "x"],
        ["spec", "--nonsense"],
        ["spec", "--config", "x"],
        ["check", "--plan"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_has_exit_code_2_and_no_message(run, arguments):
    found = run(*arguments)
    assert (found.messages, found.exit_code) == ([], 2)
    assert "usage:" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "told", "example"),
    [
        ([], "no command given; choose spec, check, discover or read.", "spec"),
        (["sync"], "invalid choice: 'sync'", "spec"),
        (["spec", "--nonsense"], "main.py spec: there is no option --nonsense.", "spec"),
        (["read", "--config", "-", "--catalog", "/dev/stdin"], "only one file can be stdin.", "read --config secrets/"),
        (
            ["read", "--config", "x", "--catalog", "-", "--state=-"],
            "only one file can be stdin.",
            "read --config secrets/",
        ),
        (["check"], "required: --config", "check --config secrets/config.json"),
        (["read", "--config", "x"], "required: --catalog", "read --config secrets/config.json --catalog "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_command_line_gets_an_example_of_a_right_one(run, arguments, told, example):
    usage, *_, sentence, right, more = run(*arguments).stderr.splitlines()
    assert usage.startswith("usage: main.py")
    assert told in sentence
    assert right.startswith(f"For example: python main.py {example}")
    assert re.fullmatch(r"More: python main.py( \w+)? --help", more)


@pytest.fixture(scope="module")
def help_of(folder):
    """A function: a command, or none for the whole program -> its help, line by line."""

    def help_of(*command):
        asked = [sys.executable, folder / "main.py", *command, "--help"]
        return subprocess.check_output(asked, env={"PYTHONPATH": str(ROOT)}, encoding="utf-8").splitlines()

    return help_of


@pytest.mark.parametrize("command", [[], ["spec"], ["check"], ["discover"], ["read"]], ids=" ".join)
def test_help_says_the_exit_codes_and_which_files(help_of, command):
    text = "\n".join(help_of(*command))
    assert "0 success (also for a check that reports FAILED), 1 failure, 2 invalid command line" in text
    for option in re.findall(r"^  --\w+ FILE +(.*)", text, re.MULTILINE):
        assert option, "a file of which nothing is said"


@pytest.mark.parametrize("command", ["spec", "check", "discover", "read"])
def test_the_example_in_the_help_can_be_typed(run, help_of, folder, config, tmp_path, command):
    (example,) = [line.split() for line in help_of(command) if line.startswith(f"  python main.py {command}")]
    assert example in [line.split() for line in help_of()]
    for name, file in {
        "secrets/config.json": config(),
        "sample_files/configured_catalog.json": folder / "catalog.json",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).symlink_to(file)
    found = run(*example[2:])
    assert (found.stderr, found.exit_code) == ("", 0)
    assert found.messages


def test_an_installed_command_is_called_by_its_name_in_the_examples(folder, tmp_path):
    command = tmp_path / "source-tiny"
    command.write_text((folder / "main.py").read_text("utf-8"), "utf-8")
    done = subprocess.run(
        [sys.executable, command], env={"PYTHONPATH": str(ROOT)}, capture_output=True, encoding="utf-8"
    )
    assert "For example: source-tiny spec\nMore: source-tiny --help\n" in done.stderr


def test_version_shows_the_version(start):
    assert start("--version").communicate()[0] == b"1.2.3\n"
