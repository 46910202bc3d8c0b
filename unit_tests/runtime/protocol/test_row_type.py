"""Tests a JSON Schema as a type: which values pass, which are rejected, and with which words."""

import json

import msgspec
import pytest

from source_stock_ticker.runtime.protocol.row_type import RowType, type_of, with_usual_numbers


def refusal(value, schema):
    """The message about a value that does not fit its schema; None if it fits."""
    try:
        msgspec.convert(value, type_of(schema))
    except msgspec.ValidationError as error:
        return str(error)
    return None


def field(schema, required=("it",)):
    """The schema of a row with one field."""
    return {"type": "object", "properties": {"it": schema}, "required": list(required)}


VALUES = {
    "string": "a",
    "boolean": True,
    "integer": 1,
    "number": 1.5,
    "array": [1],
    "object": {"a": 1},
    "null": None,
}
KINDS = sorted(VALUES)
FORMATS = {"date": "date", "date-time": "datetime"}
ALSO = {("number", "integer")}  # a whole number is a number


@pytest.mark.parametrize("wanted", KINDS)
@pytest.mark.parametrize("sent", KINDS)
def test_a_value_fits_its_own_type_and_no_other(wanted, sent):
    fits = sent == wanted or (wanted, sent) in ALSO
    assert (refusal(VALUES[sent], {"type": wanted}) is None) == fits
    assert (refusal({"it": VALUES[sent]}, field({"type": wanted})) is None) == fits


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_of_several_types_each_is_allowed_and_the_rest_is_not(one, other):
    fitting = {one, other} | {sent for wanted, sent in ALSO if wanted in (one, other)}
    schema = {"type": [one, other]}
    assert {sent for sent, value in VALUES.items() if refusal(value, schema) is None} == fitting


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("schema", [{}, {"anyOf": [{"type": "string"}]}, {"$ref": "#/definitions/x"}, {"type": []}])
def test_without_a_type_everything_passes(schema, value):
    assert refusal(value, schema) is None
    assert refusal({"it": value}, field(schema)) is None


# Whole numbers


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_an_integer_can_have_64_bits(value):
    assert refusal(value, {"type": "integer"}) is None


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64, 10**50])
def test_an_integer_beyond_64_bits_is_refused_for_no_destination_can_store_it(value):
    assert refusal(value, {"type": "integer"}).startswith("Expected `int`")


@pytest.mark.parametrize("value", [5, 5.0, 1e300])
@pytest.mark.parametrize("kinds", ["number", ["integer", "number"]])
def test_a_number_can_have_any_spelling(kinds, value):
    assert refusal(value, {"type": kinds}) is None


@pytest.mark.parametrize("kinds", ["number", ["null", "number"], ["integer", "number"]])
def test_a_number_of_more_than_64_bits_is_a_float_as_far_as_there_is_one(kinds):
    schema = field({"type": kinds})
    assert with_usual_numbers({"it": 2**70}, schema) == {"it": float(2**70)}
    assert refusal(with_usual_numbers({"it": 2**63 - 1}, schema), schema) is None
    assert refusal(with_usual_numbers({"it": 10**400}, schema), schema).startswith("Expected `int` <=")


def types_in(value):
    """The value with each number replaced by the name of its type."""
    if isinstance(value, dict):
        return {name: types_in(item) for name, item in value.items()}
    return [types_in(item) for item in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        ({"type": "integer"}, 5.0, "int"),
        ({"type": ["null", "integer"]}, 5.0, "int"),
        ({"type": ["null", "integer"]}, None, "NoneType"),
        ({"type": "integer"}, 5.5, "float"),
        ({"type": "integer"}, float("inf"), "float"),
        ({"type": "integer"}, True, "bool"),
        ({"type": "integer"}, "5.0", "str"),
        ({"type": "number"}, 5.0, "float"),
        pytest.param({"type": ["integer", "number"]}, 5.0, "float"),
        ({}, 5.0, "float"),
        (field({"type": "integer"}), {"it": 5.0, "more": 5.0}, {"it": "int", "more": "float"}),
        ({"type": "array", "items": field({"type": "integer"})}, [{"it": 5.0}], [{"it": "int"}]),
        ({"type": "array"}, [5.0], ["float"]),
    ],
)
def test_a_whole_number_spelled_with_a_point_becomes_one_where_the_schema_wants_an_integer(schema, value, found):
    assert types_in(with_usual_numbers(value, schema)) == found


def test_no_value_is_changed_by_looking_for_whole_numbers():
    sent = {"it": [{"a": 5.0}]}
    schema = field({"type": "array", "items": {"properties": {"a": {"type": "integer"}}}})
    assert with_usual_numbers(sent, schema) == {"it": [{"a": 5}]}
    assert types_in(sent) == {"it": [{"a": "float"}]}


# Days and moments


@pytest.mark.parametrize("text", ["2024-02-29", "0001-01-01", "9999-12-31"])
def test_a_day_fits(text):
    assert refusal(text, {"type": "string", "format": "date"}) is None


@pytest.mark.parametrize(
    "text",
    ["", " ", "2024-02-30", "2023-02-29", "2024-13-01", "0000-00-00", "2024-2-9", "20240209", "02/09/2024", "soon"],
)
@pytest.mark.parametrize(("kind", "rest"), [("date", ""), ("date-time", "T14:05:00Z")])
def test_what_is_not_a_day_is_refused(kind, rest, text):
    assert refusal(text and text + rest, {"type": "string", "format": kind}).startswith("Invalid RFC3339 encoded date")


