"""Tests which streams are read, and from where: the catalog, the saved state, the sync mode."""

import json
import logging

import pytest
from numbers_stream import ALL, ALL_ROWS, OUTAGE, Numbers

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.reader import read


def test_streams_are_read_in_the_order_of_the_catalog_and_no_others(run):
    streams = [Numbers({"a": [[1]]}, name=name) for name in ("one", "two", "three")]
    catalog = [ConfiguredStream(name, None, True) for name in ("three", "one")]
    found = run(*streams, catalog=catalog)
    assert [message["record"]["stream"] for message in found.of_type("RECORD")] == ["three", "one"]
    assert [message["state"]["stream"]["stream_descriptor"]["name"] for message in found.of_type("STATE")] == [
        "three",
        "one",
    ]


def test_a_catalog_without_streams_is_read_without_a_message(messages_in):
    assert list(read([Numbers(ALL)], [], {}, 2, logging.getLogger("airbyte"))) == []


def test_every_message_of_a_stream_with_a_namespace_names_it(run):
    found = run(Numbers({"a": [[1], UnexpectedResponse("Odd.")]}), catalog=[ConfiguredStream("numbers", "eu", True)])
    assert [message["type"] for message in found.messages if '"namespace": "eu"' not in json.dumps(message)] == []


def test_an_incremental_read_resumes_where_the_state_says(run):
    assert run(Numbers(ALL), saved={"a": 3, "b": 1, "c": 4}).rows == [("c", 5), ("c", 6)]


def test_a_first_sync_resumes_from_an_empty_state(run):
    stream = Numbers(ALL)
    run(stream)
    assert stream.resumed_from == [{}]


def test_an_unchanged_source_has_no_records_and_one_state(run):
    first = run(Numbers(ALL))
    second = run(Numbers(ALL), saved=first.states[-1])
    assert second.kinds == ["STARTED", "STATE", "COMPLETE"]
    assert second.states == first.states[-1:]


def test_resuming_from_any_state_gives_exactly_what_was_missing(run):
    found = run(Numbers(ALL))
    assert len(found.states) > 3
    for state in found.states:
        written = [(name, id) for name, id in ALL_ROWS if id <= state.get(name, 0)]
        assert written + run(Numbers(ALL), saved=state).rows == ALL_ROWS


def test_an_incremental_read_of_a_stream_without_a_cursor_reads_all_and_says_so(run, caplog):
    stream = Numbers(ALL, cursor_field=None)
    found = run(stream, saved={"a": 3, "b": 1, "c": 6})
    assert found.rows == ALL_ROWS
    assert caplog.messages == ["numbers has no cursor, so it is read in full."]


def test_a_stream_can_do_what_it_likes_with_the_state_it_gets(run):
    class Greedy(Numbers):
        def resume(self, saved):
            saved.clear()
            return {}

        def slices(self, state):
            yield from super().slices(state)
            state["spoilt"] = True

    saved = {"a": 3}
    assert run(Greedy(ALL), saved=saved).states[-1] == {"a": 3, "b": 1, "c": 6}
    assert saved == {"a": 3}


# Full refreshes


def full(sync_id=None):
    return [ConfiguredStream("numbers", None, False, sync_id)]


def mark(sync_id=9, done=False):
    return {"full_refresh": {"sync_id": sync_id, "done": done}}


@pytest.mark.parametrize("saved", [{"a": 3, "b": 1}, {"a": 3, **mark(8)}, {"a": 3, **mark(8, done=True)}])
def test_a_full_refresh_reads_all_whatever_the_state_of_another_read_says(run, saved):
    assert run(Numbers(ALL), saved=saved, catalog=full(9)).rows == ALL_ROWS


