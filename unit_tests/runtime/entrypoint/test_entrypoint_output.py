"""Tests what belongs on stdout, and what never does: the key, a connector's prints, Python's warnings."""

import pytest
from tiny_connector import KEY


@pytest.mark.parametrize("command", ["check", "read"])
def test_what_a_connector_prints_does_not_reach_stdout(run, read_of, config, command):
    found = run(*(read_of("print") if command == "read" else (command, "--config", config(does="print"))))
    assert "I should not print.\nNor write." in found.stderr
    assert found.exit_code == 0


def test_what_python_warns_of_is_a_message(run, config):
    found = run("check", "--config", config(does="print"))
    (log,) = found.of_type("log")
    assert log["level"] == "WARN"
    assert "This is old." in log["message"]
    assert "This is old." not in found.stderr


@pytest.mark.parametrize(
    ("command", "does"),
    [
        ("check", "well"),
        ("check", "refuse"),
        ("check", "crash"),
        ("discover", "crash"),
        ("read", "well"),
        ("read", "refuse"),
        ("read", "fail"),
    ],
)
def test_the_key_is_nowhere_in_the_output(start, read_of, config, command, does):
    arguments = read_of(does) if command == "read" else (command, "--config", config(does=does))
    stdout, stderr = start(*arguments, "--debug").communicate(timeout=20)
    assert KEY.encode() not in stdout + stderr
    assert b"The key is ****." in stdout  # so it has been written, and masked


def test_debug_logs_can_be_had_by_the_environment(run, config):
    (log,) = run("check", "--config", config(), LOG_LEVEL="debug").of_type("log")
    assert log["level"] == "DEBUG"


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "utf-16"}])
def test_no_locale_changes_the_output(run, read_of, environment):
    assert run(*read_of(), **environment).rows == [1, 2, 3]
