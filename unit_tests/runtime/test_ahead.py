"""Reading ahead: in order, with bounds, and with every failure told at its place."""

import threading
import time

import pytest

from source_stock_ticker.runtime import ahead as ahead_module
from source_stock_ticker.runtime.ahead import MOST_BYTES, MOST_PAGES, Ahead

SLICES = ["a", "b", "c", "d", "e", "f", "g", "h"]


class Sized:
    """A page of so many bytes, without the bytes."""

    def __init__(self, size):
        self._size = size

    def __len__(self):
        return self._size


def pages_of(slice, turn):
    """Three pages of a slice."""
    for number in (1, 2, 3):
        with turn():
            page = f"{slice}{number}"
        yield page


def one_page(slice, turn):
    yield str(slice)


def first_slot(ahead):
    """The slots, and the first of them."""
    slots = ahead.slots()
    return slots, next(slot for slot in slots if slot is not None)


def taken(ahead, slot):
    """The pages of a slot, without the signs that there is none yet."""
    return (page for page in ahead.pages(slot) if page is not None)


def collected(ahead):
    """All that comes, in the order in which it comes: (slice, pages, the error that ended it)."""
    found = []
    for slot in ahead.slots():
        if slot is None:
            continue
        pages, error = [], None
        try:
            pages.extend(taken(ahead, slot))
        except ArithmeticError as raised:
            error = raised
        found.append((slot.slice, pages, error))
    return found


@pytest.fixture
def new_threads():
    """A function that gives the threads begun since the test did and not yet ended."""
    before = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - before


def all_end(new_threads):
    deadline = time.monotonic() + 2
    while new_threads() and time.monotonic() < deadline:
        time.sleep(0.005)
    return not new_threads()


# Order


@pytest.mark.parametrize("workers", [1, 2, 4, 32])
def test_pages_come_in_the_order_of_the_slices(workers):
    found = collected(Ahead(iter(SLICES), pages_of, workers))
    assert found == [(slice, [f"{slice}1", f"{slice}2", f"{slice}3"], None) for slice in SLICES]


def test_pages_come_in_order_though_the_first_slice_is_the_slowest():
    others_done = threading.Barrier(3)

    def work(slice, turn):
        if slice == "a":
            others_done.wait(5)
        yield slice
        if slice in "bc":
            others_done.wait(5)

    found = collected(Ahead(iter("abcd"), work, workers=3))
    assert [pages for _, pages, _ in found] == [["a"], ["b"], ["c"], ["d"]]


def test_without_slices_nothing_comes():
    assert collected(Ahead(iter([]), pages_of, workers=2)) == []


def test_a_slice_without_pages_is_still_told():
    assert collected(Ahead(iter("a"), lambda slice, turn: iter([]), workers=2)) == [("a", [], None)]


def test_a_page_without_bytes_is_a_page_too():
    assert collected(Ahead(iter("ab"), lambda slice, turn: iter([""]), workers=2)) == [
        ("a", [""], None),
        ("b", [""], None),
    ]


def test_several_slices_are_worked_on_at_once():
    together = threading.Barrier(3)

    def work(slice, turn):
        together.wait(5)  # raises unless three are here at once
        yield slice

    assert [error for _, _, error in collected(Ahead(iter("abcdef"), work, workers=3))] == [None] * 6


def test_all_workers_begin_also_where_each_answer_takes_but_two_milliseconds():
    threads = set()

    def work(slice, turn):
        threads.add(threading.current_thread())
        time.sleep(0.002)
        yield from one_page(slice, turn)

    collected(Ahead(iter(range(300)), work, workers=4))
    assert len(threads) == 4


def test_small_pages_of_a_later_slice_need_not_wait_for_the_slices_before_it():
    b_is_read = threading.Event()

    def work(slice, turn):
        if slice == "a":
            assert b_is_read.wait(5)
        yield from pages_of(slice, turn)
        if slice == "b":
            b_is_read.set()

    assert [slice for slice, _, _ in collected(Ahead(iter("ab"), work, workers=2))] == ["a", "b"]


