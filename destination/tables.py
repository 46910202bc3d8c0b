"""Keeps streams as tables of a DuckDB database, each with the state that goes with its rows.

This is what a destination must do with RECORD and STATE. A STATE says: the RECORDs before it need not be sent again. So
it must be saved together with those rows. If it were saved before them, a crash in between would lose them for good; if
after them, they would arrive twice. Here one transaction saves both, so the state in the database is always true,
whatever is killed:

    RECORD     its line goes into a file, the spool: a database loads many rows at once far faster than one by one
    STATE      covers the lines so far; with this STATE or a later one they are loaded:
                   BEGIN; the rows replace those with their keys; the STATE replaces the one before it; COMMIT
    COMPLETE   everything has been read: the rest is loaded, and a full refresh replaces its table
    the end    lines that no STATE covers are discarded: the next read sends them again

A full refresh must not empty a table before it has read everything again. So it fills a second table, with its own
state, which replaces the first one at COMPLETE. If it fails, the second table stays, and the next attempt has the same
sync_id, which tells the connector that the state is still valid. It starts over if the stream is not resumable, the
config has changed, or a day has passed.
"""

import json
import re
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb

Json = dict[str, Any]

BESIDE = "_refresh_of_"  # the prefix of the name of a table that a full refresh is filling
MAX_AGE = 24 * 3600 * 1000  # ms; an older full refresh begins again, because its rows may have been corrected since
MIN_INTERVAL = 1.0  # seconds between two loads: each costs some milliseconds, however few its rows
TYPES = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "string": "VARCHAR"}
TYPES |= {"date": "DATE", "date-time": "TIMESTAMP WITH TIME ZONE", "timestamp_without_timezone": "TIMESTAMP"}


class Unusable(Exception):
    """The database, a table or a column cannot take what the connector sends. The message says what to do."""


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """The database. Its table _state holds the STATE that the rows of each table match. Raises Unusable."""
    try:
        database = duckdb.connect(str(path))
    except duckdb.IOException as error:
        why = str(error).removeprefix("IO Error: ")
        if lock := re.search(r"Could not set lock[^(]*(\(PID \d+\))?", why):
            why = f"{path} is open in another program {lock[1] or '(which?)'}. Close it there, or wait until it ends."
        raise Unusable(f"DATABASE: {why}") from None
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE TABLE IF NOT EXISTS _state (name VARCHAR PRIMARY KEY, sync_id BIGINT, state JSON)")
    database.execute("ALTER TABLE _state ADD COLUMN IF NOT EXISTS config VARCHAR")  # its hash
    return database


def column_type(schema: Json) -> str:
    """The column type for values of a JSON Schema; objects, lists and mixed types stay JSON."""
    said = schema.get("type", [])
    kinds = [kind for kind in ([said] if isinstance(said, str) else said) if kind != "null"]
    names = (schema.get("airbyte_type"), schema.get("format"), *kinds) if len(kinds) == 1 else ()
    return next((TYPES[name] for name in names if name in TYPES), "JSON")


