"""Tests every stream other than the prices: fields, schema, key, types, and no empty table by mistake."""

import json
import re

import jsonschema
import pytest
from known_responses import API, ARTICLE, DETAILS, DIVIDEND, EXCHANGES, HOLIDAYS, SPLIT, TICKER, from_the_api, ok

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.streams.announcements import Dividends, Splits
from source_stock_ticker.streams.news import News
from source_stock_ticker.streams.prices.stream import StockPrices
from source_stock_ticker.streams.reference import Exchanges, MarketHolidays, TickerDetails, Tickers

# name: class, path, response, rows
TABLES = {
    "dividends": (Dividends, "/stocks/v1/dividends", ok(DIVIDEND), [DIVIDEND]),
    "splits": (Splits, "/stocks/v1/splits", ok(SPLIT), [SPLIT]),
    "news": (News, "/v2/reference/news", ok(ARTICLE), [ARTICLE]),
    "ticker_details": (TickerDetails, "/v3/reference/tickers/AAPL", ok() | {"results": DETAILS}, [DETAILS]),
    "exchanges": (Exchanges, "/v3/reference/exchanges", ok(*EXCHANGES), EXCHANGES),
    "market_holidays": (MarketHolidays, "/v1/marketstatus/upcoming", HOLIDAYS, HOLIDAYS),
    "tickers": (Tickers, "/v3/reference/tickers", ok(TICKER), [TICKER, TICKER]),  # active, delisted
}
EACH_TABLE = pytest.mark.parametrize(("table", "path", "body", "rows"), list(TABLES.values()), ids=list(TABLES))


# Every table


