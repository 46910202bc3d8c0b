"""Files of the user's, and the config held against the spec: every complaint is one sentence, without secrets."""

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_stock_ticker.runtime import ConfigError
from source_stock_ticker.runtime.config import (
    _plainly_valid,
    misspelt,
    read_json,
    read_spec,
    read_text,
    secrets,
    validated,
)

SPEC_FILE = Path(__file__).resolve().parents[2] / "spec.yaml"
SPEC = read_spec(SPEC_FILE)["connectionSpecification"]
KEY = "k3y-of-0123456789-0123456789-0123456789-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "minLength": 1, "airbyte_secret": True, "description": "Your key."},
        "size": {"type": "string", "enum": ["small", "large"], "title": "Size."},
        "since": {
            "type": "string",
            "format": "date",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "examples": ["2024-01-02"],
        },
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 10},
        "share": {"type": "number"},
        "on": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "more": {"type": "object", "properties": {"deep": {"type": "string"}}},
    },
    "required": ["key", "size"],
}
GOOD = {"key": KEY, "size": "small"}


def sentence(config, schema=SCHEMA):
    with pytest.raises(ConfigError) as error:
        validated(config, schema)
    return error.value.message


# Files


def file_with(tmp_path, content: bytes) -> str:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    return str(file)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n "])
def test_json_is_read_with_or_without_a_byte_order_mark(tmp_path, start):
    assert read_json(file_with(tmp_path, start + '{"name": "ü"}'.encode()), "config") == {"name": "ü"}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "config: {file} is empty."),
        (b"\xef\xbb\xbf\n", "config: {file} is empty."),
        (b"\xff\xfe{\x00}\x00", "config: {file} is not UTF-8 text."),
        (b'{"a" 1}', "config: {file} is not JSON (Expecting ':' delimiter: line 1 column 6 (char 5))."),
        (b"[" * 100_000, "config: {file} is nested too deeply."),
    ],
    ids=["empty", "only a byte order mark", "UTF-16", "a colon too few", "nested"],
)
def test_a_file_that_holds_no_json_is_refused(tmp_path, content, wanted):
    file = file_with(tmp_path, content)
    with pytest.raises(ConfigError) as error:
        read_json(file, "config")
    assert error.value.message.startswith(wanted.format(file=file))


def test_a_file_that_is_not_there_is_named(tmp_path):
    file = tmp_path / "missing.json"
    with pytest.raises(ConfigError) as error:
        read_text(str(file), "catalog")
    assert error.value.message == f"catalog: {file} cannot be read (No such file or directory)."


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError) as error:
        read_text(str(tmp_path), "state")
    assert error.value.message == f"state: {tmp_path} cannot be read (Is a directory)."


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(ConfigError, match=r"^config: .* cannot be read"):
        read_text("a\0b", "config")


@pytest.mark.parametrize("broken", ['{"key": "%s" "size"}', '{"key": "%s', "%s", '{"key": "\\%s"}', "{'key': '%s'}"])
def test_a_broken_file_is_never_quoted(tmp_path, broken):
    with pytest.raises(ConfigError) as error:
        read_json(file_with(tmp_path, (broken % KEY).encode()), "config")
    assert KEY[:6] not in error.value.message


def test_the_spec_says_where_its_documentation_is_and_what_can_be_configured():
    assert read_spec(SPEC_FILE).keys() >= {"documentationUrl", "connectionSpecification"}


