"""A whole process of a tiny connector, judged from outside: stdout, stderr and the exit code."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "k3y-of-12345678"
SPEC = """
documentationUrl: https://example.com
connectionSpecification:
  type: object
  required: [key]
  properties:
    key: {type: string, title: Key, airbyte_secret: true, minLength: 1}
    does:
      type: string
      title: What it does
      enum: [well, refuse, crash, import, print, fail, wait, "no end", large rows]
"""
CONNECTOR = '''
import itertools, sys, time, warnings
from pathlib import Path
from source_stock_ticker.runtime import ConfigError, Page, Source, Stream, TransientError, launch

class Numbers(Stream):
    """Rows 1, 2, 3; or something that the config asks for."""
    name, primary_key, cursor_field = "numbers", ("id",), "id"
    schema_folder = Path(__file__).parent

    def __init__(self, does):
        self.does = does

    def slices(self, state):
        first = state.get("last", 0) + 1
        return iter(range(first, 4)) if self.does != "no end" else itertools.count(first)

    def fetch(self, slice, page_token):
        if self.does == "wait" and slice == 3:
            time.sleep(60)
        if self.does == "fail" and slice == 3:
            raise TransientError("The API is down.")
        return slice

    def parse(self, slice, answer):
        return Page([{"id": answer, "text": "x" * (1_000_000 if self.does == "large rows" else 10)}])

    def checkpoint(self, state, slice, first, last, done):
        state["last"] = last["id"]

class Tiny(Source):
    def check(self, logger, config):
        self.streams(logger, config)

    def streams(self, logger, config):
        key, does = config["key"], config.get("does", "well")
        logger.debug("The key is %s.", key, extra={"config": config})
        if does == "refuse":
            raise ConfigError(f"key: {key} is refused.", repr(config))
        if does == "crash":
            raise KeyError(key)
        if does == "import":
            import no_such_package
        if does == "print":
            print("I should not print.")
            sys.stdout.write("Nor write.")
            warnings.warn("This is old.")
        return [Numbers(does)]

sys.exit(launch(Tiny(), "1.2.3"))
'''
CATALOG = {"streams": [{"stream": {"name": "numbers"}, "sync_mode": "incremental"}]}
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the connector and the files for it are."""
    folder = tmp_path_factory.mktemp("connector")
    for name, text in {
        "main.py": CONNECTOR,
        "spec.yaml": SPEC,
        "numbers.json": json.dumps(SCHEMA),
        "catalog.json": json.dumps(CATALOG),
    }.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def start(folder, tmp_path):
    """A function that starts the connector with these arguments, as in a fresh shell in another folder."""
    started = []

    def start(*arguments, stdout=subprocess.PIPE, stderr=None, **environment):
        process = subprocess.Popen(
            [sys.executable, folder / "main.py", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE if stderr is None else stderr,
            bufsize=0,  # what lines_until has not read must be left for communicate
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


class Run:
    """What came of a run: its messages, what it wrote to stderr, its exit code."""

    def __init__(self, messages, stderr, exit_code):
        self.messages, self.stderr, self.exit_code = messages, stderr, exit_code

    def of_type(self, kind):
        return [message[kind] for message in self.messages if kind in message]

    @property
    def rows(self):
        return [record["data"]["id"] for record in self.of_type("record")]

    @property
    def last_state(self):
        return self.of_type("state")[-1]["stream"]["stream_state"]

    @property
    def error(self):
        """The last TRACE ERROR."""
        return [trace["error"] for trace in self.of_type("trace") if trace["type"] == "ERROR"][-1]


@pytest.fixture
def finish(messages_in):
    """A function: a process -> its Run, once it has ended."""

    def finish(process, already_read=b""):
        stdout, stderr = process.communicate(timeout=20)
        return Run(messages_in(already_read + stdout), (stderr or b"").decode(), process.returncode)

    return finish


@pytest.fixture
def run(start, finish):
    return lambda *arguments, **environment: finish(start(*arguments, **environment))


@pytest.fixture
def config(tmp_path):
    """A function that writes a config file and names it."""

    def config(content=None, **fields):
        file = tmp_path / "config.json"
        file.write_bytes(content if content is not None else json.dumps({"key": KEY, **fields}).encode())
        return str(file)

    return config


@pytest.fixture
def read_of(folder, config):
    """A function: the arguments of a read by a connector that does so."""
    return lambda does="well": ("read", "--config", config(does=does), "--catalog", str(folder / "catalog.json"))


# The command line


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


def test_read_goes_on_from_the_output_of_an_earlier_read(run, read_of, tmp_path):
    first = run(*read_of("fail"))
    saved = tmp_path / "output.jsonl"
    saved.write_text("\n".join(map(json.dumps, first.messages)), "utf-8")
    assert run(*read_of(), "--state", str(saved)).rows == [3]


def test_options_come_in_any_order_and_with_an_equals_sign(run, folder, config, tmp_path):
    (tmp_path / "state.json").write_text("[]", "utf-8")
    found = run("read", "--debug", "--state=state.json", f"--catalog={folder / 'catalog.json'}", f"--config={config()}")
    assert found.rows == [1, 2, 3]


def test_files_are_looked_for_in_the_folder_of_the_caller(run, config):
    config()
    assert run("check", "--config", "config.json").of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["check"], ["read", "--config", "x"], ["spec", "--nonsense"], ["spec", "--config", "x"]],
    ids=" ".join,
)
def test_a_wrong_command_line_has_exit_code_2_and_no_message(run, arguments):
    found = run(*arguments)
    assert (found.messages, found.exit_code) == ([], 2)
    assert "usage:" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "told", "example"),
    [
        ([], "which command? Choose spec, check, discover or read.", "spec"),
        (["sync"], "invalid choice: 'sync'", "spec"),
        (["spec", "--nonsense"], "main.py spec: there is no option --nonsense.", "spec"),
        (["check"], "required: --config", "check --config secrets/config.json"),
        (["read", "--config", "x"], "required: --catalog", "read --config secrets/config.json --catalog "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_command_line_is_told_how_a_right_one_looks(run, arguments, told, example):
    usage, sentence, right, more = run(*arguments).stderr.splitlines()
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
    assert "0 done (a check that answers FAILED too), 1 failed, 2 the command line is wrong" in text
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


def test_the_version_can_be_asked_for(start):
    assert start("--version").communicate()[0] == b"1.2.3\n"


# Failures


def test_a_check_that_fails_is_an_answer_and_no_crash(run, config):
    found = run("check", "--config", config(does="refuse"))
    assert found.of_type("connectionStatus") == [{"status": "FAILED", "message": "key: **** is refused."}]
    assert found.of_type("trace") == []
    assert found.exit_code == 0


@pytest.mark.parametrize("command", ["check", "read"])
def test_a_bug_is_an_error_message_and_no_traceback(run, read_of, config, command):
    arguments = read_of("crash") if command == "read" else (command, "--config", config(does="crash"))
    found = run(*arguments)
    assert found.of_type("connectionStatus") == []
    assert found.error["failure_type"] == "system_error"
    assert "KeyError" not in found.error["message"]
    assert "KeyError" in found.error["stack_trace"]
    assert (found.stderr, found.exit_code) == ("", 1)


def test_a_read_that_is_not_complete_has_exit_code_1(run, read_of):
    found = run(*read_of("fail"))
    assert found.rows == [1, 2]
    assert found.last_state == {"last": 2}
    assert found.error["failure_type"] == "transient_error"
    assert (found.stderr, found.exit_code) == ("", 1)


BROKEN_FILES = {
    "empty": b"",
    "cut": b'{"key": "%s"' % KEY.encode(),
    "no JSON": KEY.encode(),
    "no UTF-8": b'{"key": "\xff"}',
    "no object": b'["%s"]' % KEY.encode(),
    "without the key": b"{}",
    "with a key of a wrong type": b'{"key": ["%s"]}' % KEY.encode(),
}


@pytest.mark.parametrize("kind", BROKEN_FILES)
def test_a_broken_config_fails_the_check_with_a_sentence(run, config, kind):
    found = run("check", "--config", config(BROKEN_FILES[kind]))
    (status,) = found.of_type("connectionStatus")
    assert status["status"] == "FAILED"
    assert KEY[:6] not in status["message"]
    assert (found.stderr, found.exit_code) == ("", 0)


@pytest.mark.parametrize("kind", BROKEN_FILES)
def test_a_broken_config_is_an_error_that_the_user_can_mend(run, config, kind):
    found = run("discover", "--config", config(BROKEN_FILES[kind]))
    assert found.error["failure_type"] == "config_error"
    assert "stack_trace" not in found.error
    assert KEY[:6] not in str(found.messages)
    assert (found.stderr, found.exit_code) == ("", 1)


def test_without_a_good_config_nothing_is_read(run, folder, config):
    found = run("read", "--config", config(b"{}"), "--catalog", str(folder / "catalog.json"))
    assert found.error["failure_type"] == "config_error"
    assert len(found.messages) == found.exit_code == 1


def test_a_key_with_half_a_character_is_a_secret_too(start, config):
    # JSON can spell it (\\ud800), UTF-8 cannot: whoever tries fails, and must not tell of the key.
    file = config(b'{"key": "%s\\ud800"}' % KEY.encode())
    stdout, stderr = start("discover", "--debug", "--config", file).communicate(timeout=20)
    assert KEY[:6].encode() not in stdout + stderr


def test_a_config_that_is_not_there_is_named(run):
    found = run("check", "--config", "missing.json")
    (status,) = found.of_type("connectionStatus")
    assert status["message"] == "config: missing.json cannot be read (No such file or directory)."


def test_a_config_may_begin_with_a_byte_order_mark(run, config):
    found = run("check", "--config", config(b"\xef\xbb\xbf" + json.dumps({"key": KEY}).encode()))
    assert found.of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


def test_unknown_fields_of_a_config_do_no_harm(run, config):
    found = run("check", "--config", config(_limit=5, __injected_declarative_manifest={}))
    assert found.of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


def test_a_misspelt_option_is_told(run, config):
    found = run("check", "--config", config(doess="well"))
    assert found.of_type("log")[0] == {
        "level": "WARN",
        "message": "config: there is no option doess; did you mean does? It is ignored.",
    }
    assert found.of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


def test_a_package_that_is_not_installed_is_named(run, config):
    found = run("check", "--config", config(does="import"))
    assert found.error["message"].startswith("no_such_package is not installed for this Python")
    assert (found.exit_code, found.error["failure_type"]) == (1, "config_error")


@pytest.mark.parametrize("option", ["--catalog", "--state"])
@pytest.mark.parametrize("content", [None, b"", b"{", b'["text"]'], ids=str)
def test_a_broken_catalog_or_state_is_an_error_and_nothing_is_read(run, read_of, tmp_path, option, content):
    if content is not None:
        (tmp_path / "broken.json").write_bytes(content)
    found = run(*read_of(), option, "broken.json")
    assert found.of_type("record") == []
    assert found.error["failure_type"] == "config_error"
    assert found.error["message"].startswith(option[2:])
    assert (found.stderr, found.exit_code) == ("", 1)


def test_an_empty_name_of_a_state_file_is_not_taken_for_none(run, read_of):
    found = run(*read_of(), "--state", "")  # --state "$UNSET": to read everything again would be a surprise
    assert found.of_type("record") == []
    assert found.error["message"].startswith("state: ")


# What belongs on stdout, and what never


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


# The end of a process that is not its own idea


SIGNALS = pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, -15), (signal.SIGINT, -2)])


