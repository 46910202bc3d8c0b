"""Reading ahead: in order, with bounds, and with every failure told at its place."""

import threading
import time
from itertools import islice

import pytest

from source_stock_ticker.runtime.errors import TransientError
from source_stock_ticker.runtime.process import prefetch
from source_stock_ticker.runtime.process.prefetch import Prefetcher

SLICES = ["a", "b", "c", "d", "e", "f", "g", "h"]


class Sized:
    """A page of so many bytes, without the bytes."""

    def __init__(self, size):
        self._size = size

    def __len__(self):
        return self._size


def pages_of(stream_slice, parse_lock):
    """Three pages of a slice."""
    for number in (1, 2, 3):
        with parse_lock():
            page = f"{stream_slice}{number}"
        yield page


def one_page(stream_slice, parse_lock):
    yield str(stream_slice)


def alone(stream_slice):
    """The group of slices that have none."""


def together(stream_slice):
    return "all"


def prefetcher(slices, work=pages_of, group=alone, workers=2):
    return Prefetcher(iter(slices), work, group, workers)


def arrived(prefetched):
    """What comes, without the signs that there is nothing yet."""
    return ((stream_slice, page) for stream_slice, page in prefetched if (stream_slice, page) != (None, None))


def collected(slices, work=pages_of, group=alone, workers=2):
    """All that comes, in the order in which it comes; an error by its type."""
    with prefetcher(slices, work, group, workers) as prefetched:
        return [
            (stream_slice, type(page) if isinstance(page, Exception) else page)
            for stream_slice, page in arrived(prefetched)
        ]


@pytest.fixture
def new_threads():
    """A function that gives the threads begun since the test did and not yet ended."""
    before = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - before


def all_end(new_threads):
    return until(lambda: not new_threads())


def until(reached):
    """Whether it comes about within some seconds."""
    deadline = time.monotonic() + 5
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.005)
    return reached()


# Order


@pytest.mark.parametrize("workers", [1, 2, 4, 32])
def test_pages_come_in_the_order_of_the_slices(workers):
    found = collected(SLICES, workers=workers)
    assert found == [(letter, f"{letter}{number}") for letter in SLICES for number in (1, 2, 3)]


def test_pages_come_in_order_though_the_first_slice_is_the_slowest():
    others_done = threading.Barrier(3)

    def work(stream_slice, parse_lock):
        if stream_slice == "a":
            others_done.wait(5)
        yield stream_slice
        if stream_slice in "bc":
            others_done.wait(5)

    assert collected("abcd", work, workers=3) == [(letter, letter) for letter in "abcd"]


def test_without_slices_nothing_comes():
    assert collected([]) == []


def test_a_slice_without_pages_does_not_hold_up_those_behind_it():
    def work(stream_slice, parse_lock):
        yield from () if stream_slice == "a" else stream_slice

    assert collected("abc", work) == [("b", "b"), ("c", "c")]


def test_a_page_without_bytes_is_a_page_too():
    assert collected("ab", lambda stream_slice, parse_lock: iter([""])) == [("a", ""), ("b", "")]


@pytest.mark.parametrize("workers", [1, 4])
def test_all_workers_start_at_once_each_with_a_slice_of_its_own(workers):
    started = threading.Barrier(workers)

    def work(stream_slice, parse_lock):
        started.wait(5)  # raises unless all are here at once
        yield str(stream_slice)

    assert collected(range(2 * workers), work, workers=workers) == [(n, str(n)) for n in range(2 * workers)]


def test_there_are_no_more_workers_than_are_asked_for():
    threads = set()

    def work(stream_slice, parse_lock):
        threads.add(threading.current_thread())
        yield str(stream_slice)

    collected(range(100), work, workers=3)
    assert len(threads) <= 3
    assert threading.main_thread() not in threads


def test_small_pages_of_a_later_slice_need_not_wait_for_the_slices_before_it():
    b_is_read = threading.Event()

    def work(stream_slice, parse_lock):
        if stream_slice == "a":
            assert b_is_read.wait(5)
        yield from pages_of(stream_slice, parse_lock)
        if stream_slice == "b":
            b_is_read.set()

    assert [stream_slice for stream_slice, _ in collected("ab", work)] == ["a"] * 3 + ["b"] * 3


def test_a_page_comes_out_before_the_next_one_is_there():
    first_taken = threading.Event()

    def work(stream_slice, parse_lock):
        yield "first"
        assert first_taken.wait(5)
        yield "second"

    with prefetcher("a", work) as prefetched:
        pages = arrived(prefetched)
        assert next(pages) == ("a", "first")
        first_taken.set()
        assert next(pages) == ("a", "second")


def test_a_reader_that_waits_is_told_again_and_again_that_there_is_nothing_yet(monkeypatch):
    monkeypatch.setattr(prefetch, "TICK", 0.01)
    told = threading.Event()

    def work(stream_slice, parse_lock):
        assert told.wait(5)
        yield "page"

    with prefetcher("a", work) as prefetched:
        pages = iter(prefetched)
        assert [next(pages) for _ in range(5)] == [(None, None)] * 5
        told.set()
        assert next(arrived(pages)) == ("a", "page")


