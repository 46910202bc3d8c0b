"""Tests that a bar becomes one row, the same from every endpoint, or an error that says what is wrong."""

import json
from datetime import date, datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
import pytest

from source_stock_ticker.runtime.errors import UnexpectedResponse
from source_stock_ticker.runtime.http.response import Response
from source_stock_ticker.streams.prices import bars
from source_stock_ticker.trading_days import BarSize

SCHEMA = Path(bars.__file__).parents[2] / "schemas" / "stock_prices.json"
DAY = BarSize("day", 1)
NEW_YORK = ZoneInfo("America/New_York")


def ms(text: str) -> int:
    """The moment in ms, of a date and time in New York."""
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1000)


def bar(day: str = "2024-03-08", **fields) -> dict:
    return {"o": 10.5, "h": 12, "l": 10.25, "c": 11, "v": 2000, "vw": 11.1, "n": 40, "t": ms(day), **fields}


def rows(ticker: str, sent: list[dict] | str, size: BarSize, adjusted: bool) -> list[dict[str, Any]]:
    """The rows that a response of custom bars gives; sent: the bars, or the JSON of their list."""
    return msgspec.to_builtins(rows_made_of(ticker, sent, size, adjusted))


def rows_made_of(ticker: str, sent: list[dict] | str, size: BarSize, adjusted: bool) -> list[Any]:
    results = sent if isinstance(sent, str) else json.dumps(sent)
    response = Response(200, f'{{"status": "OK", "results": {results}}}'.encode(), f"/v2/aggs/ticker/{ticker}", {})
    decoded = bars.read_bars(response).results or []
    return bars.rows(ticker, decoded, size, adjusted)


def rows_of_day(day: str, sent: dict[str, dict], adjusted: bool) -> list[dict[str, Any]]:
    return msgspec.to_builtins(bars.rows_of_day(day, sent, adjusted))


def test_a_row_has_the_fields_and_types_of_the_schema():
    types = {"string": str, "number": int | float, "integer": int, "boolean": bool, "null": None}
    fields = json.loads(SCHEMA.read_text("utf-8"))["properties"]
    kinds = {
        name: [field["type"]] if isinstance(field["type"], str) else field["type"] for name, field in fields.items()
    }
    expected = {name: reduce(or_, [types[kind] for kind in found]) for name, found in kinds.items()}
    assert list(get_type_hints(bars.Price).items()) == list(expected.items())


def test_a_row_lacks_no_field_that_the_schema_requires():
    optional = [field.name for field in msgspec.structs.fields(bars.Price) if not field.required]
    assert optional == []
    assert not bars.Price.__struct_config__.omit_defaults


def test_a_row_has_every_field_of_the_bar_under_its_own_name():
    assert rows("AAPL", [bar()], DAY, True) == [
        {
            "stock_ticker": "AAPL",
            "date": "2024-03-08",
            "timestamp": "2024-03-08T05:00:00Z",
            "open": 10.5,
            "high": 12,
            "low": 10.25,
            "close": 11,
            "volume": 2000,
            "vwap": 11.1,
            "transactions": 40,
            "otc": False,
            "adjusted": True,
        }
    ]


@pytest.mark.parametrize(
    ("day", "midnight"),
    [
        ("2024-01-16", "2024-01-16T05:00:00Z"),
        ("2024-07-16", "2024-07-16T04:00:00Z"),
        ("2024-03-08", "2024-03-08T05:00:00Z"),  # Friday before the clocks go forward
        ("2024-03-11", "2024-03-11T04:00:00Z"),
        ("2024-11-01", "2024-11-01T04:00:00Z"),  # Friday before they go back
        ("2024-11-04", "2024-11-04T05:00:00Z"),
        ("2024-02-29", "2024-02-29T05:00:00Z"),
        ("2024-12-31", "2024-12-31T05:00:00Z"),
    ],
)
@pytest.mark.parametrize("stamp", ["00:00", "13:00", "16:00", "23:59"])
def test_a_day_bar_begins_at_midnight_whatever_its_timestamp(day, midnight, stamp):
    found = rows("AAPL", [bar(f"{day}T{stamp}")], DAY, True)[0]
    assert (found["date"], found["timestamp"]) == (day, midnight)


