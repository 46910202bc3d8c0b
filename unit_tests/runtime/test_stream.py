"""Tests what a stream gets from the runtime: rows that fit the schema, groups, and its entry in the catalog."""

import json
import logging

import pytest

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.http.auth import nobody
from source_stock_ticker.runtime.http.client import HttpClient
from source_stock_ticker.runtime.http.rate_limit import RequestStats
from source_stock_ticker.runtime.protocol.row_type import Nulled
from source_stock_ticker.runtime.stream import MAX_UNKNOWN_FIELDS, Page, Stream, Written

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": ["null", "string"]},
        "size": {"type": ["number", "null"]},
        "tags": {"type": ["null", "array"]},
        "more": {"type": ["null", "object"]},
        "open": {"type": ["null", "boolean"]},
        "place": {"type": ["null", "object"], "properties": {"code": {"type": ["null", "string"]}}},
        "sizes": {"type": ["array", "null"], "items": {"type": "integer"}},
        "day": {"type": "string", "format": "date"},
        "until": {"type": ["null", "string"], "format": "date"},
        "seen": {"type": ["null", "string"], "format": "date-time"},
        "any": {},
    },
    "required": ["id"],
}


class Things(Stream):
    name = "things"


@pytest.fixture
def things(tmp_path):
    """A function that makes the stream with these attributes."""
    (tmp_path / "things.json").write_text(json.dumps(SCHEMA), "utf-8")

    def things(**attributes):
        stream = Things()
        vars(stream).update(schema_folder=tmp_path, **attributes)
        return stream

    return things


def refusal(stream, item):
    with pytest.raises(UnexpectedResponse) as error:
        stream.row(item)
    return error.value.message


# Rows


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1},
        {"id": 1, "name": None, "size": None, "tags": None, "more": None, "open": None, "place": None, "any": None},
        {"id": 1, "name": "a", "size": 1, "tags": ["x"], "more": {"y": 1}, "open": True, "any": [{"z": 1.0}]},
        {"id": 1, "size": 1.5, "place": {"code": "x", "new": 1}, "day": "2024-01-02"},
    ],
)
def test_a_row_as_the_schema_has_it_stays_as_it_is(things, row):
    assert things().row(json.loads(json.dumps(row))) == row


def test_what_the_schema_does_not_have_is_left_out(things):
    assert things().row({"new": 1, "id": 1}) == {"id": 1}


def test_a_row_has_its_fields_in_the_order_of_the_schema(things):
    assert list(things().row({"size": 1, "name": "a", "id": 1})) == ["id", "name", "size"]


def test_a_whole_number_that_is_written_as_another_is_one(things):
    row = things().row({"id": 5.0, "size": 5.0})
    assert [(field, type(value)) for field, value in row.items()] == [("id", int), ("size", float)]


def test_an_item_of_a_response_is_not_changed(things):
    item = {"id": 5.0, "new": 1}
    things().row(item)
    assert type(item["id"]) is float
    assert item.keys() == {"id", "new"}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("id", None, "Expected `int`, got `null` - at `$.id`"),
        ("id", "1", "Expected `int`, got `str` - at `$.id`"),
        ("id", True, "Expected `int`, got `bool` - at `$.id`"),
        ("id", 1.5, "Expected `int`, got `float` - at `$.id`"),
        ("id", 2**63, "Expected `int` <= 9223372036854775807 - at `$.id`"),
        ("day", None, "Expected `date`, got `null` - at `$.day`"),
        ("day", "", "Invalid RFC3339 encoded date - at `$.day`"),
        ("day", "2024-02-30", "Invalid RFC3339 encoded date - at `$.day`"),
    ],
)
def test_a_wrong_value_where_null_is_not_allowed_is_refused_by_the_name_of_its_field(things, field, value, told):
    assert (
        refusal(things(), {"id": 1, field: value})
        == f"The API sent a row of things that does not fit the schema: {told}."
    )


