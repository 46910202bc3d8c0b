"""Tests which messages a read writes, in which order, that their counts add up, and when they are flushed."""

import json
import logging
import threading
import time

import pytest
from numbers_stream import ALL, ALL_ROWS, FAT, OUTAGE, Numbers, Read

from source_stock_ticker.runtime.encoded_page import CHUNK
from source_stock_ticker.runtime.http.rate_limit import RequestStats
from source_stock_ticker.runtime.process import prefetch
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.protocol.row_type import NulledRow
from source_stock_ticker.runtime.reader import read

# A good read


def test_a_read_is_started_and_running_and_complete(run):
    found = run(Numbers({"a": [[1, 2]]}))
    assert found.kinds == ["STARTED", "RUNNING", "RECORD", "STATE", "COMPLETE"]
    assert not found.failed


def test_all_rows_come_in_the_order_of_slices_and_pages(run):
    assert run(Numbers(ALL)).rows == ALL_ROWS


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_the_number_of_workers_changes_nothing(run, workers):
    stream = Numbers({name: [[1, 2], [3], [4, 5]] for name in "abcdefghijkl"})
    assert run(stream, workers=workers).rows == [(name, id) for name in "abcdefghijkl" for id in range(1, 6)]


def test_a_stream_is_running_once_before_its_first_record(run):
    kinds = run(Numbers(ALL)).kinds
    assert kinds.count("RUNNING") == 1
    assert kinds.index("RUNNING") < kinds.index("RECORD")


@pytest.mark.parametrize("parts", [{}, {"a": [[]]}])
def test_a_stream_without_rows_is_not_running_and_still_writes_a_state(run, parts):
    assert run(Numbers(parts)).kinds == ["STARTED", "STATE", "COMPLETE"]


def test_the_last_state_comes_after_the_last_record(run):
    assert run(Numbers(ALL)).kinds[-2:] == ["STATE", "COMPLETE"]
    assert run(Numbers(ALL)).states[-1] == {"a": 3, "b": 1, "c": 6}


def test_a_page_of_more_rows_than_are_encoded_at_once_comes_out_whole(run):
    many = range(1, 2 * CHUNK + 2)
    found = run(Numbers({"a": [many]}))
    assert found.rows == [("a", id) for id in many]
    assert found.of_type("STATE")[-1]["state"]["sourceStats"]["recordCount"] == len(many)


def test_a_checkpoint_comes_after_its_records(run):
    written: dict[str, int] = {}
    for message in run(Numbers(ALL)).messages:
        if message["type"] == "RECORD":
            written[message["record"]["data"]["part"]] = message["record"]["data"]["id"]
        if message["type"] == "STATE":
            assert message["state"]["stream"]["stream_state"] == written


def test_the_counts_of_the_states_add_up(run):
    counted = 0
    for message in run(Numbers(ALL)).messages:
        counted += message["type"] == "RECORD"
        if message["type"] == "STATE":
            assert message["state"]["sourceStats"]["recordCount"] == counted
            counted = 0
    assert counted == 0


def test_a_long_slice_has_states_on_its_way(run):
    found = run(Numbers({"a": [[1, 2], [3, 4], [5, 6], [7, 8]]}))
    assert len(found.states) > 2


def test_a_state_is_not_written_for_every_few_rows_when_it_is_large(run):
    parts = {f"part {number}": [[1]] for number in range(300)}
    found = run(Numbers(parts), saved=dict.fromkeys(parts, 0))
    state_bytes = sum(len(json.dumps(state)) for state in found.states)
    assert state_bytes < len(parts) * len(FAT)


def test_a_state_is_not_long_in_coming_when_rows_are_few(run, clock, monkeypatch):
    class Slow(Numbers):
        """Eleven seconds pass between pages; the state is worth many rows."""

        def checkpoint(self, state, stream_slice, written):
            clock.sleep(11)
            super().checkpoint(state, stream_slice, written)

    monkeypatch.setattr("time.monotonic", clock.monotonic)
    few = run(Slow({"a": [[number] for number in range(1, 9)]}), saved={"b": "x" * 100_000}, workers=1)
    # One is written at once and one at the end; these are those between.
    assert len(few.states) > 3


