"""Tests the rate limit: turns are spaced over all threads together, and a hold stops every thread."""

import threading
import time

import pytest

from source_stock_ticker.runtime.http.rate_limit import RateLimit, RequestStats


def times_of_requests(rate_limit, clock, threads, requests_each):
    """The moments (seconds from the start) at which this many threads can send their requests."""
    start, times = clock.monotonic(), []
    clock.threads = threads

    def send():
        for _ in range(requests_each):
            rate_limit.wait()
            times.append(clock.monotonic() - start)
        clock.ends_a_thread()

    workers = [threading.Thread(target=send) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    clock.threads = 1
    return times


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_requests_of_all_threads_together_are_spaced_evenly(clock, threads):
    rate_limit = RateLimit(5, clock)  # a minute, so one in 12 seconds
    times = times_of_requests(rate_limit, clock, threads, 4)
    assert sorted(times) == pytest.approx([12 * turn for turn in range(4 * threads)])


def test_without_a_limit_no_thread_waits(clock):
    rate_limit = RateLimit(0, clock)
    for _ in range(100):
        rate_limit.wait()
    assert clock.slept == []


def test_time_that_passes_by_itself_is_not_waited_for_again(clock):
    rate_limit = RateLimit(60, clock)
    rate_limit.wait()
    clock.sleep(0.75)
    rate_limit.wait()
    assert clock.slept == pytest.approx([0.75, 0.25])


def test_a_pause_saves_up_no_turns(clock):
    rate_limit = RateLimit(60, clock)
    clock.sleep(600)
    rate_limit.wait()
    rate_limit.wait()
    assert clock.slept == pytest.approx([600, 1])


def test_a_hold_keeps_the_next_request_back(clock):
    rate_limit = RateLimit(0, clock)
    rate_limit.hold(30)
    rate_limit.wait()
    assert clock.slept == [30]


def test_a_shorter_hold_does_not_end_a_longer_one(clock):
    rate_limit = RateLimit(0, clock)
    rate_limit.hold(30)
    rate_limit.hold(5)
    rate_limit.wait()
    assert clock.slept == [30]


def test_after_a_hold_requests_are_spaced_as_before(clock):
    rate_limit = RateLimit(5, clock)
    rate_limit.hold(30)
    times = times_of_requests(rate_limit, clock, threads=3, requests_each=1)
    assert sorted(times) == pytest.approx([30, 42, 54])


def test_a_hold_keeps_back_those_who_wait_already(clock):
    rate_limit = RateLimit(5, clock)
    start = clock.monotonic()
    rate_limit.wait()
    clock.threads = 2  # a second one waits for its turn, in 12 seconds, while this one gets a hold of 60
    times = []

    def send():
        rate_limit.wait()
        times.append(clock.monotonic() - start)
        clock.ends_a_thread()

    second = threading.Thread(target=send)
    second.start()
    while not clock.slept:
        time.sleep(0.001)
    rate_limit.hold(60)
    clock.ends_a_thread()
    second.join(10)
    assert times == [pytest.approx(60)]


def test_without_waiting_threads_there_is_nothing_left_to_wait(clock):
    rate_limit = RateLimit(5, clock)
    rate_limit.wait()
    rate_limit.hold(30)
    assert rate_limit.stats().seconds_to_wait == 0


def test_while_somebody_waits_it_says_how_long():
    left = []

    class Clock:
        """Asks, during a sleep, how long it will still take."""

        now = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            left.append(rate_limit.stats().seconds_to_wait)
            self.now += seconds

    rate_limit = RateLimit(5, Clock())
    rate_limit.wait()
    rate_limit.wait()
    assert left == [12]
    assert rate_limit.stats().seconds_to_wait == 0


def test_the_stats_count_the_turns_that_were_given(clock):
    rate_limit = RateLimit(5, clock)
    assert rate_limit.stats() == RequestStats(requests=0, interval=12)
    rate_limit.wait()
    rate_limit.wait()
    assert rate_limit.stats() == RequestStats(requests=2, interval=12)
