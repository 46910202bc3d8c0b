"""The tables beside the prices: each with an answer in the shape that the API is known to send."""

import json
import re
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest

from source_stock_ticker import streams
from source_stock_ticker.prices import StockPrices
from source_stock_ticker.runtime import ConfigError, UnexpectedAnswer

API = "https://api.massive.com"
TODAY = date(2024, 3, 15)

DIVIDEND = {
    "id": "E1d",
    "ticker": "AAPL",
    "ex_dividend_date": "2024-02-09",
    "declaration_date": "2024-02-01",
    "record_date": "2024-02-12",
    "pay_date": "2024-02-15",
    "cash_amount": 0.24,
    "split_adjusted_cash_amount": 0.24,
    "currency": "USD",
    "frequency": 4,
    "distribution_type": "recurring",
    "historical_adjustment_factor": 0.998712,
}
SPLIT = {
    "id": "E1s",
    "ticker": "AAPL",
    "execution_date": "2024-02-05",
    "split_from": 1,
    "split_to": 4,
    "adjustment_type": "forward_split",
    "historical_adjustment_factor": 0.25,
}
ARTICLE = {
    "id": "a1",
    "published_utc": "2024-03-01T14:05:00Z",
    "title": "Prices rise",
    "author": "A. Writer",
    "article_url": "https://news.example/1",
    "amp_url": "https://news.example/amp/1",
    "image_url": "https://news.example/1.png",
    "description": "They do.",
    "publisher": {
        "name": "News",
        "homepage_url": "https://news.example/",
        "logo_url": "https://news.example/logo.svg",
        "favicon_url": "https://news.example/favicon.ico",
    },
    "tickers": ["AAPL"],
    "keywords": ["prices"],
    "insights": [{"ticker": "AAPL", "sentiment": "positive", "sentiment_reasoning": "They rise."}],
}
TICKER = {
    "ticker": "AAPL",
    "name": "Apple Inc.",
    "market": "stocks",
    "locale": "us",
    "primary_exchange": "XNAS",
    "type": "CS",
    "active": True,
    "currency_name": "usd",
    "cik": "0000320193",
    "composite_figi": "BBG000000001",
    "share_class_figi": "BBG000000002",
    "last_updated_utc": "2024-03-14T00:00:00Z",
}
DETAILS = {key: value for key, value in TICKER.items() if key != "last_updated_utc"} | {
    "market_cap": 2771126040150,
    "phone_number": "(555) 555-0100",
    "address": {"address1": "1 Road", "city": "Town", "state": "CA", "postal_code": "95014"},
    "description": "Makes telephones.",
    "sic_code": "3571",
    "sic_description": "ELECTRONIC COMPUTERS",
    "ticker_root": "AAPL",
    "homepage_url": "https://phones.example",
    "total_employees": 154000,
    "list_date": "1980-12-12",
    "branding": {"logo_url": f"{API}/v1/logo.svg", "icon_url": f"{API}/v1/icon.png"},
    "share_class_shares_outstanding": 16406400000,
    "weighted_shares_outstanding": 16334371000,
    "round_lot": 100,
}
EXCHANGES = [
    {
        "id": 1,
        "type": "exchange",
        "asset_class": "stocks",
        "locale": "us",
        "name": "NYSE American, LLC",
        "acronym": "AMEX",
        "mic": "XASE",
        "operating_mic": "XNYS",
        "participant_id": "A",
        "url": "https://exchange.example",
    },
    {"id": 4, "type": "TRF", "asset_class": "stocks", "locale": "us", "name": "FINRA NYSE TRF", "mic": "FINY"},
    {"id": 4, "type": "TRF", "asset_class": "stocks", "locale": "us", "name": "FINRA Nasdaq TRF Carteret"},
    {"id": 5, "type": "SIP", "asset_class": "stocks", "locale": "us", "name": "Unlisted Trading Privileges"},
]
HOLIDAYS = [
    {"exchange": "NYSE", "name": "Thanksgiving", "date": "2024-11-28", "status": "closed"},
    {
        "exchange": "NYSE",
        "name": "Thanksgiving",
        "date": "2024-11-29",
        "status": "early-close",
        "open": "2024-11-29T14:30:00.000Z",
        "close": "2024-11-29T18:00:00.000Z",
    },
]


def ok(*rows: dict) -> dict[str, Any]:
    return {"status": "OK", "request_id": "1", "count": len(rows), "results": list(rows)}


def queries(server) -> list[dict[str, str]]:
    return [dict(parse_qsl(urlsplit(call.request.url).query)) for call in server.calls]


