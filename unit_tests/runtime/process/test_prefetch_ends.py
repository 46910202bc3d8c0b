"""Tests how prefetching ends: by an error, by skipped slices, or when everything is read."""

import threading
import time
from itertools import islice

import pytest
from prefetched import (
    SLICES,
    Sized,
    all_end,
    alone,
    arrived,
    collected,
    one_page,
    pages_of,
    prefetcher,
    together,
    until,
)

from source_stock_ticker.runtime.errors import TransientError
from source_stock_ticker.runtime.process import prefetch


@pytest.fixture
def new_threads():
    """A function that returns the running threads started since the test began."""
    before = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - before


# Errors


def test_an_error_comes_after_the_pages_before_it_and_the_other_slices_continue():
    def work(stream_slice, parse_lock):
        yield from pages_of(stream_slice, parse_lock)
        if stream_slice == "b":
            raise ZeroDivisionError("b")

    pages = [(letter, f"{letter}{number}") for letter in "abc" for number in (1, 2, 3)]
    assert collected("abc", work) == [*pages[:6], ("b", ZeroDivisionError), *pages[6:]]


def test_an_error_under_the_parse_lock_lets_the_next_one_in():
    def work(stream_slice, parse_lock):
        with parse_lock():
            if stream_slice == "a":
                raise ZeroDivisionError("a")
        yield stream_slice

    assert collected("abc", work, workers=1) == [("a", ZeroDivisionError), ("b", "b"), ("c", "c")]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_slices_comes_last_and_with_no_slice(workers):
    def slices():
        yield "a"
        yield "b"
        raise ZeroDivisionError("what next?")

    found = collected(slices(), one_page, workers=workers)
    assert found == [("a", "a"), ("b", "b"), (None, ZeroDivisionError)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_in_group_is_reported_as_an_error_of_the_slices(workers, monkeypatch):
    monkeypatch.setattr(prefetch, "TICK", 0.01)

    def group(stream_slice):
        return 1 / "ab".index(stream_slice)

    with prefetcher("ba", one_page, group, workers) as prefetched:
        found = [(stream_slice, page) for stream_slice, page in islice(prefetched, 100) if page is not None]
    assert [stream_slice for stream_slice, _ in found] == ["b", None]
    assert isinstance(found[-1][1], ZeroDivisionError)


def test_a_failure_does_not_keep_the_response_that_it_was_about_in_memory():
    def work(stream_slice, parse_lock):
        yield "page"
        try:
            raise KeyError("as found in the response")
        except KeyError:
            raise TransientError("The API is down.")  # noqa: B904

    with prefetcher("a", work) as prefetched:
        (error,) = [page for _, page in arrived(prefetched) if isinstance(page, Exception)]
    assert (error.__traceback__, error.__context__) == (None, None)


def test_a_bug_keeps_the_stack_that_shows_where_it_is():
    def work(stream_slice, parse_lock):
        yield 1 / 0

    with prefetcher("a", work) as prefetched:
        ((_, error),) = arrived(prefetched)
    assert error.__traceback__ is not None


# Skipped slices


def test_a_skipped_slice_gives_no_more_pages_and_the_others_continue():
    found = []
    with prefetcher("abc", workers=1) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            if page == "a1":
                prefetched.skip_group_of(stream_slice)
    assert found == ["a1", "b1", "b2", "b3", "c1", "c2", "c3"]


def test_nothing_of_the_slices_after_it_in_its_group_comes_although_it_is_read_already():
    found = []
    with prefetcher("aAbBcC", one_page, str.islower, workers=6) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            time.sleep(0.05)  # so all six are read
            if page == "A":
                prefetched.skip_group_of(stream_slice)
    assert found == ["a", "A", "b", "c"]


def test_of_a_group_that_is_left_out_no_further_slice_is_begun():
    begun = []

    def work(stream_slice, parse_lock):
        begun.append(stream_slice)
        yield str(stream_slice)

    with prefetcher(range(100), work, together, workers=1) as prefetched:
        for stream_slice, _ in arrived(prefetched):
            prefetched.skip_group_of(stream_slice)
    assert len(begun) <= 2


def test_of_slices_without_a_group_only_the_one_is_left_out():
    found = []
    with prefetcher(range(20), one_page, alone) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            prefetched.skip_group_of(stream_slice)
    assert found == [str(number) for number in range(20)]


def test_a_slice_that_is_being_begun_while_its_group_is_left_out_is_left_out_too():
    class Slow(Sized):
        """Taking it lasts so long that a worker has found the next slice and wants to record it."""

        def __len__(self):
            if threading.current_thread() is threading.main_thread():
                may_find.set()
                time.sleep(0.02)
            return 1

    def slices():
        yield "a"
        may_find.wait(5)
        yield "b"

    def work(stream_slice, parse_lock):
        yield Slow(1)

    for _ in range(20):
        may_find, found = threading.Event(), []
        with prefetcher(slices(), work, together) as prefetched:
            for stream_slice, _page in arrived(prefetched):
                found.append(stream_slice)
                prefetched.skip_group_of(stream_slice)
        assert found == ["a"]


def test_a_slice_that_is_left_out_leaves_its_room_to_the_next_ones():
    made = []

    def work(stream_slice, parse_lock):
        for _ in range(3):
            with parse_lock():
                made.append(stream_slice)
            yield Sized(prefetch.MAX_WAITING_BYTES + 1 if stream_slice == "fills the room" else 1)

    def slices():
        yield "fills the room"
        assert until(lambda: made)
        yield from ("small", "small too")

    with prefetcher(slices(), work, workers=3) as prefetched:
        stream_slice, _ = next(arrived(prefetched))
        assert until(lambda: len(made) == 2)  # the next page fills it again
        time.sleep(0.05)
        assert set(made) == {"fills the room"}
        prefetched.skip_group_of(stream_slice)
        assert until(lambda: set(made) == {"fills the room", "small", "small too"})


# The end


def test_the_workers_end_when_all_is_read(new_threads):
    collected(SLICES, workers=4)
    assert all_end(new_threads)


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_leaving_early_ends_the_workers(new_threads, taken):
    with prefetcher(range(1000), workers=4) as prefetched:
        pages = arrived(prefetched)
        for _ in range(taken):
            next(pages)
        assert new_threads()
    assert all_end(new_threads)


def test_leaving_by_an_exception_ends_the_workers(new_threads):
    def read():
        with prefetcher(range(1000), workers=4) as prefetched:
            next(arrived(prefetched))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()
    assert all_end(new_threads)


def test_leaving_while_the_next_slice_is_being_found_ends_the_workers(new_threads):
    searching, left = threading.Event(), threading.Event()

    def slices():
        yield "a"
        searching.set()
        left.wait(5)
        yield "b"

    begun = []

    def work(stream_slice, parse_lock):
        begun.append(stream_slice)
        yield from one_page(stream_slice, parse_lock)

    with prefetcher(slices(), work) as prefetched:
        next(arrived(prefetched))
        assert searching.wait(5)
    left.set()
    assert all_end(new_threads)
    assert begun == ["a"]


def test_a_worker_that_waits_for_the_network_does_not_keep_the_process_from_ending(new_threads):
    answers = threading.Event()

    def work(stream_slice, parse_lock):
        yield "page"
        answers.wait(5)

    with prefetcher("a", work) as prefetched:
        next(arrived(prefetched))
        assert all(thread.daemon for thread in new_threads())
    answers.set()
    assert all_end(new_threads)
