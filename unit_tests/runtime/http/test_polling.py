"""Tests waiting for something that the API prepares."""

import pytest

from source_stock_ticker.runtime.errors import TransientError
from source_stock_ticker.runtime.http.polling import poll


def test_it_is_requested_until_it_is_ready(clock):
    answers = iter([None, None, "report"])
    assert poll(lambda: next(answers), "the report", every=5, clock=clock) == "report"
    assert clock.slept == [5, 5]


def test_what_is_ready_at_once_is_not_waited_for(clock):
    assert poll(lambda: 0, "the report", clock=clock) == 0
    assert clock.slept == []


def test_what_is_never_ready_is_left_for_a_later_sync(clock):
    with pytest.raises(TransientError, match=r"the report is not ready after 1 minutes\."):
        poll(lambda: None, "the report", every=25, at_most=60, clock=clock)
    assert clock.slept == [25, 25]
