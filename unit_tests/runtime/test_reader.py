"""The sync: which messages come in which order, that they add up, and that nothing is lost when something fails."""

import json
import logging
import threading
from typing import Any, NamedTuple

import pytest

from source_stock_ticker.runtime import (
    ConfigError,
    Pace,
    Page,
    Stream,
    TransientError,
    UnexpectedAnswer,
)
from source_stock_ticker.runtime.catalog import ConfiguredStream
from source_stock_ticker.runtime.errors import CredentialsError, IncompleteSync
from source_stock_ticker.runtime.reader import error_message, read

FAT = "x" * 400  # a row with it is worth a STATE


class Part(NamedTuple):
    """A slice: the rows of one part behind `after`."""

    name: str
    after: int
    chain: str | None

    def __str__(self) -> str:
        return f"part {self.name}"


class Numbers(Stream):
    """Rows {"part": "a", "id": 1} out of lists: {"a": [[1, 2], [3]]} is a part with two pages; an exception is raised.

    The state holds the last id of each part.
    """

    name = "numbers"
    primary_key = ("part", "id")
    cursor_field: str | None = "id"
    chain: str | None = None

    def __init__(self, parts: dict[str, list[Any]], **attributes: Any) -> None:
        self.parts = parts
        self.resumed_from: list[Any] = []
        self.checkpoints: list[tuple[Any, ...]] = []
        vars(self).update(attributes)

    def resume(self, saved):
        self.resumed_from.append(dict(saved))
        return saved

    def slices(self, state):
        for name in self.parts:
            yield Part(name, state.get(name, 0), self.chain)

    def fetch(self, slice, page_token):
        answer = self.parts[slice.name][int(page_token or 0)]
        if isinstance(answer, Exception):
            raise answer
        return int(page_token or 0), answer

    def parse(self, slice, answer):
        place, ids = answer
        following = str(place + 1) if place + 1 < len(self.parts[slice.name]) else None
        return Page([{"part": slice.name, "id": id, "text": FAT} for id in ids if id > slice.after], following)

    def checkpoint(self, state, slice, first, last, done):
        self.checkpoints.append((slice.name, first and first["id"], last and last["id"], done))
        if last:
            state[slice.name] = last["id"]


ALL = {"a": [[1, 2], [3]], "b": [[1]], "c": [[1, 2, 3], [4, 5], [6]]}
ALL_ROWS = [("a", 1), ("a", 2), ("a", 3), ("b", 1), *(("c", id) for id in range(1, 7))]


class Read(NamedTuple):
    """What came of a read. failed: it ended with IncompleteSync."""

    messages: list[dict[str, Any]]
    failed: bool

    @property
    def rows(self) -> list[tuple[str, int]]:
        return [(row["part"], row["id"]) for row in (m["record"]["data"] for m in self.of_type("RECORD"))]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [m["state"]["stream"]["stream_state"] for m in self.of_type("STATE")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [m["trace"]["error"] for m in self.of_type("TRACE") if m["trace"]["type"] == "ERROR"]

    @property
    def kinds(self) -> list[str]:
        """Each message by its type, of a status what it says; of several RECORDs in a row one."""
        kinds: list[str] = []
        for message in self.messages:
            trace = message.get("trace", {})
            kind = trace.get("stream_status", {}).get("status") or trace.get("type") or message["type"]
            if kinds[-1:] != [kind] or kind != "RECORD":
                kinds.append(kind)
        return kinds

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]


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


def test_a_full_refresh_writes_states_too(run):
    assert run(Numbers(ALL), catalog=[ConfiguredStream("numbers", None, False)]).states[-1] == {"a": 3, "b": 1, "c": 6}


def test_the_last_state_comes_after_the_last_record(run):
    assert run(Numbers(ALL)).kinds[-2:] == ["STATE", "COMPLETE"]
    assert run(Numbers(ALL)).states[-1] == {"a": 3, "b": 1, "c": 6}


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
        """From page to page eleven seconds pass; the state is worth many rows."""

        def checkpoint(self, state, slice, first, last, is_last):
            clock.sleep(11)
            super().checkpoint(state, slice, first, last, is_last)

    monkeypatch.setattr("time.monotonic", clock.monotonic)
    few = run(Slow({"a": [[number] for number in range(1, 9)]}), saved={"b": "x" * 100_000}, workers=1)
    # One is written at once and one at the end; these are those between.
    assert len(few.states) > 3


