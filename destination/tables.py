"""Keeps streams as tables of a DuckDB database, each with the state that goes with its rows.

What a destination owes to RECORD and STATE. A STATE says: all that the RECORDs before it hold need not be sent again.
So it may be kept only together with those rows. If it came into the database before them, a crash in between would lose
them for good; if after them, they would come twice. Here both go in one transaction, and the state in the database is
true at any moment, whatever is killed:

    RECORD     its line goes into a file, the spool: a database takes rows by the thousand far faster than singly
    STATE      covers the lines so far; with this STATE or a later one they are loaded:
                   BEGIN; the rows replace those with their keys; the STATE replaces the one before it; COMMIT
    COMPLETE   all has been read: the rest is loaded, and a full refresh takes its table's place
    the end    lines that no STATE has covered are thrown away: the next read sends them again

A full refresh must not empty a table before it has read the whole of another. So it fills a table beside it, with a
state of its own, and changes places at COMPLETE. If it fails, that table stays, and the next attempt has the same
sync_id, by which the connector knows that its state still counts. (A stream that is not resumable begins again.)
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

Json = dict[str, Any]

STATES = 'CREATE TABLE IF NOT EXISTS _state ("table" VARCHAR PRIMARY KEY, sync_id BIGINT, state JSON)'
BESIDE = "_refresh_of_"  # with this begins the name of a table that a full refresh is filling
MIN_INTERVAL = 1.0  # seconds between two loads: each costs some milliseconds, however few its rows
MAX_LINE = 1 << 25  # bytes, more than platforms let pass
TYPES = {
    ("boolean", None): "BOOLEAN",
    ("integer", None): "BIGINT",
    ("number", None): "DOUBLE",
    ("string", None): "VARCHAR",
    ("string", "date"): "DATE",
    ("string", "date-time"): "TIMESTAMP WITH TIME ZONE",
}


class SchemaChanged(Exception):
    """A column cannot take what the connector now sends."""


def column_type(schema: Mapping[str, Any]) -> str:
    """The type of a column for values of a JSON Schema; what has parts, or several types, stays JSON."""
    said = schema.get("type", ())
    kinds = [kind for kind in ([said] if isinstance(said, str) else said) if kind != "null"]
    if schema.get("airbyte_type") == "timestamp_without_timezone":
        return "TIMESTAMP"
    kind = kinds[0] if len(kinds) == 1 else None
    return TYPES.get((kind, schema.get("format"))) or TYPES.get((kind, None), "JSON")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """The database, in which _state says of each table how far its rows go."""
    database = duckdb.connect(str(path))
    database.execute(STATES)
    return database


@contextmanager
def transaction(database: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of what is done inside, or nothing."""
    database.begin()
    try:
        yield
    except BaseException:
        database.rollback()
        raise
    database.commit()


