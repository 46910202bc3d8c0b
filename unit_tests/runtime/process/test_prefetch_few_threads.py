"""Tests prefetching where the system allows only some threads, or none: the same pages, only later."""

import threading

import pytest
from prefetched import SLICES, Sized, alone, arrived, collected, one_page, pages_of, prefetcher, together

from source_stock_ticker.runtime.process import prefetch


@pytest.fixture(params=[0, 1, 2])
def startable(request, monkeypatch):
    """Only this many threads can start."""
    start, places = threading.Thread.start, iter(range(request.param))

    def start_if_there_is_a_place(thread):
        if next(places, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_there_is_a_place)
    return request.param


def test_pages_come_in_the_order_of_the_slices(startable):
    assert collected(SLICES, workers=4) == [(letter, f"{letter}{number}") for letter in SLICES for number in (1, 2, 3)]


def test_the_threads_that_run_do_the_work_and_without_any_the_reader_does(startable):
    threads = set()

    def work(stream_slice, parse_lock):
        threads.add(threading.current_thread())
        yield str(stream_slice)

    collected(range(50), work, workers=4)
    assert (threads == {threading.main_thread()}) == (startable == 0)
    assert len(threads) <= max(1, startable)


def test_a_slice_can_have_more_and_larger_pages_than_can_wait(startable):
    page = Sized(prefetch.MAX_WAITING_BYTES * 2)

    def work(stream_slice, parse_lock):
        for _ in range(3 * prefetch.MAX_WAITING_PAGES):
            with parse_lock():
                pass
            yield page

    assert len(collected("ab", work, workers=4)) == 6 * prefetch.MAX_WAITING_PAGES


def test_slices_without_pages_do_not_hold_up_those_after_them(startable):
    found = collected(range(30), lambda number, parse_lock: iter(["page"] if number == 29 else []), workers=4)
    assert found == [(29, "page")]


def test_errors_come_in_their_place(startable):
    def slices():
        yield from "ab"
        raise KeyError("what next?")

    def work(stream_slice, parse_lock):
        yield stream_slice
        if stream_slice == "a":
            raise ZeroDivisionError("a")

    found = collected(slices(), work, workers=4)
    assert found == [("a", "a"), ("a", ZeroDivisionError), ("b", "b"), (None, KeyError)]


@pytest.mark.parametrize(("group", "expected"), [(alone, ["a1", "b1", "c1"]), (together, ["a1"])])
def test_what_is_left_out_does_not_come(startable, group, expected):
    found = []
    with prefetcher("abc", pages_of, group, workers=4) as prefetched:
        for stream_slice, page in arrived(prefetched):
            found.append(page)
            prefetched.skip_group_of(stream_slice)
    assert found == expected


def test_leaving_early_is_safe(startable):
    with prefetcher(range(1000), one_page, workers=4) as prefetched:
        assert next(arrived(prefetched)) == (0, "0")


@pytest.mark.parametrize("startable", [0], indirect=True)
def test_without_threads_the_reader_learns_before_each_step_that_nothing_has_come_yet(startable):
    # So it can write what it has before the step waits for the network.
    with prefetcher("a", pages_of) as prefetched:
        assert list(prefetched)[:6] == [(None, None), ("a", "a1"), (None, None), ("a", "a2"), (None, None), ("a", "a3")]