def test_a_stream_that_finds_nothing_new_for_long_shows_that_it_lives(run, monkeypatch):
    seen_enough = threading.Event()

    class Silent(Numbers):
        """It takes long to find out that nothing is new."""

        def slices(self, state):
            seen_enough.wait(10)
            yield from ()

    monkeypatch.setattr("source_stock_ticker.runtime.checkpoints.STATE_SECONDS", 0.0)
    monkeypatch.setattr("source_stock_ticker.runtime.process.prefetch.TICK", 0.01)
    saved = {("numbers", None): {"a": 3}}
    kinds = []
    for line in read([Silent(ALL)], [ConfiguredStream("numbers", None, True)], saved, 1, logging.getLogger("airbyte")):
        kinds.append(json.loads(line)["type"] if line else "FLUSH")
        if kinds.count("STATE") == 3:
            seen_enough.set()
    assert kinds[:7] == ["TRACE", "FLUSH", "STATE", "FLUSH", "STATE", "FLUSH", "STATE"]


def test_a_checkpoint_hears_of_the_first_and_the_last_row_of_its_slice(run):
    stream = Numbers({"a": [[1, 2], [3]], "b": [[]]})
    run(stream)
    assert stream.checkpoints == [("a", 1, 2, False), ("a", 1, 3, True), ("b", None, None, True)]


def test_an_empty_last_page_does_not_make_the_last_row_forgotten(run):
    stream = Numbers({"a": [[1, 2], []]})
    run(stream)
    assert stream.checkpoints[-1] == ("a", 1, 2, True)


def test_a_checkpoint_hears_what_parsing_noted_of_the_page(run):
    stream = Numbers({"a": [[1], []], "b": [[1]]})
    run(stream)
    assert stream.notes == ["note of page 0", "note of page 1", "note of page 0"]


def test_a_response_of_none_is_a_slice_without_rows(run):
    class Nothing(Numbers):
        def fetch(self, stream_slice, page_token):
            return None

    stream = Nothing({"a": [[1]]})
    assert run(stream).kinds == ["STARTED", "STATE", "COMPLETE"]
    assert stream.checkpoints == [("a", None, None, True)]


