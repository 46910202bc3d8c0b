"""Tests dividends and splits: what is requested, and that a sync sends only what has changed."""

import json
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from known_responses import API, DIVIDEND, SPLIT, from_the_api, ok, queries

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.streams import announcements
from source_stock_ticker.streams.announcements import Dividends, Splits

ANNOUNCED = pytest.mark.parametrize(
    ("table", "path", "row", "field"),
    [
        (Dividends, "/stocks/v1/dividends", DIVIDEND, "ex_dividend_date"),
        (Splits, "/stocks/v1/splits", SPLIT, "execution_date"),
    ],
    ids=["dividends", "splits"],
)


@ANNOUNCED
def test_announcements_are_requested_from_the_start_on_the_future_included(
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


def now() -> str:
    return datetime.now(timezone.utc).isoformat()


@ANNOUNCED
def test_all_rows_of_a_sync_say_when_it_read_them_and_the_state_says_so_too(
    server, connect, read, table, path, row, field
):
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "MSFT"}))
    before = now()
    reading = read(connect(table, tickers=[]))
    (read_at,) = {row["read_at"] for row in reading.rows}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", read_at)
    assert before < read_at < now()
    assert reading.state["read_at"] == read_at


@ANNOUNCED
@pytest.mark.parametrize("day", ["2024-01-09", "2024-06-03"], ids=["earlier", "later"])
def test_a_correction_has_a_later_cursor_even_if_its_day_is_earlier(
    server, connect, read, table, path, row, field, day
):
    server.get(API + path, json=ok(row))
    server.get(API + path, json=ok(row | {field: day}))
    first = read(connect(table))
    (second,) = read(connect(table), first.state).rows
    assert (second[field], second["id"]) == (day, row["id"])
    assert second["read_at"] > first.rows[0]["read_at"]


@ANNOUNCED
def test_a_full_refresh_that_resumes_leaves_what_has_changed_to_the_next_sync(
    server, connect, read, table, path, row, field
):
    new = row | {"id": "2", field: "2024-02-20"}
    server.get(API + path, json=ok(row))
    server.get(API + path, json=ok(row, new))
    first = read(connect(table), full_refresh=True)
    again = read(connect(table), first.state, full_refresh=True)
    assert again.rows == []
    assert [row["id"] for row in read(connect(table), again.state).rows] == [row["id"], "2"]


@ANNOUNCED
@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S.%f+00:00"])
def test_the_cursor_grows_although_the_clock_was_ahead(server, connect, read, table, path, row, field, form):
    server.get(API + path, json=ok(row))
    ahead = datetime.now(timezone.utc) + timedelta(days=300)
    reading = read(connect(table), {"read_at": ahead.strftime(form), "fingerprints": {}})
    expected = (ahead + timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [row["read_at"] for row in reading.rows] == [expected]
    assert reading.state["read_at"] == expected


@ANNOUNCED
def test_a_sync_that_sends_nothing_leaves_the_cursor_as_it_is(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row))
    first = read(connect(table))
    assert read(connect(table), first.state).state == first.state


@ANNOUNCED
@pytest.mark.parametrize("read_at", ["2999-12-31", "9999-12-31T23:59:59.999999Z"])
def test_a_cursor_far_in_the_future_asks_for_nothing_and_says_so(
    server, connect, read, caplog, table, path, row, field, read_at
):
    saved = {"read_at": read_at, "fingerprints": {}}
    assert read(connect(table), saved).state == saved
    assert len(server.calls) == 0
    assert f"{table.name}: the state says that everything up to {read_at} has been read; clear it" in caplog.text


@ANNOUNCED
def test_after_a_state_of_an_older_version_all_is_sent_again_and_it_says_so(
    server, connect, read, caplog, table, path, row, field
):
    server.get(API + path, json=ok(row))
    fingerprints = read(connect(table)).state["fingerprints"]
    caplog.set_level("INFO")
    assert len(read(connect(table), {field: "2024-03-01", "fingerprints": fingerprints}).rows) == 1
    assert caplog.messages == [f"{table.name}: the state is from an older version, so all rows are sent again."]


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
    monkeypatch.setattr(announcements, "MAX_ROWS_OF_A_TICKER", 30)
    server.get(API + path, json=ok(*(row | {"id": str(number)} for number in range(31))))
    assert read(connect(table, tickers=tickers)).failed == ["slices"]


@ANNOUNCED
def test_announcements_of_listed_tickers_can_come_in_any_order(server, connect, read, table, path, row, field):
    server.get(API + path, json=ok(row, row | {"id": "2", "ticker": "MSFT"}, row | {"id": "3"}))
    assert len(read(connect(table, tickers=["AAPL", "MSFT"])).rows) == 3


