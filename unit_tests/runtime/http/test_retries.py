"""How long to wait before the next try; what the client does with it is in test_http_failures."""

import pytest

from source_stock_ticker.runtime.http.retries import MAX_WAIT, seconds_before_next_try


@pytest.mark.parametrize(("failed", "seconds"), [(1, 1), (2, 2), (3, 4), (7, 60), (100, 60)])
def test_each_wait_is_twice_as_long_as_the_last_and_no_longer_than_a_minute(failed, seconds):
    assert seconds_before_next_try(failed, None) == pytest.approx(seconds, abs=0.3)


@pytest.mark.parametrize(("asked", "seconds"), [(0, 4), (3, 4), (20, 20), (10_000, MAX_WAIT)])
def test_a_server_may_ask_for_a_longer_wait_and_for_no_shorter_one(asked, seconds):
    assert seconds_before_next_try(3, asked) == pytest.approx(seconds, abs=0.3)


def test_two_that_failed_together_do_not_come_again_together():
    assert len({seconds_before_next_try(1, None) for _ in range(10)}) > 1
