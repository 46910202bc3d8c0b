"""What went wrong between a request and its response, in words for people."""

import pytest
from broken_connections import BROKEN

from source_stock_ticker.runtime.http.problems import problem


@pytest.mark.parametrize("kind", BROKEN)
def test_each_way_in_which_a_request_can_fail_has_its_words(kind):
    error, words = BROKEN[kind]
    assert problem(error) == words


def test_the_words_hold_nothing_of_the_error_itself():
    assert problem(OSError("The key is k3y-of-12345678.")) == "the connection broke"


def test_of_several_words_that_fit_the_narrower_ones_are_taken():
    # A certificate that nobody knows is an SSLError too, and one at a proxy a ProxyError that says "refused".
    assert "trusts" in problem(BROKEN["certificate of a stranger"][0])
    assert "TLS" in problem(BROKEN["no secure connection"][0])
    proxy = type(BROKEN["proxy"][0])("Cannot connect to proxy: Connection refused, timed out")
    assert problem(proxy) == BROKEN["proxy"][1]