@ANNOUNCED
def test_many_tickers_are_requested_in_parts_and_none_is_lost(server, connect, read, table, path, row, field):
    tickers = [f"TICKER{n}" for n in range(1000)]

    def respond(request):
        asked = dict(parse_qsl(urlsplit(request.url).query))["ticker.any_of"].split(",")
        return 200, {}, json.dumps(ok(*(row | {"id": ticker, "ticker": ticker} for ticker in asked)))

    server.add_callback("GET", re.compile(re.escape(API + path)), callback=respond)
    rows = read(connect(table, tickers=tickers)).rows
    assert sorted(row["ticker"] for row in rows) == sorted(tickers)
    assert len(server.calls) > 1


@ANNOUNCED
def test_fewer_tickers_are_requested_where_an_address_is_too_long(server, connect, read, table, path, row, field):
    tickers = [f"TICKER{n}" for n in range(100)]

    def respond(request):
        asked = dict(parse_qsl(urlsplit(request.url).query))["ticker.any_of"].split(",")
        if len(request.url) > 500:
            return 414, {}, ""
        return 200, {}, json.dumps(ok(*(row | {"id": ticker, "ticker": ticker} for ticker in asked)))

    server.add_callback("GET", re.compile(re.escape(API + path)), callback=respond)
    reading = read(connect(table, tickers=tickers))
    assert (reading.failed, sorted(row["ticker"] for row in reading.rows)) == ([], sorted(tickers))


@ANNOUNCED
@pytest.mark.parametrize("fingerprints", [[], "x", None, 5])
def test_a_damaged_state_of_announcements_is_reported(connect, table, path, row, field, fingerprints):
    with pytest.raises(ConfigError, match=f"state: the saved state of {table.name} has an unexpected format"):
        connect(table).resume({"read_at": "2024-03-01T00:00:00.000000Z", "fingerprints": fingerprints})


@ANNOUNCED
@pytest.mark.parametrize("cursor", [None, 5, "never", "0001-01-01T00:00:00+14:00"])
def test_a_cursor_that_is_not_a_moment_is_reported_and_not_mistaken_for_the_future(
    server, connect, read, table, path, row, field, cursor
):
    server.get(API + path, json=ok(row))
    with pytest.raises(ConfigError, match=f"state: the saved state of {table.name} has an unexpected format"):
        read(connect(table), {"read_at": cursor, "fingerprints": {}})


@pytest.mark.parametrize("empty", [{}, {"id": None}, {"id": ""}])
@pytest.mark.parametrize(
    ("table", "row", "expected"),
    [
        (Dividends, DIVIDEND, "AAPL-2024-02-09-recurring-0.24"),
        (Splits, SPLIT, "AAPL-2024-02-05-1.0-4.0"),
    ],
)
def test_a_row_without_an_id_gets_one_from_its_natural_key(connect, table, row, expected, empty):
    sent = {field: value for field, value in row.items() if field != "id"} | empty
    assert connect(table).row(sent)["id"] == expected


@pytest.mark.parametrize(
    ("table", "row", "one_way", "another"),
    [
        (Splits, SPLIT, {"split_from": 1, "split_to": 4}, {"split_from": 1.0, "split_to": 4.0}),
        (Dividends, DIVIDEND, {"cash_amount": 1}, {"cash_amount": 1.0}),
    ],
)
def test_an_id_that_we_make_is_the_same_in_whatever_form_its_numbers_come(connect, table, row, one_way, another):
    stream = connect(table)
    assert stream.row(row | one_way | {"id": None})["id"] == stream.row(row | another | {"id": None})["id"]


def test_an_amount_beyond_all_floats_in_a_row_without_an_id_becomes_null(connect):
    row = connect(Dividends).row({**DIVIDEND, "id": None, "cash_amount": 10**400})
    assert (row["cash_amount"], row["id"]) == (None, "AAPL-2024-02-09-recurring-")


@pytest.mark.parametrize("field", ["declaration_date", "cash_amount"])
def test_an_announcement_is_the_same_whether_a_value_became_null_or_was_null(server, connect, read, field):
    server.get(f"{API}/stocks/v1/dividends", json=ok(DIVIDEND | {field: ""}))
    server.get(f"{API}/stocks/v1/dividends", json=ok(DIVIDEND | {field: None}))
    first = read(connect(Dividends))
    assert (from_the_api(first.rows), first.nulled) == ([DIVIDEND | {field: None}], {field})
    assert read(connect(Dividends), first.state).rows == []