# name: class, path, answer, rows, config
TABLES = {
    "dividends": (streams.Dividends, "/stocks/v1/dividends", ok(DIVIDEND), [DIVIDEND]),
    "splits": (streams.Splits, "/stocks/v1/splits", ok(SPLIT), [SPLIT]),
    "news": (streams.News, "/v2/reference/news", ok(ARTICLE), [ARTICLE]),
    "ticker_details": (streams.TickerDetails, "/v3/reference/tickers/AAPL", ok() | {"results": DETAILS}, [DETAILS]),
    "exchanges": (streams.Exchanges, "/v3/reference/exchanges", ok(*EXCHANGES), EXCHANGES),
    "market_holidays": (streams.MarketHolidays, "/v1/marketstatus/upcoming", HOLIDAYS, HOLIDAYS),
    "tickers": (streams.Tickers, "/v3/reference/tickers", ok(TICKER), [TICKER, TICKER]),  # active, delisted
}
EACH_TABLE = pytest.mark.parametrize(("table", "path", "body", "rows"), list(TABLES.values()), ids=list(TABLES))


# Every table


@EACH_TABLE
def test_an_answer_gives_rows_with_the_apis_own_fields(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    properties = connect(table).json_schema()["properties"]
    assert read(connect(table)).rows == [{f: row[f] for f in properties if f in row} for row in rows]


@EACH_TABLE
def test_a_row_is_as_its_schema_says(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    validator = jsonschema.Draft7Validator(connect(table).json_schema())
    assert not [error.message for row in read(connect(table)).rows for error in validator.iter_errors(row)]


@EACH_TABLE
def test_no_field_of_a_known_answer_is_lost(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    assert set().union(*rows) <= set(connect(table).json_schema()["properties"])


@EACH_TABLE
def test_a_field_that_nobody_declared_is_left_out(server, connect, read, table, path, body, rows):
    text = (
        json.dumps(body).replace('"name"', '"odd_field": 1, "name"').replace('"ticker":', '"odd_field": 1, "ticker":')
    )
    server.get(API + path, body=text)
    assert "odd_field" not in set().union(*read(connect(table)).rows)


@EACH_TABLE
def test_the_primary_key_tells_the_known_rows_apart(connect, table, path, body, rows):
    key = connect(table).primary_key
    distinct = {json.dumps(row, sort_keys=True) for row in rows}
    assert not key or len({tuple(row[field] for field in key) for row in rows}) == len(distinct)


@EACH_TABLE
def test_a_required_field_that_is_absent_is_noticed(server, connect, read, table, path, body, rows):
    required = connect(table).json_schema()["required"][-1]  # the id of some tables may be absent
    server.get(API + path, body=json.dumps(body).replace(f'"{required}":', '"another":'))
    reading = read(connect(table))
    assert (reading.rows, bool(reading.failed)) == ([], True)


@EACH_TABLE
def test_optional_fields_may_be_absent(server, connect, read, table, path, body, rows):
    keep = {*connect(table).json_schema()["required"], "tickers"}
    bare = [{field: row[field] for field in row if field in keep} for row in rows]
    results = (
        bare[0] if table is streams.TickerDetails else bare[: len(bare) // 2 or 1] if table is streams.Tickers else bare
    )
    server.get(API + path, json=bare if isinstance(body, list) else body | {"results": results})
    assert read(connect(table)).rows == bare


@pytest.mark.parametrize("table", [streams.Exchanges, streams.MarketHolidays, streams.News, streams.Dividends])
def test_a_table_that_does_not_exist_is_no_empty_table(server, connect, read, table):
    server.get(re.compile(API), status=404, body="404 page not found")
    assert len(read(connect(table)).failed) == 1


@pytest.mark.parametrize("table", [streams.Exchanges, streams.News, streams.Tickers, streams.Splits, streams.Dividends])
@pytest.mark.parametrize("body", [{"status": "OK"}, {"status": "OK", "results": None}, {"status": "OK", "results": []}])
def test_a_table_may_be_empty(server, connect, read, table, body):
    server.get(re.compile(API), json=body)
    reading = read(connect(table))
    assert (reading.rows, reading.failed) == ([], [])


@EACH_TABLE
def test_an_error_with_a_good_status_is_no_empty_table(server, connect, read, table, path, body, rows):
    server.get(API + path, json={"status": "ERROR", "error": "Something is wrong."})
    assert read(connect(table)).failed


@pytest.mark.parametrize(
    ("table", "key", "cursor"),
    [
        (StockPrices, ("stock_ticker", "timestamp"), "timestamp"),
        (streams.Dividends, ("id",), "ex_dividend_date"),
        (streams.Splits, ("id",), "execution_date"),
        (streams.News, ("id",), "published_utc"),
        (streams.Tickers, (), None),
        (streams.TickerDetails, ("ticker",), None),
        (streams.Exchanges, ("id", "name"), None),
        (streams.MarketHolidays, ("exchange", "date"), None),
    ],
)
def test_a_table_has_the_key_and_the_cursor_that_the_docs_say(table, key, cursor):
    assert (tuple(table.primary_key), table.cursor_field) == (key, cursor)


# Types


@pytest.mark.parametrize(
    ("sent", "field", "expected"),
    [
        ({"frequency": 4.0}, "frequency", 4),
        ({"cash_amount": 1}, "cash_amount", 1),
        ({"cash_amount": 2.4e-1}, "cash_amount", 0.24),
        ({"currency": None}, "currency", None),
        ({"ticker": "TRUE"}, "ticker", "TRUE"),
    ],
)
def test_a_value_may_come_in_any_form_of_its_type(connect, sent, field, expected):
    found = connect(streams.Dividends).row(DIVIDEND | sent)[field]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "sent",
    [{"frequency": 4.5}, {"frequency": "4"}, {"cash_amount": "0.24"}, {"currency": 5}, {"ex_dividend_date": 5}],
)
def test_a_value_of_another_type_is_noticed(connect, sent):
    with pytest.raises(UnexpectedAnswer, match=f"The API sent dividends whose {next(iter(sent))} is of a wrong type."):
        connect(streams.Dividends).row(DIVIDEND | sent)


# Exchanges and holidays


def test_the_exchanges_are_those_for_stocks(server, connect, read):
    server.get(f"{API}/v3/reference/exchanges", json=ok(*EXCHANGES))
    read(connect(streams.Exchanges))
    assert queries(server) == [{"asset_class": "stocks", "locale": "us"}]


@pytest.mark.parametrize("body", [{}, {"status": "OK", "results": HOLIDAYS}, ["NYSE"], "text", None])
def test_holidays_that_are_no_bare_list_are_noticed(server, connect, read, body):
    server.get(f"{API}/v1/marketstatus/upcoming", json=body)
    assert read(connect(streams.MarketHolidays)).failed


# Tickers and their details


def test_a_few_tickers_are_asked_for_one_by_one_the_delisted_ones_too(server, connect, read):
    server.get(f"{API}/v3/reference/tickers", json=ok())
    read(connect(streams.Tickers, tickers=["AAPL", "BRK.B"]))
    assert [(query["ticker"], query["active"]) for query in queries(server)] == [
        ("AAPL", "true"),
        ("BRK.B", "true"),
        ("AAPL", "false"),
        ("BRK.B", "false"),
    ]


@pytest.mark.parametrize("tickers", [[], [f"T{n}" for n in range(13)]])
def test_many_tickers_are_taken_from_the_whole_lists(server, connect, read, tickers):
    server.get(f"{API}/v3/reference/tickers", json=ok())
    read(connect(streams.Tickers, tickers=tickers))
    assert [(query["market"], query["active"]) for query in queries(server)] == [
        ("stocks", "true"),
        ("otc", "true"),
        ("stocks", "false"),
        ("otc", "false"),
    ]


@pytest.mark.parametrize(
    ("tickers", "names"),
    [
        (["AAPL"], ["AAPL, active", "AAPL, delisted"]),
        ([], ["stocks, active", "otc, active", "stocks, delisted", "otc, delisted"]),
    ],
)
def test_a_list_of_tickers_that_fails_is_named(server, connect, read, tickers, names):
    server.get(re.compile(API), status=503)
    assert read(connect(streams.Tickers, tickers=tickers)).failed == names


def test_of_the_whole_list_only_the_wanted_tickers_are_kept(server, connect, read):
    wanted = [f"T{n}" for n in range(13)]
    server.get(f"{API}/v3/reference/tickers", json=ok(*(TICKER | {"ticker": t} for t in ("T1", "t1", "AAPL", "T12"))))
    assert {row["ticker"] for row in read(connect(streams.Tickers, tickers=wanted)).rows} == {"T1", "T12"}


def test_a_ticker_that_two_companies_had_comes_twice(server, connect, read):
    server.get(f"{API}/v3/reference/tickers", json=ok(TICKER, TICKER | {"cik": "0000000001"}))
    assert len(read(connect(streams.Tickers)).rows) == 4


def test_all_pages_of_the_list_are_read(server, connect, read):
    server.get(f"{API}/v3/reference/tickers", json=ok(TICKER) | {"next_url": f"{API}/v3/reference/more?cursor=b"})
    server.get(f"{API}/v3/reference/more", json=ok(TICKER | {"ticker": "BRK.B"}))
    rows = read(connect(streams.Tickers, tickers=[])).rows
    assert [row["ticker"] for row in rows] == ["AAPL", "BRK.B"] * 4


def test_the_details_of_each_ticker_are_one_request(server, connect, read):
    for ticker in ("AAPL", "A%2FB"):
        server.get(f"{API}/v3/reference/tickers/{ticker}", json={"status": "OK", "results": DETAILS})
    read(connect(streams.TickerDetails, tickers=["AAPL", "A/B"]))
    assert [urlsplit(call.request.url).path for call in server.calls] == [
        "/v3/reference/tickers/AAPL",
        "/v3/reference/tickers/A%2FB",
    ]


def test_a_ticker_that_the_api_does_not_know_is_left_out_and_named(server, connect, read, caplog):
    unknown = {"status": "NOT_FOUND", "request_id": "1", "message": "Ticker not found."}
    server.get(f"{API}/v3/reference/tickers/XXXX", status=404, json=unknown)
    server.get(f"{API}/v3/reference/tickers/AAPL", json={"status": "OK", "results": DETAILS})
    reading = read(connect(streams.TickerDetails, tickers=["XXXX", "AAPL"]))
    assert ([row["ticker"] for row in reading.rows], reading.failed) == (["AAPL"], [])
    assert caplog.messages == ["ticker_details: the API does not know XXXX (HTTP 404); it is left out."]


def test_an_address_without_details_is_not_blamed_on_the_ticker(server, connect, read):
    server.get(re.compile(API), status=404, body="404 page not found")
    assert read(connect(streams.TickerDetails)).failed == ["AAPL"]


@pytest.mark.parametrize("body", [{"status": "OK"}, {"status": "OK", "results": []}, [], None])
def test_details_that_are_no_object_are_noticed(server, connect, read, body):
    server.get(f"{API}/v3/reference/tickers/AAPL", json=body)
    assert read(connect(streams.TickerDetails)).failed == ["AAPL"]


def test_details_of_another_ticker_are_noticed(server, connect, read):
    server.get(f"{API}/v3/reference/tickers/AAPL", json=ok() | {"results": DETAILS | {"ticker": "MSFT"}})
    assert read(connect(streams.TickerDetails)).failed == ["AAPL"]


def test_details_of_the_whole_market_are_refused(connect, read):
    with pytest.raises(ConfigError) as error:
        read(connect(streams.TickerDetails, tickers=[]))
    assert error.value.message == ("tickers: ticker_details costs a request for each ticker, so list those you want.")


# Announcements: dividends and splits

ANNOUNCED = pytest.mark.parametrize(
    ("table", "path", "row", "field"),
    [
        (streams.Dividends, "/stocks/v1/dividends", DIVIDEND, "ex_dividend_date"),
        (streams.Splits, "/stocks/v1/splits", SPLIT, "execution_date"),
    ],
    ids=["dividends", "splits"],
)


@ANNOUNCED
def test_announcements_are_asked_for_from_the_start_on_the_future_included(
    server, connect, read, table, path, row, field
):
    server.get(API + path, json=ok())
    read(connect(table, tickers=["AAPL", "BRK.B"], start_date="2024-01-02"))
    assert queries(server) == [
        {
            "ticker.any_of": "AAPL,BRK.B",
            f"{field}.gte": "2024-01-02",
            "sort": f"ticker.asc,{field}.asc",
            "limit": "5000",
        }
    ]


@ANNOUNCED
def test_an_end_date_cuts_the_announcements(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok())
    read(connect(table, start_date="2024-01-02", end_date="2024-02-29"))
    assert queries(server)[0][f"{field}.lte"] == "2024-02-29"


@ANNOUNCED
def test_the_whole_market_has_no_filter_of_tickers(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "ZZZ"}))
    assert len(read(connect(table, tickers=[])).rows) == 2
    assert "ticker.any_of" not in queries(server)[0]


@ANNOUNCED
def test_what_has_not_changed_is_not_sent_again(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    first = read(connect(table))
    assert read(connect(table), first.state).rows == []


@ANNOUNCED
def test_the_same_rows_in_another_order_have_not_changed(server, connect, read, table, path, row, field):
    other = row | {"id": "2", field: "2024-02-20"}
    server.get(API + path, json=ok(row, other))
    server.get(API + path, json=ok(dict(reversed(other.items())), row))
    first = read(connect(table))
    assert read(connect(table), first.state).rows == []


@ANNOUNCED
def test_an_announcement_that_arrives_late_is_sent(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row | {field: "2024-06-03"}))
    server.get(API + path, json=ok(row | {"id": "late", field: "2024-03-01"}, row | {field: "2024-06-03"}))
    first = read(connect(table))
    assert "late" in {row["id"] for row in read(connect(table), first.state).rows}


@ANNOUNCED
def test_an_announcement_that_is_corrected_is_sent(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    server.get(API + path, json=ok(row | {"historical_adjustment_factor": 0.5}))
    first = read(connect(table))
    assert [row["historical_adjustment_factor"] for row in read(connect(table), first.state).rows] == [0.5]


@ANNOUNCED
def test_an_announcement_that_is_withdrawn_has_the_others_of_its_ticker_sent(
    server, connect, read, table, path, row, field
):
    server.get(API + path, json=ok(row, row | {"id": "2", field: "2024-02-20"}))
    server.get(API + path, json=ok(row))
    first = read(connect(table))
    assert [row["id"] for row in read(connect(table), first.state).rows] == [row["id"]]


@ANNOUNCED
def test_only_the_ticker_that_has_changed_is_sent(server, connect, read, table, path, row, field):
    other = row | {"id": "2", "ticker": "MSFT"}
    server.get(API + path, json=ok(row, other))
    server.get(API + path, json=ok(row, other | {"historical_adjustment_factor": 0.5}))
    first = read(connect(table, tickers=["AAPL", "MSFT"]))
    second = read(connect(table, tickers=["AAPL", "MSFT"]), first.state)
    assert {row["ticker"] for row in second.rows} == {"MSFT"}


@ANNOUNCED
def test_a_new_ticker_is_sent_from_its_start(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "MSFT"}))
    first = read(connect(table))
    assert [row["id"] for row in read(connect(table, tickers=["AAPL", "MSFT"]), first.state).rows] == ["2"]


