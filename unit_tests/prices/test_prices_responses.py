"""Tests one response with bars: which bars are kept, and which errors are noticed."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from market import START, days_of, response

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.stream import Page, Written
from source_stock_ticker.streams.prices.slices import DaySlice, TickerSlice
from source_stock_ticker.streams.prices.stream import StockPrices

LAST = date(2024, 3, 14)


def ms(day: str, hour: int = 0) -> int:
    moment = datetime.fromisoformat(day).replace(hour=hour, tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * 1000


def rows_of(page: Page) -> list[dict[str, Any]]:
    return msgspec.to_builtins(page.rows)


def of_ticker(first: str = START) -> TickerSlice:
    return TickerSlice("AAPL", date.fromisoformat(first), False)


def of_day(**first_days: str) -> DaySlice:
    wanted = {ticker: date.fromisoformat(day) for ticker, day in first_days.items()}
    return DaySlice(LAST, wanted, frozenset({"SLOW"}), True)


def test_bars_outside_of_the_window_are_left_out_and_reported(connect, caplog):
    days = ["2024-02-29", "2024-03-01", "2024-03-14", "2024-03-15"]
    page = connect(StockPrices).parse(of_ticker(), response(results=[{"t": ms(day)} for day in days]))
    assert days_of(rows_of(page)) == ["2024-03-01", "2024-03-14"]
    assert "ignored 2 bars of AAPL for days that were not requested." in caplog.text


def test_pages_that_come_newest_first_are_noticed_and_all_is_read_again(connect):
    stream, stream_slice = connect(StockPrices), of_ticker()
    state = stream.resume({})
    newest, oldest = (
        stream.parse(stream_slice, response(results=[{"t": ms(f"2024-03-{day:02}")} for day in days]))
        for days in ((13, 14), (5, 8))
    )
    first = newest.rows[0]
    stream.checkpoint(state, stream_slice, Written(first, newest.last))
    with pytest.raises(UnexpectedResponse, match="the bars of AAPL in the requested order"):
        stream.checkpoint(state, stream_slice, Written(first, oldest.last, done=True))
    assert state["read"] == {"AAPL": [START, None]}


@pytest.mark.parametrize("days", [["2025-03-01", "2025-03-02", "2024-03-01"], ["1990-01-20"]])
def test_a_response_with_bars_of_other_days_above_all_is_not_mistaken_for_an_empty_one(connect, days):
    with pytest.raises(UnexpectedResponse, match="bars of other days"):
        connect(StockPrices).parse(of_ticker(), response(results=[{"t": ms(day)} for day in days]))


@pytest.mark.parametrize(
    ("timespan", "sent", "kept"),
    [
        ("week", ["2024-03-03", "2024-03-10"], ["2024-03-03"]),  # Friday, March 15, is not over
        ("month", ["2024-02-01", "2024-03-01"], ["2024-02-01"]),
    ],
)
def test_a_bar_that_still_grows_is_left_out(connect, timespan, sent, kept):
    stream = connect(StockPrices, timespan=timespan)
    page = stream.parse(of_ticker("2024-02-14"), response(results=[{"t": ms(day)} for day in sent]))
    assert days_of(rows_of(page)) == kept


@pytest.mark.parametrize(("timespan", "first"), [("week", "2024-03-03"), ("month", "2024-02-01")])
def test_the_bar_that_covers_the_first_day_is_kept_although_it_begins_before(connect, timespan, first):
    stream = connect(StockPrices, timespan=timespan)
    begin = {"week": "2024-03-06", "month": "2024-02-20"}[timespan]
    assert days_of(rows_of(stream.parse(of_ticker(begin), response(results=[{"t": ms(first)}])))) == [first]


def test_a_week_is_over_on_its_friday(connect):
    stream = connect(StockPrices, date(2024, 3, 16), timespan="week")
    stream_slice = TickerSlice("AAPL", date(2024, 3, 1), False)
    assert days_of(rows_of(stream.parse(stream_slice, response(results=[{"t": ms("2024-03-10")}])))) == ["2024-03-10"]


@pytest.mark.parametrize("echo", [{}, {"adjusted": True}])
def test_a_response_on_the_right_basis_is_taken(connect, echo):
    assert len(connect(StockPrices).parse(of_ticker(), response(results=[{"t": ms(START)}], **echo)).rows) == 1


@pytest.mark.parametrize("stream_slice", [of_ticker(), of_day(AAPL=START)], ids=str)
@pytest.mark.parametrize(("adjusted", "echo"), [(True, False), (False, True), (True, "true"), (True, None)])
def test_a_response_on_another_basis_is_noticed(connect, stream_slice, adjusted, echo):
    with pytest.raises(UnexpectedResponse, match="adjusted"):
        connect(StockPrices, adjusted=adjusted).parse(stream_slice, response(adjusted=echo, results=[]))


@pytest.mark.parametrize("adjusted", [True, False])
@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("/v2/aggs/x?cursor=bGlt", "/v2/aggs/x?cursor=bGlt&adjusted={}"),
        ("/v2/aggs/x", "/v2/aggs/x?adjusted={}"),
        ("/v2/aggs/x?adjusted={}&cursor=bGlt", "/v2/aggs/x?adjusted={}&cursor=bGlt"),
    ],
)
def test_the_next_page_is_requested_on_the_same_basis(connect, adjusted, link, following):
    said = str(adjusted).lower()
    page = connect(StockPrices, adjusted=adjusted).parse(
        of_ticker(), response(next_url="https://api.massive.com" + link.format(said))
    )
    assert (page.rows, page.next_page_token) == ([], following.format(said))


def test_a_page_without_a_link_is_the_last(connect):
    page = connect(StockPrices).parse(of_ticker(), response(resultsCount=0))
    assert (page.rows, page.next_page_token) == ([], None)


def test_of_a_day_only_the_tickers_that_still_need_it_are_kept(connect):
    bars = [{"T": ticker, "t": ms("2024-03-14", 16)} for ticker in ("ZZZ", "MSFT", "AAPL", "Aapl", "LATE")]
    page = connect(StockPrices).parse(of_day(AAPL=START, MSFT="2024-03-14", LATE="2024-03-15"), response(results=bars))
    assert [row.stock_ticker for row in page.rows] == ["AAPL", "MSFT"]


def test_of_a_day_of_the_market_all_tickers_are_kept_that_have_no_slice_of_their_own(connect):
    bars = [{"T": ticker, "t": ms("2024-03-14", 16)} for ticker in ("ZZZ", "SLOW", "AAPL")]
    page = connect(StockPrices, tickers=[]).parse(of_day(**{"*": START}), response(results=bars))
    assert [row.stock_ticker for row in page.rows] == ["AAPL", "ZZZ"]


def test_a_ticker_that_a_day_repeats_is_written_once(connect):
    bars = [{"T": "AAPL", "c": close, "t": ms("2024-03-14", 16)} for close in (1, 2)]
    assert len(connect(StockPrices).parse(of_day(AAPL=START), response(results=bars)).rows) == 1


@pytest.mark.parametrize("ticker", [{}, {"T": None}, {"T": 5}, {"T": ""}, {"T": "\x00"}, {"T": "*"}])
@pytest.mark.parametrize("config", [{}, {"tickers": []}])
def test_a_bar_of_a_day_without_its_ticker_is_left_out(connect, caplog, config, ticker):
    bars = [{"t": ms("2024-03-14", 16), **ticker}, {"T": "AAPL", "t": ms("2024-03-14", 16)}]
    wanted = of_day(**({"*": START} if config else {"AAPL": START}))
    page = connect(StockPrices, **config).parse(wanted, response(results=bars))
    assert [row.stock_ticker for row in page.rows] == ["AAPL"]
    assert "ignored 1 bar of 2024-03-14 without a ticker." in caplog.text


def test_the_bars_of_another_ticker_are_refused(connect):
    stream_slice = TickerSlice("AAPL", date.fromisoformat(START), False)
    with pytest.raises(UnexpectedResponse, match="another ticker"):
        connect(StockPrices).parse(stream_slice, response(ticker="MSFT", results=[{"t": ms("2024-03-14", 0)}]))


def test_errors_of_an_unwanted_ticker_do_not_matter(connect):
    bars = [{"T": "ZZZ", "t": "garbage"}, {"T": "AAPL", "t": ms("2024-03-14", 16)}]
    assert len(connect(StockPrices).parse(of_day(AAPL=START), response(results=bars)).rows) == 1


@pytest.mark.parametrize(("stream_slice", "known"), [(of_ticker(), {}), (of_day(AAPL=START), {"T": "AAPL"})], ids=str)
def test_keys_of_a_bar_that_no_row_has_are_noted(connect, stream_slice, known):
    stream = connect(StockPrices)
    bar = {"t": ms("2024-03-14"), "o": 1, "h": 1, "l": 1, "c": 1, "v": 1, "vw": 1, "n": 1, "otc": True, **known}
    stream.parse(stream_slice, response(results=[bar]))
    assert stream.unknown_fields == set()
    stream = connect(StockPrices)
    stream.parse(stream_slice, response())
    for keys in ({"op": 10**400, "a": [1]}, {"later": 1}):  # only the first bar is looked at
        assert len(stream.parse(stream_slice, response(results=[bar | keys])).rows) == 1
    assert stream.unknown_fields == {"a", "op"}


@pytest.mark.parametrize("stream_slice", [of_ticker(), of_day(AAPL=START)], ids=["ticker", "day"])
def test_a_byte_order_mark_before_the_bars_does_not_matter(connect, stream_slice):
    sent = response(results=[{"T": "AAPL", "t": ms("2024-03-14"), "c": 1.5, "op": 1}])
    stream = connect(StockPrices)
    page = stream.parse(stream_slice, sent._replace(body=b"\xef\xbb\xbf" + bytes(sent.body)))
    assert [row["close"] for row in rows_of(page)] == [1.5]
    assert stream.unknown_fields == {"op"}


def test_a_row_has_the_fields_of_its_schema_and_no_other(connect):
    stream = connect(StockPrices)
    page = stream.parse(of_ticker(), response(results=[{"t": ms(START), "o": 1, "x": 2}]))
    assert list(rows_of(page)[0]) == list(stream.json_schema()["properties"])
