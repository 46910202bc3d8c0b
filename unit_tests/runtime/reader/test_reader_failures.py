"""Tests failures: what is still read, what is reported, and that the next sync reads the rest."""

import pytest
from numbers_stream import ALL, ALL_ROWS, OUTAGE, REFUSED, Numbers

from source_stock_ticker.runtime.errors import (
    CredentialsError,
    SkipSlice,
    Unavailable,
    UnexpectedResponse,
)
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.stream import Page, Stream, Unread


def test_a_stream_that_fails_ends_with_its_state_and_incomplete_and_an_error(run):
    found = run(Numbers({"a": [[1, 2], OUTAGE]}))
    assert found.kinds == ["STARTED", "RUNNING", "RECORD", "STATE", "INCOMPLETE", "ERROR"]
    assert found.failed


def test_a_slice_that_fails_does_not_stop_the_others(run):
    found = run(Numbers({"a": [[1]], "b": [[1], OUTAGE], "c": [[1]]}))
    assert found.rows == [("a", 1), ("b", 1), ("c", 1)]
    assert found.errors[0]["message"] == "Not read: part b. The API is down. The next sync resumes there."
    assert found.errors[0]["failure_type"] == "transient_error"


def test_what_failed_is_read_by_the_next_sync(run):
    first = run(Numbers({**ALL, "a": [[1, 2], OUTAGE]}))
    second = run(Numbers(ALL), saved=first.states[-1])
    assert sorted(first.rows + second.rows) == ALL_ROWS


def test_the_counts_add_up_when_a_slice_fails(run):
    found = run(Numbers({**ALL, "b": [OUTAGE], "c": [[1, 2], OUTAGE]}))
    counts = [message["state"]["sourceStats"]["recordCount"] for message in found.of_type("STATE")]
    assert sum(counts) == len(found.rows) == 5


def test_the_other_streams_continue_when_one_fails(run):
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
        "Not read: part a, part b, part c, part d, part e and 2 more. The API is down. The next sync resumes there."
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
    assert error["message"] == "The connector has a bug; please report it with the log."
    assert error["failure_type"] == "system_error"
    assert error["internal_message"] == "KeyError('oops')"
    assert "numbers_stream.py" in error["stack_trace"]


@pytest.mark.parametrize("value", [object(), "half a character: \ud800"], ids=["object", "half a character"])
def test_a_value_that_a_row_cannot_hold_fails_its_slice_and_not_the_others(run, value):
    class Odd(Numbers):
        def parse(self, stream_slice, response):
            page = super().parse(stream_slice, response)
            return Page([{**row, "text": value} for row in page.rows]) if stream_slice.name == "b" else page

    found = run(Odd({"a": [[1]], "b": [[1]], "c": [[1]]}))
    assert found.rows == [("a", 1), ("c", 1)]
    assert found.errors[0]["message"] == "Not read: part b. The API sent a value that a row cannot hold."
    assert found.errors[0]["failure_type"] == "system_error"


def test_a_value_that_is_nested_too_deeply_for_a_row_fails_its_slice_and_not_the_others(run):
    class Deep(Numbers):
        def parse(self, stream_slice, response):
            deep = []
            for _ in range(100_000 if stream_slice.name == "b" else 1):
                deep = [deep]
            return Page([{**row, "text": deep} for row in super().parse(stream_slice, response).rows])

    found = run(Deep({"a": [[1]], "b": [[1]], "c": [[1]]}))
    assert found.rows == [("a", 1), ("c", 1)]
    assert found.errors[0]["message"] == "Not read: part b. The API sent a value that a row cannot hold."


@pytest.mark.parametrize("method", ["resume", "slices"])
def test_a_stream_that_cannot_begin_does_not_stop_the_others(run, method):
    def fails(*arguments):
        raise REFUSED

    found = run(Numbers(ALL, name="bad", **{method: fails}), Numbers({"a": [[1]]}, name="good"))
    assert found.rows == [("a", 1)]
    assert found.errors[0]["message"] == "api_key: the API does not know it."


def test_when_the_next_slice_is_unknown_the_sentence_names_no_slice(run, caplog):
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


# What happens to the rest: the table in stream.py

BUG = KeyError("oops")
SENSELESS = UnexpectedResponse("The API sent nonsense.")
REFUSED_KEY = CredentialsError("api_key: the API does not know it.")
ERRORS = {"outage": OUTAGE, "no sense": SENSELESS, "config": REFUSED, "bug": BUG, "credentials": REFUSED_KEY}
FAILS_ALONE = {"outage", "no sense"}