def test_while_one_unpacks_no_other_worker_begins(monkeypatch):
    monkeypatch.setattr(ahead_module, "PATIENCE", 0.1)
    begun, begun_meanwhile = [], []

    def work(slice, turn):
        begun.append(slice)
        with turn():
            time.sleep(0.5)
            begun_meanwhile.append(len(begun))
        yield slice

    collected(Ahead(iter("ab"), work, workers=4))
    assert begun_meanwhile == [1, 2]


def test_where_unpacking_takes_longer_than_the_network_one_worker_does_it_all(monkeypatch):
    monkeypatch.setattr(ahead_module, "PATIENCE", 0.1)
    threads = set()

    def work(slice, turn):
        threads.add(threading.current_thread())
        time.sleep(0.005)
        with turn():
            time.sleep(0.02)
        yield str(slice)

    collected(Ahead(iter(range(20)), work, workers=4))
    assert len(threads) == 1


def test_a_page_comes_out_before_the_next_one_is_there():
    first_taken = threading.Event()

    def work(slice, turn):
        yield "first"
        assert first_taken.wait(5)
        yield "second"

    ahead = Ahead(iter("a"), work, workers=1)
    _slots, slot = first_slot(ahead)
    pages = taken(ahead, slot)
    assert next(pages) == "first"
    first_taken.set()
    assert next(pages) == "second"


def test_a_reader_that_waits_is_told_that_there_is_nothing_yet():
    told = threading.Event()

    def work(slice, turn):
        assert told.wait(5)
        yield "page"

    ahead = Ahead(iter("a"), work, workers=1)
    _slots, slot = first_slot(ahead)
    pages = ahead.pages(slot)
    assert next(pages) is None
    told.set()
    assert "page" in pages


# Bounds


@pytest.mark.parametrize("workers", [1, 3])
def test_only_a_few_pages_are_read_ahead_however_many_there_are(workers):
    read = []

    def work(slice, turn):
        for number in range(1000):
            with turn():
                read.append((slice, number))
            yield "page"

    ahead = Ahead(iter(range(1000)), work, workers)
    slots, slot = first_slot(ahead)
    pages = taken(ahead, slot)
    for _ in range(100):
        next(pages)
    time.sleep(0.1)  # whoever reads too far has the time for it
    slots.close()
    # Of each slice begun a few pages wait to be taken, and a worker may have the next one in hand.
    assert len({slice for slice, _ in read}) <= 2 * workers
    assert len(read) <= 100 + 2 * workers * (MOST_PAGES + 1)


def test_only_a_few_slices_are_begun_ahead_however_short_they_are():
    begun = []

    def slices():
        for number in range(1000):
            begun.append(number)
            yield number

    slots, _slot = first_slot(Ahead(slices(), one_page, workers=2))
    time.sleep(0.1)
    slots.close()
    assert len(begun) <= 5


