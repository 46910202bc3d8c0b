"""When something fails: what is still read, what is told, and that the next sync has the rest."""

import pytest
from numbers_stream import ALL, ALL_ROWS, OUTAGE, REFUSED, Numbers, Part

from source_stock_ticker.runtime import (
    Page,
    UnexpectedResponse,
)
from source_stock_ticker.runtime.catalog import ConfiguredStream
from source_stock_ticker.runtime.errors import CredentialsError
from source_stock_ticker.runtime.reader import error_message


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
    assert "numbers_stream.py" in error["stack_trace"]


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
    found = run(Numbers({"a": [[1]], "b": [UnexpectedResponse("The API sent nonsense.")]}))
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