@ANNOUNCED
def test_an_earlier_start_date_sends_what_lies_before(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    server.get(API + path, json=ok(row | {"id": "old", field: "2023-02-01"}, row))
    first = read(connect(table, start_date="2024-01-02"))
    second = read(connect(table, start_date="2023-01-02"), first.state)
    assert "old" in {row["id"] for row in second.rows}


@ANNOUNCED
def test_a_ticker_that_was_removed_and_comes_back_is_sent_again(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    both = connect(table, tickers=["AAPL", "MSFT"])
    without = read(connect(table, tickers=["MSFT"]), read(both).state)
    assert without.state["fingerprints"] == {}
    assert len(read(both, without.state).rows) == 1


@ANNOUNCED
def test_from_every_checkpoint_on_no_announcement_is_lost(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(*(row | {"id": str(n), "ticker": f"T{n // 2}"} for n in range(6))))
    whole = read(connect(table, tickers=[]))
    for written, state in whole.checkpoints:
        rest = read(connect(table, tickers=[]), state)
        assert {row["id"] for row in whole.rows[:written] + rest.rows} == set("012345")


@ANNOUNCED
def test_the_cursor_does_not_follow_announcements_into_the_future(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row, row | {"id": "2", field: "2024-06-03"}))
    assert read(connect(table)).state[field] == row[field]


@ANNOUNCED
def test_an_announcement_for_today_moves_the_cursor_to_today(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row | {field: "2024-03-15"}))
    assert read(connect(table)).state[field] == "2024-03-15"