def quoted(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


class Table:
    """One stream of the configured catalog, in the database.

    A new table has no state. So if you drop a table, its stream is read from the start. A failure between BEGIN and
    COMMIT ends the program, and the database rolls back everything since BEGIN.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, configured: Json, spool: Path, config: Json) -> None:
        stream = configured["stream"]
        self.name: str = stream["name"]
        self.configured, self.rows_came = configured, 0
        self._columns = {name: column_type(field) for name, field in stream["json_schema"]["properties"].items()}
        self._fields = ", ".join(f"{quoted(name)} {kind}" for name, kind in self._columns.items())
        self._key = [quoted(path[0]) for path in stream.get("source_defined_primary_key") or ()]
        self._cursor = [quoted(field) for field in stream.get("default_cursor_field") or ()]
        self._in_full = configured["sync_mode"] == "full_refresh"
        self._into = BESIDE + self.name if self._in_full else self.name  # the table that the rows go into
        self._database, self._path, self._spool = database, spool, spool.open("wb")
        self._config = sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        self._covered, self._loaded = 0, time.monotonic()  # bytes of the spool that go with self.state; when
        self._begin(stream.get("is_resumable", False))
        ((configured["sync_id"], state),) = self._do("SELECT sync_id, state FROM _state WHERE name = ?", self._into)
        # The last STATE, of this read or of an earlier one.
        self.state: Json | None = json.loads(state) if state else None

    def record(self, line: bytes) -> None:
        """Handle a RECORD."""
        self._spool.write(line)

    def checkpoint(self, state: Json) -> None:
        """Handle a STATE."""
        self.state, self._covered = state, self._spool.tell()
        if time.monotonic() - self._loaded >= MIN_INTERVAL:
            self.load()

    def complete(self) -> None:
        """The stream has been read to its end."""
        self._covered = self._spool.tell()
        self.load(completed=True)

    def load(self, completed: bool = False) -> None:
        """Load what a STATE covers into the database, with that STATE, and discard the rest of the spool."""
        self._spool.truncate(self._covered)
        self._do("BEGIN")
        if self._covered:
            self._replace()
        self._do("UPDATE _state SET state = ? WHERE name = ?", self.state and json.dumps(self.state), self._into)
        if completed and self._in_full:
            self._take_place()
        self._do("COMMIT")
        self._spool.seek(0)
        self._spool.truncate()
        self._covered, self._loaded = 0, time.monotonic()

    def summary(self) -> tuple[str, ...]:
        """The stream, the numbers of new and of all rows, and the first and last cursor value."""
        ends = [f"left({end}({field})::VARCHAR, 16)" for field in self._cursor[:1] for end in ("min", "max")]
        ((rows, *found),) = self._do(f"SELECT {', '.join(['count(*)', *ends])} FROM {quoted(self.name)}")
        return self.name, f"{self.rows_came:,}", f"{rows:,}", *(end or "" for end in found or ("", ""))

    def _do(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(sql, values).fetchall()

    def _begin(self, resumable: bool) -> None:
        """Create the stream's table, and the second one: a new table has no rows, and so no state."""
        columns = "SELECT column_name, data_type FROM duckdb_columns() WHERE lower(table_name) = lower(?)"
        columns += " AND database_name = current_database() AND schema_name = current_schema()"
        there = {table: dict(self._do(columns, table)) for table in (self.name, self._into)}
        now = time.time_ns() // 1_000_000
        # Which tables are ours, and whether a full refresh into it can resume: a recent one, with the same config.
        ours = dict(self._do("SELECT name, sync_id > ? AND config = ? FROM _state", now - MAX_AGE, self._config))
        if foreign := [table for table in there if there[table] and table not in ours]:
            raise Unusable(f"{foreign[0]}: no sync has written this table. Rename it, or name another DATABASE.")
        if self._in_full and not (resumable and there[self._into] == self._columns and ours[self._into]):
            there[self._into] = {}
        self._do("BEGIN")
        for table in [table for table in there if not there[table]]:
            # No PRIMARY KEY: its index costs several times as much as the rows, which are replaced by key anyway.
            self._do(f"CREATE OR REPLACE TABLE {quoted(table)} ({self._fields})")
            self._do("INSERT OR REPLACE INTO _state VALUES (?, ?, NULL, ?)", table, now, self._config)
            there[table] = self._columns
        for name, kind in self._columns.items():
            found = there[self._into].get(name)
            if not found and quoted(name) not in self._key:
                self._do(f"ALTER TABLE {quoted(self.name)} ADD COLUMN {quoted(name)} {kind}")
                sys.stderr.write(f"{self.name}.{name} is a new column, NULL in older rows; FULL=yes fills it there.\n")
            elif found != kind:
                raise Unusable(
                    f"{self.name}: the column {name} is {found or 'missing'} in the database, but is {kind} now. "
                    f"Drop the table (DROP TABLE {quoted(self.name)}) or rename it, to read the stream from its start."
                )
        self._do("COMMIT")

    def _replace(self) -> None:
        """The spooled rows replace those with their keys; of several with the same key, the last one counts."""
        lines = "read_json(?, format = 'newline_delimited', columns = {'record': ?}, maximum_object_size = 33554432)"
        came = f"CREATE OR REPLACE TEMP TABLE _came AS SELECT unnest(record.data) FROM {lines}"
        self._do(came, str(self._path), f"STRUCT(data STRUCT({self._fields}))")
        table, last = quoted(self._into), ""
        if self._key:
            same = " AND ".join(f"filled.{field} IS NOT DISTINCT FROM _came.{field}" for field in self._key)
            self._do(f"DELETE FROM {table} AS filled USING _came WHERE {same}")
            last = f"QUALIFY row_number() OVER (PARTITION BY {', '.join(self._key)} ORDER BY rowid DESC) = 1"
        ((rows,),) = self._do(f"INSERT INTO {table} BY NAME SELECT * FROM _came {last}")
        self.rows_came += rows

    def _take_place(self) -> None:
        """The table that the full refresh has filled becomes the stream's table, with its state."""
        self._do(f"DROP TABLE {quoted(self.name)}")
        self._do(f"ALTER TABLE {quoted(self._into)} RENAME TO {quoted(self.name)}")
        self._do("DELETE FROM _state WHERE name = ?", self.name)
        self._do("UPDATE _state SET name = ?, sync_id = NULL WHERE name = ?", self.name, self._into)