def test_a_reader_that_waits_gets_a_page_as_soon_as_it_arrives(monkeypatch):
    monkeypatch.setattr(prefetch, "TICK", 60)

    def work(stream_slice, parse_lock):
        time.sleep(0.05)
        yield "page"

    assert collected("a", work) == [("a", "page")]  # within less than a tick, or the test would take a minute


# Bounds


@pytest.mark.parametrize("workers", [1, 3])
def test_only_a_few_pages_are_read_ahead_however_many_there_are(workers):
    read = []

    def work(stream_slice, parse_lock):
        for number in range(1000):
            with parse_lock():
                read.append((stream_slice, number))
            yield "page"

    with prefetcher(range(1000), work, workers=workers) as prefetched:
        pages = arrived(prefetched)
        for _ in range(100):
            next(pages)
        time.sleep(0.1)  # whoever reads too far has the time for it
    # Of each slice begun a few pages wait to be taken, and a worker may have the next one in hand.
    assert len({stream_slice for stream_slice, _ in read}) <= 2 * workers
    assert len(read) <= 100 + 2 * workers * (prefetch.MAX_WAITING_PAGES + 1)


def test_only_a_few_slices_are_begun_ahead_however_short_they_are():
    begun = []

    def slices():
        for number in range(1000):
            begun.append(number)
            yield number

    with prefetcher(slices(), one_page, workers=2) as prefetched:
        next(arrived(prefetched))
        time.sleep(0.1)
    assert len(begun) <= 5


def test_only_so_many_bytes_are_read_ahead_however_many_workers_there_are():
    page = Sized(prefetch.MAX_WAITING_BYTES // 2)
    made = []

    def work(stream_slice, parse_lock):
        with parse_lock():
            time.sleep(0.005)  # so that the others stand in line behind
            made.append(page)
        yield page

    with prefetcher(range(1000), work, workers=16) as prefetched:
        next(arrived(prefetched))
        time.sleep(0.2)
    # A page may reach over the limit, one is of the slice that the reader is at, one or two are on their way.
    assert sum(map(len, made)) <= prefetch.MAX_WAITING_BYTES + 4 * len(page)


def test_pages_larger_than_the_bound_come_one_by_one():
    page = Sized(prefetch.MAX_WAITING_BYTES * 2)

    def work(stream_slice, parse_lock):
        for _ in range(3):
            with parse_lock():
                pass
            yield page

    assert collected("abcd", work, workers=4) == [(letter, page) for letter in "aaabbbcccddd"]


def test_one_worker_at_a_time_holds_the_parse_lock():
    inside = []

    def work(stream_slice, parse_lock):
        with parse_lock():
            inside.append(stream_slice)
            time.sleep(0.001)
            is_alone = inside == [stream_slice]
            inside.clear()
        yield str(is_alone)

    assert {page for _, page in collected(range(20), work, workers=8)} == {"True"}


def test_slices_are_made_by_one_thread_at_a_time():
    def slices():
        for number in range(50):
            time.sleep(0.001)  # a generator that a second thread enters meanwhile raises ValueError
            yield number

    assert collected(slices(), one_page, workers=8) == [(number, str(number)) for number in range(50)]


# Errors


def test_an_error_comes_behind_the_pages_before_it_and_the_other_slices_go_on():
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
def test_an_error_of_the_grouping_is_told_as_one_of_the_slices(workers, monkeypatch):
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


def test_a_bug_keeps_the_stack_that_tells_where_it_is():
    def work(stream_slice, parse_lock):
        yield 1 / 0

    with prefetcher("a", work) as prefetched:
        ((_, error),) = arrived(prefetched)
    assert error.__traceback__ is not None


# What is left out


def test_a_slice_that_is_left_out_gives_no_more_pages_and_the_others_go_on():
    found = []
    with prefetcher("abc", workers=1) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            if page == "a1":
                prefetched.leave_out(stream_slice)
    assert found == ["a1", "b1", "b2", "b3", "c1", "c2", "c3"]


def test_nothing_of_the_slices_behind_it_in_its_group_comes_though_it_is_read_already():
    found = []
    with prefetcher("aAbBcC", one_page, str.islower, workers=6) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            time.sleep(0.05)  # so that all six are read
            if page == "A":
                prefetched.leave_out(stream_slice)
    assert found == ["a", "A", "b", "c"]


def test_of_a_group_that_is_left_out_no_further_slice_is_begun():
    begun = []

    def work(stream_slice, parse_lock):
        begun.append(stream_slice)
        yield str(stream_slice)

    with prefetcher(range(100), work, together, workers=1) as prefetched:
        for stream_slice, _ in arrived(prefetched):
            prefetched.leave_out(stream_slice)
    assert len(begun) <= 2


def test_of_slices_without_a_group_only_the_one_is_left_out():
    found = []
    with prefetcher(range(20), one_page, alone) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            prefetched.leave_out(stream_slice)
    assert found == [str(number) for number in range(20)]


def test_a_slice_that_is_being_begun_while_its_group_is_left_out_is_left_out_too():
    class Slow(Sized):
        """To take it lasts so long that meanwhile a worker has found the next slice and wants to note it down."""

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
                prefetched.leave_out(stream_slice)
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
        prefetched.leave_out(stream_slice)
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