@pytest.mark.parametrize("day", ["2024-01-16", "2024-03-11", "2024-07-16", "2024-11-04"])
@pytest.mark.parametrize("fields", [{}, {"otc": True}, {"n": 5.0, "v": 2.4e7}, {"vw": None}, {"o": 7}])
def test_custom_and_grouped_bars_give_the_same_row(day, fields):
    custom = rows("AAPL", [bar(day, **fields)], DAY, True)
    assert rows_of_day(day, {"AAPL": bar(f"{day}T16:00", T="AAPL", **fields)}, True) == custom


def test_of_a_day_every_ticker_has_its_own_row():
    found = rows_of_day("2024-03-08", {"AAPL": bar(T="AAPL", c=1), "BACpA": bar(T="BACpA", c=2)}, False)
    assert [(row["stock_ticker"], row["close"], row["adjusted"]) for row in found] == [
        ("AAPL", 1, False),
        ("BACpA", 2, False),
    ]


def test_a_grouped_bar_of_a_wrong_type_is_noticed():
    with pytest.raises(UnexpectedResponse) as error:
        rows_of_day("2024-03-08", {"AAPL": bar(T="AAPL"), "MSFT": bar(T="MSFT", c="11")}, True)
    assert error.value.message == (
        "The API sent bars for 2024-03-08 that are not as documented: "
        "Expected `int | float | null`, got `str` - at `$[1].c`."
    )


@pytest.mark.parametrize(
    ("size", "moment", "expected"),
    [
        (BarSize("hour", 1), "2024-03-08T04:00", ("2024-03-08", "2024-03-08T09:00:00Z")),
        (BarSize("hour", 1), "2024-03-08T19:00", ("2024-03-08", "2024-03-09T00:00:00Z")),
        (BarSize("hour", 4), "2024-03-11T16:00", ("2024-03-11", "2024-03-11T20:00:00Z")),
        (BarSize("minute", 1), "2024-07-16T19:59", ("2024-07-16", "2024-07-16T23:59:00Z")),
        (BarSize("minute", 1), "2024-07-16T20:01", ("2024-07-16", "2024-07-17T00:01:00Z")),
        (BarSize("minute", 1), "2024-01-16T09:30", ("2024-01-16", "2024-01-16T14:30:00Z")),
    ],
)
def test_an_intraday_bar_keeps_its_moment_and_has_new_yorks_date(size, moment, expected):
    found = rows("AAPL", [bar(moment)], size, True)[0]
    assert (found["date"], found["timestamp"]) == expected


def test_an_intraday_bar_keeps_even_its_milliseconds():
    found = rows("AAPL", [bar(t=ms("2024-03-08T09:30") + 1_007)], BarSize("minute", 1), True)
    assert found[0]["timestamp"] == "2024-03-08T14:30:01.007Z"


def test_the_repeated_hour_in_autumn_gives_two_rows():
    first = ms("2024-11-03T01:00")  # 05:00 UTC, and once more at 06:00
    found = rows("AAPL", [bar(t=first), bar(t=first + 3_600_000)], BarSize("hour", 1), True)
    assert [row["timestamp"] for row in found] == ["2024-11-03T05:00:00Z", "2024-11-03T06:00:00Z"]


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ('"v": 2.4970168e+07', "volume", 24970168),
        ('"v": 2.4e7', "volume", 24000000),
        ('"v": 1748755.0', "volume", 1748755),
        ('"v": 25933.6', "volume", 25933.6),
        ('"v": 0', "volume", 0),
        ('"o": 7', "open", 7),
        ('"vw": 1e-4', "vwap", 0.0001),
        ('"n": 5', "transactions", 5),
        ('"n": 5.0', "transactions", 5),
        ('"n": 5e0', "transactions", 5),
        ('"t": 1.709874e12', "timestamp", "2024-03-08T05:00:00Z"),
        ('"t": 1709874000000.0', "timestamp", "2024-03-08T05:00:00Z"),
    ],
)
def test_a_number_can_come_in_any_form_of_json(text, field, expected):
    assert rows("AAPL", f'[{{"t": 1709874000000, {text}}}]', DAY, True)[0][field] == expected


def test_what_the_schema_calls_an_integer_is_written_as_one():
    found = rows("AAPL", [bar(n=5.0)], DAY, True)
    assert type(found[0]["transactions"]) is int


def test_a_count_can_be_absent_next_to_one_with_a_point():
    found = rows("AAPL", [bar("2024-03-07", n=5.0), bar(n=None), bar("2024-03-11", n=6)], DAY, True)
    assert [row["transactions"] for row in found] == [5, None, 6]