class Table:
    """One stream of the configured catalog, in the database.

    A table that is made anew has no state. So whoever drops one has the stream read from its start.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, entry: Json, spool: Path) -> None:
        stream = entry["stream"]
        self.name: str = stream["name"]
        self.rows_came = 0
        self._columns = {name: column_type(field) for name, field in stream["json_schema"]["properties"].items()}
        self._key = [quoted(path[0]) for path in stream.get("source_defined_primary_key") or ()]
        self._cursor: str | None = (stream.get("default_cursor_field") or [None])[0]
        self._in_full = entry["sync_mode"] == "full_refresh"
        self._filled = BESIDE + self.name if self._in_full else self.name  # the table that the rows go into
        self._database, self._spool, self._path = database, spool.open("wb"), spool
        self._covered = 0  # bytes of the spool that go with self.state
        self._loaded = time.monotonic()
        with transaction(database):
            self._begin(stream.get("is_resumable", False))
        ((self.sync_id, state),) = self._do('SELECT sync_id, state FROM _state WHERE "table" = ?', self._filled)
        self.state: Json | None = json.loads(state) if state else None  # the last STATE whose rows are here

    def record(self, line: bytes) -> None:
        """A RECORD has come."""
        self._spool.write(line)

    def checkpoint(self, state: Json) -> None:
        """A STATE has come."""
        self.state, self._covered = state, self._spool.tell()
        if time.monotonic() - self._loaded >= MIN_INTERVAL:
            self.load()

    def complete(self) -> None:
        """The stream has been read to its end."""
        self._covered = self._spool.tell()
        self.load()
        if self._in_full:
            with transaction(self._database):
                self._do(f"DROP TABLE IF EXISTS {quoted(self.name)}")
                self._do(f"ALTER TABLE {quoted(self._filled)} RENAME TO {quoted(self.name)}")
                self._do('DELETE FROM _state WHERE "table" = ?', self.name)
                self._do('UPDATE _state SET "table" = ?, sync_id = NULL WHERE "table" = ?', self.name, self._filled)

    def load(self) -> None:
        """Put what a STATE has covered into the database, with that STATE, and throw the rest of the spool away."""
        self._spool.truncate(self._covered)
        with transaction(self._database):
            if self._covered:
                self._replace()
            state = self.state and json.dumps(self.state)
            self._do('UPDATE _state SET state = ? WHERE "table" = ?', state, self._filled)
        self._spool.seek(0)
        self._spool.truncate()
        self._covered, self._loaded = 0, time.monotonic()

    def summary(self) -> tuple[str, ...]:
        """The stream, how many rows came, how many are there, and from where to where they go by the cursor."""
        if not self._there(self.name):
            return self.name, f"{self.rows_came:,}", "none yet", "", ""
        ends = "'', ''"
        if self._cursor:
            ends = ", ".join(f"left({end}({quoted(self._cursor)})::VARCHAR, 16)" for end in ("min", "max"))
        ((rows, first, last),) = self._do(f"SELECT count(*), {ends} FROM {quoted(self.name)}")
        return self.name, f"{self.rows_came:,}", f"{rows:,}", first or "", last or ""

    def _do(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(sql, values).fetchall()

    def _there(self, table: str) -> dict[str, str]:
        """The columns that a table has; none if there is no such table."""
        return dict(self._do("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ?", table))

    def _begin(self, resumable: bool) -> None:
        """See to a table that can take the rows."""
        table, there = quoted(self._filled), self._there(self._filled)
        if self._in_full and there and not (resumable and there == self._columns):
            self._do(f"DROP TABLE {table}")
            there = {}
        if not there:
            # No PRIMARY KEY: its index costs several times as much as the rows, which are replaced by key anyway.
            self._do(f"CREATE TABLE {table} ({self._fields()})")
            sync_id = time.time_ns() // 1_000_000 if self._in_full else None
            self._do("INSERT OR REPLACE INTO _state VALUES (?, ?, NULL)", self._filled, sync_id)
            return
        for name, kind in self._columns.items():
            if name not in there:
                self._do(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {kind}")
            elif there[name] != kind:
                raise SchemaChanged(
                    f"{self.name}: the column {name} is {there[name]} in the database, and the connector now sends {kind}."
                    f" Drop or rename the table (DROP TABLE {table}), and the next sync reads it from the start."
                )

    def _fields(self) -> str:
        return ", ".join(f"{quoted(name)} {kind}" for name, kind in self._columns.items())

    def _replace(self) -> None:
        """The spooled rows take the place of those with their keys; of several with one key the last one counts."""
        lines = "read_json(?, format = 'newline_delimited', columns = {'record': ?}, maximum_object_size = ?)"
        row = f"STRUCT(data STRUCT({self._fields()}))"
        came = f"CREATE OR REPLACE TEMP TABLE came AS SELECT unnest(record.data) FROM {lines}"
        self._do(came, str(self._path), row, MAX_LINE)
        table, last = quoted(self._filled), ""
        if self._key:
            same = " AND ".join(f"filled.{field} IS NOT DISTINCT FROM came.{field}" for field in self._key)
            self._do(f"DELETE FROM {table} AS filled USING came WHERE {same}")
            last = f"QUALIFY row_number() OVER (PARTITION BY {', '.join(self._key)} ORDER BY rowid DESC) = 1"
        ((rows,),) = self._do(f"INSERT INTO {table} BY NAME SELECT * FROM came {last}")
        self.rows_came += rows