@pytest.fixture
def spec_file(tmp_path, monkeypatch):
    """A spec.yaml that has been read once, in a process that may keep bytecode."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = file_of(tmp_path, "title: first")
    assert read_spec(file) == {"title": "first"}
    return file


def file_of(folder, text):
    file = folder / "spec.yaml"
    file.write_text(text)
    return file


def kept(spec_file):
    return sorted(file.name for file in spec_file.parent.glob("__pycache__/*"))


def test_a_spec_is_parsed_once(spec_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)  # an import of it fails
    assert read_spec(spec_file) == {"title": "first"}
    assert kept(spec_file) == ["spec.yaml.json"]


def test_a_spec_that_has_changed_is_parsed_anew(spec_file, tmp_path):
    before = spec_file.stat()
    assert read_spec(file_of(tmp_path, "title: other")) == {"title": "other"}
    file_of(tmp_path, "title: third and longer")
    os.utime(spec_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_spec(spec_file) == {"title": "third and longer"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[1, 2, 3]", b"null", b"\xff", b"[[1, 2], {}]", b"[null, []]"])
def test_what_was_kept_and_is_broken_does_no_harm(spec_file, content):
    (spec_file.parent / "__pycache__" / "spec.yaml.json").write_bytes(content)
    assert read_spec(spec_file) == {"title": "first"}


def test_nothing_is_kept_where_nothing_can_be_written_or_where_python_may_keep_nothing(tmp_path, monkeypatch):
    (tmp_path / "__pycache__").write_text("in the way")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert read_spec(file_of(tmp_path, "title: first")) == {"title": "first"}
    (tmp_path / "__pycache__").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert read_spec(file_of(tmp_path, "title: first")) == {"title": "first"}
    assert kept(tmp_path / "spec.yaml") == []


# The config


def test_a_good_config_is_accepted_with_all_its_keys():
    config = {**GOOD, "since": "2024-01-02", "count": 1, "names": [], "on": False, "share": 0, "more": {"deep": "x"}}
    unknown = {"_limit": 5, "__injected_declarative_manifest": {}}
    assert validated({**config, **unknown}, SCHEMA) == {**config, **unknown}


@pytest.mark.parametrize("blank", ["", None])
def test_an_optional_field_left_blank_is_as_if_absent(blank):
    assert validated({**GOOD, "since": blank, "count": blank, "unknown": blank}, SCHEMA) == GOOD


def test_a_whole_number_may_be_written_with_a_point():
    assert validated({**GOOD, "count": 2.0}, SCHEMA)["count"] == 2


@pytest.mark.parametrize("config", [None, [], "text", 5, [GOOD]])
def test_a_config_that_is_no_object_is_refused(config):
    assert sentence(config) == "config: the file must hold a JSON object, like those in sample_files/."


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"key": None}, "key: is missing; it is: Your key."),
        ({"size": None}, "size: is missing; it is: Size."),
        ({"key": ""}, "key: must not be blank."),
        ({"key": 5}, "key: the value must be a text."),
        ({"size": "huge"}, 'size: "huge" must be one of small, large.'),
        ({"size": ""}, 'size: "" must be one of small, large.'),
        ({"since": "1/2/24"}, 'since: "1/2/24" must be written as YYYY-MM-DD, for example 2024-01-02.'),
        ({"code": "abc"}, 'code: "abc" must be written as a text that matches ^[A-Z]+$.'),
        ({"count": 0}, "count: 0 must be 1 or more."),
        ({"count": 11}, "count: 11 must be 10 or less."),
        ({"count": 1.5}, "count: 1.5 must be a whole number."),
        ({"count": True}, "count: true must be a whole number."),
        ({"count": "5"}, 'count: "5" must be a whole number.'),
        ({"share": "half"}, 'share: "half" must be a number.'),
        ({"on": "yes"}, 'on: "yes" must be true or false.'),
        ({"names": "a, b"}, 'names: "a, b" must be a list.'),
        ({"names": ["a", 5]}, "names.1: 5 must be a text."),
        ({"more": "x"}, 'more: "x" must be an object.'),
        ({"more": {"deep": 5}}, "more.deep: 5 must be a text."),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_each_rule_has_its_sentence(change, wanted):
    assert sentence({**GOOD, **change}) == wanted


def test_of_several_faults_what_is_missing_is_told_first():
    assert sentence({"key": 5}) == "size: is missing; it is: Size."


def test_of_several_faults_the_first_in_the_order_of_the_spec_is_told():
    assert sentence({"count": 0, "since": "x", "size": "huge", "key": KEY}).startswith("size: ")


def test_a_long_value_is_shown_by_its_first_words():
    assert sentence({**GOOD, "names": "x " * 1000}) == f'names: "{" ".join("x" * 19)}... must be a list.'


def test_a_word_is_never_cut_because_the_mask_must_see_a_secret_whole_to_know_it():
    assert sentence({**GOOD, "names": "one " + "k" * 1000}) == 'names: "one... must be a list.'


@pytest.mark.parametrize(
    ("key", "meant"), [("sizes", "size"), ("sinse", "since"), ("cou", "count"), ("whatever", None), ("size", None)]
)
def test_an_unknown_option_that_looks_like_one_is_told(key, meant):
    assert list(misspelt({key: 1}, SCHEMA)) == ([(key, meant)] if meant else [])


# Secrets


@pytest.mark.parametrize("value", [[KEY], {"key": KEY}, {KEY: 1}, [[KEY]], 10**50])
def test_a_secret_of_a_wrong_type_is_not_shown(value):
    assert sentence({**GOOD, "key": value}) == "key: the value must be a text."


@pytest.mark.parametrize(
    ("schema", "config"),
    [
        ({"additionalProperties": False, "properties": SCHEMA["properties"]}, {"key": KEY, "typo": 1}),
        ({"maxProperties": 1, "properties": SCHEMA["properties"]}, {"key": KEY, "size": "small"}),
        (
            {"properties": {"keys": {"airbyte_secret": True, "items": {"type": "string", "pattern": "^[a-z]+$"}}}},
            {"keys": [KEY]},
        ),
        (
            {"properties": {"login": {"properties": {"key": {"airbyte_secret": True}}, "maxProperties": 1}}},
            {"login": {"key": KEY, "typo": 1}},
        ),
        (
            {"properties": {"login": {"type": "object", "properties": {"key": {"airbyte_secret": True}}}}},
            {"login": KEY},
        ),
        ({"properties": {"keys": {"type": "array", "items": {"airbyte_secret": True}}}}, {"keys": KEY}),
    ],
    ids=["an unknown field", "too many", "in a list", "in an object", "for an object", "for a list"],
)
def test_not_even_the_start_of_a_secret_is_shown(schema, config):
    assert KEY[:6] not in sentence(config, schema)


@pytest.mark.parametrize(
    ("value", "found"),
    [("abc", ["abc"]), (5, [5]), (["a", ["b"]], ["a", "b"]), ({"x": "a"}, ["a"]), (None, []), (True, [])],
)
def test_the_values_of_a_secret_field_are_secrets_whatever_their_type(value, found):
    assert list(secrets({"key": value, "size": "small"}, SCHEMA)) == found


@pytest.mark.parametrize(
    ("schema", "config"),
    [
        ({"properties": {"login": SCHEMA}}, {"login": {"key": KEY}}),
        ({"properties": {"login": {"type": "object", "oneOf": [{"properties": {}}, SCHEMA]}}}, {"login": {"key": KEY}}),
        ({"properties": {"logins": {"type": "array", "items": SCHEMA}}}, {"logins": [{"key": KEY}]}),
    ],
    ids=["in an object", "in a choice of objects", "in a list of objects"],
)
def test_secrets_are_found_at_any_depth(schema, config):
    assert list(secrets(config, schema)) == [KEY]


@pytest.mark.parametrize("config", [None, [], "text", 5, {}, {"size": {"key": "x"}}])
def test_where_there_is_no_secret_none_is_found(config):
    assert list(secrets(config, SCHEMA)) == []


# The quick check in front of jsonschema


VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 1.5, -1, float("nan"), "", "a", "A", "2024-01-02", "2024-01-02\n"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(
                ["string", "integer", "number", "boolean", "array", "object", "null", ["string", "null"]]
            ),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": st.sampled_from([0, 1, 1.5]),
            "maximum": st.sampled_from([0, 1, 1.5]),
            "minLength": st.sampled_from([0, 1, 2]),
            "pattern": st.sampled_from(["^a", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", ""]),
            "required": st.lists(st.sampled_from("ab"), unique=True),
            "title": st.just("Title"),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object"]),
            "items": inner | st.booleans() | st.lists(inner, max_size=2),
            "properties": st.dictionaries(st.sampled_from("ab"), inner | st.booleans()),
            "additionalProperties": inner | st.booleans(),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "required": st.lists(st.sampled_from("ab"), unique=True),
        },
    ),
    max_leaves=3,
)
# Every field of our spec with a good value, one of another field, or an odd one.
EXAMPLES = [example for field in SPEC["properties"].values() for example in field.get("examples", [])]
CONFIGS = st.fixed_dictionaries({}, optional={name: st.sampled_from(EXAMPLES) | VALUES for name in SPEC["properties"]})


@settings(deadline=None, max_examples=300)
@given(SCHEMAS, VALUES)
@example({"enum": [1]}, True)  # Python takes True for 1, JSON does not
@example({"type": "array", "enum": [[0]]}, [False])
@example({"type": "array", "items": True}, [1])  # a schema may also be just true or false
@example({"type": "object", "properties": {"a": True}}, {"a": 1})
def test_what_the_quick_check_accepts_jsonschema_accepts(schema, value):
    if _plainly_valid(value, schema):
        Draft7Validator(schema).validate(value)


@settings(deadline=None, max_examples=200)
@given(CONFIGS)
def test_a_config_of_our_spec_that_the_quick_check_accepts_jsonschema_accepts(config):
    if _plainly_valid(config, SPEC):
        Draft7Validator(SPEC).validate(config)


def test_a_plain_config_needs_no_more_than_the_quick_check():
    # jsonschema takes 85 ms to import; the examples of the spec must do without it.
    assert _plainly_valid({name: field["examples"][0] for name, field in SPEC["properties"].items()}, SPEC)


@settings(deadline=None)
@given(CONFIGS, st.sampled_from([KEY, [KEY], {"key": KEY}, {KEY: 1}]))
def test_any_config_of_our_spec_is_accepted_or_refused_with_a_sentence_without_secrets(config, key):
    refused = None
    try:
        validated({**config, "api_key": key}, SPEC)
    except ConfigError as error:
        refused = error.message
    assert refused is None or (KEY[:6] not in refused and "\n" not in refused)
