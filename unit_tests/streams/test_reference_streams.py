"""Tests exchanges, market holidays, tickers and their details: what is requested and which rows are kept."""

import re
from urllib.parse import urlsplit

import pytest
from known_responses import API, DETAILS, EXCHANGES, HOLIDAYS, TICKER, ok, queries

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.streams.reference import Exchanges, MarketHolidays, TickerDetails, Tickers

# Exchanges and holidays


def test_the_exchanges_are_those_for_stocks(server, connect, read):
    server.get(f"{API}/v3/reference/exchanges", json=ok(*EXCHANGES))
    read(connect(Exchanges))
    assert queries(server) == [{"asset_class": "stocks", "locale": "us"}]


@pytest.mark.parametrize("body", [{}, {"status": "OK", "results": HOLIDAYS}, ["NYSE"], "text", None])
def test_holidays_that_are_no_bare_list_are_noticed(server, connect, read, body):
    server.get(f"{API}/v1/marketstatus/upcoming", json=body)
    assert read(connect(MarketHolidays)).failed


# Tickers and their details


def test_a_few_tickers_are_requested_one_by_one_the_delisted_ones_too(server, connect, read):
    server.get(f"{API}/v3/reference/tickers", json=ok())
    read(connect(Tickers, tickers=["AAPL", "BRK.B"]))
    assert [(query["ticker"], query["active"]) for query in queries(server)] == [
        ("AAPL", "true"),
        ("BRK.B", "true"),
        ("AAPL", "false"),
        ("BRK.B", "false"),
    ]


@pytest.mark.parametrize("tickers", [[], [f"T{n}" for n in range(13)]])
def test_many_tickers_are_taken_from_the_whole_lists(server, connect, read, tickers):
    server.get(f"{API}/v3/reference/tickers", json=ok())
    read(connect(Tickers, tickers=tickers))
    assert [(query["market"], query["active"]) for query in queries(server)] == [
        ("stocks", "true"),
        ("otc", "true"),
        ("stocks", "false"),
        ("otc", "false"),
    ]


@pytest.mark.parametrize(
    ("tickers", "names"),
    [
        (["AAPL"], ["AAPL (active)", "AAPL (delisted)"]),
        ([], ["stocks (active)", "otc (active)", "stocks (delisted)", "otc (delisted)"]),
    ],
)
def test_a_list_of_tickers_that_fails_is_named(server, connect, read, tickers, names):
    server.get(re.compile(API), status=503)
    assert read(connect(Tickers, tickers=tickers)).failed == names


def test_of_the_whole_list_only_the_wanted_tickers_are_kept(server, connect, read):
    wanted = [f"T{n}" for n in range(13)]
    server.get(f"{API}/v3/reference/tickers", json=ok(*(TICKER | {"ticker": t} for t in ("T1", "t1", "AAPL", "T12"))))
    assert {row["ticker"] for row in read(connect(Tickers, tickers=wanted)).rows} == {"T1", "T12"}


def test_a_ticker_that_two_companies_had_comes_twice(server, connect, read):
    server.get(f"{API}/v3/reference/tickers", json=ok(TICKER, TICKER | {"cik": "0000000001"}))
    assert len(read(connect(Tickers)).rows) == 4


def test_all_pages_of_the_list_are_read(server, connect, read):
    server.get(f"{API}/v3/reference/tickers", json=ok(TICKER) | {"next_url": f"{API}/v3/reference/more?cursor=b"})
    server.get(f"{API}/v3/reference/more", json=ok(TICKER | {"ticker": "BRK.B"}))
    rows = read(connect(Tickers, tickers=[])).rows
    assert [row["ticker"] for row in rows] == ["AAPL", "BRK.B"] * 4


def test_the_details_of_each_ticker_are_one_request(server, connect, read):
    for ticker, path in (("AAPL", "AAPL"), ("A/B", "A%2FB")):
        body = {"status": "OK", "results": {**DETAILS, "ticker": ticker}}
        server.get(f"{API}/v3/reference/tickers/{path}", json=body)
    read(connect(TickerDetails, tickers=["AAPL", "A/B"]))
    assert [urlsplit(call.request.url).path for call in server.calls] == [
        "/v3/reference/tickers/AAPL",
        "/v3/reference/tickers/A%2FB",
    ]


def test_a_ticker_that_the_api_does_not_know_is_left_out_and_named(server, connect, read, caplog):
    unknown = {"status": "NOT_FOUND", "request_id": "1", "message": "Ticker not found."}
    server.get(f"{API}/v3/reference/tickers/XXXX", status=404, json=unknown)
    server.get(f"{API}/v3/reference/tickers/AAPL", json={"status": "OK", "results": DETAILS})
    reading = read(connect(TickerDetails, tickers=["XXXX", "AAPL"]))
    assert ([row["ticker"] for row in reading.rows], reading.failed) == (["AAPL"], [])
    assert caplog.messages == ["ticker_details: skipped XXXX. The API does not know it (HTTP 404)."]


def test_an_address_without_details_is_not_blamed_on_the_ticker(server, connect, read):
    server.get(re.compile(API), status=404, body="404 page not found")
    assert read(connect(TickerDetails)).failed == ["AAPL"]


@pytest.mark.parametrize("body", [{"status": "OK"}, {"status": "OK", "results": []}, [], None])
def test_details_that_are_no_object_are_noticed(server, connect, read, body):
    server.get(f"{API}/v3/reference/tickers/AAPL", json=body)
    assert read(connect(TickerDetails)).failed == ["AAPL"]


def test_details_of_another_ticker_are_noticed(server, connect, read):
    server.get(f"{API}/v3/reference/tickers/AAPL", json=ok() | {"results": DETAILS | {"ticker": "MSFT"}})
    assert read(connect(TickerDetails)).failed == ["AAPL"]


def test_details_of_the_whole_market_are_refused(connect, read):
    with pytest.raises(ConfigError) as error:
        read(connect(TickerDetails, tickers=[]))
    assert error.value.message == ("tickers: ticker_details needs one request per ticker; list the tickers you want.")