def test_only_so_many_bytes_are_read_ahead_however_many_workers_there_are():
    page = Sized(MOST_BYTES // 2)
    made = []

    def work(slice, turn):
        with turn():
            time.sleep(0.005)  # so that the others stand in line behind
            made.append(page)
        yield page

    slots, _slot = first_slot(Ahead(iter(range(1000)), work, workers=16))
    time.sleep(0.2)
    slots.close()
    # A page may reach over the limit, one is of the slot that is being emptied, one or two are on their way.
    assert sum(map(len, made)) <= MOST_BYTES + 4 * len(page)


def test_pages_larger_than_the_bound_come_one_by_one():
    page = Sized(MOST_BYTES * 2)

    def work(slice, turn):
        for _ in range(3):
            with turn():
                pass
            yield page

    found = collected(Ahead(iter("abcd"), work, workers=4))
    assert [pages for _, pages, _ in found] == [[page] * 3] * 4


def test_the_turn_lets_one_worker_in_at_a_time():
    inside = []

    def work(slice, turn):
        with turn():
            inside.append(slice)
            time.sleep(0.001)
            alone = inside == [slice]
            inside.clear()
        yield str(alone)

    found = collected(Ahead(iter(range(20)), work, workers=8))
    assert all(pages == ["True"] for _, pages, _ in found)


def test_slices_are_made_by_one_thread_at_a_time():
    def slices():
        for number in range(50):
            time.sleep(0.001)  # a generator that a second thread enters meanwhile raises ValueError
            yield number

    found = collected(Ahead(slices(), one_page, workers=8))
    assert [slice for slice, _, _ in found] == list(range(50))


# Errors


def test_an_error_comes_behind_the_pages_before_it_and_the_other_slices_go_on():
    def work(slice, turn):
        yield from pages_of(slice, turn)
        if slice == "b":
            raise ZeroDivisionError("b")

    a, b, c = collected(Ahead(iter("abc"), work, workers=2))
    assert a == ("a", ["a1", "a2", "a3"], None)
    assert b[:2] == ("b", ["b1", "b2", "b3"])
    assert isinstance(b[2], ZeroDivisionError)
    assert c == ("c", ["c1", "c2", "c3"], None)


def test_an_error_in_a_turn_lets_the_next_one_in():
    def work(slice, turn):
        with turn():
            if slice == "a":
                raise ZeroDivisionError("a")
        yield slice

    assert [pages for _, pages, _ in collected(Ahead(iter("abc"), work, workers=1))] == [[], ["b"], ["c"]]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_in_the_slices_comes_behind_the_slices_before_it(workers):
    def slices():
        yield "a"
        yield "b"
        raise ZeroDivisionError("what next?")

    found = collected(Ahead(slices(), pages_of, workers))
    assert [pages for _, pages, _ in found] == [["a1", "a2", "a3"], ["b1", "b2", "b3"], []]
    assert [type(error) for _, _, error in found] == [type(None), type(None), ZeroDivisionError]


# The end


def test_a_slot_left_early_does_not_hold_up_the_next_ones():
    ahead = Ahead(iter("abc"), pages_of, workers=1)
    assert [slot.slice for slot in ahead.slots() if slot is not None] == ["a", "b", "c"]


def test_a_slot_left_early_leaves_its_room_to_the_next_ones():
    first_is_full, made = threading.Event(), []

    def slices():
        yield "fills the room"
        first_is_full.wait(5)
        yield from ("small", "small too")

    def work(slice, turn):
        with turn():
            made.append(slice)
        yield Sized(MOST_BYTES if slice == "fills the room" else 1)
        first_is_full.set()

    slots, _slot = first_slot(Ahead(slices(), work, workers=3))
    assert first_is_full.wait(5)
    next(slots)
    deadline = time.monotonic() + 5
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    slots.close()
    assert set(made) == {"fills the room", "small", "small too"}


def test_the_workers_end_when_all_is_read(new_threads):
    collected(Ahead(iter(SLICES), pages_of, workers=4))
    assert all_end(new_threads)


def test_leaving_early_ends_the_workers(new_threads):
    slots, _slot = first_slot(Ahead(iter(range(1000)), pages_of, workers=4))
    slots.close()
    assert all_end(new_threads)


def test_leaving_in_the_middle_of_a_slice_ends_the_workers(new_threads):
    ahead = Ahead(iter(range(1000)), pages_of, workers=4)
    slots, slot = first_slot(ahead)
    next(taken(ahead, slot))
    slots.close()
    assert all_end(new_threads)


def test_leaving_while_the_next_slice_is_being_found_ends_the_workers(new_threads):
    searching, left = threading.Event(), threading.Event()

    def slices():
        yield "a"
        searching.set()
        left.wait(5)
        yield "b"

    begun = []

    def work(slice, turn):
        begun.append(slice)
        yield from one_page(slice, turn)

    slots, _slot = first_slot(Ahead(slices(), work, workers=2))
    assert searching.wait(5)
    slots.close()
    left.set()
    assert all_end(new_threads)
    assert begun == ["a"]


class Link:
    chain = "days"

    def __init__(self, number: int) -> None:
        self.number = number


def test_of_a_chain_that_is_left_out_no_further_slice_is_begun():
    begun = []

    def work(slice, turn):
        begun.append(slice.number)
        yield from ()

    ahead = Ahead((Link(number) for number in range(100)), work, workers=1)
    slots = ahead.slots()
    for slot in slots:
        if slot is not None and slot.slice.number == 0:
            ahead.leave_out("days")
    assert len(begun) <= 4
