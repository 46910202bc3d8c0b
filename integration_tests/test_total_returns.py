"""Total returns over real prices: what the views of examples/ make of a database that `make sync` keeps.

(By hand: unit_tests/test_prices_adjusted_for_dividends.py. The page: walks/test_docs_commands.py.)
"""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sandbox_api import SandboxApi
from sandbox_data import Day
from usual import ROOT

YEARS = {"tickers": ["AAPL", "IBM", "MSFT"], "start_date": "2000-03-01", "end_date": "2013-03-01"}
VIEWS = (ROOT / "examples" / "prices_adjusted_for_dividends.sql").read_text("utf-8")
COMPUTED, BY_THE_API = "prices_adjusted_for_dividends", "prices_adjusted_by_the_api"
Rows = list[tuple[Any, ...]]


class Database:
    """One that sync.py keeps, with the views in it from the first sync on."""

    def __init__(self, api: SandboxApi, folder: Path) -> None:
        self._file, self._config, self._api = str(folder / "some.duckdb"), folder / "config.json", api
        self._has_views = False

    def sync(self, *options: str, **config: Any) -> None:
        fixed = {"api_key": "sandbox-key", "api_url": self._api.url, "requests_per_minute": 0}
        self._config.write_text(json.dumps({**fixed, **config}), "utf-8")
        words = ["--config", str(self._config), "--database", self._file, "--streams", "stock_prices,dividends"]
        subprocess.run([sys.executable, "destination/sync.py", *words, *options], cwd=ROOT, check=True, timeout=60)
        if not self._has_views:
            self.rows(VIEWS)
            self._has_views = True

    def rows(self, sql: str) -> Rows:
        with duckdb.connect(self._file) as database:
            return database.execute(sql).fetchall()

    def factors(self, view: str, ticker: str = "IBM") -> dict[str, float]:
        sql = f"SELECT date::VARCHAR, round(total_return_factor, 6) FROM {view} WHERE stock_ticker = '{ticker}'"
        return dict(self.rows(f"{sql} ORDER BY 1"))


@pytest.fixture
def database(api: SandboxApi, tmp_path: Path) -> Database:
    return Database(api, tmp_path)


def test_both_ways_agree_and_are_the_total_return_of_the_source_of_the_prices(
    database: Database, api: SandboxApi
) -> None:
    database.sync(**YEARS)
    apart = f"SELECT max(abs(total_return_factor / api_factor - 1)), count(*) FROM {COMPUTED}"
    ((largest, bars),) = database.rows(apart)
    assert 0 < largest < 2e-6  # the API's have six digits
    assert bars == 3 * len(api.prices["IBM"])
    adjusted = {
        row[:2]: row[2] for row in database.rows(f"SELECT stock_ticker, date::VARCHAR, adjusted_close FROM {COMPUTED}")
    }
    for ticker in YEARS["tickers"]:
        last = api.prices[ticker][-1]
        for day in api.prices[ticker]:
            grown = adjusted[ticker, last.date] / adjusted[ticker, day.date]
            assert grown == pytest.approx(last.total_return / day.total_return, rel=2e-5), (ticker, day)


def test_an_end_in_the_past_leaves_no_cliff(database: Database) -> None:
    """The API's factors count the dividends of eight more years, which are not in the table."""
    database.sync(tickers=["IBM"], start_date="2004-06-01", end_date="2005-03-31")
    computed = database.factors(COMPUTED)
    assert computed["2005-03-31"] == 1 > computed["2004-06-01"] > 0.99
    assert database.factors(BY_THE_API) == pytest.approx(computed, abs=2e-6)


def test_each_sync_is_in_the_views_at_once(database: Database, api: SandboxApi) -> None:
    days, closes = ["2013-02-25", "2013-02-26", "2013-02-27", "2013-02-28", "2013-03-01"], [50, 48, 24, 24, 18]
    api.prices["IBM"] = [Day(day, close, close, close, close, 1) for day, close in zip(days, closes, strict=True)]
    api.splits, api.dividends = [], []
    config = {"tickers": ["IBM"], "start_date": days[0]}

    def dividend(day: str, cash: float) -> None:
        api.dividends.append({"ticker": "IBM", "ex_dividend_date": day, "cash_amount": cash})

    dividend("2013-02-26", 2)
    dividend("2013-03-01", 6)
    api.today = "2013-02-27"
    database.sync(**config, end_date="2013-02-26")
    assert database.factors(COMPUTED) == {"2013-02-25": 0.96, "2013-02-26": 1}

    api.splits.append({"ticker": "IBM", "execution_date": "2013-02-27", "split_from": 1, "split_to": 2})
    api.today = "2013-03-01"
    database.sync(**config, end_date="2013-02-28")
    assert database.rows(f"SELECT adjusted_close FROM {COMPUTED} ORDER BY date") == [(24,)] * 4

    api.today = config["end_date"] = "2013-03-02"
    database.sync(**config)
    for view in (COMPUTED, BY_THE_API):
        assert database.factors(view) == dict(zip(days, [0.72, 0.75, 0.75, 0.75, 1], strict=True))

    del api.dividends[0]  # withdrawn: only a full refresh takes it out of the table
    database.sync("--full", **config)
    assert database.factors(COMPUTED) == dict(zip(days, [0.75] * 4 + [1], strict=True))


def test_the_picture_of_the_page_is_real_and_so_is_its_first_sentence(api: SandboxApi) -> None:
    drawing = runpy.run_path(str(ROOT / "docs" / "draw_returns.py"))
    svg = drawing["picture"](*drawing["synced"]())
    assert svg == (ROOT / "docs" / "total-returns.svg").read_text("utf-8")
    page = (ROOT / "docs" / "total-returns.md").read_text("utf-8")
    first, *_, last = api.days("MSFT", "2003-01-02", "2013-03-01", True)
    by_price, total = re.findall(r"become (\d+) by the price, and (\d+) with dividends", svg)[0]
    assert f"from {first.close} to {last.close}" in page
    assert f"{by_price} by the price alone, {total} with dividends" in page
    assert f"100 dollars became {total}." in page
