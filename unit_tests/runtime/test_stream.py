"""What a stream has from the runtime: rows as its schema says, and its entry in the catalog."""

import json

import pytest

from source_stock_ticker.runtime import Stream, UnexpectedResponse

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": ["null", "string"]},
        "size": {"type": ["number", "null"]},
        "tags": {"type": ["null", "array"]},
        "more": {"type": ["null", "object"]},
        "open": {"type": ["null", "boolean"]},
    },
}


class Things(Stream):
    name = "things"


@pytest.fixture
def things(tmp_path):
    (tmp_path / "things.json").write_text(json.dumps(SCHEMA))
    stream = Things()
    stream.schema_folder = tmp_path
    return stream


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1},
        {"id": 1, "name": None, "size": None, "tags": None, "more": None, "open": None},
        {"id": 1, "name": "a", "size": 1, "tags": ["x"], "more": {"y": 1}, "open": True},
        {"id": 1, "size": 1.5},
    ],
)
def test_a_row_as_the_schema_has_it_stays_as_it_is(things, row):
    assert things.row(dict(row)) == row


def test_what_the_schema_does_not_have_is_left_out(things):
    assert things.row({"new": 1, "id": 1}) == {"id": 1}


def test_a_whole_number_that_is_written_as_another_is_one(things):
    row = things.row({"id": 5.0, "size": 5.0})
    assert [(field, type(value)) for field, value in row.items()] == [("id", int), ("size", float)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", "1"),
        ("id", True),
        ("id", 1.5),
        ("name", 5),
        ("size", "1.5"),
        ("size", True),
        ("tags", {}),
        ("more", []),
        ("open", 0),
    ],
)
def test_a_value_of_a_type_that_the_schema_does_not_allow_is_refused_by_the_name_of_its_field(things, field, value):
    with pytest.raises(UnexpectedResponse) as refused:
        things.row({"id": 1, field: value})
    said = "is missing" if value is None else "is of a wrong type"
    assert refused.value.message == f"The API sent things whose {field} {said}."
    assert refused.value.detail == f"{field}: {value!r}"


def test_a_field_that_may_not_be_null_may_not_be_absent_either(things):
    with pytest.raises(UnexpectedResponse):
        things.row({"name": "a"})


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
    things.cursor_field, things.primary_key = cursor, key
    assert things.catalog_entry() == {"name": "things", "json_schema": SCHEMA, **entry}