def test_a_checkpoint_hears_of_the_first_and_the_last_row_of_its_slice(run):
    stream = Numbers({"a": [[1, 2], [3]], "b": [[]]})
    run(stream)
    assert stream.checkpoints == [("a", 1, 2, False), ("a", 1, 3, True), ("b", None, None, True)]


def test_an_empty_last_page_does_not_make_the_last_row_forgotten(run):
    stream = Numbers({"a": [[1, 2], []]})
    run(stream)
    assert stream.checkpoints[-1] == ("a", 1, 2, True)


def test_an_answer_of_none_is_a_slice_without_rows(run):
    class Nothing(Numbers):
        def fetch(self, slice, page_token):
            return None

    stream = Nothing({"a": [[1]]})
    assert run(stream).kinds == ["STARTED", "STATE", "COMPLETE"]
    assert stream.checkpoints == [("a", None, None, True)]


# Which streams, and from where


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
    found = run(Numbers({"a": [[1], UnexpectedAnswer("Odd.")]}), catalog=[ConfiguredStream("numbers", "eu", True)])
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


# Failures


OUTAGE = TransientError("The API is down.", "HTTP 503 from the proxy")
REFUSED = ConfigError("api_key: the API does not know it.")


def test_a_stream_that_fails_ends_with_its_state_and_incomplete_and_an_error(run):
    found = run(Numbers({"a": [[1, 2], OUTAGE]}))
    assert found.kinds == ["STARTED", "RUNNING", "RECORD", "STATE", "INCOMPLETE", "ERROR"]
    assert found.failed


def test_a_slice_that_fails_does_not_stop_the_others(run):
    found = run(Numbers({"a": [[1]], "b": [[1], OUTAGE], "c": [[1]]}))
    assert found.rows == [("a", 1), ("b", 1), ("c", 1)]
    assert found.errors[0]["message"] == "Not read: part b. The API is down. The next sync begins there."
    assert found.errors[0]["failure_type"] == "transient_error"


def test_what_failed_is_read_by_the_next_sync(run):
    first = run(Numbers({**ALL, "a": [[1, 2], OUTAGE]}))
    second = run(Numbers(ALL), saved=first.states[-1])
    assert sorted(first.rows + second.rows) == ALL_ROWS


def test_the_counts_add_up_when_a_slice_fails(run):
    found = run(Numbers({**ALL, "b": [OUTAGE], "c": [[1, 2], OUTAGE]}))
    counts = [message["state"]["sourceStats"]["recordCount"] for message in found.of_type("STATE")]
    assert sum(counts) == len(found.rows) == 5


def test_the_other_streams_go_on_when_one_fails(run):
    bad, good = Numbers({"a": [OUTAGE]}, name="bad"), Numbers({"a": [[1]]}, name="good")
    found = run(bad, good)
    assert found.failed
    assert found.kinds == [
        "STARTED",
        "STATE",
        "INCOMPLETE",
        "ERROR",
        "STARTED",
        "RUNNING",
        "RECORD",
        "STATE",
        "COMPLETE",
    ]
    assert found.errors[0]["stream_descriptor"] == {"name": "bad"}


def test_a_failure_is_logged_when_it_happens(run, caplog):
    run(Numbers({"a": [OUTAGE], "b": [[1]]}))
    assert caplog.messages == ["numbers: part a failed: The API is down."]


def test_of_many_failures_five_are_named(run):
    found = run(Numbers({name: [OUTAGE] for name in "abcdefg"}))
    assert found.errors[0]["message"] == (
        "Not read: part a, part b, part c, part d, part e and 2 more. The API is down. The next sync begins there."
    )


def test_what_developers_want_to_know_of_a_failure_is_in_the_internal_message(run):
    found = run(Numbers({"a": [OUTAGE]}))
    assert "HTTP 503 from the proxy" in found.errors[0]["internal_message"]


def test_what_the_user_must_change_ends_the_stream_at_once(run):
    found = run(Numbers({"a": [[1]], "b": [REFUSED], "c": [[1]]}))
    assert found.rows == [("a", 1)]
    assert found.states[-1] == {"a": 1}
    assert found.errors[0]["message"] == "api_key: the API does not know it."
    assert found.errors[0]["failure_type"] == "config_error"


