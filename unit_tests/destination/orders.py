"""A stream of orders for the tests of destination/tables.py, a run of sync that writes it, and the result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from destination.tables import Table, connect

Row = dict[str, Any]

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

    def __init__(self, path: Path, stream: Row, mode: str, config: Row) -> None:
        self.database = connect(path)
        self.configured = {"stream": stream, "sync_mode": mode}
        self.table = Table(self.database, self.configured, path.with_name("spool"), config)

    def rows(self, *rows: Row) -> None:
        for row in rows:
            record = {"stream": self.table.name, "data": row, "emitted_at": 1}
            self.table.record(json.dumps({"type": "RECORD", "record": record}).encode() + b"\n")

    def state(self, **state: Any) -> None:
        self.table.checkpoint(state_of(**state))

    def end(self) -> None:
        """The connector has ended, so the run ends too."""
        self.table.load()
        self.database.close()


def state_of(**state: Any) -> Row:
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": "orders"}, "stream_state": state}}


def order(id: int, total: float | None = None, day: str = "2024-01-01") -> Row:
    return {"id": id, "day": day, "total": total}


def killed(*reads: Read) -> None:
    for one in reads:
        one.database.close()  # what has begun is taken back


def there(path: Path, table: str = "orders", columns: str = "id, total") -> list[tuple[Any, ...]]:
    with connect(path) as database:
        return sorted(database.execute(f'SELECT {columns} FROM "{table}"').fetchall())


def filled(read: Callable[..., Read], mode: str = "full_refresh") -> None:
    """A database after an earlier sync."""
    run = read(mode)
    run.rows(order(1), order(2))
    run.state(last=2)
    run.table.complete()


def there_and_state(run: Read) -> tuple[list[tuple[Any, ...]], Row | None]:
    """The content of the database for another reader."""
    rows = run.database.execute("SELECT id FROM orders ORDER BY id").fetchall()
    ((state,),) = run.database.execute("SELECT state FROM _state WHERE name = 'orders'").fetchall()
    return rows, state and json.loads(state)