@ANNOUNCED
def test_the_cursor_does_not_go_back(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    assert read(connect(table), {field: "2024-03-01", "fingerprints": {}}).state[field] == "2024-03-01"


@ANNOUNCED
def test_announcements_that_lie_in_the_future_alone_leave_no_cursor_that_is_no_date(
    server, connect, read, table, path, row, field
):
    server.get(API + path, json=ok(row | {field: "2024-06-03"}))
    assert read(connect(table)).state.get(field) != ""


@ANNOUNCED
def test_a_cursor_far_in_the_future_asks_for_nothing_and_says_so(
    server, connect, read, caplog, table, path, row, field
):
    saved = {field: "2999-12-31", "fingerprints": {}}
    assert read(connect(table), saved).state == saved
    assert len(server.calls) == 0
    assert f"{table.name}: the state says that all is read up to 2999-12-31; clear it" in caplog.text


@ANNOUNCED
def test_a_cursor_of_a_clock_that_was_ahead_hides_nothing(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    assert len(read(connect(table), {field: "2024-12-30", "fingerprints": {}}).rows) == 1


@ANNOUNCED
def test_a_cursor_that_has_reached_today_does_not_stop_asking(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    assert len(read(connect(table), {field: "2024-03-15", "fingerprints": {}}).rows) == 1


@ANNOUNCED
def test_announcements_of_others_are_left_out(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "aapl"}))
    assert [row["id"] for row in read(connect(table)).rows] == [row["id"]]


@ANNOUNCED
def test_announcements_of_the_market_that_are_not_in_the_order_of_tickers_are_noticed(
    server, connect, read, table, path, row, field
):
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "MSFT"}, row | {"id": "3"}))
    assert read(connect(table, tickers=[])).failed == ["slices"]


