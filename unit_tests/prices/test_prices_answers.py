"""What becomes of one answer with bars: which are kept, and what is noticed as wrong."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from market import START, answer, days_of

from source_stock_ticker.coverage import DaySlice, Sync, TickerSlice
from source_stock_ticker.prices import StockPrices
from source_stock_ticker.runtime import UnexpectedResponse

LAST = date(2024, 3, 14)


def ms(day: str, hour: int = 0) -> int:
    moment = datetime.fromisoformat(day).replace(hour=hour, tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * 1000


def of_ticker(first: str = START) -> TickerSlice:
    return TickerSlice("AAPL", date.fromisoformat(first), Sync(LAST), False)


def of_day(**first_days: str) -> DaySlice:
    wanted = {ticker: date.fromisoformat(day) for ticker, day in first_days.items()}
    return DaySlice(LAST, wanted, frozenset({"SLOW"}), Sync(LAST), True)


def test_bars_outside_of_the_window_are_left_out_and_told(connect, caplog):
    days = ["2024-02-29", "2024-03-01", "2024-03-14", "2024-03-15"]
    page = connect(StockPrices).parse(of_ticker(), answer(results=[{"t": ms(day)} for day in days]))
    assert days_of(page.rows) == ["2024-03-01", "2024-03-14"]
    assert "2 bars of AAPL are of days that were not asked for; left out" in caplog.text


def test_pages_that_come_newest_first_are_noticed_and_all_is_read_again(connect):
    stream, slice = connect(StockPrices), of_ticker()
    state = stream.resume({})
    newest, oldest = (
        [{"date": f"2024-03-{day:02}"} for day in (13, 14)],
        [{"date": f"2024-03-{day:02}"} for day in (5, 8)],
    )
    stream.checkpoint(state, slice, *newest, False)
    with pytest.raises(UnexpectedResponse, match="bars of AAPL in another order"):
        stream.checkpoint(state, slice, *oldest, True)
    assert state["read"] == {"AAPL": [START, None]}


@pytest.mark.parametrize("days", [["2025-03-01", "2025-03-02", "2024-03-01"], ["1990-01-20"]])
def test_an_answer_with_bars_of_other_days_above_all_is_not_taken_for_an_empty_one(connect, days):
    with pytest.raises(UnexpectedResponse, match="bars of other days"):
        connect(StockPrices).parse(of_ticker(), answer(results=[{"t": ms(day)} for day in days]))


@pytest.mark.parametrize(
    ("timespan", "sent", "kept"),
    [
        ("week", ["2024-03-03", "2024-03-10"], ["2024-03-03"]),  # Friday, March 15, is not over
        ("month", ["2024-02-01", "2024-03-01"], ["2024-02-01"]),
    ],
)
def test_a_bar_that_still_grows_is_left_out(connect, timespan, sent, kept):
    stream = connect(StockPrices, timespan=timespan)
    page = stream.parse(of_ticker("2024-02-14"), answer(results=[{"t": ms(day)} for day in sent]))
    assert days_of(page.rows) == kept


@pytest.mark.parametrize(("timespan", "first"), [("week", "2024-03-03"), ("month", "2024-02-01")])
def test_the_bar_that_covers_the_first_day_is_kept_though_it_begins_before(connect, timespan, first):
    stream = connect(StockPrices, timespan=timespan)
    begin = {"week": "2024-03-06", "month": "2024-02-20"}[timespan]
    assert days_of(stream.parse(of_ticker(begin), answer(results=[{"t": ms(first)}])).rows) == [first]


def test_a_week_is_over_on_its_friday(connect):
    stream = connect(StockPrices, date(2024, 3, 16), timespan="week")
    slice = TickerSlice("AAPL", date(2024, 3, 1), Sync(date(2024, 3, 15)), False)
    assert days_of(stream.parse(slice, answer(results=[{"t": ms("2024-03-10")}])).rows) == ["2024-03-10"]


@pytest.mark.parametrize("echo", [{}, {"adjusted": True}])
def test_an_answer_on_the_right_basis_is_taken(connect, echo):
    assert len(connect(StockPrices).parse(of_ticker(), answer(results=[{"t": ms(START)}], **echo)).rows) == 1


@pytest.mark.parametrize("slice", [of_ticker(), of_day(AAPL=START)], ids=str)
@pytest.mark.parametrize(("adjusted", "echo"), [(True, False), (False, True), (True, "true"), (True, None)])
def test_an_answer_on_another_basis_is_noticed(connect, slice, adjusted, echo):
    with pytest.raises(UnexpectedResponse, match="adjusted"):
        connect(StockPrices, adjusted=adjusted).parse(slice, answer(adjusted=echo, results=[]))


@pytest.mark.parametrize("adjusted", [True, False])
@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("/v2/aggs/x?cursor=bGlt", "/v2/aggs/x?cursor=bGlt&adjusted={}"),
        ("/v2/aggs/x", "/v2/aggs/x?adjusted={}"),
        ("/v2/aggs/x?adjusted={}&cursor=bGlt", "/v2/aggs/x?adjusted={}&cursor=bGlt"),
    ],
)
def test_the_next_page_is_asked_for_on_the_same_basis(connect, adjusted, link, following):
    said = str(adjusted).lower()
    page = connect(StockPrices, adjusted=adjusted).parse(
        of_ticker(), answer(next_url="https://api.massive.com" + link.format(said))
    )
    assert page == ([], following.format(said))


def test_a_page_without_a_link_is_the_last(connect):
    assert connect(StockPrices).parse(of_ticker(), answer(resultsCount=0)) == ([], None)


def test_of_a_day_only_the_tickers_that_still_need_it_are_kept(connect):
    bars = [{"T": ticker, "t": ms("2024-03-14", 16)} for ticker in ("ZZZ", "MSFT", "AAPL", "Aapl", "LATE")]
    page = connect(StockPrices).parse(of_day(AAPL=START, MSFT="2024-03-14", LATE="2024-03-15"), answer(results=bars))
    assert [row["stock_ticker"] for row in page.rows] == ["AAPL", "MSFT"]


def test_of_a_day_of_the_market_all_tickers_are_kept_that_have_no_slice_of_their_own(connect):
    bars = [{"T": ticker, "t": ms("2024-03-14", 16)} for ticker in ("ZZZ", "SLOW", "AAPL")]
    page = connect(StockPrices, tickers=[]).parse(of_day(**{"*": START}), answer(results=bars))
    assert [row["stock_ticker"] for row in page.rows] == ["AAPL", "ZZZ"]


def test_a_ticker_that_a_day_repeats_is_written_once(connect):
    bars = [{"T": "AAPL", "c": close, "t": ms("2024-03-14", 16)} for close in (1, 2)]
    assert len(connect(StockPrices).parse(of_day(AAPL=START), answer(results=bars)).rows) == 1


@pytest.mark.parametrize("ticker", [{}, {"T": None}, {"T": 5}, {"T": ""}, {"T": "\x00"}])
@pytest.mark.parametrize("config", [{}, {"tickers": []}])
def test_a_bar_of_a_day_without_its_ticker_is_left_out(connect, caplog, config, ticker):
    bars = [{"t": ms("2024-03-14", 16), **ticker}, {"T": "AAPL", "t": ms("2024-03-14", 16)}]
    wanted = of_day(**({"*": START} if config else {"AAPL": START}))
    page = connect(StockPrices, **config).parse(wanted, answer(results=bars))
    assert [row["stock_ticker"] for row in page.rows] == ["AAPL"]
    assert "1 bars of 2024-03-14 have no ticker" in caplog.text


def test_the_bars_of_another_ticker_are_refused(connect):
    slice = TickerSlice("AAPL", date.fromisoformat(START), Sync(date(2024, 3, 14)), False)
    with pytest.raises(UnexpectedResponse, match="another ticker"):
        connect(StockPrices).parse(slice, answer(ticker="MSFT", results=[{"t": ms("2024-03-14", 0)}]))


def test_what_is_wrong_with_a_ticker_that_nobody_wants_is_no_matter(connect):
    bars = [{"T": "ZZZ", "t": "garbage"}, {"T": "AAPL", "t": ms("2024-03-14", 16)}]
    assert len(connect(StockPrices).parse(of_day(AAPL=START), answer(results=bars)).rows) == 1


def test_a_row_has_the_fields_of_its_schema_and_no_other(connect):
    stream = connect(StockPrices)
    page = stream.parse(of_ticker(), answer(results=[{"t": ms(START), "o": 1, "x": 2}]))
    assert list(page.rows[0]) == list(stream.json_schema()["properties"])
