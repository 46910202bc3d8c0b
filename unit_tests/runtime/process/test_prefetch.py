"""Tests prefetching: pages come in order, and no more of them than the limits allow."""

import threading
import time

import pytest
from prefetched import SLICES, Sized, arrived, collected, one_page, pages_of, prefetcher

from source_stock_ticker.runtime.process import prefetch

# Order


@pytest.mark.parametrize("workers", [1, 2, 4, 32])
def test_pages_come_in_the_order_of_the_slices(workers):
    found = collected(SLICES, workers=workers)
    assert found == [(letter, f"{letter}{number}") for letter in SLICES for number in (1, 2, 3)]


def test_pages_come_in_order_although_the_first_slice_is_the_slowest():
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


def test_a_slice_without_pages_does_not_hold_up_those_after_it():
    def work(stream_slice, parse_lock):
        yield from () if stream_slice == "a" else stream_slice

    assert collected("abc", work) == [("b", "b"), ("c", "c")]


def test_a_page_without_bytes_is_a_page_too():
    assert collected("ab", lambda stream_slice, parse_lock: iter([""])) == [("a", ""), ("b", "")]


@pytest.mark.parametrize("workers", [1, 4])
def test_all_workers_start_at_once_each_with_its_own_slice(workers):
    started = threading.Barrier(workers)

    def work(stream_slice, parse_lock):
        started.wait(5)  # raises unless all are here at once
        yield str(stream_slice)

    assert collected(range(2 * workers), work, workers=workers) == [(n, str(n)) for n in range(2 * workers)]


def test_there_are_no_more_workers_than_are_requested():
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


def test_a_waiting_reader_learns_repeatedly_that_there_is_nothing_yet(monkeypatch):
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
        time.sleep(0.1)  # a reader that goes too far has time to do so
    # A few pages of each slice begun wait to be taken, and a worker can have the next one ready.
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
            time.sleep(0.005)  # so the others queue up
            made.append(page)
        yield page

    with prefetcher(range(1000), work, workers=16) as prefetched:
        next(arrived(prefetched))
        time.sleep(0.2)
    # One page can exceed the limit, one is of the reader's slice, one or two are on their way.
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