class Groups(Numbers):
    """The second page of its first part fails; d is independent."""

    groups = {"a": "odd", "b": "even", "c": "odd", "e": "odd"}  # noqa: RUF012

    def __init__(self, error, by):
        failing = error if by == "fetch" else [error]
        super().__init__({"a": [[1], failing], "b": [[1]], "c": [[1]], "d": [[1]], "e": [[1]]})

    def parse(self, stream_slice, response):
        if isinstance(response[1][0], Exception):
            raise response[1][0]
        return super().parse(stream_slice, response)


@pytest.mark.parametrize("by", ["fetch", "parse"])
@pytest.mark.parametrize("kind", ERRORS)
def test_a_slice_that_fails_leaves_out_its_group_or_the_whole_stream_or_all_streams(run, kind, by):
    found = run(Groups(ERRORS[kind], by), Numbers({"a": [[7]]}, name="other"))
    others = [("b", 1), ("d", 1)] if kind in FAILS_ALONE else []
    other_stream = [("a", 7)] if kind != "credentials" else []
    assert found.rows == [("a", 1), *others, *other_stream]
    assert found.states[len(found.states) - 1 - len(other_stream)] == {"a": 1, **dict(others)}
    assert found.kinds.count("INCOMPLETE") == len(found.errors) == (2 if kind == "credentials" else 1)
    assert found.failed


@pytest.mark.parametrize("by", ["slices", "resume"])
@pytest.mark.parametrize("kind", ERRORS)
def test_a_stream_whose_slices_fail_is_incomplete_and_keeps_what_is_written(run, kind, by):
    class Lost(Numbers):
        def resume(self, saved):
            if by == "resume":
                raise ERRORS[kind]
            return saved

        def slices(self, state):
            yield from super().slices(state)
            raise ERRORS[kind]

    found = run(Lost({"a": [[1]]}), Numbers({"a": [[7]]}, name="other"))
    own = [("a", 1)] if by == "slices" else []
    other_stream = [("a", 7)] if kind != "credentials" else []
    assert found.rows == own + other_stream
    assert found.states == [{name: id} for name, id in found.rows]
    assert found.kinds.count("INCOMPLETE") == len(found.errors) == (2 if kind == "credentials" else 1)
    assert found.failed


