"""Tests what a whole process reports when something fails: a check, a read, a file, the connector itself."""

import json

import pytest
from tiny_connector import KEY


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
def test_a_broken_config_is_an_error_that_the_user_can_fix(run, config, kind):
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
    # JSON can spell it (\\ud800), UTF-8 cannot: the attempt fails, and must not show the key.
    file = config(b'{"key": "%s\\ud800"}' % KEY.encode())
    stdout, stderr = start("discover", "--debug", "--config", file).communicate(timeout=20)
    assert KEY[:6].encode() not in stdout + stderr


def test_a_config_that_is_not_there_is_named(run):
    found = run("check", "--config", "missing.json")
    (status,) = found.of_type("connectionStatus")
    assert status["message"] == "config: missing.json cannot be read (No such file or directory)."


def test_a_config_can_begin_with_a_byte_order_mark(run, config):
    found = run("check", "--config", config(b"\xef\xbb\xbf" + json.dumps({"key": KEY}).encode()))
    assert found.of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


def test_unknown_fields_of_a_config_do_no_harm(run, config):
    found = run("check", "--config", config(_limit=5, __injected_declarative_manifest={}))
    assert found.of_type("connectionStatus") == [{"status": "SUCCEEDED"}]


def test_a_misspelled_option_is_refused(run, config):
    found = run("check", "--config", config(doess="well"))
    told = "config: there is no option doess; did you mean does?"
    assert found.of_type("connectionStatus") == [{"status": "FAILED", "message": told}]


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


def test_an_empty_name_of_a_state_file_is_not_mistaken_for_none(run, read_of):
    found = run(*read_of(), "--state", "")  # --state "$UNSET": to read everything again would be a surprise
    assert found.of_type("record") == []
    assert found.error["message"].startswith("state: ")
