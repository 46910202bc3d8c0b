"""Tests the state file: every format gives the same state, and anything else is rejected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.records import records
from source_stock_ticker.runtime.protocol.state import saved_states

OURS = ("letters", "digits")
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
    "with legacy data next to it": [{**STREAM, "data": {"letters": {"last": "a"}}}],
    "one message alone": STREAM,
    "the inside of one": STREAM["stream"],
    "the insides in a list": [STREAM["stream"]],
    "the inside as a line": {"type": "STATE", "state": STREAM["stream"]},
    "a line of an earlier read": LINE,
    "a list of such lines": [LINE],
    "as Airbyte's web page shows it": [{"streamDescriptor": {"name": "letters"}, "streamState": SAVED}],
    "of older platforms": GLOBAL,
    "of older platforms, in a list": [GLOBAL],
    "of older platforms, as a line": {"type": "STATE", "state": GLOBAL},
    "legacy": LEGACY,
    "legacy with its type": {"type": "LEGACY", **LEGACY},
    "legacy in a list": [LEGACY],
    "legacy as a line": {"type": "STATE", "state": LEGACY},
    "legacy without data": {"letters": SAVED},
}
NOT_OURS = "state: the file contains no state of this source; pass the output of an earlier read, or [] for no state."


def sentence(text):
    with pytest.raises(ConfigError) as error:
        saved_states(text, OURS)
    return error.value.message


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("indent", [None, 4])
def test_every_shape_of_a_state_file_is_understood(shape, indent):
    assert saved_states(json.dumps(SHAPES[shape], indent=indent), OURS) == {("letters", None): SAVED}


@pytest.mark.parametrize("text", ["[]", "{}", "null", " [ ] \n", '{"data": {}}', '{"type": "LEGACY", "data": {}}'])
def test_nothing_yet_is_not_a_state(text):
    assert saved_states(text, OURS) == {}


@pytest.mark.parametrize("nothing", [None, {}])
def test_a_stream_can_have_no_state_yet(nothing):
    stream = {"stream_descriptor": {"name": "letters"}, "stream_state": nothing}
    assert saved_states(json.dumps([{"type": "STREAM", "stream": stream}]), OURS) == {("letters", None): {}}
    assert saved_states(json.dumps({"letters": nothing}), OURS) == {("letters", None): {}}


def test_each_stream_has_its_own_state():
    other = {"stream_descriptor": {"name": "digits", "namespace": "eu"}, "stream_state": {"last": 3}}
    text = json.dumps([STREAM, {"type": "STREAM", "stream": other}])
    assert saved_states(text, OURS) == {("letters", None): SAVED, ("digits", "eu"): {"last": 3}}


@pytest.mark.parametrize("saved", [SAVED, {}, None])
def test_a_former_stream_of_the_source_can_appear_with_ours_or_alone(saved):
    once = {"stream_descriptor": {"name": "once"}, "stream_state": saved}
    assert saved_states(json.dumps([STREAM, {"type": "STREAM", "stream": once}]), OURS)["letters", None] == SAVED
    assert saved_states(json.dumps([{"type": "STREAM", "stream": once}]), OURS) == {("once", None): saved or {}}
    assert saved_states(json.dumps({"once": saved, "letters": SAVED}), OURS)["letters", None] == SAVED


# What an earlier read wrote, saved as it was


def output(*lines: bytes) -> str:
    return b"".join(lines).decode()


def test_of_several_state_lines_the_last_of_each_stream_counts():
    text = output(
        messages.state("letters", {"last": "a"}, 1),
        messages.state("digits", {"last": 1}, 1),
        messages.state("letters", SAVED, 1),
    )
    assert saved_states(text, OURS) == {("letters", None): SAVED, ("digits", None): {"last": 1}}


def test_a_whole_output_is_understood():
    text = output(
        messages.log("INFO", "text"),
        messages.stream_status("letters", "STARTED"),
        records("letters", [{"letter": "c"}]),
        messages.state("letters", SAVED, 1),
        messages.stream_status("letters", "COMPLETE"),
    )
    assert saved_states(text, OURS) == {("letters", None): SAVED}


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_the_output_of_a_killed_read_counts_up_to_the_line_that_was_cut(cut):
    text = output(messages.state("letters", SAVED, 1), messages.state("letters", {"last": "z"}, 1))
    assert saved_states(text[: -cut - 1], OURS) == {("letters", None): SAVED}


def test_an_output_whose_only_state_was_cut_is_not_mistaken_for_nothing_yet():
    text = output(messages.log("INFO", "text"), messages.state("letters", SAVED, 1))
    assert sentence(text[:-2]).startswith("state: the file is not JSON (")


def test_the_output_of_a_read_without_a_state_is_nothing_yet():
    assert saved_states(output(messages.log("INFO", "text"), records("letters", [{"letter": "a"}])), OURS) == {}


@pytest.mark.parametrize("one", [STREAM, STREAM["stream"], LEGACY, {"letters": SAVED}], ids=json.dumps)
def test_states_can_be_on_separate_lines(one):
    other = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "digits"}, "stream_state": {"last": 1}}}
    text = f"{json.dumps(one)}\n{json.dumps(other)}\n"
    assert saved_states(text, OURS) == {("letters", None): SAVED, ("digits", None): {"last": 1}}


@pytest.mark.parametrize(
    "text", [output(messages.state("letters", SAVED, 1)).replace("\n", "\r\n"), "\n" + json.dumps(LINE) + "\n\n"]
)
def test_blank_lines_and_line_ends_of_windows_do_no_harm(text):
    assert saved_states(text + text, OURS) == {("letters", None): SAVED}


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"])
def test_a_character_in_a_record_that_looks_like_a_line_end_does_no_harm(character):
    record = records("letters", [{"letter": f"a{character}b"}])
    assert saved_states(output(record, messages.state("letters", SAVED, 1)), OURS) == {("letters", None): SAVED}


# What is rejected: treated as "no state", it would cause an unwanted full read


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_not_mistaken_for_no_state(text):
    assert sentence(text) == "state: the file is empty; pass the output of an earlier read, or [] for no state."


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
def test_what_is_not_a_state_is_refused(content):
    assert sentence(json.dumps(content)).startswith("state: ")


# Files of others: any JSON object could be a LEGACY state

SINGER = {"bookmarks": {"letters": {"replication_key": "letter", "replication_key_value": "c"}}}
SINGER_LINES = [
    {"type": "SCHEMA", "stream": "letters", "schema": {}, "key_properties": []},
    {"type": "RECORD", "stream": "letters", "record": {"letter": "a"}},
    {"type": "STATE", "value": SINGER},
]


@pytest.mark.parametrize(
    "content",
    [
        SINGER,
        [SINGER],
        {"data": SINGER},
        {"type": "STATE", "state": SINGER},
        {"states": {"letters": SAVED}},
        {"states": {}},
        {"bookmarks": {}},
        {"read": {"a": "b"}},
        {"users": {"updated_at": "2024-01-01"}, "orders": None},
        {"airbyte_state": [STREAM]},
    ],
    ids=json.dumps,
)
def test_a_map_that_names_no_stream_of_ours_is_not_mistaken_for_nothing_yet(content):
    assert sentence(json.dumps(content)) == NOT_OURS


@pytest.mark.parametrize(
    "lines", [[SINGER, SINGER], SINGER_LINES, SINGER_LINES[:2], [{"a": 1}, {"a": 2}]], ids=lambda lines: len(lines)
)
def test_lines_that_no_read_of_ours_has_written_are_not_mistaken_for_nothing_yet(lines):
    assert sentence("\n".join(map(json.dumps, lines))) == NOT_OURS


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
        states = saved_states(json.dumps(content), OURS)
    except ConfigError as error:
        refused = error.message
    assert refused.startswith("state: ")
    assert all(isinstance(state, dict) for state in states.values())


@pytest.mark.parametrize("kind", ["RECORD", "LOG", "TRACE", "CONTROL"])
def test_an_output_of_one_line_that_is_not_a_state_is_nothing_yet(kind):
    assert saved_states(json.dumps({"type": kind}), {"letters"}) == {}
