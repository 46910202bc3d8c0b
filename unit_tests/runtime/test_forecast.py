"""Tests the forecast as a sentence: the total, and the time left."""

import pytest

from source_stock_ticker.runtime.forecast import NOTHING, Forecast


@pytest.mark.parametrize(
    ("forecast", "interval", "sentence"),
    [
        (Forecast(3, True), 0, "3 requests."),
        (Forecast(1, True, 1), 12, "1 request, about 1 row, about 12 s."),
        (Forecast(4, False, 1000), 12, "at least 4 requests, about 1,000 rows, at least 48 s."),
        (Forecast(8, True), 12.5, "8 requests, about 2 min."),
        (Forecast(50_000, True), 12, "50,000 requests, about 10,000 min."),
        (Forecast(2, True, hint="All cost 3."), 0, "2 requests. All cost 3."),
        (Forecast(), 12, "at least 1 request, at least 12 s."),
        (NOTHING, 12, "0 requests, about 0 rows."),
    ],
)
def test_a_forecast_is_reported_in_a_sentence(forecast, interval, sentence):
    assert forecast.sentence(interval) == sentence


@pytest.mark.parametrize(("made", "left"), [(0, "about 96 s"), (7, "about 12 s"), (8, ""), (9, "")])
def test_what_is_left_ends_with_the_last_request(made, left):
    assert Forecast(8, True).time_left(made, 12) == left


def test_two_reads_cost_what_both_cost():
    first, second = Forecast(3, True, 10, "All cost 4."), Forecast(2, True, 5)
    assert first.plus(second) == Forecast(5, True, 15)
    assert NOTHING.plus(first).plus(second) == Forecast(5, True, 15)


def test_what_is_not_known_of_one_is_not_known_of_both():
    assert Forecast(3, True, 10).plus(Forecast(1)) == Forecast(4, False, None)
    assert Forecast(1).plus(Forecast(3, True, 10)) == Forecast(4, False, None)