@EACH_TABLE
def test_a_response_gives_rows_with_the_apis_own_fields(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    properties = connect(table).json_schema()["properties"]
    assert from_the_api(read(connect(table)).rows) == [{f: row[f] for f in properties if f in row} for row in rows]


@EACH_TABLE
def test_a_row_is_as_its_schema_says(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    validator = jsonschema.Draft7Validator(connect(table).json_schema())
    assert not [error.message for row in read(connect(table)).rows for error in validator.iter_errors(row)]


@EACH_TABLE
def test_no_field_and_no_value_of_a_known_response_is_lost(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    assert set().union(*rows) <= set(connect(table).json_schema()["properties"])
    stream = connect(table)
    assert (read(stream).nulled, stream.unknown_fields) == (set(), set())


@EACH_TABLE
def test_an_undeclared_field_is_ignored(server, connect, read, table, path, body, rows):
    text = json.dumps(body)
    for field in ('"name":', '"ticker":', '"title":'):
        text = text.replace(field, f'"odd_field": 1, {field}')
    server.get(API + path, body=text)
    stream = connect(table)
    assert "odd_field" not in set().union(*read(stream).rows)
    assert stream.unknown_fields == {"odd_field"}


@EACH_TABLE
def test_the_primary_key_identifies_the_known_rows(connect, table, path, body, rows):
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
def test_optional_fields_can_be_absent(server, connect, read, table, path, body, rows):
    keep = {*connect(table).json_schema()["required"], "tickers"}
    bare = [{field: row[field] for field in row if field in keep} for row in rows]
    results = bare[0] if table is TickerDetails else bare[: len(bare) // 2 or 1] if table is Tickers else bare
    server.get(API + path, json=bare if isinstance(body, list) else body | {"results": results})
    assert from_the_api(read(connect(table)).rows) == bare


@EACH_TABLE
def test_the_progress_shows_how_many_requests_a_read_has_made(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    stream = connect(table)
    read(stream)
    assert stream.request_stats().requests == len(server.calls) > 0


KNOWN = {"ticker_details": (1, 1), "exchanges": (1, None), "market_holidays": (1, None)}  # requests, rows


@EACH_TABLE
def test_a_read_makes_at_least_the_requests_that_were_forecast(server, connect, read, table, path, body, rows):
    server.get(API + path, json=body)
    stream = connect(table)
    forecast = stream.forecast(stream.resume({}))
    assert len(server.calls) == 0
    read(connect(table))
    assert forecast.requests == len(server.calls)
    assert forecast.exact is (table.name in KNOWN)
    assert (forecast.requests, forecast.rows) == KNOWN.get(table.name, (forecast.requests, None))


@pytest.mark.parametrize(
    ("table", "tickers", "requests"),
    [
        (News, ["AAPL", "MSFT", "NVDA"], 3),
        (News, [], 1),
        (Tickers, ["AAPL", "MSFT", "NVDA"], 6),
        (Tickers, [], 4),
        (TickerDetails, ["AAPL", "MSFT", "NVDA"], 3),
        (Dividends, ["AAPL", "MSFT", "NVDA"], 1),
        (Dividends, [f"TICKER{n}" for n in range(1000)], 2),
        (Splits, [], 1),
    ],
)
def test_what_a_table_costs_depends_on_the_tickers(connect, table, tickers, requests):
    stream = connect(table, tickers=tickers)
    assert stream.forecast(stream.resume({})).requests == requests


@pytest.mark.parametrize("table", [Dividends, Splits])
def test_announcements_that_are_not_requested_cost_nothing(connect, table):
    stream = connect(table)
    state = stream.resume({"read_at": "2999-01-01T00:00:00.000000Z", "fingerprints": {}})
    assert stream.forecast(state).requests == 0


@pytest.mark.parametrize("table", [Exchanges, MarketHolidays, News, Dividends])
def test_a_table_that_does_not_exist_is_not_an_empty_table(server, connect, read, table):
    server.get(re.compile(API), status=404, body="404 page not found")
    assert len(read(connect(table)).failed) == 1


@pytest.mark.parametrize("table", [Exchanges, News, Tickers, Splits, Dividends])
@pytest.mark.parametrize("body", [{"status": "OK"}, {"status": "OK", "results": None}, {"status": "OK", "results": []}])
def test_a_table_can_be_empty(server, connect, read, table, body):
    server.get(re.compile(API), json=body)
    reading = read(connect(table))
    assert (reading.rows, reading.failed) == ([], [])


@EACH_TABLE
def test_an_error_with_a_good_status_is_not_an_empty_table(server, connect, read, table, path, body, rows):
    server.get(API + path, json={"status": "ERROR", "error": "Something is wrong."})
    assert read(connect(table)).failed


@pytest.mark.parametrize(
    ("table", "key", "cursor"),
    [
        (StockPrices, ("stock_ticker", "timestamp"), "timestamp"),
        (Dividends, ("id",), "read_at"),
        (Splits, ("id",), "read_at"),
        (News, ("id",), "published_utc"),
        (Tickers, (), None),
        (TickerDetails, ("ticker",), None),
        (Exchanges, ("id", "name"), None),
        (MarketHolidays, ("exchange", "date"), None),
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
def test_a_value_can_come_in_any_form_of_its_type(connect, sent, field, expected):
    found = connect(Dividends).row(DIVIDEND | sent)[field]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("table", "row", "field", "sent"),
    [
        (Dividends, DIVIDEND, "ex_dividend_date", 5),
        (Dividends, DIVIDEND, "ex_dividend_date", ""),
        (Dividends, DIVIDEND, "ex_dividend_date", "2024-02-30"),
        (Splits, SPLIT, "execution_date", "2023-02-29"),
        (Splits, SPLIT, "id", 5),
        (News, ARTICLE, "published_utc", "2024-02-30T14:05:00Z"),
        (News, ARTICLE, "published_utc", "2024-03-01"),
        (MarketHolidays, HOLIDAYS[0], "date", "2024-11-31"),
        (Exchanges, EXCHANGES[0], "id", "1"),
        (Tickers, TICKER, "ticker", None),
    ],
)
def test_a_wrong_key_or_cursor_is_refused(connect, table, row, field, sent):
    with pytest.raises(UnexpectedResponse) as error:
        connect(table).row(row | {field: sent})
    assert error.value.message.startswith(f"The API sent a row of {table.name} that does not fit the schema: ")
    assert error.value.message.endswith(f" - at `$.{field}`.")


@pytest.mark.parametrize(
    ("name", "row", "field", "sent"),
    [
        ("dividends", DIVIDEND, "frequency", 4.5),
        ("dividends", DIVIDEND, "frequency", "4"),
        ("dividends", DIVIDEND, "cash_amount", "0.24"),
        ("dividends", DIVIDEND, "currency", 5),
        ("dividends", DIVIDEND, "declaration_date", ""),
        ("dividends", DIVIDEND, "pay_date", "2024-02-30"),
        ("splits", SPLIT, "split_to", "4"),
        ("news", ARTICLE, "tickers", "AAPL"),
        ("news", ARTICLE, "tickers", ["AAPL", 5]),
        ("news", ARTICLE, "publisher", 5),
        ("news", ARTICLE, "publisher", {"name": 5, "more": [[1]]}),
        ("news", ARTICLE, "insights", [{"ticker": 5}]),
        ("news", ARTICLE, "insights", json.loads("[" * 900 + "]" * 900)),
        ("ticker_details", DETAILS, "address", {"city": 5}),
        ("ticker_details", DETAILS, "list_date", "1980-02-30"),
        ("exchanges", EXCHANGES[0], "mic", 5),
        ("market_holidays", HOLIDAYS[1], "open", ""),
        ("tickers", TICKER, "last_updated_utc", "2024-02-30T00:00:00Z"),
    ],
)
def test_a_wrong_value_elsewhere_becomes_null_and_costs_nothing_else(server, connect, read, name, row, field, sent):
    table, path, body, _ = TABLES[name]
    results = row | {field: sent} if table is TickerDetails else [row | {field: sent}]
    server.get(API + path, json=results if isinstance(body, list) else body | {"results": results})
    reading = read(connect(table))
    assert from_the_api(reading.rows) == [row | {field: None}] * (2 if table is Tickers else 1)
    assert (reading.nulled, reading.failed) == ({field}, [])
    assert len(server.calls) == len(reading.rows), "it is not fetched again"


def test_what_is_inside_a_list_or_an_object_and_not_in_the_schema_passes_as_it_is(connect):
    sent = {"publisher": {"name": "News", "more": [[1]]}}
    assert connect(News).row(ARTICLE | sent) == ARTICLE | sent
