"""Reads two years of prices into a database on this machine, asks it a question in SQL, and draws the answer.

    make example

PyAirbyte runs the connector as Airbyte does, and keeps rows and state in one DuckDB file. If you run this again, it
reads only the last days. PyAirbyte writes into the database when the read has ended; if you stop it earlier, there is
nothing. The API here is the sandbox, with its real prices. To read other prices, change CONFIG: your key, no `api_url`,
your `tickers` and days.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

# PyAirbyte reads this when it is imported. Then it needs no internet: no search in Airbyte's registry, no usage data.
os.environ["AIRBYTE_OFFLINE_MODE"] = "1"
import airbyte
import matplotlib as mpl
import pandas as pd

mpl.use("Agg")  # draws to a file, without a window
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "integration_tests"))
from sandbox_api import SandboxApi  # noqa: E402

CONFIG = {
    "api_key": "sandbox-key",
    "tickers": ["AAPL", "MSFT"],
    "start_date": "2004-03-01",
    "end_date": "2006-02-28",
    "requests_per_minute": 0,
}
DATABASE = ROOT / "examples" / "prices.duckdb"
PICTURE = ROOT / "docs" / "example.png"

# `close` is adjusted, in today's shares. Multiplied by the later splits, it is the price paid on that day.
PAID = """
CREATE OR REPLACE VIEW paid AS
SELECT stock_ticker AS ticker, date, CAST(close AS DOUBLE) AS close, close * coalesce(later.ratio, 1.0) AS paid
FROM stock_prices LEFT JOIN LATERAL (
    SELECT product(split_to / split_from) AS ratio FROM splits WHERE ticker = stock_ticker AND execution_date > date
) AS later ON true
"""
QUESTION = """
SELECT ticker, count(*) AS days,
       round(arg_min(paid, date), 2) AS first_paid, round(arg_max(paid, date), 2) AS last_paid,
       round(100 * (arg_max(paid, date) / arg_min(paid, date) - 1)) AS percent_as_paid,
       round(100 * (arg_max(close, date) / arg_min(close, date) - 1)) AS percent_adjusted
FROM paid GROUP BY ticker ORDER BY ticker
"""


def read(api_url: str) -> airbyte.ReadResult:
    """Bring the database up to date."""
    command = Path(sys.executable).with_name("source-stock-ticker")
    source = airbyte.get_source("source-stock-ticker", {**CONFIG, "api_url": api_url}, local_executable=command)
    source.check()
    source.select_streams(["stock_prices", "splits"])
    return source.read(airbyte.caches.DuckDBCache(db_path=DATABASE, cache_dir=DATABASE.parent / ".cache"))


def draw(prices: pd.DataFrame, splits: pd.DataFrame) -> None:
    """Each ticker's price; dotted: the price paid on the day, where a split changes it."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for (ticker, rows), color in zip(prices.groupby("ticker"), ("tab:blue", "tab:gray"), strict=True):
        axes.plot(rows["date"], rows["close"], color=color, label=f"{ticker}, adjusted for splits")
        before = rows[rows["paid"] != rows["close"]]
        if len(before):
            axes.plot(before["date"], before["paid"], ":", color=color, label=f"{ticker}, as it was paid on the day")
    for split in splits.itertuples():
        axes.axvline(split.execution_date, color="tab:red", linewidth=1)
        ratio = float(split.split_to / split.split_from)
        axes.annotate(
            f" {split.execution_date}: {ratio:g} shares of {split.ticker} for one",
            (split.execution_date, 3),
            color="tab:red",
        )
    axes.set(title="Closing prices, read by source-stock-ticker", ylabel="US dollars", ylim=(0, None))
    axes.legend(loc="upper left", frameon=False)
    figure.savefig(PICTURE, dpi=100)


def main() -> None:
    with SandboxApi() as api:
        result = read(api.url)
    cache = result.cache
    cache.execute_sql(PAID)
    print(f"\n{result.processed_records} rows read into {DATABASE.relative_to(ROOT)}. What did a share gain?\n")
    print(pd.DataFrame(cache.run_sql_query(QUESTION)).to_string(index=False))
    draw(
        pd.DataFrame(cache.run_sql_query("SELECT * FROM paid ORDER BY ticker, date")),
        pd.DataFrame(cache.run_sql_query("SELECT * FROM splits")),
    )
    print(f"\nThe picture is {PICTURE.relative_to(ROOT)}. Run this again, and only the last days are read.")


if __name__ == "__main__":
    main()