@pytest.mark.parametrize(
    ("absent", "field", "expected"),
    [
        ("o", "open", None),
        ("h", "high", None),
        ("l", "low", None),
        ("c", "close", None),
        ("v", "volume", None),
        ("vw", "vwap", None),
        ("n", "transactions", None),
        ("otc", "otc", False),
    ],
)
@pytest.mark.parametrize("how", ["left out", "null"])
def test_a_field_without_a_value_is_none(absent, field, expected, how):
    sent = bar(otc=True)
    if how == "null":
        sent[absent] = None
    else:
        del sent[absent]
    assert rows("AAPL", [bar("2024-03-07", otc=True), sent], DAY, True)[1][field] == expected


def test_an_over_the_counter_bar_says_so():
    assert rows("AAPL", [bar(otc=True)], DAY, True)[0]["otc"] is True


def test_a_field_that_we_do_not_know_is_left_out():
    assert rows("AAPL", [bar(a=1, op=2, T="X")], DAY, True) == rows("AAPL", [bar()], DAY, True)


@pytest.mark.parametrize("ticker", ["NA", "TRUE", "NULL", "BACpA", "BRK.B"])
def test_a_ticker_stays_as_it_is_spelled(ticker):
    assert rows(ticker, [bar()], DAY, True)[0]["stock_ticker"] == ticker


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        *[(field, "1.5", "Expected `int | float | null`, got `str`") for field in ("o", "h", "l", "c", "v")],
        ("o", True, "Expected `int | float | null`, got `bool`"),
        ("v", [], "Expected `int | float | null`, got `array`"),
        ("t", None, "Expected `int`, got `null`"),
        ("t", "2024-03-08", "Expected `int`, got `str`"),
        ("t", 1709874000000.5, "Expected `int`, got `float`"),
        ("t", False, "Expected `int`, got `bool`"),
        ("t", -1, "Expected `int` >= 31536000000"),
        ("t", 1709874000000000, "Expected `int` <= 4102444799999"),  # microseconds
        ("t", 1709874000, "Expected `int` >= 31536000000"),  # seconds
        ("otc", "true", "Expected `bool | null`, got `str`"),
        ("otc", 1, "Expected `bool | null`, got `int`"),
    ],
)
def test_a_value_of_a_wrong_type_is_noticed_among_good_bars(field, value, complaint):
    sent = [bar("2024-03-07"), bar(**{field: value}), bar("2024-03-11")]
    with pytest.raises(UnexpectedResponse) as error:
        rows("AAPL", sent, DAY, True)
    assert error.value.message == (
        f"The API's response for /v2/aggs/ticker/AAPL is not as documented: {complaint} - at `$.results[1].{field}`."
    )