@pytest.mark.parametrize("kind", ["outage", "no sense"])
def test_what_a_failed_slice_and_its_group_lack_is_read_by_the_next_sync(run, kind):
    first = run(Groups(ERRORS[kind], "fetch"))
    whole = {"a": [[1], [2]], "b": [[1]], "c": [[1]], "d": [[1]], "e": [[1]]}
    second = run(Numbers(whole), saved=first.states[-1])
    assert sorted(first.rows + second.rows) == [("a", 1), ("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 1)]


class Plain(Stream[str]):
    """A stream written without groups in mind: its slices are strings, and its state says "read up to"."""

    name, cursor_field = "numbers", "id"

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def slices(self, state):
        yield from "abcd"

    def fetch(self, stream_slice, page_token):
        if stream_slice == "b":
            raise OUTAGE
        return stream_slice

    def parse(self, stream_slice, response):
        return Page([{"part": stream_slice, "id": "abcd".index(response)}])

    def checkpoint(self, state, stream_slice, written):
        state["read up to"] = written.last["part"]


def test_a_slice_that_fails_keeps_those_after_it_from_being_read_if_nothing_else_is_said(run):
    found = run(Plain())
    assert found.rows == [("a", 0)]
    assert found.states[-1] == {"read up to": "a"}  # and so the next sync begins at b


def test_without_a_cursor_there_is_no_state_to_spoil_and_the_others_are_read(run):
    found = run(Plain(cursor_field=None))
    assert found.rows == [("a", 0), ("c", 2), ("d", 3)]


def test_a_bug_in_a_checkpoint_ends_the_stream_with_the_state_before_it(run):
    class Wrong(Numbers):
        def checkpoint(self, state, stream_slice, written):
            if stream_slice.name == "b":
                raise KeyError("oops")
            super().checkpoint(state, stream_slice, written)

    found = run(Wrong({"a": [[1]], "b": [[1]], "c": [[1]]}))
    assert found.rows == [("a", 1), ("b", 1)]
    assert found.states[-1] == {"a": 1}
    assert found.errors[0]["failure_type"] == "system_error"


def test_what_has_been_written_of_a_failed_slice_is_not_mistaken_for_rows_of_the_next_one(run):
    stream = Numbers({"a": [[1], OUTAGE], "b": [[7]]})
    run(stream)
    assert stream.checkpoints == [("a", 1, 1, False), ("b", 7, 7, True)]


def test_a_response_that_makes_no_sense_raises_no_hope_for_the_next_sync(run):
    found = run(Numbers({"a": [[1]], "b": [UnexpectedResponse("The API sent nonsense.")]}))
    assert found.errors[0]["message"] == "Not read: part b. The API sent nonsense."


def test_an_unknown_stream_is_reported_with_the_known_ones(run):
    catalog = [ConfiguredStream(name, None, False) for name in ("letters", "numbers")]
    found = run(Numbers({"a": [[1]]}), catalog=catalog)
    assert found.failed
    assert found.kinds[:3] == ["STARTED", "INCOMPLETE", "ERROR"]  # older platforms refuse INCOMPLETE before STARTED
    assert found.errors == [
        {
            "message": "catalog: there is no stream letters; choose from numbers.",
            "failure_type": "config_error",
            "stream_descriptor": {"name": "letters"},
        }
    ]
    assert found.rows == [("a", 1)]


def test_slices_that_failed_for_different_reasons_are_named_with_theirs(run):
    odd = UnexpectedResponse("Odd.")
    found = run(Numbers({"a": [odd], "b": [OUTAGE], "c": [[1]], "d": [OUTAGE]}, group=lambda _: None))
    assert found.errors[0]["message"] == (
        "Not read: part a. Odd. Not read: part b, part d. The API is down. The next sync resumes there."
    )
    assert found.errors[0]["failure_type"] == "transient_error"


# Forbidden or gone


GONE, EMPTY = Unavailable("The API says that it is gone."), SkipSlice("It is empty.")


@pytest.mark.parametrize(("error", "listed"), [(GONE, True), (EMPTY, False), (EMPTY, True)])
def test_an_unavailable_slice_is_skipped_with_a_warning(run, caplog, error, listed):
    stream = Numbers({"a": [[1]], "b": [error], "c": [[1]]}, listed=lambda stream_slice: listed)
    found = run(stream)
    assert (found.rows, found.failed, found.kinds[-1]) == ([("a", 1), ("c", 1)], False, "COMPLETE")
    assert caplog.messages == [f"numbers: skipped part b. {error.message}"]


def test_the_state_of_a_slice_that_is_left_out_stays_as_it_is(run):
    found = run(Numbers({"a": [[5]], "b": [EMPTY]}), saved={"a": 4, "b": 7})
    assert found.states[-1] == {"a": 5, "b": 7}


def test_a_slice_that_the_config_names_and_that_is_gone_fails_alone(run):
    found = run(Numbers({"a": [[1]], "b": [GONE], "c": [[1]]}), Numbers({"a": [[1]]}, name="others"))
    assert found.rows == [("a", 1), ("c", 1), ("a", 1)]
    assert [(error["failure_type"], error["message"]) for error in found.errors] == [
        ("config_error", "Not read: part b. The API says that it is gone.")
    ]


def test_what_was_written_of_a_slice_that_goes_away_in_between_stays(run):
    found = run(Numbers({"a": [[1, 2], EMPTY], "b": [[1]]}))
    assert (found.rows, found.failed) == ([("a", 1), ("a", 2), ("b", 1)], False)


def test_an_unread_slice_fails_with_its_own_name_and_the_others_are_read(run):
    class PartlyListed(Numbers):
        def slices(self, state):
            yield Unread("the parts of x", OUTAGE)
            yield from super().slices(state)

        def group(self, stream_slice):
            return stream_slice.name  # an Unread has no group

    found = run(PartlyListed({"a": [[1]]}))
    assert (found.rows, found.failed) == ([("a", 1)], True)
    assert found.errors[0]["message"].startswith("Not read: the parts of x. The API is down.")


@pytest.mark.parametrize(("error", "read"), [(Unavailable("Gone."), ["c"]), (SkipSlice("Empty."), ["b", "c"])])
def test_no_later_slice_of_a_group_hides_one_that_is_not_to_be_had(run, error, read):
    parts = {"a": [error], "b": [[1]], "c": [[1]]}
    found = run(Numbers(parts, groups={"a": "ab", "b": "ab"}, listed=lambda stream_slice: True))
    assert ([part for part, _ in found.rows], found.failed) == (read, False)


def test_of_many_slices_that_are_left_out_twenty_are_named(run, caplog):
    found = run(Numbers({str(n): [EMPTY] for n in range(23)}))
    assert not found.failed
    assert (len(caplog.messages), caplog.messages[-1]) == (21, "numbers: skipped 3 more.")