def test_a_bug_ends_the_stream_and_shows_its_stack_to_developers_only(run):
    found = run(Numbers({"a": [[1]], "b": [KeyError("oops")], "c": [[1]]}))
    assert found.rows == [("a", 1)]
    (error,) = found.errors
    assert error["message"] == "Something went wrong inside the connector; please report it with the log."
    assert error["failure_type"] == "system_error"
    assert error["internal_message"] == "KeyError('oops')"
    assert "test_reader.py" in error["stack_trace"]


def test_a_row_that_json_cannot_hold_is_a_bug_that_does_not_spoil_the_others(run):
    class Odd(Numbers):
        def parse(self, slice, answer):
            page = super().parse(slice, answer)
            return Page([{**row, "text": object()} for row in page.rows]) if slice.name == "b" else page

    found = run(Odd({"a": [[1]], "b": [[1]]}))
    assert found.rows == [("a", 1)]
    assert found.errors[0]["failure_type"] == "system_error"


@pytest.mark.parametrize("method", ["resume", "slices"])
def test_a_stream_that_cannot_begin_does_not_stop_the_others(run, method):
    def fails(*arguments):
        raise REFUSED

    found = run(Numbers(ALL, name="bad", **{method: fails}), Numbers({"a": [[1]]}, name="good"))
    assert found.rows == [("a", 1)]
    assert found.errors[0]["message"] == "api_key: the API does not know it."


def test_when_it_cannot_be_told_what_to_read_next_the_sentence_names_no_slice(run, caplog):
    class Lost(Numbers):
        def slices(self, state):
            yield from super().slices(state)
            raise OUTAGE

    found = run(Lost({"a": [[1]]}))
    assert found.rows == [("a", 1)]
    assert "The API is down." in found.errors[0]["message"]
    assert "None" not in found.errors[0]["message"] + caplog.text


def test_after_a_refused_key_no_other_stream_is_tried(run):
    refused = CredentialsError("api_key: the API does not know it.")
    found = run(Numbers({"a": [refused]}, name="first"), Numbers({"a": [[1]]}, name="second"))
    assert found.rows == []
    assert [error["message"] for error in found.errors] == ["api_key: the API does not know it."] * 2


def test_when_a_link_of_a_chain_fails_the_rest_of_it_is_left_out(run):
    stream = Numbers({"a": [[1]], "b": [[1], OUTAGE], "c": [[1]], "d": [[1]]}, chain="days")
    found = run(stream)
    assert found.rows == [("a", 1), ("b", 1)]
    assert found.states[-1] == {"a": 1, "b": 1}


def test_a_chain_that_breaks_leaves_the_others_alone(run):
    class Chains(Numbers):
        def slices(self, state):
            for part in super().slices(state):
                yield part._replace(chain={"a": "odd", "b": "even", "c": "odd", "d": "even", "e": None}[part.name])

    found = run(Chains({"a": [OUTAGE], "b": [[1]], "c": [[1]], "d": [[1]], "e": [[1]]}))
    assert found.rows == [("b", 1), ("d", 1), ("e", 1)]


class Plain(Numbers):
    """As one writes it who has not heard of chains: its slices are texts."""

    def slices(self, state):
        yield from self.parts

    def fetch(self, slice, page_token):
        return super().fetch(Part(slice, 0, None), page_token)

    def parse(self, slice, answer):
        return super().parse(Part(slice, 0, None), answer)

    def checkpoint(self, state, slice, first, last, done):
        if last:
            state["read up to"] = last["id"]


def test_a_slice_that_fails_keeps_those_behind_it_from_being_read_if_nothing_else_is_said(run):
    found = run(Plain({"a": [[1]], "b": [OUTAGE], "c": [[3]], "d": [[4]]}))
    assert found.rows == [("a", 1)]
    assert found.states[-1] == {"read up to": 1}  # and so the next sync begins at b


def test_without_a_cursor_there_is_no_state_to_spoil_and_the_others_are_read(run):
    found = run(Plain({"a": [[1]], "b": [OUTAGE], "c": [[3]], "d": [[4]]}, cursor_field=None))
    assert found.rows == [("a", 1), ("c", 3), ("d", 4)]


def test_an_answer_that_makes_no_sense_raises_no_hope_for_the_next_sync(run):
    found = run(Numbers({"a": [[1]], "b": [UnexpectedAnswer("The API sent nonsense.")]}))
    assert found.errors[0]["message"] == "Not read: part b. The API sent nonsense."


def test_pages_without_rows_come_to_an_end_though_each_is_another(run):
    class Empty(Numbers):
        def fetch(self, slice, page_token):
            return int(page_token or 0)

        def parse(self, slice, answer):
            return Page([], str(answer + 1))

    found = run(Empty({"a": []}))
    assert "The last 101 pages of part a brought nothing new." in found.errors[0]["message"]