@pytest.mark.parametrize(
    ("fields", "nulled"),
    [
        ({"vw": "11.1"}, ["vwap"]),
        ({"vw": True}, ["vwap"]),
        ({"vw": 10**400}, ["vwap"]),
        ({"n": "5"}, ["transactions"]),
        ({"n": 5.5}, ["transactions"]),
        ({"n": []}, ["transactions"]),
        ({"vw": {}, "n": True}, ["vwap", "transactions"]),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("others", [{}, {"n": 5.0, "vw": 2**70}, {"n": 5}], ids=str)
def test_a_wrong_average_price_or_number_of_trades_becomes_null_and_costs_nothing_else(fields, nulled, others):
    grouped = {"AAPL": bar(T="AAPL", **others), "MSFT": bar(T="MSFT", **fields), "IBM": bar(T="IBM")}
    days = ["2024-03-07", "2024-03-08", "2024-03-11"]
    custom = [{**sent, "t": ms(day)} for sent, day in zip(grouped.values(), days, strict=True)]
    for found in (rows_made_of("AAPL", custom, DAY, True), bars.rows_of_day("2024-03-08", grouped, True)):
        assert [list(row.nulled) for row in found] == [[], nulled, []]
        good = rows("AAPL", [bar(**others)], DAY, True)[0]
        lost = dict.fromkeys(nulled)
        places = [{"stock_ticker": row.stock_ticker, "date": row.date, "timestamp": row.timestamp} for row in found]
        expected = [good, rows("AAPL", [bar()], DAY, True)[0] | lost, rows("AAPL", [bar()], DAY, True)[0]]
        assert msgspec.to_builtins(found) == [row | place for row, place in zip(expected, places, strict=True)]
        assert msgspec.json.encode(found) == msgspec.json.encode(msgspec.to_builtins(found))


def test_of_good_bars_none_is_looked_at_one_by_one():
    assert {type(row) for row in rows_made_of("AAPL", [bar(n=5.0), bar("2024-03-11")], DAY, True)} == {bars.Price}


@pytest.mark.parametrize("wrong", [{"c": "11"}, {"otc": 1}, {"t": None}])
def test_a_wrong_average_price_does_not_hide_what_is_refused(wrong):
    field = next(iter(wrong))
    with pytest.raises(UnexpectedResponse, match=rf"\[1\].{field}"):
        rows("AAPL", [bar("2024-03-07", vw="x"), bar(**wrong)], DAY, True)
    with pytest.raises(UnexpectedResponse, match=rf"\[1\].{field}"):
        rows_of_day("2024-03-08", {"AAPL": bar(T="AAPL", vw="x"), "MSFT": {**bar(T="MSFT"), **wrong}}, True)


def test_a_bar_without_its_time_is_noticed():
    sent = bar()
    del sent["t"]
    with pytest.raises(UnexpectedResponse, match="missing required field `t`"):
        rows("AAPL", [sent], DAY, True)


def test_bars_in_a_wrong_order_are_put_in_order():
    days = ["2024-03-08", "2024-03-06", "2024-03-07"]
    found = rows("AAPL", [bar(day) for day in days], DAY, True)
    assert [row["date"] for row in found] == sorted(days)


def test_if_a_bar_is_repeated_the_later_one_wins():
    found = rows("AAPL", [bar(c=1), bar("2024-03-11"), bar(c=2)], DAY, True)
    assert [(row["date"], row["close"]) for row in found] == [("2024-03-08", 2), ("2024-03-11", 11)]


def test_a_day_with_two_bars_is_one_row():
    midnight, afternoon = bar("2024-03-08", c=1), bar("2024-03-08", c=2)
    afternoon["t"] += 16 * 3_600_000
    assert [row["close"] for row in rows("AAPL", [midnight, afternoon], DAY, True)] == [2]


def test_no_bars_are_no_rows():
    assert rows("AAPL", [], DAY, True) == []


@pytest.mark.parametrize(
    ("timespan", "day", "first", "last"),
    [
        ("day", "2024-03-13", "2024-03-13", "2024-03-13"),
        ("minute", "2024-03-13", "2024-03-13", "2024-03-13"),
        ("week", "2024-03-10", "2024-03-10", "2024-03-15"),  # from Sunday; ends on Friday
        ("week", "2024-03-13", "2024-03-10", "2024-03-15"),
        ("week", "2024-03-16", "2024-03-10", "2024-03-15"),
        ("week", "2024-01-01", "2023-12-31", "2024-01-05"),
        ("month", "2024-02-29", "2024-02-01", "2024-02-29"),
        ("month", "2024-03-13", "2024-03-01", "2024-03-29"),  # March 30 and 31 are a weekend
        ("month", "2024-12-31", "2024-12-01", "2024-12-31"),
    ],
)
def test_a_bar_covers_its_days_from_the_first_to_the_last_weekday(timespan, day, first, last):
    size = BarSize(timespan, 1)
    begins, ends = size.first_day(date.fromisoformat(day)), size.last_day(date.fromisoformat(day))
    assert (begins.isoformat(), ends.isoformat(), size.last_day(begins)) == (first, last, ends)


@pytest.mark.parametrize(("timespan", "is_intraday"), [("minute", True), ("hour", True), ("day", False)])
def test_only_minutes_and_hours_divide_a_day(timespan, is_intraday):
    assert BarSize(timespan, 1).is_intraday is is_intraday


@pytest.mark.parametrize("field", ["o", "h", "l", "c", "v"])
def test_a_number_of_more_than_64_bits_becomes_a_float_and_one_beyond_all_floats_is_noticed(field):
    assert rows("AAPL", [bar(**{field: 2**70})], DAY, True) == rows("AAPL", [bar(**{field: float(2**70)})], DAY, True)
    with pytest.raises(UnexpectedResponse, match="Expected `int`"):
        rows("AAPL", [bar(**{field: 10**400})], DAY, True)
