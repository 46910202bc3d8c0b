"""Tests destination/tables.py: what happens to RECORDs and STATEs in the database, whatever ends the read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from orders import INTEGER, NO_KEY, NUMBER, ORDERS, STRING, Read, Row, order, state_of, there, there_and_state

from destination import tables
from destination.tables import column_type

# Of code in destination/: what a destination owes to the protocol, and what the command line may change.
MAX_LINES = {("sync.py", "tables.py"): 250, ("settings.py",): 107}


@pytest.mark.parametrize("names", MAX_LINES, ids=" and ".join)
def test_the_destination_is_small_enough_to_read(names: tuple[str, ...]) -> None:
    folder = Path(tables.__file__).parent
    assert sum(lines_of_code((folder / name).read_text("utf-8")) for name in names) <= MAX_LINES[names]


def test_every_module_has_its_limit() -> None:
    assert {file.name for file in Path(tables.__file__).parent.glob("*.py")} == {*sum(MAX_LINES, ())}


def lines_of_code(module: str) -> int:
    """The lines with more than a comment or a docstring."""
    without = re.sub(r'^ *""".*?"""\n', "", module, flags=re.DOTALL | re.MULTILINE)
    return len(re.findall(r"^ *[^ #\n]", without, re.MULTILINE))


# Types


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (STRING, "VARCHAR"),
        ({"type": ["string", "null"]}, "VARCHAR"),
        (INTEGER, "BIGINT"),
        (NUMBER, "DOUBLE"),
        ({"type": "number", "airbyte_type": "integer"}, "BIGINT"),
        ({"type": "boolean"}, "BOOLEAN"),
        ({"type": "string", "format": "date"}, "DATE"),
        ({"type": "string", "format": "date-time"}, "TIMESTAMP WITH TIME ZONE"),
        (
            {"type": "string", "format": "date-time", "airbyte_type": "timestamp_with_timezone"},
            "TIMESTAMP WITH TIME ZONE",
        ),
        ({"type": "string", "format": "date-time", "airbyte_type": "timestamp_without_timezone"}, "TIMESTAMP"),
        ({"type": "string", "format": "uri"}, "VARCHAR"),
        ({"type": "object", "properties": {}}, "JSON"),
        ({"type": ["null", "array"]}, "JSON"),
        ({"type": ["string", "integer"]}, "JSON"),
        ({}, "JSON"),
    ],
)
def test_a_column_has_the_type_of_its_schema(schema: Row, kind: str) -> None:
    assert column_type(schema) == kind


def test_values_of_every_type_come_through(read: Callable[..., Read], path: Path) -> None:
    fields = {
        "name": STRING,
        "count": INTEGER,
        "share": NUMBER,
        "open": {"type": "boolean"},
        "day": {"type": "string", "format": "date"},
        "moment": {"type": "string", "format": "date-time"},
        "parts": {"type": ["null", "array"]},
        "none": STRING,
    }
    row = {
        "name": 'a "b" \\ \n ü \U0001f642',
        "count": 2**62,
        "share": 0.1,
        "open": False,
        "day": "2024-02-29",
        "moment": "2024-02-29T23:30:00.5-05:00",
        "parts": [{"x": None}],
        "none": None,
        "not in the schema": 1,
    }
    run = read(stream={"name": "orders", "json_schema": {"properties": fields}})
    run.rows(row, {"name": "only"})
    run.table.complete()
    ((text, *values, moment, parts, none), only) = run.database.execute(
        "SELECT name, count, share, open, day::VARCHAR, moment::VARCHAR, parts, none FROM orders"
    ).fetchall()
    assert (text, *values) == (row["name"], 2**62, 0.1, False, "2024-02-29")
    assert (moment, json.loads(parts), none) == ("2024-03-01 04:30:00.5+00", [{"x": None}], None)
    assert only == ("only", *[None] * 7)


def test_names_can_be_words_of_sql(read: Callable[..., Read], path: Path) -> None:
    fields = {"select": INTEGER, 'a "b"': STRING, "From": STRING}
    stream = {"name": 'order "by"', "json_schema": {"properties": fields}, "default_cursor_field": ["From"]}
    run = read(stream={**stream, "source_defined_primary_key": [["select"], ['a "b"']]})
    for number in (1, 2, 3):
        run.rows({"select": 1, 'a "b"': "x", "From": f"{number}"})
        run.table.complete()
    assert run.table.summary() == ('order "by"', "3", "1", "3", "3")


# Rows


def test_a_row_replaces_the_one_with_its_key(read: Callable[..., Read], path: Path) -> None:
    for total in (1.5, 2.5):
        run = read()
        run.rows(order(1, total), order(int(total) + 1, total))
        run.state()
        run.end()
    assert there(path) == [(1, 2.5), (2, 1.5), (3, 2.5)]


def test_of_several_rows_with_one_key_the_last_one_counts(read: Callable[..., Read], path: Path) -> None:
    run = read()
    # Many, because a database reads a large file in parts, several at once.
    run.rows(*(order(number % 1000, number) for number in range(60_000)))
    run.state()
    run.end()
    assert there(path) == [(number % 1000, number) for number in range(59_000, 60_000)]
    assert run.table.rows_came == 1000


def test_a_part_of_the_key_can_be_null(read: Callable[..., Read], path: Path) -> None:
    run = read()
    for total in (1, 2):
        run.rows({"id": None, "total": total})
        run.table.complete()
    run.end()
    assert there(path) == [(None, 2.0)]


def test_without_a_key_rows_are_added(read: Callable[..., Read], path: Path) -> None:
    for _ in range(2):
        run = read(stream=NO_KEY)
        run.rows(order(1, 1))
        run.state()
        run.end()
    assert there(path) == [(1, 1.0), (1, 1.0)]


def test_a_large_row_is_taken(read: Callable[..., Read], path: Path) -> None:
    run = read(stream={"name": "orders", "json_schema": {"properties": {"id": INTEGER, "total": STRING}}})
    run.rows({"id": 1, "total": "x" * 20_000_000})
    run.table.complete()
    run.end()
    assert there(path, columns="id, length(total)") == [(1, 20_000_000)]


# States


def test_the_next_read_begins_at_the_state(read: Callable[..., Read]) -> None:
    run = read()
    assert (run.table.state, run.table.configured["stream"]) == (None, ORDERS)
    run.state(day="2024-01-01")
    run.state(day="2024-01-02")
    run.end()
    assert read().table.state == state_of(day="2024-01-02")


def test_rows_that_no_state_covers_are_thrown_away(read: Callable[..., Read], path: Path) -> None:
    run = read()
    run.rows(order(1), order(2))
    run.state(last=2)
    run.rows(order(3))
    run.end()
    assert there(path, columns="id") == [(1,), (2,)]
    run = read()
    assert run.table.state == state_of(last=2)
    run.rows(order(3))
    run.state(last=3)
    run.end()
    assert there(path, columns="id") == [(1,), (2,), (3,)]
    assert run.table.rows_came == 1


def test_what_is_complete_needs_no_state(read: Callable[..., Read], path: Path) -> None:
    run = read()
    run.state(last=0)
    run.rows(order(1))
    run.table.complete()
    assert there_and_state(run) == ([(1,)], state_of(last=0))


def test_a_state_is_loaded_with_its_rows_when_some_time_has_passed(
    read: Callable[..., Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read()
    run.rows(order(1))
    run.state(last=1)
    assert there_and_state(run) == ([], None)
    monkeypatch.setattr(tables, "MIN_INTERVAL", 0)
    run.rows(order(2))
    run.state(last=2)
    assert there_and_state(run) == ([(1,), (2,)], state_of(last=2))


@pytest.mark.parametrize("step", ["DELETE FROM", "INSERT INTO", "UPDATE _state", "COMMIT"])
def test_rows_and_their_state_are_kept_together_or_not_at_all(
    step: str, read: Callable[..., Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read()
    run.rows(order(1))
    run.state(last=1)
    run.table.load()
    run.rows(order(2))
    run.state(last=2)
    do = run.table._do

    def killed_before(sql: str, *values: Any) -> Any:
        if sql.startswith(step):
            raise KeyboardInterrupt
        return do(sql, *values)

    monkeypatch.setattr(run.table, "_do", killed_before)
    with pytest.raises(KeyboardInterrupt):
        run.table.load()
    assert there_and_state(read()) == ([(1,)], state_of(last=1))
