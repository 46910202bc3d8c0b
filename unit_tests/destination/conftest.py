"""What the tests of destination/ share: a database with runs that write to it, and a project for whole syncs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from orders import ORDERS, Read, Row, killed
from running import Project


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


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