def test_every_state_of_a_full_refresh_follows_complete_slices_and_names_the_job(run):
    assert run(Numbers(ALL), catalog=full(9)).states == [
        {"a": 3, **mark()},
        {"a": 3, "b": 1, "c": 6, **mark()},  # that of b alone is not worth a STATE
        {"a": 3, "b": 1, "c": 6, **mark(done=True)},
    ]


@pytest.mark.parametrize("sync_id", [9, None])
@pytest.mark.parametrize("lines", range(20))
def test_after_an_attempt_that_ended_anywhere_the_next_one_writes_the_rest_once(run, sync_id, lines):
    first = run(Numbers(ALL), catalog=full(sync_id))._replace(failed=True)
    cut = first._replace(messages=first.messages[:lines])
    if not cut.states or (sync_id is None and cut.states[-1]["full_refresh"]["done"]):
        return  # the platform starts over
    last_state = max(place for place, message in enumerate(cut.messages) if message["type"] == "STATE")
    kept = cut._replace(messages=cut.messages[:last_state])
    assert kept.rows + run(Numbers(ALL), saved=cut.states[-1], catalog=full(sync_id)).rows == ALL_ROWS


def test_after_a_slice_that_failed_between_two_pages_the_next_attempt_reads_all_of_it(run):
    broken = {"a": [[1, 2], OUTAGE], "b": [[1]]}
    first = run(Numbers(broken), catalog=full(9))
    assert (first.rows, first.states[-1], first.failed) == ([("a", 1), ("a", 2), ("b", 1)], {"b": 1, **mark()}, True)
    second = run(Numbers(ALL), saved=first.states[-1], catalog=full(9))
    assert second.rows == [("a", 1), ("a", 2), ("a", 3), *(("c", id) for id in range(1, 7))]


def test_no_state_follows_the_rows_of_a_failed_slice_unless_another_was_written_since(run):
    first = run(Numbers({"a": [[1, 2], [3]], "b": [[1], OUTAGE], "c": [OUTAGE]}), catalog=full(9))
    assert first.kinds == ["STARTED", "RUNNING", "RECORD", "STATE", "RECORD", "INCOMPLETE", "ERROR"]
    second = run(Numbers(ALL), saved=first.states[-1], catalog=full(9))
    assert [("a", 1), ("a", 2), ("a", 3), *second.rows] == ALL_ROWS


def test_a_stream_that_an_earlier_attempt_finished_does_not_come_again(run, caplog):
    caplog.set_level("INFO")
    saved = {"a": 1, **mark(done=True)}
    found = run(Numbers(ALL), saved=saved, catalog=full(9))
    assert (found.kinds, found.states) == (["STARTED", "STATE", "COMPLETE"], [saved])
    assert "numbers: an earlier attempt of this full refresh read everything." in caplog.messages


def test_without_a_sync_id_a_full_refresh_that_was_done_is_another_one(run):
    assert run(Numbers(ALL), saved={"a": 3, **mark(None, done=True)}, catalog=full()).rows == ALL_ROWS


def test_a_stream_without_a_cursor_cannot_resume(run):
    stream = Numbers({"a": [[1]], "b": [OUTAGE]}, cursor_field=None, checkpoint=lambda *_: None)
    first = run(stream, catalog=full(9))
    assert first.states == [mark()]
    assert run(Numbers(ALL, cursor_field=None), saved=first.states[-1], catalog=full(9)).rows == ALL_ROWS


def test_a_stream_knows_whether_a_read_is_a_full_refresh(run):
    for catalog, expected in (([ConfiguredStream("numbers", None, True)], False), (full(), True)):
        stream = Numbers(ALL)
        run(stream, catalog=catalog)
        assert stream.full_refresh is expected


def test_an_increment_resumes_from_a_full_refresh_and_leaves_its_mark_out(run):
    found = run(Numbers(ALL), saved={"a": 3, "b": 1, "c": 4, **mark(done=True)})
    assert (found.rows, found.states[-1]) == ([("c", 5), ("c", 6)], {"a": 3, "b": 1, "c": 6})
