"""destination/tables.py: what becomes of RECORDs and STATEs in the database, whatever ends the read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destination import tables
from destination.tables import SchemaChanged, Table, column_type, connect

Row = dict[str, Any]

MAX_LINES = 250  # of code in destination/

STRING, NUMBER, INTEGER = {"type": "string"}, {"type": ["null", "number"]}, {"type": ["null", "integer"]}
ORDERS: Row = {
    "name": "orders",
    "json_schema": {"properties": {"id": INTEGER, "day": {"type": "string", "format": "date"}, "total": NUMBER}},
    "source_defined_primary_key": [["id"]],
    "default_cursor_field": ["day"],
    "is_resumable": True,
}
NO_KEY = {name: value for name, value in ORDERS.items() if name != "source_defined_primary_key"}


class Read:
    """One run of sync: a connection, and a table of the stream in the mode."""

    def __init__(self, path: Path, stream: Row, mode: str) -> None:
        self.database = connect(path)
        self.configured = {"stream": stream, "sync_mode": mode}
        self.table = Table(self.database, self.configured, path.with_name("spool"))

    def rows(self, *rows: Row) -> None:
        for row in rows:
            record = {"stream": self.table.name, "data": row, "emitted_at": 1}
            self.table.record(json.dumps({"type": "RECORD", "record": record}).encode() + b"\n")

    def state(self, **state: Any) -> None:
        self.table.checkpoint(state_of(**state))

    def end(self) -> None:
        """The connector has ended, and so does the run."""
        self.table.load()
        self.database.close()


def state_of(**state: Any) -> Row:
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": "orders"}, "stream_state": state}}


def order(id: int, total: float | None = None, day: str = "2024-01-01") -> Row:
    return {"id": id, "day": day, "total": total}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.duckdb"


@pytest.fixture
def read(path: Path) -> Iterator[Callable[..., Read]]:
    """Begins a read; the ones before it must have ended, or been killed."""
    reads: list[Read] = []

    def begin(mode: str = "incremental", stream: Row = ORDERS) -> Read:
        killed(*reads)
        reads.append(Read(path, stream, mode))
        return reads[-1]

    yield begin
    killed(*reads)


def killed(*reads: Read) -> None:
    for one in reads:
        one.database.close()  # what has begun is taken back


def there(path: Path, table: str = "orders", columns: str = "id, total") -> list[tuple[Any, ...]]:
    with connect(path) as database:
        return sorted(database.execute(f'SELECT {columns} FROM "{table}"').fetchall())


def test_the_destination_is_small_enough_to_read() -> None:
    files = Path(tables.__file__).parent.glob("*.py")
    assert sum(lines_of_code(file.read_text("utf-8")) for file in files) <= MAX_LINES


def lines_of_code(module: str) -> int:
    """Those that hold more than a comment or a docstring."""
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


def test_names_may_be_words_of_sql(read: Callable[..., Read], path: Path) -> None:
    fields = {"select": INTEGER, 'a "b"': STRING, "From": STRING}
    stream = {"name": 'order "by"', "json_schema": {"properties": fields}, "default_cursor_field": ["From"]}
    run = read(stream={**stream, "source_defined_primary_key": [["select"], ['a "b"']]})
    for number in (1, 2, 3):
        run.rows({"select": 1, 'a "b"': "x", "From": f"{number}"})
        run.table.complete()
    assert run.table.summary() == ('order "by"', "3", "1", "3", "3")


# Rows


def test_a_row_takes_the_place_of_the_one_with_its_key(read: Callable[..., Read], path: Path) -> None:
    for total in (1.5, 2.5):
        run = read()
        run.rows(order(1, total), order(int(total) + 1, total))
        run.state()
        run.end()
    assert there(path) == [(1, 2.5), (2, 1.5), (3, 2.5)]


def test_of_several_rows_with_one_key_the_last_one_counts(read: Callable[..., Read], path: Path) -> None:
    run = read()
    # Many, for a database reads a large file in parts, and several of them at once.
    run.rows(*(order(number % 1000, number) for number in range(60_000)))
    run.state()
    run.end()
    assert there(path) == [(number % 1000, number) for number in range(59_000, 60_000)]
    assert run.table.rows_came == 1000


def test_a_part_of_the_key_may_be_null(read: Callable[..., Read], path: Path) -> None:
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


def there_and_state(run: Read) -> tuple[list[tuple[Any, ...]], Row | None]:
    """What somebody else would find in the database now."""
    rows = run.database.execute("SELECT id FROM orders ORDER BY id").fetchall()
    ((state,),) = run.database.execute("SELECT state FROM _state WHERE name = 'orders'").fetchall()
    return rows, state and json.loads(state)


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


# Full refresh


def filled(read: Callable[..., Read], mode: str = "full_refresh") -> None:
    """A database as an earlier sync has left it."""
    run = read(mode)
    run.rows(order(1), order(2))
    run.state(last=2)
    run.table.complete()


@pytest.mark.parametrize("stream", [ORDERS, NO_KEY], ids=["key", "no key"])
def test_a_full_refresh_takes_the_tables_place_when_it_is_complete(read: Callable[..., Read], stream: Row) -> None:
    filled(read)
    run = read("full_refresh", stream)
    run.rows(order(3))
    run.state(last=3)
    run.table.load()
    assert there_and_state(run)[0] == [(1,), (2,)]
    run.rows(order(4))
    run.state(last=4)
    run.table.complete()
    assert there_and_state(run)[0] == [(3,), (4,)]
    left = run.database.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
    assert sorted(left) == [("_state",), ("orders",)]


def test_a_full_refresh_may_find_nothing(read: Callable[..., Read]) -> None:
    filled(read)
    run = read("full_refresh")
    run.table.complete()
    assert there_and_state(run)[0] == []


def test_a_second_attempt_of_a_full_refresh_goes_on(read: Callable[..., Read]) -> None:
    filled(read)
    first = read("full_refresh")
    first.rows(order(3), order(4))
    first.state(last=4)
    first.rows(order(5))
    first.end()  # it has failed
    second = read("full_refresh")
    assert second.table.state == state_of(last=4)
    assert second.configured["sync_id"] == first.configured["sync_id"] > 0
    assert there_and_state(second)[0] == [(1,), (2,)]
    second.rows(order(5))
    second.state(last=5)
    second.table.complete()
    assert there_and_state(second)[0] == [(3,), (4,), (5,)]
    third = read("full_refresh")
    assert third.table.state is None
    assert third.configured["sync_id"] > first.configured["sync_id"]


@pytest.mark.parametrize(
    "change",
    [{"is_resumable": False}, {"json_schema": {"properties": {"id": NUMBER}}}],
    ids=["not resumable", "schema"],
)
def test_a_full_refresh_that_cannot_go_on_begins_again(read: Callable[..., Read], change: Row) -> None:
    first = read("full_refresh")
    first.rows(order(3))
    first.state(last=3)
    first.end()
    second = read("full_refresh", ORDERS | change)
    assert second.table.state is None
    assert second.configured["sync_id"] > first.configured["sync_id"]
    second.rows(order(4))
    second.table.complete()
    assert there_and_state(second)[0] == [(4,)]


def test_a_kill_while_the_tables_change_places_leaves_the_old_one(
    read: Callable[..., Read], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(read)
    run = read("full_refresh")
    run.rows(order(3))
    run.state(last=3)
    do = run.table._do

    def killed_after(sql: str, *values: Any) -> Any:
        answer = do(sql, *values)
        if sql.startswith("DROP"):
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(run.table, "_do", killed_after)
    with pytest.raises(KeyboardInterrupt):
        run.table.complete()
    assert there_and_state(read())[0] == [(1,), (2,)]


def test_an_incremental_read_goes_on_from_a_full_refresh(read: Callable[..., Read]) -> None:
    filled(read)
    assert read().table.state == state_of(last=2)


def test_an_incremental_read_knows_nothing_of_a_full_refresh_that_has_failed(read: Callable[..., Read]) -> None:
    filled(read, "incremental")
    run = read("full_refresh")
    run.rows(order(3))
    run.state(last=3)
    run.end()
    assert there_and_state(read()) == ([(1,), (2,)], state_of(last=2))


# Tables that were there before


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
def test_a_table_that_somebody_has_dropped_is_read_from_the_start(read: Callable[..., Read], mode: str) -> None:
    filled(read, mode)
    run = read(mode)
    run.rows(order(3))
    run.end()
    with connect_again(run) as database:
        database.execute("DROP TABLE orders")
    for again in ("full_refresh", "incremental"):
        assert read(again).table.state is None
        assert there_and_state(read(again)) == ([], None)


def connect_again(run: Read) -> Any:
    return connect(run.table._path.with_name("some.duckdb"))


def test_a_new_field_becomes_a_column(read: Callable[..., Read], path: Path) -> None:
    filled(read, "incremental")
    fields = ORDERS["json_schema"]["properties"] | {"place": STRING}
    run = read(stream=ORDERS | {"json_schema": {"properties": fields}})
    assert run.table.state == state_of(last=2)
    run.rows({**order(2), "place": "x"})
    run.state(last=2)
    run.end()
    assert there(path, columns="id, place") == [(1, None), (2, "x")]


def test_a_field_that_is_gone_is_no_loss(read: Callable[..., Read], path: Path) -> None:
    filled(read, "incremental")
    run = read(stream=ORDERS | {"json_schema": {"properties": {"id": INTEGER}}})
    run.rows({"id": 2})
    run.table.complete()
    run.end()
    assert there(path) == [(1, None), (2, None)]


def test_a_field_of_another_type_is_refused_with_what_to_do(read: Callable[..., Read]) -> None:
    filled(read, "incremental")
    fields = ORDERS["json_schema"]["properties"] | {"total": STRING}
    changed = ORDERS | {"json_schema": {"properties": fields}}
    with pytest.raises(SchemaChanged, match=r"^orders: the column total is DOUBLE in the database, and VARCHAR now"):
        read(stream=changed)
    with connect_again(read()) as database:
        database.execute('DROP TABLE "orders"')  # as the sentence says
    assert read(stream=changed).table.state is None


# The summary


def test_the_summary_says_what_came_and_what_is_there(read: Callable[..., Read]) -> None:
    filled(read, "incremental")
    run = read()
    assert run.table.summary() == ("orders", "0", "2", "2024-01-01", "2024-01-01")
    run.rows(*(order(number, day="2024-02-01") for number in range(2, 2002)))
    run.table.complete()
    assert run.table.summary() == ("orders", "2,000", "2,001", "2024-01-01", "2024-02-01")


def test_the_summary_of_a_table_that_is_empty_or_without_a_cursor(read: Callable[..., Read]) -> None:
    assert read().table.summary() == ("orders", "0", "0", "", "")
    without = {name: value for name, value in ORDERS.items() if name != "default_cursor_field"}
    assert read(stream=without).table.summary() == ("orders", "0", "0", "", "")