@ANNOUNCED
@pytest.mark.parametrize("tickers", [[], ["AAPL"]], ids=["market", "listed"])
def test_a_ticker_whose_announcements_do_not_end_is_given_up(
    server, connect, read, monkeypatch, table, path, row, field, tickers
):
    monkeypatch.setattr(streams, "MOST_OF_A_TICKER", 30)
    server.get(API + path, json=ok(*(row | {"id": str(number)} for number in range(31))))
    assert read(connect(table, tickers=tickers)).failed == ["slices"]


@ANNOUNCED
def test_announcements_of_listed_tickers_may_come_in_any_order(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "MSFT"}, row | {"id": "3"}))
    assert len(read(connect(table, tickers=["AAPL", "MSFT"])).rows) == 3


@ANNOUNCED
def test_many_tickers_are_asked_for_in_parts_and_none_is_lost(server, connect, read, table, path, row, field):
    tickers = [f"TICKER{n}" for n in range(1000)]

    def answer(request):
        asked = dict(parse_qsl(urlsplit(request.url).query))["ticker.any_of"].split(",")
        return 200, {}, json.dumps(ok(*(row | {"id": ticker, "ticker": ticker} for ticker in asked)))

    server.add_callback("GET", re.compile(re.escape(API + path)), callback=answer)
    rows = read(connect(table, tickers=tickers)).rows
    assert sorted(row["ticker"] for row in rows) == sorted(tickers)
    assert len(server.calls) > 1


