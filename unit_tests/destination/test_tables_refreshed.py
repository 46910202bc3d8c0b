"""Tests destination/tables.py: full refreshes, existing tables, and the summary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from orders import INTEGER, NO_KEY, NUMBER, ORDERS, STRING, Read, Row, filled, order, state_of, there, there_and_state

from destination.tables import Unusable, connect

# Full refresh


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


def test_a_full_refresh_can_find_nothing(read: Callable[..., Read]) -> None:
    filled(read)
    run = read("full_refresh")
    run.table.complete()
    assert there_and_state(run)[0] == []


def test_a_second_attempt_of_a_full_refresh_resumes(read: Callable[..., Read]) -> None:
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


def test_a_full_refresh_with_another_config_begins_again(read: Callable[..., Read]) -> None:
    run = read("full_refresh", since="2024-01-01")
    run.rows(order(1))
    run.state(last=1)
    run.end()
    run = read("full_refresh", since="2024-01-01")
    assert run.table.state == state_of(last=1)
    run.end()
    run = read("full_refresh", since="2023-01-01")
    assert run.table.state is None
    run.table.complete()
    assert there_and_state(run)[0] == []


def test_a_full_refresh_of_yesterday_begins_again(read: Callable[..., Read], path: Path) -> None:
    run = read("full_refresh")
    run.rows(order(1))
    run.state(last=1)
    run.end()
    with connect(path) as database:
        database.execute("UPDATE _state SET sync_id = sync_id - 24 * 3600 * 1000")
    assert read("full_refresh").table.state is None


@pytest.mark.parametrize(
    "change",
    [{"is_resumable": False}, {"json_schema": {"properties": {"id": NUMBER}}}],
    ids=["not resumable", "schema"],
)
def test_a_full_refresh_that_cannot_resume_begins_again(read: Callable[..., Read], change: Row) -> None:
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


def test_an_incremental_read_resumes_from_a_full_refresh(read: Callable[..., Read]) -> None:
    filled(read)
    assert read().table.state == state_of(last=2)


def test_an_incremental_read_knows_nothing_of_a_full_refresh_that_has_failed(read: Callable[..., Read]) -> None:
    filled(read, "incremental")
    run = read("full_refresh")
    run.rows(order(3))
    run.state(last=3)
    run.end()
    assert there_and_state(read()) == ([(1,), (2,)], state_of(last=2))


# Existing tables


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


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
@pytest.mark.parametrize("name", ["orders", "ORDERS"])
def test_a_table_of_somebody_else_is_refused_and_stays(
    read: Callable[..., Read], path: Path, name: str, mode: str
) -> None:
    with connect(path) as database:
        database.execute(f"CREATE TABLE {name} AS SELECT 42 AS notes")
    with pytest.raises(Unusable, match=r"^orders: no sync has written this table. Rename it"):
        read(mode)
    with connect(path) as database:
        assert database.execute("FROM orders").fetchall() == [(42,)]


def test_a_table_in_another_schema_is_not_in_the_way(read: Callable[..., Read], path: Path) -> None:
    with connect(path) as database:
        database.execute("CREATE SCHEMA mine")
        database.execute("CREATE TABLE mine.orders AS SELECT 42 AS notes")
    filled(read)
    assert there_and_state(read())[0] == [(1,), (2,)]


def test_a_database_of_an_older_version_is_read_on(read: Callable[..., Read], path: Path) -> None:
    filled(read)
    read().end()
    with connect(path) as database:
        database.execute("ALTER TABLE _state DROP COLUMN config")
    assert read().table.state == state_of(last=2)


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
    with pytest.raises(Unusable, match=r"^orders: the column total is DOUBLE in the database, but is VARCHAR now"):
        read(stream=changed)
    with connect_again(read()) as database:
        database.execute('DROP TABLE "orders"')  # as the sentence says
    assert read(stream=changed).table.state is None


def test_a_column_that_somebody_has_dropped_comes_back_and_says_so(
    read: Callable[..., Read], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(read, "incremental")
    assert capsys.readouterr().err == ""
    with connect_again(read()) as database:
        database.execute("ALTER TABLE orders DROP COLUMN total")
    run = read()
    said = "orders.total is a new column, NULL in older rows; FULL=yes fills it there.\n"
    assert capsys.readouterr().err == said
    run.rows(order(2, 5))
    run.table.complete()
    run.end()
    assert there(path) == [(1, None), (2, 5.0)]


def test_without_a_column_of_the_key_rows_would_come_twice_so_it_is_refused(read: Callable[..., Read]) -> None:
    filled(read, "incremental")
    with connect_again(read()) as database:
        database.execute("ALTER TABLE orders DROP COLUMN id")
    with pytest.raises(Unusable, match=r"^orders: the column id is missing in the database, but is BIGINT now. Drop"):
        read()


# The summary


def test_the_summary_shows_new_and_existing_rows(read: Callable[..., Read]) -> None:
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
