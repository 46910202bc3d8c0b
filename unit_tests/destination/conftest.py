"""What the tests of destination/tables.py share: a database, and runs of sync that write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from orders import ORDERS, Read, Row, killed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.duckdb"


@pytest.fixture
def read(path: Path) -> Iterator[Callable[..., Read]]:
    """Starts a read; earlier ones must have ended or been killed."""
    reads: list[Read] = []

    def begin(mode: str = "incremental", stream: Row = ORDERS, **config: str) -> Read:
        killed(*reads)
        reads.append(Read(path, stream, mode, config))
        return reads[-1]

    yield begin
    killed(*reads)
