"""Reads streams to the end, for the tests of the reader."""

import logging

import pytest
from numbers_stream import Read

from source_stock_ticker.runtime.errors import IncompleteSync
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.reader import read


@pytest.fixture
def run(messages_in):
    """A function that reads streams to the end -> Read; by default all of them, incrementally, with two workers."""

    def run(*streams, saved=None, catalog=None, workers=2):
        catalog = catalog or [ConfiguredStream(stream.name, None, True) for stream in streams]
        states = {("numbers", None): saved} if saved else {}
        lines, failed = [], False
        try:
            for line in read(streams, catalog, states, workers, logging.getLogger("airbyte")):
                lines.append(line)
        except IncompleteSync:
            failed = True
        return Read(messages_in(b"".join(lines)), failed)

    return run
