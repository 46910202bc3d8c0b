"""Each message of the protocol: its exact shape, and that it stays one line whatever is put into it."""

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from source_stock_ticker.runtime import messages

# What a server or a file may bring: line ends of every kind, quotes, control characters, other alphabets.
HOSTILE = 'one\ntwo\r\nthree\u2028four\x85 "quoted" \\ \x00\x1b[31m ü 株'
# Rows in rows, and texts that look like the end of one row and the start of the next.
TEXTS = st.sampled_from(["a", "b", "", ":", '"', "},{", '},{"a":', "\n", "ü"])
ROWS = st.dictionaries(
    TEXTS,
    st.recursive(
        TEXTS
        | st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
DESCRIBED = {"name": "letters", "json_schema": {"type": "object"}, "supported_sync_modes": ["full_refresh"]}
EVERY_MESSAGE = {
    "spec": messages.spec({"documentationUrl": "https://example.com", "connectionSpecification": {"title": HOSTILE}}),
    "succeeded": messages.connection_status(None),
    "failed": messages.connection_status(HOSTILE),
    "catalog": messages.catalog([DESCRIBED, {**DESCRIBED, "name": HOSTILE}]),
    "log": messages.log("INFO", HOSTILE),
    "log with a stack": messages.log("ERROR", HOSTILE, HOSTILE),
    "record": messages.records("letters", [{HOSTILE: HOSTILE}], HOSTILE),
    "state": messages.state("letters", {HOSTILE: HOSTILE}, 3, HOSTILE),
    "status": messages.stream_status("letters", "STARTED", HOSTILE),
    "waiting": messages.stream_status("letters", "RUNNING", None, 1_700_000_000.5),
    "error": messages.error(HOSTILE, "system_error", HOSTILE, HOSTILE, "letters", HOSTILE),
}


def only(messages_in, lines):
    """The one message of these lines."""
    (message,) = messages_in(lines)
    return message


@pytest.mark.parametrize("name", EVERY_MESSAGE)
def test_every_message_is_valid_and_stays_one_line(messages_in, name):
    only(messages_in, EVERY_MESSAGE[name])


@pytest.mark.parametrize("name", sorted(set(EVERY_MESSAGE) - {"record"}))
def test_a_message_is_ascii_so_that_it_is_right_in_any_locale(name):
    assert EVERY_MESSAGE[name].isascii()


def test_what_is_put_into_a_message_comes_out_of_it(messages_in):
    assert only(messages_in, EVERY_MESSAGE["log"])["log"]["message"] == HOSTILE
    assert only(messages_in, EVERY_MESSAGE["record"])["record"]["data"] == {HOSTILE: HOSTILE}


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


def test_each_row_is_a_record_in_the_order_given(messages_in):
    rows = [{"letter": "a", "rank": 1}, {"letter": "b", "rank": None}, {"letter": "ü", "rank": 0.1}]
    found = messages_in(messages.records("letters", rows))
    assert [message["record"]["data"] for message in found] == rows
    assert {message["record"]["stream"] for message in found} == {"letters"}


@settings(deadline=None)
@given(st.lists(ROWS, max_size=4))
@example([{"a": 1}, {"b": 1}, {"a": 2}])
@example([{"a": [{"b": 1}, {"a": 2}]}, {"a": 1}])
@example([{"a": 1}, {"b": [{"c": 1}, {"a": 2}]}])
@example([{":": 1, "},{": ":x"}, {"a": 2}])
@example([{"a": [{"b": 1}, {"a": 2}]}, {}])
@example([{"a": "},{"}, {"a": '},{"a":'}])
def test_any_rows_come_out_as_they_went_in(rows):
    lines = messages.records("letters", rows).splitlines()
    assert [json.loads(line)["record"]["data"] for line in lines] == rows


def test_no_rows_are_no_lines():
    assert messages.records("letters", []) == b""


def test_a_record_is_stamped_with_the_whole_millisecond_of_now(messages_in):
    before = int(time.time() * 1000)
    stamp = only(messages_in, messages.records("letters", [{"letter": "a"}]))["record"]["emitted_at"]
    assert type(stamp) is int
    assert before <= stamp <= time.time() * 1000


def test_a_record_has_a_namespace_only_if_the_stream_has_one(messages_in):
    rows = [{"letter": "a"}]
    assert "namespace" not in only(messages_in, messages.records("letters", rows))["record"]
    assert only(messages_in, messages.records("letters", rows, "eu"))["record"]["namespace"] == "eu"


def test_a_row_that_json_cannot_hold_is_refused():
    with pytest.raises(TypeError):
        messages.records("letters", [{"letter": object()}])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_know_becomes_null_in_a_record(messages_in, value):
    assert only(messages_in, messages.records("letters", [{"rank": value}]))["record"]["data"] == {"rank": None}


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


def test_an_error_keeps_what_is_for_the_user_apart_from_what_is_for_developers(messages_in):
    trace = only(messages_in, messages.error("Try again.", "transient_error", "HTTP 503", "File ..", "letters"))[
        "trace"
    ]
    assert trace["type"] == "ERROR"
    assert trace["error"] == {
        "message": "Try again.",
        "failure_type": "transient_error",
        "internal_message": "HTTP 503",
        "stack_trace": "File ..",
        "stream_descriptor": {"name": "letters"},
    }


def test_an_error_leaves_out_what_it_does_not_have():
    error = json.loads(messages.error("Try again.", "transient_error"))["trace"]["error"]
    assert error == {"message": "Try again.", "failure_type": "transient_error"}


@pytest.mark.parametrize("name", ["state", "status", "error"])
def test_the_namespace_of_a_stream_stands_beside_its_name(name):
    assert json.dumps({"name": "letters", "namespace": HOSTILE}, separators=(",", ":")).encode() in EVERY_MESSAGE[name]


def test_a_trace_is_stamped_with_the_milliseconds_of_now():
    before = time.time() * 1000
    stamp = json.loads(messages.error("Try again.", "transient_error"))["trace"]["emitted_at"]
    assert before <= stamp <= time.time() * 1000