@ANNOUNCED
@pytest.mark.parametrize("fingerprints", [[], "x", None, 5])
def test_a_damaged_state_of_announcements_is_told(connect, table, path, row, field, fingerprints):
    with pytest.raises(ConfigError, match=f"state: that of {table.name} is not as this source writes it"):
        connect(table).resume({field: "2024-03-01", "fingerprints": fingerprints})


@ANNOUNCED
@pytest.mark.parametrize("cursor", [None, 5, "never"])
def test_a_cursor_that_is_no_date_is_told_and_not_taken_for_the_future(
    server, connect, read, table, path, row, field, cursor
):
    server.get(API + path, json=ok(row))
    with pytest.raises(ConfigError, match=f"state: that of {table.name} is not as this source writes it"):
        read(connect(table), {field: cursor, "fingerprints": {}})


@pytest.mark.parametrize("empty", [{}, {"id": None}, {"id": ""}])
@pytest.mark.parametrize(
    ("table", "row", "expected"),
    [
        (streams.Dividends, DIVIDEND, "AAPL-2024-02-09-recurring-0.24"),
        (streams.Splits, SPLIT, "AAPL-2024-02-05-1.0-4.0"),
    ],
)
def test_a_row_without_an_id_gets_one_from_what_tells_it_apart(connect, table, row, expected, empty):
    sent = {field: value for field, value in row.items() if field != "id"} | empty
    assert connect(table).row(sent)["id"] == expected


@pytest.mark.parametrize(
    ("table", "row", "one_way", "another"),
    [
        (streams.Splits, SPLIT, {"split_from": 1, "split_to": 4}, {"split_from": 1.0, "split_to": 4.0}),
        (streams.Dividends, DIVIDEND, {"cash_amount": 1}, {"cash_amount": 1.0}),
    ],
)
def test_an_id_that_we_make_is_the_same_in_whatever_form_its_numbers_come(connect, table, row, one_way, another):
    stream = connect(table)
    assert stream.row(row | one_way | {"id": None})["id"] == stream.row(row | another | {"id": None})["id"]


# News


def article(id: str, published: str, *tickers: str) -> dict:
    return ARTICLE | {"id": id, "published_utc": published, "tickers": list(tickers)}


class Newspaper:
    """Answers for its articles as the API does: by ticker, from a moment on, in order, in pages."""

    def __init__(self, server, *articles: dict, page: int = 1000, down: str = "") -> None:
        self.articles, self.page, self.down = list(articles), page, down
        server.add_callback("GET", re.compile(f"{API}/v2/reference/news"), callback=self._answer)

    def _answer(self, request) -> tuple[int, dict, str]:
        query = dict(parse_qsl(urlsplit(request.url).query))
        if self.down and query.get("ticker") == self.down:
            return 503, {}, ""
        found = [a for a in self.articles if query.get("ticker", a["tickers"][0]) in a["tickers"]]
        found = [
            a for a in found if query["published_utc.gte"] <= a["published_utc"] < query.get("published_utc.lt", "9")
        ]
        found.sort(key=lambda a: a["published_utc"])
        at = int(query.get("cursor", 0))
        body = ok(*found[at : at + self.page])
        if at + self.page < len(found):
            link = request.url.split("&cursor")[0] + f"&cursor={at + self.page}"
            body["next_url"] = link.replace(API, f"{API}:443")
        return 200, {}, json.dumps(body)


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


def test_the_news_of_a_ticker_are_asked_for_in_their_order(server, connect, read):
    Newspaper(server)
    read(connect(streams.News, start_date="2024-01-02"))
    wanted = {"ticker": "AAPL", "published_utc.gte": "2024-01-02", "order": "asc", "sort": "published_utc"}
    assert queries(server) == [wanted | {"limit": "1000"}]


@pytest.mark.parametrize(
    ("end_date", "before"), [("2024-02-29", "2024-03-01T05:00:00Z"), ("2024-03-11", "2024-03-12T04:00:00Z")]
)
def test_the_news_end_with_the_end_date_in_new_york(server, connect, read, end_date, before):
    Newspaper(server)
    read(connect(streams.News, start_date="2024-01-02", end_date=end_date))
    assert queries(server)[0]["published_utc.lt"] == before