def lines_until(process, start_of_line, count=1):
    """Reads the output up to the line, the count-th of those that start so."""
    lines = b""
    while count:
        line = process.stdout.readline()
        assert line, "the process has ended too early"
        lines += line
        count -= line.startswith(start_of_line)
    return lines


@SIGNALS
def test_a_read_that_is_stopped_while_it_waits_ends_with_its_last_state(start, finish, read_of, number, exit_code):
    process = start(*read_of("wait"))
    lines = lines_until(process, b'{"type":"RECORD","record":{"stream":"numbers","data":{"id":2,')
    process.send_signal(number)
    found = finish(process, lines)
    assert found.rows == [1, 2]
    assert found.last_state["last"] in (1, 2)
    assert found.messages[-1]["log"]["level"] == "WARN"
    assert number.name in found.messages[-1]["log"]["message"]
    assert (found.stderr, found.exit_code) == ("", exit_code)


@SIGNALS
def test_a_read_that_is_stopped_while_it_writes_loses_nothing(start, finish, read_of, number, exit_code):
    process = start(*read_of("no end"))
    lines = lines_until(process, b'{"type":"STATE"', count=20)
    process.send_signal(number)
    found = finish(process, lines)
    assert (found.stderr, found.exit_code) == ("", exit_code)
    assert found.rows == list(range(1, len(found.rows) + 1))
    assert 0 < found.last_state["last"] <= len(found.rows)


