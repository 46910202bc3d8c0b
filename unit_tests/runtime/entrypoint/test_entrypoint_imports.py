"""Tests what a command imports: `spec`, which Airbyte runs first and often, imports almost nothing."""

import json
import subprocess
import sys

import pytest
from tiny_connector import KEY, ROOT

SCRIPT = """
import sys
from source_stock_ticker.runtime.entrypoint import launch

exit_code = launch(sys.argv[1], "1.2.3", sys.argv[2:])
print(*sys.modules, sep="\\n", file=sys.stderr)
sys.exit(exit_code)
"""
HEAVY = {"tiny", "tiny.source", "requests", "urllib3", "jsonschema"}


@pytest.fixture
def launched(folder, config, messages_in):
    """A function that launches a command of a source -> its messages, the modules it has loaded, its exit code."""

    def launched(source, command):
        files = ["--config", config()] if command != "spec" else []
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, source, command, *files],
            env={"PYTHONPATH": f"{ROOT}:{folder}"},
            capture_output=True,
            timeout=20,
        )
        return messages_in(done.stdout), set(done.stderr.decode().split("\n")), done.returncode

    return launched


def test_spec_loads_neither_the_connector_nor_what_reads_and_judges(launched):
    (message,), modules, exit_code = launched("tiny.source:Tiny", "spec")
    assert (message["type"], exit_code) == ("SPEC", 0)
    assert modules & HEAVY == set()


def test_another_command_loads_the_class_that_is_named(launched):
    (message,), modules, exit_code = launched("tiny.source:Tiny", "check")
    assert (message["type"], exit_code) == ("CONNECTION_STATUS", 0)
    assert modules >= {"tiny", "tiny.source", "jsonschema"}


def test_spec_can_be_shown_although_the_connector_cannot_be_loaded(launched):
    (message,), _, exit_code = launched("tiny.no_such_module:Tiny", "spec")
    assert (message["type"], exit_code) == ("SPEC", 0)


def test_a_module_that_is_not_there_is_named(launched):
    (message,), _, exit_code = launched("tiny.no_such_module:Tiny", "check")
    assert message["trace"]["error"]["message"].startswith("tiny.no_such_module is not installed for this Python")
    assert exit_code == 1


def test_a_class_that_is_not_there_is_a_bug_of_the_connector(launched):
    (message,), _, exit_code = launched("tiny.source:NoSuchClass", "check")
    assert message["trace"]["error"]["failure_type"] == "system_error"
    assert "NoSuchClass" in message["trace"]["error"]["internal_message"]
    assert KEY not in json.dumps(message)
    assert exit_code == 1
