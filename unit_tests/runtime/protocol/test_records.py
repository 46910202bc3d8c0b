"""Tests rows as RECORD lines: one line each, in order, unchanged, whatever their content."""

import json
import time

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from source_stock_ticker.runtime.protocol.messages import RECORD_START
from source_stock_ticker.runtime.protocol.records import nulled_fields, records
from source_stock_ticker.runtime.protocol.row_type import Nulled, NulledRow

# Rows in rows, and strings that look like the end of one row and the start of the next.
STRINGS = st.sampled_from(
    ["a", "b", "", ":", '"', "\\", "},{", '},{"a":', "\n", "\r\n", "\u2028", "\x85", "\x00", "ü", "株"]
)
ROWS = st.dictionaries(
    STRINGS,
    st.recursive(
        STRINGS
        | st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


class Letter(msgspec.Struct):
    letter: str
    rank: int | None = None


def data_of(lines):
    """The records of these lines."""
    assert lines.count(b"\n") == len(lines.splitlines())
    return [json.loads(line)["record"]["data"] for line in lines.split(b"\n")[:-1]]


def test_each_row_is_a_record_of_its_stream_in_the_order_given(messages_in):
    rows = [{"letter": "a", "rank": 1}, {"letter": "b", "rank": None}, {"letter": "ü", "rank": 0.1}]
    found = messages_in(records("letters", rows))
    assert [message["record"]["data"] for message in found] == rows
    assert {message["record"]["stream"] for message in found} == {"letters"}


def test_a_row_can_be_a_struct(messages_in):
    found = messages_in(records("letters", [Letter("a", 1), Letter("b")]))
    assert [message["record"]["data"] for message in found] == [
        {"letter": "a", "rank": 1},
        {"letter": "b", "rank": None},
    ]


def test_structs_and_dicts_can_be_mixed():
    assert data_of(records("letters", [Letter("a", 1), {"letter": "b"}])) == [
        {"letter": "a", "rank": 1},
        {"letter": "b"},
    ]


@settings(deadline=None)
@given(st.lists(ROWS, max_size=4))
@example([{"a": "one\ntwo\r\nthree"}, {"one\ntwo": "\n"}])
@example([{"a": 'say "a"'}, {'"a"': '"'}])
@example([{"a": [{"b": 1}, {"a": 2}]}, {}])
@example([{"a": "},{"}, {"a": '},{"a":'}])
@example([{"a": '","emitted_at":1}}\n{"type":"STATE"}'}, {"a": 1}])
def test_any_rows_come_out_as_they_went_in(rows):
    assert data_of(records("letters", rows)) == rows


@pytest.mark.parametrize("name", ["letters\n", 'say "letters"', "ü"])
def test_any_name_of_a_stream_comes_out_as_it_went_in(messages_in, name):
    found = messages_in(records(name, [{"a": 1}, {"a": 2}], name))
    assert [(message["record"]["stream"], message["record"]["namespace"]) for message in found] == [(name, name)] * 2


def test_no_rows_are_no_lines():
    assert records("letters", []) == b""


def test_each_line_starts_as_the_output_knows_a_record():
    lines = records("letters", [{"a": 1}, Letter("b")], "eu").splitlines()
    assert [line.startswith(RECORD_START) for line in lines] == [True, True]


def test_a_record_is_stamped_with_the_whole_millisecond_of_now(messages_in):
    before = int(time.time() * 1000)
    (message,) = messages_in(records("letters", [{"letter": "a"}]))
    assert type(message["record"]["emitted_at"]) is int
    assert before <= message["record"]["emitted_at"] <= time.time() * 1000


def test_a_record_has_a_namespace_only_if_the_stream_has_one(messages_in):
    (without,) = messages_in(records("letters", [{"letter": "a"}]))
    (inside,) = messages_in(records("letters", [{"letter": "a"}], "eu"))
    assert "namespace" not in without["record"]
    assert inside["record"]["namespace"] == "eu"


# What became null


class NulledLetter(Letter, Nulled, dict=True):
    pass


def nulled(row, *fields):
    row.nulled = fields
    return row


CHANGE = {"change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}


@pytest.mark.parametrize(
    "rows",
    [
        [{"rank": 1}, NulledRow({"rank": None}, ["rank"]), NulledRow({"rank": None, "place": None}, ["rank", "place"])],
        [NulledLetter("a", 1), nulled(NulledLetter("b"), "rank"), nulled(NulledLetter("b"), "rank", "place")],
    ],
    ids=["dicts", "Structs"],
)
def test_the_record_of_a_row_names_its_fields_that_became_null_and_no_other_record_does(messages_in, rows):
    rows = [rows[0], *rows, rows[0]]
    found = [message["record"] for message in messages_in(records("letters", rows))]
    assert [record["data"] for record in found] == msgspec.to_builtins(rows)
    assert [record.get("meta") for record in found] == [
        None,
        None,
        {"changes": [{"field": "rank", **CHANGE}]},
        {"changes": [{"field": "rank", **CHANGE}, {"field": "place", **CHANGE}]},
        None,
    ]
    assert nulled_fields(rows) == {"rank": 2, "place": 1}


@pytest.mark.parametrize("rows", [[], [{"rank": None}], [Letter("a")], [NulledLetter("a")]])
def test_where_nothing_became_null_none_is_counted(rows):
    assert nulled_fields(rows) == {}


@pytest.mark.parametrize("value", [object(), "half a character: \ud800"], ids=["object", "half a character"])
def test_a_value_that_json_cannot_hold_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        records("letters", [{"letter": "a"}, {"letter": value}])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_know_becomes_null(messages_in, value):
    (message,) = messages_in(records("letters", [{"rank": value}]))
    assert message["record"]["data"] == {"rank": None}
