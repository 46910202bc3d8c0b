"""Tests the config against the spec: every error is one sentence that names the field, without secrets."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol.config import validated

KEY = "k3y-of-0123456789-0123456789-0123456789-0123456789"
DAY = 'since must be a day written as YYYY-MM-DD (for example "2024-01-02")'
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
        "names": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "more": {"type": "object", "properties": {"deep": {"type": "string"}}, "required": ["deep"]},
        "version": {"const": 1},
    },
    "required": ["key", "size"],
}
GOOD = {"key": KEY, "size": "small"}


def sentence(config, schema=SCHEMA):
    with pytest.raises(ConfigError) as error:
        validated(config, schema)
    return error.value.message


# The config


def test_a_good_config_is_accepted_with_all_its_keys():
    config = {
        **GOOD,
        "since": "2024-01-02",
        "count": 1,
        "names": [],
        "on": False,
        "share": 0,
        "more": {"deep": "x"},
        "version": 1,
    }
    unknown = {"_limit": 5, "__injected_declarative_manifest": {}}
    assert validated({**config, **unknown}, SCHEMA) == {**config, **unknown}


@pytest.mark.parametrize("blank", ["", None])
def test_an_optional_field_left_blank_is_as_if_absent(blank):
    assert validated({**GOOD, "since": blank, "count": blank, "unknown": blank}, SCHEMA) == GOOD


def test_a_whole_number_can_be_written_with_a_point():
    assert validated({**GOOD, "count": 2.0}, SCHEMA)["count"] == 2


@pytest.mark.parametrize("config", [None, [], "text", 5, [GOOD]])
def test_a_config_that_is_not_an_object_is_refused(config):
    assert sentence(config) == "config: the file must contain a JSON object, like those in sample_files/."


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"key": None}, "key is missing. Your key."),
        ({"size": None}, "size is missing. Size."),
        ({"key": ""}, "key must not be blank."),
        ({"key": 5}, "key must be a string."),
        ({"size": "huge"}, 'size must be one of small, large; it is "huge".'),
        ({"size": ""}, 'size must be one of small, large; it is "".'),
        ({"since": "1/2/24"}, f'{DAY}; it is "1/2/24".'),
        ({"since": "2024-02-30"}, f'{DAY}; it is "2024-02-30".'),
        ({"code": "abc"}, 'code must match ^[A-Z]+$; it is "abc".'),
        ({"count": 0}, "count must be 1 or more; it is 0."),
        ({"count": 11}, "count must be 10 or less; it is 11."),
        ({"count": 1.5}, "count must be a whole number; it is 1.5."),
        ({"count": True}, "count must be a whole number; it is true."),
        ({"count": "5"}, 'count must be a whole number; it is "5".'),
        ({"share": "half"}, 'share must be a number; it is "half".'),
        ({"on": "yes"}, 'on must be true or false; it is "yes".'),
        ({"names": "a, b"}, 'names must be a list; it is "a, b".'),
        ({"names": ["a", 5]}, "names.1 must be a string; it is 5."),
        ({"names": ["a", "b", "c"]}, "names must have at most 2 entries."),
        pytest.param({"more": "x"}, 'more must be an object; it is "x".'),
        ({"more": {"deep": 5}}, "more.deep must be a string; it is 5."),
        ({"more": {}}, "more.deep is missing. The spec requires it."),
        ({"version": 2}, "version must fit the spec's rule const; it is 2."),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_each_rule_has_its_sentence(change, wanted):
    assert sentence({**GOOD, **change}) == wanted


def test_of_several_faults_what_is_missing_is_reported_first():
    assert sentence({"key": 5}) == "size is missing. Size."


def test_of_several_faults_the_first_in_the_order_of_the_spec_is_reported():
    assert sentence({"count": 0, "since": "x", "size": "huge", "key": KEY}).startswith("size ")


def test_an_unknown_field_can_have_a_rule_too():
    assert sentence({"extra": 5}, {"additionalProperties": {"type": "string"}}) == "extra must be a string; it is 5."


def test_a_long_value_is_shown_by_its_first_words():
    assert sentence({**GOOD, "names": "x " * 1000}) == f'names must be a list; it is "{" ".join("x" * 19)}....'


def test_a_word_is_never_cut_because_the_filter_must_see_a_secret_whole_to_know_it():
    assert sentence({**GOOD, "names": "one " + "k" * 1000}) == 'names must be a list; it is "one....'


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("sinse", "since"),
        ("Since", "since"),
        ("SINCE", "since"),
        ("cou", "count"),
        ("name", "names"),
        ("Names", "names"),
    ],
)
def test_a_misspelled_option_is_refused_by_both_its_names(key, meant):
    assert sentence({**GOOD, key: 1}) == f"config: there is no option {key}; did you mean {meant}?"


@pytest.mark.parametrize("blank", ["", None, []])
def test_an_option_left_blank_is_not_given_so_that_its_misspelling_is_refused(blank):
    assert sentence({**GOOD, "names": blank, "name": ["a"]}) == "config: there is no option name; did you mean names?"


def test_a_misspelled_required_option_is_reported_as_misspelled_not_missing():
    assert sentence({"key": KEY, "sizes": "small"}) == "config: there is no option sizes; did you mean size?"


def test_an_option_whose_name_has_capitals_is_recognized_too():
    schema = {"properties": {"startDate": {"type": "string"}}}
    assert sentence({"start": 1}, schema) == "config: there is no option start; did you mean startDate?"
    assert validated({"startDate": "x"}, schema) == {"startDate": "x"}


@pytest.mark.parametrize(
    "others",
    [
        {"whatever": 1},
        {"sizes": 1},  # size is given
        {"names": ["a"], "name": "a"},
        {"_count": 1},  # the platform's
        {"": 1},
        {"co": 1},
        {"sinse": ""},  # a form left it blank
        {"sinse": None},
    ],
    ids=json.dumps,
)
def test_unknown_keys_that_mean_no_option_are_left_alone(others):
    assert validated({**GOOD, **others}, SCHEMA).items() >= GOOD.items()


# Variables that are not filled in


@pytest.mark.parametrize("value", ["${API_KEY}", "$API_KEY", " ${key}\n", "$K3Y"])
@pytest.mark.parametrize("option", ["key", "since"])
def test_the_name_of_a_variable_is_not_a_value(option, value):
    told = sentence({**GOOD, option: value})
    assert told.startswith(f"{option}: this is the name of a variable")
    assert "as a secret" in told
    assert "stdin (--config -)" in told
    assert value.strip() not in told


def test_the_name_of_a_variable_is_not_a_value_inside_an_object_or_a_choice_either():
    assert sentence({**GOOD, "more": {"deep": "${DEEP}"}}).startswith("deep: this is the name of a variable")
    credentials = {"kind": "oauth", "client_id": "1", "client_secret": "${SECRET}"}
    told = sentence({"credentials": credentials}, CHOICE)
    assert told.startswith("client_secret: this is the name of a variable")


@pytest.mark.parametrize(
    "value", ["$ecret", "a$KEY", "${KEY", "$KEY-1", "$1", "${A}${B}", "$", "$(cat key)", "{KEY}", "%KEY%"]
)
def test_a_value_that_only_looks_a_bit_like_a_variable_is_a_value(value):
    assert validated({**GOOD, "key": value}, SCHEMA)["key"] == value


def test_what_is_in_a_list_or_no_option_can_be_called_like_a_variable():
    config = {**GOOD, "names": ["$SPX", "${X}"], "_note": "$NOTE"}
    assert validated(config, SCHEMA) == config


# Secrets


SECRETS_OF_A_WRONG_TYPE = [[KEY], {"key": KEY}, {KEY: 1}, [[KEY]], 10**50]


@pytest.mark.parametrize("value", SECRETS_OF_A_WRONG_TYPE)
def test_a_secret_of_a_wrong_type_is_not_shown(value):
    assert sentence({**GOOD, "key": value}) == "key must be a string."


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


# Any config


VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 1.5, -1, float("nan"), "", "a", "A", "2024-01-02", "2024-01-02\n"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "deep"]), inner, max_size=2),
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
            "required": st.lists(st.sampled_from(["a", "deep"]), unique=True),
            "title": st.just("Title."),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object"]),
            "items": inner,
            "properties": st.dictionaries(st.sampled_from(["a", "deep"]), inner),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "required": st.lists(st.sampled_from(["a", "deep"]), unique=True),
        },
    ),
    max_leaves=3,
)


@settings(deadline=None, max_examples=300)
@given(SCHEMAS, st.dictionaries(st.sampled_from(["a", "deep", "b"]), VALUES, max_size=3))
def test_whatever_the_spec_a_config_is_accepted_only_if_jsonschema_accepts_it(schema, config):
    refused = None
    try:
        Draft7Validator(schema).validate(validated(config, schema))
    except ConfigError as error:
        refused = error.message
    assert refused is None or refused.endswith(".")


def faulty(config):
    return not Draft7Validator(SCHEMA).is_valid(config)


@settings(deadline=None, max_examples=200)
@given(st.fixed_dictionaries({}, optional={name: VALUES.filter(bool) for name in SCHEMA["properties"]}).filter(faulty))
def test_what_jsonschema_refuses_is_refused(config):
    with pytest.raises(ConfigError):
        validated(config, SCHEMA)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(SCHEMA["properties"], VALUES)),
    st.sampled_from([KEY, *SECRETS_OF_A_WRONG_TYPE]),
)
def test_no_complaint_about_any_config_shows_the_secret_or_a_second_line(config, key):
    refused = ""
    try:
        validated({**config, "key": key}, SCHEMA)
    except ConfigError as error:
        refused = error.message
    assert KEY[:6] not in refused
    assert "\n" not in refused


# Choices: a oneOf whose variants differ by a constant

CHOICE = {
    "type": "object",
    "properties": {
        "credentials": {
            "type": "object",
            "oneOf": [
                {
                    "properties": {
                        "kind": {"const": "oauth"},
                        "client_id": {"type": "string", "description": "The client's id."},
                        "client_secret": {"type": "string", "airbyte_secret": True, "minLength": 5},
                        "scope": {"type": "string"},
                    },
                    "required": ["kind", "client_id", "client_secret"],
                },
                {
                    "properties": {"kind": {"const": "token"}, "token": {"type": "string", "airbyte_secret": True}},
                    "required": ["kind", "token"],
                },
            ],
        },
    },
    "required": ["credentials"],
}


@pytest.mark.parametrize(
    ("credentials", "wanted"),
    [
        ({"kind": "oauth", "client_secret": KEY}, "credentials.client_id is missing. The client's id."),
        ({"kind": "token"}, "credentials.token is missing. The spec requires it."),
        ({"kind": "token", "token": 12345678}, "credentials.token must be a string."),
        ({"kind": "oauth", "client_id": 7, "client_secret": KEY}, "credentials.client_id must be a string; it is 7."),
        (
            {"kind": "oauth", "client_id": "a", "client_secret": "k3y"},
            "credentials.client_secret must have at least 5 characters.",
        ),
        ({"kind": "key"}, "credentials must set kind to one of oauth, token."),
        ({}, "credentials must set kind to one of oauth, token."),
        ("text", "credentials must be an object."),
    ],
)
def test_of_a_choice_the_variant_that_is_meant_says_what_is_wrong(credentials, wanted):
    assert sentence({"credentials": credentials}, CHOICE) == wanted


def test_what_is_left_blank_inside_an_object_is_as_if_absent():
    credentials = {"kind": "oauth", "client_id": "a", "client_secret": KEY}
    config = {"credentials": {**credentials, "scope": "", "more": None}}
    assert validated(config, CHOICE) == {"credentials": credentials}


def test_what_is_left_blank_inside_the_objects_of_a_list_is_as_if_absent():
    named = {"type": "object", "properties": {"name": {"type": "string"}, "note": {"type": "string", "minLength": 1}}}
    schema = {"type": "object", "properties": {"accounts": {"type": "array", "items": named}}}
    assert validated({"accounts": [{"name": "a", "note": ""}, {}]}, schema) == {"accounts": [{"name": "a"}, {}]}


@pytest.mark.parametrize("schema", [{"additionalProperties": {}}, {"allOf": [{"additionalProperties": {}}]}])
def test_a_secret_under_any_name_is_not_shown(schema):
    of_any_name = {"type": "string", "airbyte_secret": True, "pattern": "^[0-9]+$"}
    schema = json.loads(json.dumps(schema).replace("{}", json.dumps(of_any_name)))
    text = sentence({"headers": {"X-Key": KEY}}, {"type": "object", "properties": {"headers": schema}})
    assert KEY not in text