def test_the_news_have_no_last_day_that_is_too_far_away(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T14:05:00Z", "AAPL"))
    assert ids(read(connect(streams.News, start_date="2024-01-02", end_date="9999-12-31")).rows) == ["a"]


def test_the_news_of_the_market_have_no_ticker(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T14:05:00Z", "XXXX"))
    reading = read(connect(streams.News, tickers=[], start_date="2024-01-02"))
    assert (ids(reading.rows), reading.state) == (["a"], {"read": {"*": ["2024-01-02", "2024-03-01T14:05:00Z"]}})
    assert "ticker" not in queries(server)[0]


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_an_article_about_two_tickers_comes_once(server, connect, read, page):
    Newspaper(
        server,
        article("a", "2024-03-01T00:00:00Z", "MSFT", "AAPL"),
        article("b", "2024-03-02T00:00:00Z", "MSFT"),
        article("c", "2024-03-03T00:00:00Z", "AAPL", "ZZZ", "MSFT"),
        page=page,
    )
    assert ids(read(connect(streams.News, tickers=["AAPL", "MSFT"])).rows) == ["a", "c", "b"]


@pytest.mark.parametrize("page", [1, 1000])
def test_what_was_left_to_a_ticker_that_failed_comes_though_it_is_taken_out_of_the_config(server, connect, read, page):
    days = {"both 1": ("AAPL", "MSFT"), "own 2": ("MSFT",), "both 3": ("AAPL", "MSFT"), "own 4": ("MSFT",)}
    articles = [article(name, f"2024-03-0{name[-1]}T00:00:00Z", *about) for name, about in days.items()]
    newspaper = Newspaper(server, *articles, down="AAPL", page=page)
    broken = read(connect(streams.News, tickers=["AAPL", "MSFT"], lookback_days=0))
    assert set(ids(broken.rows)) == {"own 2", "own 4"}
    newspaper.down = ""
    rest = read(connect(streams.News, tickers=["MSFT"], lookback_days=0), broken.state)
    assert set(ids(broken.rows + rest.rows)) == set(days)


@pytest.mark.parametrize("page", [1, 1000])
def test_the_cursor_advances_over_articles_that_stand_under_another_ticker(server, connect, read, page):
    Newspaper(server, article("a", "2024-03-01T00:00:00Z", "AAPL", "MSFT"), page=page)
    read_until = read(connect(streams.News, tickers=["AAPL", "MSFT"])).state["read"]
    assert {ticker: newest for ticker, (_, newest) in read_until.items()} == {
        "AAPL": "2024-03-01T00:00:00Z",
        "MSFT": "2024-03-01T00:00:00Z",
    }


def test_an_article_that_does_not_name_the_ticker_it_was_found_by_is_kept(server, connect, read):
    server.get(f"{API}/v2/reference/news", json=ok(article("a", "2024-03-01T00:00:00Z", "ZZZ")))
    assert ids(read(connect(streams.News)).rows) == ["a"]


@pytest.mark.parametrize("tickers", [None, []])
def test_an_article_without_tickers_is_kept(server, connect, read, tickers):
    server.get(f"{API}/v2/reference/news", json=ok(ARTICLE | {"tickers": tickers}))
    assert ids(read(connect(streams.News)).rows) == ["a1"]


@pytest.mark.parametrize(
    ("since", "lookback_days", "asked"),
    [
        ("2024-03-10T14:05:00Z", 3, "2024-03-06T14:05:00Z"),
        ("2024-03-10T14:05:00Z", 0, "2024-03-10T14:05:00Z"),
        ("2024-03-01T00:00:00Z", 3, "2024-02-27T00:00:00Z"),
        ("2024-01-03T14:05:00Z", 3, "2024-01-02"),  # no further back than the start
    ],
)
def test_a_later_sync_begins_some_days_before_the_newest_article(server, connect, read, since, lookback_days, asked):
    Newspaper(server)
    stream = connect(streams.News, start_date="2024-01-02", lookback_days=lookback_days)
    read(stream, {"read": {"AAPL": ["2024-01-02", since]}})
    assert queries(server)[0]["published_utc.gte"] == asked


def test_no_news_leave_the_state_as_it_is(server, connect, read):
    Newspaper(server)
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-10T14:05:00Z"]}}
    assert read(connect(streams.News), saved).state == saved


def test_the_cursor_of_the_news_does_not_go_back(server, connect, read):
    Newspaper(server, article("late", "2024-03-09T00:00:00Z", "AAPL"))
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-10T14:05:00Z"]}}
    assert read(connect(streams.News), saved).state == saved


def test_news_of_today_do_not_stop_asking(server, connect, read):
    Newspaper(server, article("a", "2024-03-15T09:00:00Z", "AAPL"), article("b", "2024-03-15T10:00:00Z", "AAPL"))
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-15T09:00:00Z"]}}
    assert "b" in ids(read(connect(streams.News, lookback_days=0), saved).rows)


def test_an_article_on_the_edge_of_the_window_comes_once(server, connect, read):
    Newspaper(server, article("a", "2024-03-05T00:00:00Z", "AAPL", "MSFT"))
    saved = {"read": {ticker: ["2022-01-03", "2024-03-05T00:00:00Z"] for ticker in ("AAPL", "MSFT")}}
    assert ids(read(connect(streams.News, tickers=["AAPL", "MSFT"], lookback_days=0), saved).rows) == ["a"]


def test_a_cursor_of_news_far_in_the_future_asks_for_nothing(server, connect, read):
    saved = {"read": {"AAPL": ["2022-01-03", "2999-12-31T00:00:00Z"]}}
    assert read(connect(streams.News), saved).state == saved
    assert len(server.calls) == 0


def test_a_new_ticker_has_its_news_from_the_start_and_a_removed_one_leaves_the_state(connect):
    covered = ["2022-01-03", "2024-03-10T14:05:00Z"]
    resumed = connect(streams.News, tickers=["NVDA", "AAPL"]).resume({"read": {"AAPL": covered, "MSFT": covered}})
    assert resumed["read"] == {"AAPL": covered}


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_from_every_checkpoint_on_no_article_is_lost(server, connect, read, page):
    articles = [
        article(str(n), f"2024-03-0{n + 1}T00:00:00Z", *(["AAPL", "MSFT"][n % 3 :] or ["ZZZ"])) for n in range(8)
    ]
    articles = [a for a in articles if a["tickers"] != ["ZZZ"]]
    Newspaper(server, *articles, page=page)
    stream = connect(streams.News, tickers=["AAPL", "MSFT"], lookback_days=0)
    whole = read(stream)
    for written, state in whole.checkpoints:
        assert {*ids(whole.rows[:written]), *ids(read(stream, state).rows)} == set(ids(articles))


def test_an_article_under_a_ticker_that_failed_comes_the_next_time(server, connect, read):
    paper = Newspaper(server, article("a", "2024-03-01T00:00:00Z", "AAPL", "MSFT"), down="AAPL")
    first = read(connect(streams.News, tickers=["AAPL", "MSFT"]))
    paper.down = ""
    second = read(connect(streams.News, tickers=["AAPL", "MSFT"]), first.state)
    assert ids(first.rows + second.rows) == ["a"]


def test_a_late_article_that_only_the_second_tickers_window_reaches_is_not_lost(server, connect, read):
    Newspaper(server, article("late", "2024-03-02T00:00:00Z", "AAPL", "MSFT"))
    saved = {"read": {"AAPL": ["2022-01-03", "2024-03-10T00:00:00Z"], "MSFT": ["2022-01-03", "2024-03-03T00:00:00Z"]}}
    assert ids(read(connect(streams.News, tickers=["AAPL", "MSFT"]), saved).rows) == ["late"]


def test_an_earlier_start_date_reads_the_older_articles_too(server, connect, read):
    old, new = article("old", "2024-01-15T00:00:00Z", "AAPL"), article("new", "2024-03-01T00:00:00Z", "AAPL")
    Newspaper(server, old, new)
    first = read(connect(streams.News, start_date="2024-02-01"))
    second = read(connect(streams.News, start_date="2024-01-02"), first.state)
    assert "old" in ids(second.rows)


def test_an_earlier_start_date_is_not_forgotten_after_a_later_one(server, connect, read):
    Newspaper(server, article("a", "2024-02-15T00:00:00Z", "AAPL"), article("b", "2024-03-10T00:00:00Z", "AAPL"))
    state = {}
    for start_date in ("2024-01-02", "2024-03-01", "2024-01-02"):
        reading = read(connect(streams.News, start_date=start_date, lookback_days=0), state)
        state = reading.state
    assert ids(reading.rows) == ["b"]


def test_a_new_ticker_after_a_later_start_date_has_its_older_articles_once_the_date_is_moved_back(
    server, connect, read
):
    Newspaper(server, article("old", "2024-02-15T00:00:00Z", "MSFT", "AAPL"))
    state = {}
    for tickers, start_date in ((["AAPL"], "2024-03-01"), (["AAPL", "MSFT"], "2024-02-01")):
        reading = read(connect(streams.News, tickers=tickers, start_date=start_date), state)
        state = reading.state
    assert ids(reading.rows) == ["old"]


DAMAGED = [None, [], "x", {"AAPL": None}, {"AAPL": 5}, {"AAPL": "2024-03-01T00:00:00Z"}, {"AAPL": ["2024-01-02"]}]


@pytest.mark.parametrize(
    "read_until",
    [
        *DAMAGED,
        {"AAPL": ["2024-01-02", "yesterday"]},
        {"AAPL": ["soon", "2024-03-01T00:00:00Z"]},
        {"AAPL": [1, 2]},
        {"AAPL": ["2024-01-02", {}]},
    ],
)
def test_a_damaged_state_of_news_is_told(connect, read, server, read_until):
    Newspaper(server)
    with pytest.raises(ConfigError, match="state: that of news is not as this source writes it"):
        read(connect(streams.News), {"read": read_until})


def test_an_article_dated_in_the_future_does_not_stop_the_news(server, connect, read):
    Newspaper(server, article("a", "2024-03-01T00:00:00Z", "AAPL"), article("b", "2025-03-01T00:00:00Z", "AAPL"))
    state = read(connect(streams.News)).state
    assert state["read"]["AAPL"][1] == "2024-03-01T00:00:00Z"
