"""The state file: every shape that it can have gives the same state, and what is none of them is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.records import records
from source_stock_ticker.runtime.protocol.state import saved_states

SAVED = {"last": "c"}
STREAM = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "letters"}, "stream_state": SAVED}}
LINE = {"type": "STATE", "state": {**STREAM, "sourceStats": {"recordCount": 3.0}}}
OTHER_KEY_ORDER = {"stream": {"stream_state": SAVED, "stream_descriptor": {"namespace": None, "name": "letters"}}}
GLOBAL = {"type": "GLOBAL", "global": {"shared_state": {"a": 1}, "stream_states": [STREAM["stream"]]}}
LEGACY = {"data": {"letters": SAVED}}

SHAPES = {
    "what the platform passes": [STREAM],
    "with the statistics of the message": [{**STREAM, "sourceStats": {"recordCount": 3.0}}],
    "without the type": [{"stream": STREAM["stream"]}],
    "in another order of keys": [{**OTHER_KEY_ORDER, "type": "STREAM"}],
    "with keys that we do not know": [{**STREAM, "id": 7, "destinationStats": None}],
    "with legacy data beside it": [{**STREAM, "data": {"letters": {"last": "a"}}}],
    "one message alone": STREAM,
    "a line of an earlier read": LINE,
    "a list of such lines": [LINE],
    "of older platforms": GLOBAL,
    "of older platforms, in a list": [GLOBAL],
    "of older platforms, as a line": {"type": "STATE", "state": GLOBAL},
    "legacy": LEGACY,
    "legacy with its type": {"type": "LEGACY", **LEGACY},
    "legacy in a list": [LEGACY],
    "legacy as a line": {"type": "STATE", "state": LEGACY},
    "legacy without data": {"letters": SAVED},
}


def sentence(text):
    with pytest.raises(ConfigError) as error:
        saved_states(text)
    return error.value.message


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("indent", [None, 4])
def test_every_shape_of_a_state_file_is_understood(shape, indent):
    assert saved_states(json.dumps(SHAPES[shape], indent=indent)) == {("letters", None): SAVED}


@pytest.mark.parametrize("text", ["[]", "{}", "null", " [ ] \n"])
def test_nothing_yet_is_no_state(text):
    assert saved_states(text) == {}


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_stream_may_have_no_state_yet(nothing):
    stream = {"stream_descriptor": {"name": "letters"}, "stream_state": nothing}
    assert saved_states(json.dumps([{"type": "STREAM", "stream": stream}])) == {("letters", None): {}}
    assert saved_states(json.dumps({"letters": nothing})) == {("letters", None): {}}


def test_each_stream_has_its_own_state():
    other = {"stream_descriptor": {"name": "digits", "namespace": "eu"}, "stream_state": {"last": 3}}
    text = json.dumps([STREAM, {"type": "STREAM", "stream": other}])
    assert saved_states(text) == {("letters", None): SAVED, ("digits", "eu"): {"last": 3}}


# What an earlier read wrote, saved as it was


def output(*lines: bytes) -> str:
    return b"".join(lines).decode()


def test_of_several_state_lines_the_last_of_each_stream_counts():
    text = output(
        messages.state("letters", {"last": "a"}, 1),
        messages.state("digits", {"last": 1}, 1),
        messages.state("letters", SAVED, 1),
    )
    assert saved_states(text) == {("letters", None): SAVED, ("digits", None): {"last": 1}}


def test_a_whole_output_is_understood():
    text = output(
        messages.log("INFO", "text"),
        messages.stream_status("letters", "STARTED"),
        records("letters", [{"letter": "c"}]),
        messages.state("letters", SAVED, 1),
        messages.stream_status("letters", "COMPLETE"),
    )
    assert saved_states(text) == {("letters", None): SAVED}


@pytest.mark.parametrize(
    "text", [output(messages.state("letters", SAVED, 1)).replace("\n", "\r\n"), "\n" + json.dumps(LINE) + "\n\n"]
)
def test_blank_lines_and_line_ends_of_windows_do_no_harm(text):
    assert saved_states(text + text) == {("letters", None): SAVED}


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"])
def test_a_character_in_a_record_that_looks_like_a_line_end_does_no_harm(character):
    record = records("letters", [{"letter": f"a{character}b"}])
    assert saved_states(output(record, messages.state("letters", SAVED, 1))) == {("letters", None): SAVED}


# What is refused: taken for "no state", it would be a full read that nobody asked for


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_not_taken_for_no_state(text):
    assert sentence(text) == "state: the file is empty; pass what an earlier read wrote, or [] for nothing yet."


@pytest.mark.parametrize("text", ["{", "[{]", "last = c", "[" * 100_000, '{"a": {}} {"b": {}}'])
def test_what_is_not_json_is_refused(text):
    assert sentence(text).startswith("state: the file is not JSON (")


@pytest.mark.parametrize(
    "content",
    [
        5,
        "letters",
        True,
        [5],
        [None],
        [[]],
        {"last": "c"},
        {"data": {"last": "c"}},
        {"data": ["letters"]},
        {"streams": []},
        {"type": "LOG", "log": {"level": "INFO", "message": "text"}},
        {"type": "STATE"},
        {"type": "STATE", "state": None},
        {"type": "STREAM"},
        {"type": "STREAM", "stream": None},
        {"type": "STREAM", "stream": {"stream_state": SAVED}},
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": None}, "stream_state": SAVED}},
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "letters"}, "stream_state": "c"}},
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "letters", "namespace": {"a": 1}}}},
        {"type": "GLOBAL", "global": "letters"},
        {"type": "GLOBAL", "global": [STREAM]},
        {"type": "GLOBAL", "global": {"stream_states": 5}},
        {"type": "GLOBAL", "global": {"stream_states": {"letters": SAVED}}},
        {"type": "GLOBAL", "global": {"letters": SAVED}},
    ],
    ids=lambda content: json.dumps(content)[:60],
)
def test_what_is_no_state_is_refused(content):
    assert sentence(json.dumps(content)).startswith("state: ")


KEYS = ["type", "state", "stream", "stream_descriptor", "stream_state", "stream_states", "name", "namespace"]
WORDS = ["STATE", "STREAM", "GLOBAL", "LEGACY", "letters", ""]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "global", "data"]), inner),
        max_leaves=12,
    )
)
def test_any_content_is_understood_or_refused_with_a_sentence(content):
    refused, states = "state: ", {}
    try:
        states = saved_states(json.dumps(content))
    except ConfigError as error:
        refused = error.message
    assert refused.startswith("state: ")
    assert all(isinstance(state, dict) for state in states.values())
