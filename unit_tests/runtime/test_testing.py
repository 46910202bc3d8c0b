"""Tests the helpers for tests of streams: the content of a reading, and that the contract finds faulty streams."""

import itertools

import pytest

from source_stock_ticker.runtime.errors import ConfigError, TransientError, Unavailable
from source_stock_ticker.runtime.stream import Page, Stream
from source_stock_ticker.runtime.testing import Reading, StreamContract, read_stream


class Letters(Stream[str]):
    """Rows {"letter": "a", "place": 1}, two pages for each letter; an exception instead of a letter is raised."""

    name, primary_key, cursor_field = "letters", ("letter", "place"), "letter"
    letters = "abc"

    def __init__(self, *letters):
        self.letters = letters or self.letters

    def json_schema(self):
        return {"type": "object", "properties": {"letter": {"type": "string"}, "place": {"type": "integer"}}}

    def slices(self, state):
        for letter in self.letters:
            if isinstance(letter, Exception) or letter > state.get("last", ""):
                yield letter

    def group(self, stream_slice):
        return None

    def fetch(self, stream_slice, page_token):
        if isinstance(stream_slice, Exception):
            raise stream_slice
        return int(page_token or 1)

    def parse(self, stream_slice, response):
        return Page([{"letter": stream_slice, "place": response}], "2" if response == 1 else None)

    def checkpoint(self, state, stream_slice, written):
        if written.done:
            state["last"] = stream_slice


# A reading


def test_a_reading_has_the_rows_and_after_how_many_of_them_which_state_stood():
    assert read_stream(Letters("a", "b")) == Reading(
        rows=[{"letter": letter, "place": place} for letter in "ab" for place in (1, 2)],
        checkpoints=[(0, {}), (1, {}), (2, {"last": "a"}), (3, {"last": "a"}), (4, {"last": "b"})],
        failed=[],
        nulled=set(),
    )


def test_a_reading_resumes_from_a_saved_state_and_leaves_that_as_it_is():
    saved = {"last": "a"}
    reading = read_stream(Letters("a", "b"), saved)
    assert [row["letter"] for row in reading.rows] == ["b", "b"]
    assert reading.checkpoints[0] == (0, {"last": "a"})
    assert reading.state == {"last": "b"}
    assert saved == {"last": "a"}


@pytest.mark.parametrize("kind", [TransientError, Unavailable])
def test_a_slice_that_fails_is_named_and_the_others_are_read(kind):
    reading = read_stream(Letters("a", kind("It is down."), "b"))
    assert [row["letter"] for row in reading.rows] == ["a", "a", "b", "b"]
    assert reading.failed == ["It is down."]


def test_a_reading_names_the_fields_that_became_null():
    assert read_stream(OfAnotherTypeWhereNullIsAllowed("a")).nulled == {"letter_number"}


def test_slices_that_fail_are_named_as_such():
    class Lost(Letters):
        def slices(self, state):
            yield "a"
            raise TransientError("The API is down.")

    reading = read_stream(Lost())
    assert [row["letter"] for row in reading.rows] == ["a", "a"]
    assert reading.failed == ["slices"]


@pytest.mark.parametrize("error", [ConfigError("key: it is refused."), KeyError("a bug")], ids=["config", "bug"])
def test_what_ends_a_stream_is_raised(error):
    with pytest.raises(type(error)):
        read_stream(Letters("a", error))


def test_a_reading_is_the_same_whatever_the_number_of_workers():
    assert read_stream(Letters(), workers=4) == read_stream(Letters())


# The contract

TESTS = sorted(name for name in vars(StreamContract) if name.startswith("test_"))


def broken_by(stream_class):
    """The tests of the contract that fail for a stream."""
    contract = StreamContract()
    contract.stream = stream_class
    failed = []
    for name in TESTS:
        try:
            getattr(contract, name)()
        except (AssertionError, TypeError):
            failed.append(name)
    return failed


def test_a_good_stream_keeps_the_contract():
    assert broken_by(Letters) == []


class WithoutRows(Letters):
    def parse(self, stream_slice, response):
        return Page([])


class OfAnotherType(Letters):
    def parse(self, stream_slice, response):
        page = super().parse(stream_slice, response)
        return page._replace(rows=[{**row, "place": str(row["place"])} for row in page.rows])


class OfAnotherTypeWhereNullIsAllowed(Letters):
    def json_schema(self):
        schema = super().json_schema()
        return {**schema, "properties": {**schema["properties"], "letter_number": {"type": ["null", "integer"]}}}

    def parse(self, stream_slice, response):
        page = super().parse(stream_slice, response)
        return page._replace(rows=[self.row({**row, "letter_number": "a"}) for row in page.rows])


class WithOneKeyTwice(Letters):
    primary_key = ("letter",)


class InAnyOrder(Letters):
    count = itertools.count()

    def slices(self, state):
        slices = list(super().slices(state))
        return iter(slices if next(self.count) % 2 else reversed(slices))


class StateThatIsNoJson(Letters):
    def checkpoint(self, state, stream_slice, written):
        super().checkpoint(state, stream_slice, written)
        state["all"] = {"a"}


class StateThatJsonChanges(Letters):
    def checkpoint(self, state, stream_slice, written):
        super().checkpoint(state, stream_slice, written)
        state["all"] = ("a",)


class TooEarly(Letters):
    """Claims the whole slice when only its first page is written."""

    def checkpoint(self, state, stream_slice, written):
        state["last"] = stream_slice


class WithNewRowsEveryTime(Letters):
    count = itertools.count()

    def slices(self, state):
        yield from super().slices(state)
        yield f"z{next(self.count)}"


class WithALookbackInAFullRefresh(Letters):
    """Reads the last written slice again, in every kind of read."""

    def slices(self, state):
        yield from (letter for letter in self.letters if letter >= state.get("last", ""))


BROKEN = [
    (WithoutRows, "test_rows_fit_the_schema"),
    (OfAnotherType, "test_rows_fit_the_schema"),
    (OfAnotherTypeWhereNullIsAllowed, "test_rows_fit_the_schema"),
    (WithOneKeyTwice, "test_no_two_rows_have_the_same_key"),
    (InAnyOrder, "test_rows_have_the_same_order_whatever_the_number_of_workers"),
    (StateThatIsNoJson, "test_a_state_is_json"),
    (StateThatJsonChanges, "test_a_state_is_json"),
    (TooEarly, "test_nothing_is_lost_by_a_read_that_resumes_from_any_checkpoint"),
    (WithNewRowsEveryTime, "test_an_increment_changes_nothing_where_nothing_is_new"),
    (WithALookbackInAFullRefresh, "test_another_attempt_of_a_full_refresh_writes_the_rest_and_no_row_twice"),
]


@pytest.mark.parametrize(("stream_class", "broken"), BROKEN)
def test_a_stream_that_breaks_the_contract_is_found(stream_class, broken):
    assert broken in broken_by(stream_class)


def test_each_test_of_the_contract_has_a_stream_here_that_breaks_it():
    assert sorted({broken for _, broken in BROKEN}) == TESTS