@pytest.mark.parametrize("name", ["until", "size"])
@pytest.mark.parametrize("attribute", ["primary_key", "cursor_field"])
def test_a_wrong_key_or_cursor_is_refused_although_the_schema_lets_it_be_null(things, attribute, name):
    stream = things(**{attribute: name if attribute == "cursor_field" else ("id", name)})
    assert f"`$.{name}`" in refusal(stream, {"id": 1, name: "2024-02-30"})
    assert stream.row({"id": 1, name: None}) == {"id": 1, name: None}


WRONG = [
    ("name", 5),
    ("size", "1.5"),
    ("size", True),
    pytest.param("size", 10**400, id="size-400 digits"),
    ("tags", {}),
    ("more", []),
    ("open", 0),
    ("until", ""),
    ("until", "2024-02-30"),
    ("until", "soon"),
    ("until", 20240229),
    ("seen", ""),
    ("seen", "2024-02-30T14:05:00Z"),
    ("seen", 1709215500),
    ("place", {"code": 5}),
    ("place", "x"),
    ("sizes", [1, "2"]),
    ("sizes", [1, None]),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_wrong_value_where_null_is_allowed_becomes_null_and_is_named(things, field, value):
    row = things().row({"new": 1, field: value, "id": 1.0})
    assert (row, row.nulled) == ({"id": 1, field: None}, [field])
    assert type(row["id"]) is int


def test_the_good_values_next_to_a_wrong_one_stay_unchanged(things):
    row = things().row({"until": "", "seen": "2024-02-29T14:05:00Z", "id": 1, "size": 2, "name": 5, "sizes": [5.0]})
    assert list(row.items()) == [
        ("id", 1), ("name", None), ("size", 2), ("sizes", [5]), ("until", None), ("seen", "2024-02-29T14:05:00Z")
    ]  # fmt: skip
    assert row.nulled == ["name", "until"]


def test_a_good_row_and_one_that_only_spells_its_numbers_in_an_odd_way_have_nothing_nulled(things):
    for item in ({"id": 1, "until": None}, {"id": 1.0, "sizes": [2.0], "size": 2**70}):
        assert not isinstance(things().row(item), Nulled)


def test_a_row_reads_the_same_whether_a_value_became_null_or_was_sent_as_null(things):
    assert repr(things().row({"id": 1, "until": ""})) == repr(things().row({"id": 1, "until": None}))


def test_a_wrong_value_does_not_hide_one_that_is_refused(things):
    assert "`$.id`" in refusal(things(), {"id": "1", "name": 5})


@pytest.mark.parametrize("item", [None, [], "text", 5])
def test_an_item_that_is_not_an_object_is_refused(things, item):
    assert refusal(things(), item).startswith(
        "The API sent a row of things that does not fit the schema: Expected `object`"
    )


def test_what_was_sent_is_not_shown_for_it_can_be_long_or_secret(things):
    assert "k3y-of-12345678" not in refusal(things(), {"id": "k3y-of-12345678"})


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize("depth", [101, 900])
@pytest.mark.parametrize(
    ("field", "around"), [("any", "?"), ("tags", "[?]"), ("more", '{"a": ?}'), ("place", '{"a": ?}')]
)
def test_a_value_nested_without_end_becomes_null(things, field, around, depth):
    value = json.loads(around.replace("?", "[" * depth + "]" * depth))
    row = things().row({"id": 1, field: value})
    assert (row, row.nulled) == ({"id": 1, field: None}, [field])
    assert "Nested too deeply" in refusal(things(cursor_field=field), {"id": 1, field: value})


def test_the_depth_of_an_ignored_field_does_not_matter(things):
    assert things().row({"id": 1, "new": nested(900)}) == {"id": 1}


# Fields that are not in the schema


def test_fields_that_the_schema_does_not_have_are_noted(things):
    stream = things()
    for item in ({"id": 1, "new": 1}, {"id": 2}, {"id": 3, "newer": 1, "until": ""}):
        stream.row(item)
    assert stream.unknown_fields == {"new", "newer"}


def test_only_some_are_noted(things):
    stream = things()
    for number in range(1000):
        stream.row({"id": 1, f"field {number}": 1})
    stream.row({"id": 1} | {f"more {number}": 1 for number in range(1000)})
    assert len(stream.unknown_fields) <= 2 * MAX_UNKNOWN_FIELDS


@pytest.mark.parametrize(
    ("attributes", "missing"),
    [({}, "id"), ({"primary_key": ("id", "day")}, "day"), ({"cursor_field": "day"}, "day")],
    ids=["required", "key", "cursor"],
)
def test_a_required_field_and_the_keys_and_the_cursor_must_not_be_absent(things, attributes, missing):
    item = {"id": 1, "day": "2024-01-02"}
    assert things(**attributes).row(item) == item
    del item[missing]
    assert f"Object missing required field `{missing}`" in refusal(things(**attributes), item)


@pytest.mark.parametrize("key", ["name", "any"])
def test_a_key_must_not_be_absent_although_its_schema_lets_it_be_null(things, key):
    assert f"Object missing required field `{key}`" in refusal(things(primary_key=("id", key)), {"id": 1})


def test_any_other_field_can_be_absent(things):
    assert things(primary_key=("id",)).row({"id": 1}) == {"id": 1}


# Slices


def test_a_stream_that_says_nothing_else_has_one_slice_of_its_name(things):
    assert list(things().slices({})) == ["things"]


def test_a_stream_that_says_nothing_else_resumes_where_the_state_says(things):
    assert things().resume({"last": 1}) == {"last": 1}


def test_the_slices_of_a_stream_with_a_cursor_are_one_group_for_its_state_would_hide_a_gap(things):
    stream = things(cursor_field="day")
    assert stream.group("a") == stream.group("b")
    assert stream.group("a") is not None


def test_the_slices_of_a_stream_without_a_cursor_are_independent(things):
    assert things().group("a") is None


def test_a_checkpoint_that_does_nothing_leaves_the_state_as_it_is(things):
    state = {"last": 1}
    things().checkpoint(state, "things", Written({"id": 1}, {"id": 2}, done=True))
    assert state == {"last": 1}


def test_a_stream_without_its_own_requests_has_no_stats(things):
    assert things().request_stats() == RequestStats()


def test_a_stream_with_a_client_has_request_stats(things):
    client = HttpClient(nobody, logging.getLogger("airbyte"))
    client.rate_limit.wait()
    assert things(client=client).request_stats().requests == 1


@pytest.mark.parametrize(("rows", "ends"), [([], (None, None)), (["a"], ("a", "a")), (["a", "b"], ("a", "b"))])
def test_the_first_and_the_last_row_of_a_page(rows, ends):
    assert (Page(rows).first, Page(rows).last) == ends


def test_a_page_without_its_rows_keeps_all_else():
    assert Page(["a"], "2", "note").without_rows() == Page((), "2", "note")


# The catalog


@pytest.mark.parametrize(
    ("cursor", "key", "entry"),
    [
        (None, (), {"supported_sync_modes": ["full_refresh"], "is_resumable": False}),
        (
            "id",
            ("id", "name"),
            {
                "supported_sync_modes": ["full_refresh", "incremental"],
                "source_defined_cursor": True,
                "default_cursor_field": ["id"],
                "source_defined_primary_key": [["id"], ["name"]],
                "is_resumable": True,
            },
        ),
    ],
)
def test_the_catalog_shows_what_a_stream_says_of_itself(things, cursor, key, entry):
    stream = things(cursor_field=cursor, primary_key=key)
    assert stream.catalog_entry() == {"name": "things", "json_schema": SCHEMA, **entry}