def test_a_page_that_is_read_twice_in_a_row_is_written_once(run):
    class Again(Numbers):
        def parse(self, stream_slice, response):
            page = super().parse(stream_slice, response)
            return page._replace(rows=[NulledRow(row, ["text"]) for row in page.rows])

    stream = Again({"a": [[1, 2], [1, 2], [3], [3]], "b": [[1]]})
    found = run(stream)
    assert found.rows == [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert stream.checkpoints[3:] == [("a", 1, 3, True), ("b", 1, 1, True)]
    assert stream.notes == [*(f"note of page {number}" for number in range(4)), "note of page 0"]


# Odd fields


class Odd(Numbers):
    """Every third row has lost its `text`, and the API sends fields that the schema lacks."""

    def parse(self, stream_slice, response):
        self.unknown_fields.update(["newer", "new"])
        page = super().parse(stream_slice, response)
        rows = [row if row["id"] % 3 else NulledRow(row | {"text": None}, ["text"]) for row in page.rows]
        return page._replace(rows=rows)


def test_what_became_null_and_what_is_left_out_is_reported_once_a_stream_with_its_numbers(run, caplog):
    caplog.set_level("INFO", "airbyte")
    found = run(Odd({"a": [[1, 2, 3], [4]], "b": [[5, 6]], "c": [OUTAGE]}))
    changes = [m["record"]["meta"]["changes"] for m in found.of_type("RECORD") if "meta" in m["record"]]
    assert changes == [[{"field": "text", "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}]] * 2
    told = [(record.levelname, record.getMessage()) for record in caplog.records if "failed" not in record.message]
    assert told == [
        (
            "WARNING",
            "numbers: values that do not fit the schema became null (text: 2); their records say so in meta.changes.",
        ),
        ("INFO", "numbers: the API sends fields that are not in the schema; they are ignored: new, newer."),
    ]


def test_of_many_odd_fields_and_of_long_names_a_part_is_reported(run, caplog):
    caplog.set_level("INFO", "airbyte")
    run(Numbers(ALL, unknown_fields={f"{letter} {'x' * 1000}" for letter in "abcdefghijkl"}))
    (told,) = caplog.messages
    assert told.endswith("ignored: a..., b..., c..., d..., e..., f..., g..., h..., i..., j....")


def test_nothing_is_reported_where_no_field_is_odd(run, caplog):
    caplog.set_level("INFO", "airbyte")
    run(Numbers(ALL))
    assert caplog.messages == []


# Waiting


def test_a_stream_that_waits_for_the_rate_limit_says_so_once(caplog, messages_in):
    told = threading.Event()

    class Waiting(Numbers):
        def fetch(self, stream_slice, page_token):
            assert told.wait(5)
            return super().fetch(stream_slice, page_token)

        def request_stats(self):
            return RequestStats(seconds_to_wait=0.0 if told.is_set() else 30.0)

    caplog.set_level("INFO", "airbyte")
    lines = b""
    catalog = [ConfiguredStream("numbers", None, True)]
    for line in read([Waiting({"a": [[1]], "b": [[1]]})], catalog, {}, 2, logging.getLogger("airbyte")):
        lines += line
        if b"RATE_LIMITED" in line:
            told.set()
    found = Read(messages_in(lines), False)
    assert found.kinds == ["STARTED", "RUNNING", "RUNNING", "RECORD", "STATE", "RECORD", "STATE", "COMPLETE"]
    assert caplog.messages == ["numbers: waiting for the rate limit, 30 s."]


class Held(Numbers):
    """The rate limit delays its first page until the reader has looked this many times, and twice at the start."""

    def __init__(self, looks: int, seconds_to_wait: float) -> None:
        super().__init__({"a": [[1]]})
        self.looks, self.seconds_to_wait = looks + 2, seconds_to_wait
        self.released = threading.Event()

    def fetch(self, stream_slice, page_token):
        assert self.released.wait(5)
        return super().fetch(stream_slice, page_token)

    def request_stats(self):
        seconds = 0.0 if self.released.is_set() else self.seconds_to_wait
        self.looks -= 1
        if not self.looks:
            self.released.set()
        return RequestStats(seconds_to_wait=seconds)


@pytest.mark.parametrize(("seconds", "notices"), [(0.0, 0), (1.5, 0), (1.6, 1)])
def test_a_short_wait_is_not_worth_a_message(run, caplog, seconds, notices):
    caplog.set_level("INFO", "airbyte")
    found = run(Held(1, seconds))
    assert (found.kinds.count("RUNNING") - 1, len(caplog.messages)) == (notices, notices)


def test_a_wait_is_reported_with_the_moment_when_it_ends(run):
    statuses = [trace["trace"]["stream_status"] for trace in run(Held(1, 600.0)).of_type("TRACE")]
    ((reason,),) = [status["reasons"] for status in statuses if "reasons" in status]
    assert reason["rate_limited"]["quota_reset"] / 1000 == pytest.approx(time.time() + 600, abs=60)


def test_a_long_wait_is_reported_once_a_minute(run, caplog, clock, monkeypatch):
    class HeldForMinutes(Held):
        """Twenty seconds pass between looks."""

        def request_stats(self):
            clock.sleep(20)
            return super().request_stats()

    monkeypatch.setattr("time.monotonic", clock.monotonic)
    monkeypatch.setattr(prefetch, "TICK", 0.001)
    caplog.set_level("INFO", "airbyte")
    run(HeldForMinutes(looks=10, seconds_to_wait=300))
    # After 60 s, and whenever more than 60 s have passed since: after 140 and 220 s.
    assert caplog.messages == ["numbers: waiting for the rate limit, 300 s."] * 3


def test_who_waits_for_a_page_lets_out_what_is_written():
    asked = threading.Event()

    class Slow(Numbers):
        def fetch(self, stream_slice, page_token):
            assert stream_slice.name == "a" or asked.wait(5)
            return super().fetch(stream_slice, page_token)

    lines = []
    catalog = [ConfiguredStream("numbers", None, True)]
    for line in read([Slow({"a": [[1]], "b": [[1]]})], catalog, {}, 2, logging.getLogger("airbyte")):
        lines.append(line)
        if line == messages.FLUSH and any(line.startswith(b'{"type":"RECORD"') for line in lines):
            asked.set()
    assert asked.is_set()
