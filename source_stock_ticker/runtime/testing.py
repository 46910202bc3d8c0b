"""Reads a stream in a test, and checks it against the contract of every stream.

def test_the_readings_of_a_station():
    reading = read_stream(Readings(api, settings))
    assert reading.rows == [...]

class TestReadings(StreamContract):     # pytest then runs its tests against `stream`
    def stream(self) -> Stream:
        return Readings(api, settings)
"""

import copy
import json
import logging
from collections.abc import Collection
from typing import Any, NamedTuple

from jsonschema import Draft7Validator

from .protocol.catalog import ConfiguredStream
from .reader import StreamRead
from .slices import is_fatal
from .stream import Row, State, Stream, Written


class Reading(NamedTuple):
    """The result of a read: the rows as a destination gets them, and each checkpoint as (rows before it, state).

    failed: names of the slices that failed; "slices" if `Stream.slices` did. nulled: fields that became null in some
    row because the value did not fit the schema.
    """

    rows: list[Row]
    checkpoints: list[tuple[int, State]]
    failed: list[str]
    nulled: set[str]

    @property
    def state(self) -> State:
        return self.checkpoints[-1][1]


def read_stream(
    stream: Stream[Any], saved: State | None = None, workers: int = 1, full_refresh: bool = False
) -> Reading:
    """Read a stream from a saved state, with the runtime's own reader; a stream object serves one read.

    full_refresh: read as one, from the state of an earlier attempt; checkpoints then follow only complete slices.
    Raises what ends the whole stream: a bug, or a ConfigError.
    """
    reading = Reading([], [], [], set())
    real_checkpoint = stream.checkpoint

    def checkpoint(state: State, stream_slice: Any, written: Written) -> None:
        real_checkpoint(state, stream_slice, written)
        if written.done or not full_refresh:
            reading.checkpoints.append((len(reading.rows), copy.deepcopy(state)))

    stream.full_refresh = full_refresh
    stream.checkpoint = checkpoint  # type: ignore[method-assign]
    configured = ConfiguredStream(stream.name, None, incremental=not full_refresh)
    read = StreamRead(stream, configured, workers, logging.getLogger("airbyte"))
    state = stream.resume(copy.deepcopy(saved or {}))
    reading.checkpoints.append((0, copy.deepcopy(state)))
    failures: list[tuple[Any, Exception]] = []
    for lines in read.read_slices(state, failures):
        for record in (message["record"] for message in map(json.loads, lines.splitlines()) if "record" in message):
            reading.rows.append(record["data"])
            reading.nulled.update(change["field"] for change in record.get("meta", {}).get("changes", ()))
    del stream.checkpoint  # the class's own again
    for stream_slice, error in failures:
        if is_fatal(error):
            raise error
        reading.failed.append("slices" if stream_slice is None else str(stream_slice))
    return reading


class StreamContract:
    """What holds for any stream. A subclass opens the stream on an API that has rows and always sends the same.

    differing_fields: fields that differ between two reads of the same data.
    """

    differing_fields: Collection[str] = ()

    def stream(self) -> Stream[Any]:
        """A new object of the stream."""
        raise NotImplementedError

    def test_rows_fit_the_schema(self) -> None:
        validator = Draft7Validator(self.stream().json_schema())
        rows, _, _, nulled = read_stream(self.stream())
        assert rows, "the API of this test has no rows"
        assert nulled == set(), "the values of these fields do not have the type that the schema says"
        assert [error.message for row in rows for error in validator.iter_errors(row)] == []

    def test_no_two_rows_have_the_same_key(self) -> None:
        stream = self.stream()
        if stream.primary_key:
            keys = [[row[field] for field in stream.primary_key] for row in read_stream(stream).rows]
            assert [key for key in keys if keys.count(key) > 1] == []

    def test_rows_have_the_same_order_whatever_the_number_of_workers(self) -> None:
        assert self._rows(read_stream(self.stream(), workers=4)) == self._rows(read_stream(self.stream()))

    def test_a_state_is_json(self) -> None:
        state = read_stream(self.stream()).state
        assert json.loads(json.dumps(state)) == state

    def test_nothing_is_lost_by_a_read_that_resumes_from_any_checkpoint(self) -> None:
        whole = read_stream(self.stream())
        rows = self._rows(whole)
        for written, state in whole.checkpoints:
            resumed = self._rows(read_stream(self.stream(), state))
            missing = [row for row in rows[written:] if row not in resumed]
            assert missing == [], f"resumed after {written} rows, from {state}"

    def test_an_increment_changes_nothing_where_nothing_is_new(self) -> None:
        whole = read_stream(self.stream())
        rows = self._rows(whole)
        assert [row for row in self._rows(read_stream(self.stream(), whole.state)) if row not in rows] == []

    def test_another_attempt_of_a_full_refresh_writes_the_rest_and_no_row_twice(self) -> None:
        if self.stream().cursor_field is not None:  # else the platform begins it from the start, in an empty table
            whole = read_stream(self.stream(), full_refresh=True)
            for written, state in whole.checkpoints:
                rest = self._rows(read_stream(self.stream(), state, full_refresh=True))
                assert rest == self._rows(whole)[written:], f"resumed after {written} rows, from {state}"

    def _rows(self, reading: Reading) -> list[Row]:
        return [{k: v for k, v in row.items() if k not in self.differing_fields} for row in reading.rows]
