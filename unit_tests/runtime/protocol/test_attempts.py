"""Tests from which saved state a full refresh resumes: from an attempt of the same job, not from an earlier job."""

import pytest

from source_stock_ticker.runtime.protocol.attempts import marked, saved_attempt, unmarked

STATE = {"read": {"a": 3}}


@pytest.mark.parametrize(
    ("of_job", "done", "sync_id", "expected"),
    [
        (9, False, 9, (STATE, False)),
        (9, True, 9, (STATE, True)),
        (8, False, 9, ({}, False)),
        (8, True, 9, ({}, False)),
        (None, False, None, (STATE, False)),
        (None, True, None, ({}, False)),  # it may be another job
        (None, True, 9, ({}, False)),
        (9, True, None, ({}, False)),
    ],
)
def test_a_state_of_a_full_refresh_is_gone_on_from_if_it_is_of_the_same_job(of_job, done, sync_id, expected):
    assert saved_attempt(marked(STATE, of_job, done), sync_id) == expected


@pytest.mark.parametrize("mark", [{}, {"full_refresh": None}, {"full_refresh": 9}, {"full_refresh": {"done": False}}])
def test_a_state_that_is_not_of_a_full_refresh_is_not_resumed(mark):
    assert saved_attempt({**STATE, **mark}, 9) == ({}, False)


def test_a_mark_says_the_job_and_whether_all_is_written_and_can_be_taken_off():
    assert marked(STATE, 9, True) == {**STATE, "full_refresh": {"sync_id": 9, "done": True}}
    assert unmarked(marked(STATE, 9, True)) == STATE
