"""Tests the forecast of a read: before it, without reading (plan), or while it runs."""

import logging

import pytest
from numbers_stream import ALL, ALL_ROWS, Numbers

from source_stock_ticker.runtime.errors import ConfigError, CredentialsError, IncompleteSync
from source_stock_ticker.runtime.forecast import Forecast
from source_stock_ticker.runtime.http.rate_limit import RequestStats
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.reader import read


class Forecasting(Numbers):
    """It knows its cost, and makes a request every twelve seconds."""

    def forecast(self, state):
        self.forecast_from = state
        if isinstance(self.cost, Exception):
            raise self.cost
        return self.cost

    def request_stats(self):
        return RequestStats(interval=self.interval)

    interval, cost = 12.0, Forecast(3, True, 6)


@pytest.fixture
def planned(messages_in, caplog):
    """A function: what a plan of streams logs, its messages, and whether it failed."""

    def planned(*streams, saved=None, catalog=None):
        caplog.set_level("INFO", "airbyte")
        catalog = catalog or [ConfiguredStream(stream.name, None, True) for stream in streams]
        lines, failed = b"", False
        try:
            for line in read(streams, catalog, {("numbers", None): saved or {}}, 1, logging.getLogger("airbyte"), True):
                lines += line
        except IncompleteSync:
            failed = True
        return caplog.messages, messages_in(lines), failed

    return planned


def test_a_plan_says_what_each_stream_costs_and_all_of_them(planned):
    more = Forecasting(ALL, name="more", cost=Forecast(2, False))
    assert planned(Forecasting(ALL), more) == (
        [
            "numbers: 3 requests, about 6 rows, about 36 s.",
            "more: at least 2 requests, at least 24 s.",
            "Total: at least 5 requests, at least 60 s.",
        ],
        [],
        False,
    )


def test_a_plan_begins_where_the_read_would(planned):
    stream = Forecasting(ALL)
    planned(stream, saved={"a": 2})
    assert stream.forecast_from == {"a": 2}
    catalog = [ConfiguredStream("numbers", None, False, 7)]
    planned(stream, saved={"a": 2}, catalog=catalog)
    assert (stream.forecast_from, stream.full_refresh) == ({}, True)


def test_what_an_earlier_attempt_has_read_costs_nothing(planned):
    saved = {"a": 2, "full_refresh": {"sync_id": 7, "done": True}}
    catalog = [ConfiguredStream("numbers", None, False, 7)]
    logged, messages, _ = planned(Forecasting(ALL), saved=saved, catalog=catalog)
    assert logged[-1] == "Total: 0 requests, about 0 rows."
    assert messages == []


def test_of_a_stream_that_says_nothing_of_itself_a_request_is_known(planned):
    logged, _, _ = planned(Numbers(ALL))
    assert logged == ["numbers: at least 1 request.", "Total: at least 1 request."]


def test_a_stream_that_cannot_be_read_is_reported_and_the_others_are_planned(planned):
    refused = Forecasting(ALL, name="refused", cost=ConfigError("parts: list some."))
    logged, (error,), failed = planned(refused, Forecasting(ALL))
    assert error["trace"]["error"]["message"] == "parts: list some."
    assert logged == ["numbers: 3 requests, about 6 rows, about 36 s.", "Total: " + logged[0].partition(": ")[2]]
    assert failed


def test_after_a_refused_key_no_stream_is_planned(planned):
    refused = Forecasting(ALL, name="refused", cost=CredentialsError("key: it is wrong."))
    logged, errors, failed = planned(refused, Forecasting(ALL))
    assert [error["trace"]["error"]["message"] for error in errors] == ["key: it is wrong."] * 2
    assert (logged, failed) == (["Total: 0 requests, about 0 rows."], True)


# While it runs


def test_the_platform_learns_how_many_rows_will_come(run):
    found = run(Forecasting(ALL))
    assert found.rows == ALL_ROWS
    assert found.kinds[:4] == ["STARTED", "RUNNING", "ESTIMATE", "RECORD"]
    (estimate,) = [trace["trace"]["estimate"] for trace in found.of_type("TRACE") if "estimate" in trace["trace"]]
    assert estimate == {"name": "numbers", "type": "STREAM", "row_estimate": 6}


@pytest.mark.parametrize("cost", [Forecast(3, True), Forecast(3, True, 0)])
def test_an_unknown_number_of_rows_is_not_reported(run, cost):
    assert "ESTIMATE" not in run(Forecasting(ALL, cost=cost)).kinds


@pytest.mark.parametrize(("requests", "interval", "is_told"), [(11, 12, True), (10, 12.12, False), (1000, 0, False)])
def test_what_a_long_read_costs_is_reported_when_it_begins(run, caplog, requests, interval, is_told):
    caplog.set_level("INFO", "airbyte")
    run(Forecasting(ALL, cost=Forecast(requests, True), interval=interval))
    assert caplog.messages == (["numbers: 11 requests, about 2 min."] if is_told else [])


def test_a_read_whose_cost_cannot_be_found_out_is_incomplete(run):
    found = run(Forecasting(ALL, cost=ConfigError("parts: list some.")))
    assert (found.rows, found.failed) == ([], True)
    assert found.kinds[-2:] == ["INCOMPLETE", "ERROR"]
