"""Tests the explanations of what went wrong between a request and its response."""

import pytest
from broken_connections import BROKEN, FOR_THE_USER

from source_stock_ticker.runtime.http.problems import problem


@pytest.mark.parametrize("kind", BROKEN)
def test_each_way_in_which_a_request_can_fail_has_its_words(kind):
    error, words = BROKEN[kind]
    assert problem(error) == (words, False)


@pytest.mark.parametrize("kind", FOR_THE_USER)
def test_what_only_the_user_can_mend_has_its_words_and_is_marked(kind):
    error, words = FOR_THE_USER[kind]
    assert problem(error) == (words, True)


def test_the_words_hold_nothing_of_the_error_itself():
    assert problem(OSError("The key is k3y-of-12345678.")) == ("the connection broke", False)
