"""Draws docs/total-returns.svg from real prices: what 100 dollars of Microsoft became, with and without dividends.

    python docs/draw_returns.py

It syncs ten years from the sandbox as `make sync` does, and asks the views of
examples/prices_adjusted_for_dividends.sql. Needs what `make sync` needs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "total-returns.svg"
VIEWS = ROOT / "examples" / "prices_adjusted_for_dividends.sql"
sys.path.insert(0, str(ROOT / "docs"))

from drawing import BLUE, RED, Chart  # noqa: E402

OPTIONS = ["tickers=MSFT", "start_date=2003-01-02", "end_date=2013-03-01"]
# The last trading day of each week: in 700 pixels, more days would blur.
WEEKS = """
SELECT max(date)::VARCHAR, arg_max(close, date), arg_max(adjusted_close, date)
FROM prices_adjusted_for_dividends GROUP BY date_trunc('week', date) ORDER BY 1
"""
LARGEST = "SELECT arg_max(ex_dividend_date, dollars)::VARCHAR FROM dividend_factors"
Weeks = list[tuple[str, float, float]]  # the last day, its close, its adjusted close


def synced() -> tuple[Weeks, str]:
    """The weeks, and the ex-date of the largest dividend."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "returns.duckdb"))
        words = [f"--database={file}", "--streams=stock_prices,dividends", *(f"--set={option}" for option in OPTIONS)]
        command = [sys.executable, "destination/sync.py", *words]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        with duckdb.connect(file) as database:
            database.execute(VIEWS.read_text("utf-8"))
            ((largest,),) = database.execute(LARGEST).fetchall()
            return database.execute(WEEKS).fetchall(), largest


def picture(weeks: Weeks, largest: str) -> str:
    """The SVG: both lines begin at 100."""
    (first, close, adjusted), (last, *_) = weeks[0], weeks[-1]
    days = [day for day, _, _ in weeks]
    price = {day: 100 * value / close for day, value, _ in weeks}
    total_return = {day: 100 * value / adjusted for day, _, value in weeks}
    new_year = {day[:4]: day for day in reversed(days)}  # the first week of each year
    chart = Chart(
        f"100 dollars of MSFT become {price[last]:.0f} by the price, and {total_return[last]:.0f} with dividends",
        f"What 100 dollars of MSFT bought on {first} were worth (US dollars)",
        {day: year for year, day in new_year.items()},
        days,
        range(40, 181, 20),
    )
    chart.mark(next(day for day in days if day >= largest), f"special dividend, {largest}")
    chart.line(price, RED)
    chart.line(total_return, BLUE)
    chart.text(new_year["2009"], 150, f"with dividends: {total_return[last]:.0f}", BLUE)
    chart.text(new_year["2010"], 78, f"the price alone: {price[last]:.0f}", RED)
    return chart.svg()


def main() -> int:
    PICTURE.write_text(picture(*synced()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
