"""examples/prices_adjusted_for_dividends.sql: the factors, worked out by hand. (On real prices: integration_tests/.)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from destination.tables import column_type

ROOT = Path(__file__).resolve().parent.parent
SQL = (ROOT / "examples" / "prices_adjusted_for_dividends.sql").read_text("utf-8")
PAGE = (ROOT / "docs" / "total-returns.md").read_text("utf-8")
COMPUTED, BY_THE_API = "prices_adjusted_for_dividends", "prices_adjusted_by_the_api"
API = "historical_adjustment_factor"
BOTH_VIEWS = pytest.mark.parametrize("view", [COMPUTED, BY_THE_API])

Row = dict[str, Any]


def dividend(day: str, dollars: float | None, factor_of_the_api: float | None, **changes: Any) -> Row:
    row = {"ticker": "ACME", "ex_dividend_date": day, "currency": "USD", "split_adjusted_cash_amount": dollars}
    return {**row, "historical_adjustment_factor": factor_of_the_api, **changes}


# On each ex-date the share opens lower by the dividend, and else it stands still. So its total return is nothing at
# all, and all adjusted closes are one. In between is a split of two for one: the first dividend was 4 dollars a share.
CLOSES = {
    "2024-02-01": 50,
    "2024-02-02": 50,
    "2024-02-05": 48,  # ex 2: 1 - 2/50 = 0.96
    "2024-02-12": 48,  # split
    "2024-02-16": 40,  # a loss, and the only one
    "2024-02-20": 30,  # ex 1 + 9 on Monday the 19th, a holiday: 1 - 10/40 = 0.75
    "2024-02-29": 30,
    "2024-03-01": 27,  # ex 3: 1 - 3/30 = 0.9
}
DIVIDENDS = [
    dividend("2024-02-05", 2, 0.648, cash_amount=4),
    dividend("2024-02-19", 1, 0.675, distribution_type="recurring"),
    dividend("2024-02-19", 9, 0.675, distribution_type="special"),
    dividend("2024-03-01", 3, 0.9),
    dividend("2024-06-03", 3, 1),  # announced
]
FACTORS = {
    "2024-02-01": 0.648,  # 0.96 * 0.75 * 0.9
    "2024-02-02": 0.648,
    "2024-02-05": 0.675,  # 0.75 * 0.9
    "2024-02-12": 0.675,
    "2024-02-16": 0.675,
    "2024-02-20": 0.9,
    "2024-02-29": 0.9,
    "2024-03-01": 1,
}


class Database:
    """Has the two tables as `make sync` makes them, and the views over them."""

    def __init__(self) -> None:
        self._duckdb = duckdb.connect()
        self._duckdb.execute("SET TimeZone = 'UTC'")
        for stream in ("stock_prices", "dividends"):
            schema = json.loads((ROOT / "source_stock_ticker" / "schemas" / f"{stream}.json").read_text("utf-8"))
            fields = ", ".join(f"{name} {column_type(field)}" for name, field in schema["properties"].items())
            self._duckdb.execute(f"CREATE TABLE {stream} ({fields})")
        self._duckdb.execute(SQL)

    def prices(self, closes: dict[str, float | None], ticker: str = "ACME", **changes: Any) -> Database:
        """Bars that begin at these days or moments; the other prices lie around the close."""
        for when, close in closes.items():
            other = {"open": close and close - 1, "high": close and close + 1, "low": close and close - 2}
            row = {"stock_ticker": ticker, "date": when[:10], "timestamp": when, "close": close, "adjusted": True}
            self._insert("stock_prices", {**row, **other, **changes})
        return self

    def dividends(self, *rows: Row) -> Database:
        for row in rows:
            self._insert("dividends", row)
        return self

    def factors(self, view: str = COMPUTED, ticker: str = "ACME") -> dict[str, float | None]:
        """By the day or moment."""
        rows = self.rows(
            f"SELECT timestamp, round(total_return_factor, 12) FROM {view} WHERE stock_ticker = '{ticker}' ORDER BY 1"
        )
        return {str(when).removesuffix("+00:00").removesuffix(" 00:00:00"): factor for when, factor in rows}

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._duckdb.execute(sql).fetchall()

    def _insert(self, table: str, row: Row) -> None:
        marks = ", ".join("?" * len(row))
        self._duckdb.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def acme(database: Database) -> Database:
    return database.prices(CLOSES).dividends(*DIVIDENDS)


@BOTH_VIEWS
def test_the_factors_are_those_worked_out_by_hand(view: str, acme: Database) -> None:
    assert acme.factors(view) == FACTORS


@BOTH_VIEWS
def test_all_four_prices_are_multiplied(view: str, acme: Database) -> None:
    prices = "open, high, low, close, adjusted_open, adjusted_high, adjusted_low, adjusted_close"
    ((*given, o, h, low, c),) = acme.rows(f"SELECT {prices} FROM {view} WHERE date = '2024-02-16'")
    assert given == [39, 41, 38, 40]
    assert [o, h, low, c] == pytest.approx([39 * 0.675, 41 * 0.675, 38 * 0.675, 27])


def test_the_page_shows_the_case_worked_out_by_hand(acme: Database) -> None:
    rows = acme.rows(f"SELECT date::VARCHAR, close, total_return_factor, adjusted_close FROM {COMPUTED} ORDER BY 1")
    for day, close, factor, adjusted in rows:
        assert f"| {day} | {close:g} | {factor:.3f} | {adjusted:.2f} |" in PAGE


def test_prices_of_other_tickers_stay_as_they_are(acme: Database) -> None:
    acme.prices(CLOSES, "B").prices({"2024-02-02": 20, "2024-02-05": 19}, "C")
    acme.dividends(dividend("2024-02-05", 1, None, ticker="C"))
    assert acme.factors() == FACTORS
    assert acme.factors(ticker="B") == dict.fromkeys(CLOSES, 1)
    assert acme.factors(ticker="C") == {"2024-02-02": 0.95, "2024-02-05": 1}


# What is missing


@pytest.mark.parametrize("there", [[], ["stock_prices"], ["dividends"]], ids=str)
def test_a_database_without_both_tables_is_refused_in_a_sentence(there: list[str]) -> None:
    with duckdb.connect() as database:
        for table in there:
            database.execute(f"CREATE TABLE {table} (ticker VARCHAR)")
        with pytest.raises(duckdb.InvalidInputException, match="need the tables stock_prices and dividends"):
            database.execute(SQL)
        assert database.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [(0,)]


def test_a_dividend_to_come_moves_no_price_whatever_the_api_says_of_it(database: Database) -> None:
    database.prices({"2024-02-29": 30, "2024-03-01": 30}).prices({"2024-03-05": 7}, "LATER")
    database.dividends(dividend("2024-03-04", 3, 0.5))
    for view in (COMPUTED, BY_THE_API):
        assert database.factors(view) == {"2024-02-29": 1, "2024-03-01": 1}


def test_a_dividend_before_the_first_price_moves_none(database: Database) -> None:
    database.prices({"2024-03-01": 27})
    database.dividends(dividend("2024-03-01", 3, 0.9))
    for view in (COMPUTED, BY_THE_API):
        assert database.factors(view) == {"2024-03-01": 1}


def test_the_apis_factors_may_count_dividends_after_the_last_price(database: Database) -> None:
    later = 0.8  # of dividends that an end_date left out
    database.prices(CLOSES).dividends(*({**row, API: row[API] * later} for row in DIVIDENDS[:-1]))
    assert database.factors(BY_THE_API) == FACTORS


def test_the_api_may_count_two_dividends_of_one_day_one_after_the_other(database: Database) -> None:
    first, one, other, last, _ = DIVIDENDS
    database.prices(CLOSES).dividends(first, {**one, API: 0.7}, other, last)
    assert database.factors(BY_THE_API) == FACTORS


@pytest.mark.parametrize(
    "unknown",
    [
        {"currency": "CAD"},
        {"split_adjusted_cash_amount": None},
        {"split_adjusted_cash_amount": 40},  # all that the share was worth
    ],
    ids=str,
)
def test_what_a_dividend_weighs_is_not_guessed(unknown: Row, database: Database) -> None:
    first, one, special, *later = DIVIDENDS
    database.prices(CLOSES).dividends(first, one, special | unknown, *later)
    before = {day: None for day in CLOSES if day < "2024-02-19"}
    assert database.factors() == FACTORS | before
    assert database.factors(BY_THE_API) == FACTORS  # it has said it


def test_a_factor_that_the_api_leaves_out_is_not_guessed(database: Database) -> None:
    first, one, special, *later = DIVIDENDS
    database.prices(CLOSES).dividends(first, {**one, API: None}, {**special, API: None}, *later)
    unknown = {day: None for day in CLOSES if "2024-02-05" <= day < "2024-02-19"}
    assert database.factors(BY_THE_API) == FACTORS | unknown
    assert database.factors() == FACTORS


def test_without_a_currency_dollars_are_meant(database: Database) -> None:
    database.prices(CLOSES).dividends(*({**row, "currency": None} for row in DIVIDENDS))
    assert database.factors() == FACTORS


def test_without_a_close_the_day_before_the_last_one_known_counts(database: Database) -> None:
    database.prices(CLOSES | {"2024-02-29": None}).dividends(*DIVIDENDS)  # closed at 30 on the 20th too
    assert database.factors() == FACTORS


# Other bars


def test_the_bars_of_a_day_have_one_factor_by_the_close_of_the_last(database: Database) -> None:
    day = "2024-02-02"
    closes = {f"{day} 14:30:00": 40, f"{day} 14:31:00": 90, f"{day} 20:59:00": 50, "2024-02-05 14:30:00": 48}
    database.prices({when: closes[when] for when in reversed(closes)})  # rows have no order
    database.dividends(DIVIDENDS[0])
    assert database.factors() == dict(zip(closes, [0.96, 0.96, 0.96, 1], strict=True))


@pytest.mark.parametrize("view", ["dividend_factors", COMPUTED, BY_THE_API])
@pytest.mark.parametrize(
    ("closes", "changes", "sentence"),
    [
        ({"2024-02-02": 50, "2024-02-05": 48}, {"adjusted": False}, 'Set "adjusted" to true and sync again.'),
        ({"2024-02-05": 48, "2024-02-11": 48}, {}, 'Set "timespan" to "day", drop the table and sync again.'),
        ({"2024-02-01": 48, "2024-03-01": 48}, {}, 'Set "timespan" to "day", drop the table and sync again.'),
    ],
    ids=["as traded", "weeks", "months"],
)
def test_prices_that_cannot_be_adjusted_are_refused_in_a_sentence(
    view: str, closes: dict[str, float], changes: Row, sentence: str, database: Database
) -> None:
    database.prices(closes, **changes).dividends(*DIVIDENDS)
    with pytest.raises(duckdb.InvalidInputException, match=sentence):
        database.rows(f"SELECT count(*) FROM {view}")
