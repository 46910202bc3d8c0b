"""Tests each message of the protocol: its exact format, and that it stays one line, whatever its content."""

import json
import time

import pytest

from source_stock_ticker.runtime.errors import ConfigError, TransientError
from source_stock_ticker.runtime.protocol import messages

# What a server or a file can contain: line ends of every kind, quotes, control characters, other alphabets.
HOSTILE = 'one\ntwo\r\nthree\u2028four\x85 "quoted" \\ \x00\x1b[31m ü 株'
DESCRIBED = {"name": "letters", "json_schema": {"type": "object"}, "supported_sync_modes": ["full_refresh"]}
EVERY_MESSAGE = {
    "spec": messages.spec({"documentationUrl": "https://example.com", "connectionSpecification": {"title": HOSTILE}}),
    "succeeded": messages.connection_status(None),
    "failed": messages.connection_status(HOSTILE),
    "catalog": messages.catalog([DESCRIBED, {**DESCRIBED, "name": HOSTILE}]),
    "new config": messages.new_config({"key": "é"}),
    "log": messages.log("INFO", HOSTILE),
    "log with a stack": messages.log("ERROR", HOSTILE, HOSTILE),
    "state": messages.state("letters", {HOSTILE: HOSTILE}, 3, HOSTILE),
    "status": messages.stream_status("letters", "STARTED", HOSTILE),
    "waiting": messages.stream_status("letters", "RUNNING", None, 1_700_000_000.5),
    "estimate": messages.estimate("letters", 26, HOSTILE),
    "error": messages.error(TransientError(HOSTILE, HOSTILE), "letters", HOSTILE),
    "bug": messages.error(KeyError(HOSTILE), "letters", HOSTILE),
}


def only(messages_in, lines):
    """The one message of these lines."""
    (message,) = messages_in(lines)
    return message


@pytest.mark.parametrize("name", EVERY_MESSAGE)
def test_every_message_is_valid_and_stays_one_line(messages_in, name):
    only(messages_in, EVERY_MESSAGE[name])


@pytest.mark.parametrize("name", EVERY_MESSAGE)
def test_a_message_is_ascii_so_that_it_is_right_in_any_locale(name):
    assert EVERY_MESSAGE[name].isascii()


def test_what_is_put_into_a_message_comes_out_of_it(messages_in):
    assert only(messages_in, EVERY_MESSAGE["log"])["log"]["message"] == HOSTILE
    assert only(messages_in, EVERY_MESSAGE["state"])["state"]["stream"]["stream_state"] == {HOSTILE: HOSTILE}


def test_a_connection_that_works_has_no_message():
    assert json.loads(EVERY_MESSAGE["succeeded"]) == {
        "type": "CONNECTION_STATUS",
        "connectionStatus": {"status": "SUCCEEDED"},
    }


def test_a_connection_that_does_not_work_says_why():
    assert json.loads(messages.connection_status("api_key: is missing.")) == {
        "type": "CONNECTION_STATUS",
        "connectionStatus": {"status": "FAILED", "message": "api_key: is missing."},
    }


def test_the_catalog_lists_the_streams_as_they_are_described():
    assert json.loads(messages.catalog(iter([DESCRIBED]))) == {"type": "CATALOG", "catalog": {"streams": [DESCRIBED]}}


def test_a_log_message_has_a_stack_only_if_there_is_one():
    assert json.loads(messages.log("WARN", "text"))["log"] == {"level": "WARN", "message": "text"}
    assert json.loads(messages.log("WARN", "text", "stack"))["log"]["stack_trace"] == "stack"


def test_a_number_that_json_does_not_know_is_refused_in_a_state():
    with pytest.raises(ValueError, match="JSON"):
        messages.state("letters", {"rank": float("nan")}, 0)


def test_a_state_names_its_stream_and_what_it_covers():
    assert json.loads(messages.state("letters", {"last": "c"}, 3)) == {
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": "letters"}, "stream_state": {"last": "c"}},
            "sourceStats": {"recordCount": 3.0},
        },
    }


@pytest.mark.parametrize(("count", "written"), [(0, b'"recordCount":0.0'), (5, b'"recordCount":5.0')])
def test_the_count_of_a_state_is_written_with_a_decimal_point(count, written):
    assert written in messages.state("letters", {}, count)


@pytest.mark.parametrize("status", ["STARTED", "RUNNING", "COMPLETE", "INCOMPLETE"])
def test_a_status_says_how_far_its_stream_is(messages_in, status):
    trace = only(messages_in, messages.stream_status("letters", status))["trace"]
    assert trace["type"] == "STREAM_STATUS"
    assert trace["stream_status"] == {"stream_descriptor": {"name": "letters"}, "status": status}


def test_a_stream_that_waits_for_the_rate_limit_says_until_when(messages_in):
    trace = only(messages_in, messages.stream_status("letters", "RUNNING", None, 1_700_000_000.5))["trace"]
    reset = {"quota_reset": 1_700_000_000_500}
    assert trace["stream_status"]["reasons"] == [{"type": "RATE_LIMITED", "rate_limited": reset}]


def error_of(line):
    return json.loads(line)["trace"]["error"]


def test_an_estimate_says_how_many_rows_of_a_stream_there_are(messages_in):
    trace = only(messages_in, messages.estimate("letters", 26, "latin"))["trace"]
    assert trace["type"] == "ESTIMATE"
    assert trace["estimate"] == {"name": "letters", "namespace": "latin", "type": "STREAM", "row_estimate": 26}


def test_an_error_shows_users_its_sentence_and_developers_its_detail():
    assert error_of(messages.error(TransientError("Try again.", "HTTP 503"), "letters")) == {
        "message": "Try again.",
        "failure_type": "transient_error",
        "internal_message": "HTTP 503",
        "stream_descriptor": {"name": "letters"},
    }


def test_an_error_leaves_out_what_it_does_not_have():
    assert error_of(messages.error(ConfigError("key: it is refused."))) == {
        "message": "key: it is refused.",
        "failure_type": "config_error",
    }


def test_a_bug_shows_users_no_python_and_developers_its_stack():
    try:
        int("literal")
    except ValueError as bug:
        error = error_of(messages.error(bug))
    assert error["message"] == "The connector has a bug; please report it with the log."
    assert error["failure_type"] == "system_error"
    assert error["internal_message"].startswith("ValueError(")
    assert error["stack_trace"].startswith("Traceback")
    assert 'int("literal")' in error["stack_trace"]


def test_too_little_memory_is_not_called_a_bug():
    error = error_of(messages.error(MemoryError()))
    assert error["message"] == "The connector ran out of memory; give it more, or let it use fewer workers."
    assert error["failure_type"] == "system_error"


@pytest.mark.parametrize("name", ["state", "status", "error", "bug"])
def test_the_namespace_of_a_stream_is_next_to_its_name(name):
    assert json.dumps({"name": "letters", "namespace": HOSTILE}, separators=(",", ":")).encode() in EVERY_MESSAGE[name]


def test_a_trace_is_stamped_with_the_milliseconds_of_now():
    before = time.time() * 1000
    stamp = json.loads(messages.error(TransientError("Try again.")))["trace"]["emitted_at"]
    assert before <= stamp <= time.time() * 1000