def test_a_stream_that_there_is_not_is_told_with_those_there_are(run):
    catalog = [ConfiguredStream(name, None, False) for name in ("letters", "numbers")]
    found = run(Numbers({"a": [[1]]}), catalog=catalog)
    assert found.failed
    assert found.kinds[:2] == ["INCOMPLETE", "ERROR"]
    assert found.errors == [
        {
            "message": "catalog: there is no stream letters; this source has numbers.",
            "failure_type": "config_error",
            "stream_descriptor": {"name": "letters"},
        }
    ]
    assert found.rows == [("a", 1)]


# Answers that make no sense


class Garbled(Numbers):
    """Each page is garbled so many times before it is as it should be."""

    times = 0
    fetched = 0

    def fetch(self, slice, page_token):
        self.fetched += 1
        return super().fetch(slice, page_token)

    def parse(self, slice, answer):
        if self.fetched <= self.times:
            raise UnexpectedAnswer("The API sent something that is not JSON.")
        return super().parse(slice, answer)


def test_an_answer_that_makes_no_sense_is_fetched_again(run, caplog):
    assert run(Garbled({"a": [[1, 2]]}, times=2)).rows == [("a", 1), ("a", 2)]
    assert caplog.messages == ["part a: The API sent something that is not JSON. Fetching it again."] * 2


def test_an_answer_that_never_makes_sense_is_an_error(run):
    stream = Garbled({"a": [[1]]}, times=1000)
    found = run(stream)
    assert found.errors[0]["failure_type"] == "system_error"
    assert "The API sent something that is not JSON." in found.errors[0]["message"]
    assert stream.fetched < 10


def test_pages_that_lead_in_a_circle_end_with_an_error(run):
    class Circle(Numbers):
        def parse(self, slice, answer):
            return super().parse(slice, answer)._replace(next_page_token={0: "1", 1: "2", 2: "1"}[answer[0]])

    found = run(Circle({"a": [[1], [2], [3]]}))
    assert found.rows == [("a", 1), ("a", 2), ("a", 3)]
    assert "The pages of part a lead in a circle." in found.errors[0]["message"]


def test_pages_without_end_end_with_an_error(run, monkeypatch):
    class Endless(Numbers):
        def fetch(self, slice, page_token):
            return int(page_token or 0)

        def parse(self, slice, answer):
            return Page([{"part": "a", "id": answer}], str(answer + 1))

    monkeypatch.setattr("source_stock_ticker.runtime.reader.MOST_PAGES", 30)
    found = run(Endless({"a": []}))
    assert found.rows == [("a", id) for id in range(31)]
    assert "part a has over 30 pages." in found.errors[0]["message"]


# Waiting


def test_a_stream_that_waits_for_the_rate_limit_says_so_once(caplog, messages_in):
    told = threading.Event()

    class Waiting(Numbers):
        def fetch(self, slice, page_token):
            assert told.wait(5)
            return super().fetch(slice, page_token)

        def pace(self):
            return Pace(seconds_to_wait=0.0 if told.is_set() else 30.0)

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


def test_who_waits_for_a_page_lets_out_what_is_written():
    asked = threading.Event()

    class Slow(Numbers):
        def fetch(self, slice, page_token):
            assert slice.name == "a" or asked.wait(5)
            return super().fetch(slice, page_token)

    lines = []
    catalog = [ConfiguredStream("numbers", None, True)]
    for line in read([Slow({"a": [[1]], "b": [[1]]})], catalog, {}, 2, logging.getLogger("airbyte")):
        lines.append(line)
        if line == b"" and any(line.startswith(b'{"type":"RECORD"') for line in lines):
            asked.set()
    assert asked.is_set()


# One error message


def test_an_error_of_a_connector_is_told_by_its_sentence(messages_in):
    (message,) = messages_in(error_message(OUTAGE))
    assert message["trace"]["error"] == {
        "message": "The API is down.",
        "failure_type": "transient_error",
        "internal_message": "HTTP 503 from the proxy",
    }


def test_an_error_that_is_a_bug_tells_the_user_nothing_of_python(messages_in):
    (message,) = messages_in(error_message(ValueError("bad literal")))
    assert "literal" not in message["trace"]["error"]["message"]
    assert message["trace"]["error"]["internal_message"] == "ValueError('bad literal')"