@pytest.mark.parametrize("text", ["2024-02-29T14:05:00", "2024-02-29 14:05:00", "2024-02-29T14:05:00.123456789"])
@pytest.mark.parametrize("offset", ["", "Z", "+05:30"])
def test_a_moment_fits_however_it_is_spelled(text, offset):
    assert refusal(text + offset, {"type": ["null", "string"], "format": "date-time"}) is None


@pytest.mark.parametrize("text", ["2024-02-29", "2024-02-29T25:00:00Z", "2024-02-29T14:60:00Z", "2024-02-29T14:05Z"])
def test_what_is_not_a_moment_is_refused(text):
    assert refusal(text, {"type": "string", "format": "date-time"}) == "Invalid RFC3339 encoded datetime"


@pytest.mark.parametrize("kind", ["date", "date-time"])
@pytest.mark.parametrize("other", KINDS)
def test_a_day_can_be_something_else_if_the_schema_says_so(kind, other):
    schema = {"type": ["string", other], "format": kind}
    assert refusal("" if other == "string" else VALUES[other], schema) == (
        f"Invalid RFC3339 encoded {FORMATS[kind]}" if other == "string" else None
    )
    assert refusal(f"2024-02-30{'T14:05:00Z' if kind == 'date-time' else ''}", schema) is not None


def test_a_format_that_is_not_known_allows_any_text():
    assert refusal("", {"type": "string", "format": "uri"}) is None


# Absent, null and unknown


@pytest.mark.parametrize("schema", [{"type": "string"}, {"type": ["string", "null"]}, {}], ids=str)
def test_a_field_can_be_absent_unless_it_is_required(schema):
    assert refusal({}, field(schema, ())) is None
    assert refusal({}, field(schema, ("it",))) == "Object missing required field `it`"


def test_a_field_that_can_be_absent_need_not_allow_null():
    assert refusal({"it": None}, field({"type": "string"}, ())) == "Expected `str`, got `null` - at `$.it`"


def test_fields_that_the_schema_does_not_know_pass():
    assert refusal({"it": 1, "new": object()}, field({"type": "integer"})) is None


@pytest.mark.parametrize("name", ["class", "a-b", "1st", "a b", "", "ü", "field_0", "__init__", "self"])
def test_a_field_can_have_a_name_that_is_none_in_python(name):
    schema = {"properties": {name: {"type": "integer"}, "field_1": {"type": "string"}}, "required": [name]}
    assert refusal({name: 1, "field_1": "a"}, {"type": "object", **schema}) is None
    assert refusal({name: "a"}, {"type": "object", **schema}).startswith("Expected `int`, got `str`")
    assert "missing required field" in refusal({}, {"type": "object", **schema})


# Objects and lists


NESTED = {
    "type": "object",
    "properties": {
        "places": {
            "type": ["null", "array"],
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "size": {"type": ["null", "integer"]}},
                "required": ["name"],
            },
        },
    },
}


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"places": None},
        {"places": []},
        {"places": [{"name": "a"}, {"name": "b", "size": None, "new": [[1]]}]},
    ],
)
def test_what_is_inside_objects_and_lists_fits_too(row):
    assert refusal(row, NESTED) is None


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (1, "Expected `object`, got `int` - at `$.places[1]`"),
        ({}, "Object missing required field `name` - at `$.places[1]`"),
        ({"name": 1}, "Expected `str`, got `int` - at `$.places[1].name`"),
        ({"name": "a", "size": "b"}, "Expected `int | null`, got `str` - at `$.places[1].size`"),
    ],
)
def test_what_is_wrong_inside_objects_and_lists_is_refused_by_its_place(place, told):
    assert refusal({"places": [{"name": "a"}, place]}, NESTED) == told


@pytest.mark.parametrize("items", [{}, True, [{"type": "integer"}]], ids=str)
def test_items_that_have_no_one_type_can_be_anything(items):
    schema = {"type": "array", "items": items}
    assert refusal(["a", 1, None], schema) is None
    assert with_usual_numbers([5.0], schema) == [5.0]


def test_an_object_is_not_a_list():
    assert refusal({"places": {}}, NESTED) == "Expected `array | null`, got `object` - at `$.places`"


@pytest.mark.parametrize("value", [[], [1, "a", None, [1]]])
def test_a_list_without_a_schema_of_its_items_can_contain_anything(value):
    assert refusal(value, {"type": "array"}) is None


@pytest.mark.parametrize("value", [{}, {"a": 1, "b": {"c": None}}])
def test_an_object_without_a_schema_of_its_fields_can_contain_anything(value):
    assert refusal(value, {"type": "object"}) is None


@pytest.mark.parametrize("items", [True, [{"type": "string"}], {}])
def test_a_row_can_have_a_list_whose_items_have_no_one_type(items):
    schema = {"properties": {"any": {"type": ["null", "array"], "items": items}}}
    assert RowType(schema).row({"any": [1, "a", {}]}) == {"any": [1, "a", {}]}
    deep = json.loads("[" * 200 + "]" * 200)
    assert RowType(schema).row({"any": deep}) == {"any": None}