@SIGNALS
def test_a_read_that_is_stopped_in_the_middle_of_a_line_writes_it_to_its_end(start, finish, read_of, number, exit_code):
    process = start(*read_of("large rows"))
    lines = lines_until(process, b'{"type":"TRACE"', count=2)  # the row that comes now is more than the pipe holds
    time.sleep(0.2)
    process.send_signal(number)
    time.sleep(0.1)
    found = finish(process, lines)
    assert found.rows[:1] == [1]
    assert (found.stderr, found.exit_code) == ("", exit_code)


def test_a_process_that_is_stopped_does_not_wait_for_ever_for_its_reader(start, read_of):
    process = start(*read_of("large rows"))
    lines_until(process, b'{"type":"TRACE"', count=2)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == -15


def test_a_reader_that_goes_away_ends_the_process_quietly(start, read_of):
    process = start(*read_of("no end"))
    lines_until(process, b'{"type":"STATE"', count=3)
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr.read() == b""


def test_a_full_disk_is_told_in_one_line(start):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = start("spec", stdout=full)
        assert process.wait(timeout=10) == 1
    assert process.stderr.read() == b"stdout cannot be written: No space left on device\n"


def test_a_reader_that_was_never_there_ends_the_process_quietly(start):
    process = start("spec")
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr.read() == b""


# Who watches


def shown_at(ours, terminal):
    """All that was written to a terminal, when nobody else has it open any more."""
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # so Linux says that it is the end
        while part := os.read(ours, 10_000):
            shown += part
    os.close(ours)
    return shown


def test_a_person_at_a_terminal_sees_how_the_read_goes_on(start, finish, read_of):
    ours, terminal = pty.openpty()
    found = finish(start(*read_of(), stderr=terminal))
    assert b"numbers: 3 rows" in shown_at(ours, terminal)
    assert found.rows == [1, 2, 3]


def test_a_person_who_stops_a_read_is_told_so_though_the_output_goes_into_a_file(start, finish, read_of):
    ours, terminal = pty.openpty()
    process = start(*read_of("wait"), stderr=terminal)
    lines = lines_until(process, b'{"type":"RECORD","record":{"stream":"numbers","data":{"id":2,')
    process.send_signal(signal.SIGINT)
    finish(process, lines)
    assert b"\nStopped by SIGINT; a read goes on from its last STATE" in shown_at(ours, terminal).replace(b"\r", b"")
