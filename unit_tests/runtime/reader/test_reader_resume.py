"""Which streams are read, and from where: the catalog, the saved state, the sync mode."""

import json
import logging

from numbers_stream import ALL, ALL_ROWS, Numbers

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


def test_an_incremental_read_goes_on_where_the_state_says(run):
    assert run(Numbers(ALL), saved={"a": 3, "b": 1, "c": 4}).rows == [("c", 5), ("c", 6)]


def test_a_full_refresh_reads_all_whatever_the_state_says(run):
    found = run(Numbers(ALL), saved={"a": 3, "b": 1}, catalog=[ConfiguredStream("numbers", None, False)])
    assert found.rows == ALL_ROWS


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
    assert caplog.messages == ["numbers has no cursor: it is read in full."]


def test_a_stream_may_do_what_it_likes_with_the_state_it_gets(run):
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
