"""Draws docs/splits.svg from real runs: what a destination contains after Apple's split of 2005-02-28, synced daily.

    python docs/draw_splits.py

There are two destinations, both upserted by the primary key. One gets its rows from the connector, the other from a
naive incremental sync: the same connector, but the API refuses to list splits, and no day is read twice. At the end,
both are compared with a full refresh. Needs only the connector's dependencies.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "splits.svg"
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "integration_tests")]

from drawing import BLUE, RED, Chart  # noqa: E402
from sandbox_api import SandboxApi  # noqa: E402

START, FIRST_SYNC, LAST_SYNC = "2005-02-01", date(2005, 2, 18), date(2005, 3, 11)
SPLIT = "2005-02-28"
CATALOG = "sample_files/configured_catalog.json"
ONE_DAY = timedelta(days=1)
Rows = dict[str, dict[str, Any]]  # by timestamp; there is one ticker only


class Destination:
    """What one connection has written, and the state that it resumes from."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.rows: Rows = {}
        self._config, self._state = folder / "config.json", folder / "state.json"
        self._options = {"api_key": "sandbox-key", "tickers": ["AAPL"], "start_date": START, **options}
        folder.mkdir()
        self._state.write_text("[]")

    def sync(self, api: SandboxApi, last_day: date) -> tuple[int, int]:
        """Read up to that day, on the next morning. -> rows written, requests made"""
        api.today = str(weekday_after(last_day))
        before = len(api.requests)
        options = {**self._options, "end_date": str(last_day), "requests_per_minute": 0, "api_url": api.url}
        self._config.write_text(json.dumps(options))
        files = ["--config", self._config, "--catalog", CATALOG, "--state", self._state]
        run = subprocess.run([sys.executable, "main.py", "read", *files], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        messages = [json.loads(line) for line in run.stdout.splitlines()]
        written = [message["record"]["data"] for message in messages if message["type"] == "RECORD"]
        self.rows |= {row["timestamp"]: row for row in written}
        states = [message for message in messages if message["type"] == "STATE"]
        self._state.write_text(json.dumps(states[-1]))
        return len(written), len(api.requests) - before


def weekday_after(day: date) -> date:
    day += ONE_DAY
    return day if day.weekday() < 5 else weekday_after(day)


def destinations() -> tuple[Rows, Rows, Rows, list[str]]:
    """The destinations: naive, ours, after a full refresh; and a table line for each of our syncs."""
    table = ["last day read | requests | rows written"]
    with SandboxApi() as api, tempfile.TemporaryDirectory() as folder:
        naive = Destination(Path(folder, "naive"), lookback_days=0)
        ours = Destination(Path(folder, "ours"))
        day = FIRST_SYNC
        while day <= LAST_SYNC:
            api.forbidden = {"splits"}
            naive.sync(api, day)
            api.forbidden = set()
            rows, requests = ours.sync(api, day)
            table.append(f"{day} | {requests} | {rows}")
            day = weekday_after(day)
        truth = Destination(Path(folder, "truth"))
        truth.sync(api, LAST_SYNC)
    return naive.rows, ours.rows, truth.rows, table


def picture(naive: Rows, ours: Rows) -> str:
    """The SVG: closing prices, one line for each destination."""
    days = sorted(row["date"] for row in ours.values())
    chart = Chart(
        "AAPL in the destination after Apple's split: a naive incremental sync leaves a cliff, ours does not",
        f"AAPL, adjusted closing price in the destination after the sync of {LAST_SYNC} (US dollars)",
        {day: day for day in days[:: len(days) // 5]},
        days,
        range(0, 101, 20),
    )
    chart.mark(SPLIT, f"2 for 1 split, {SPLIT}")
    chart.line({row["date"]: row["close"] for row in naive.values()}, RED, "7 4")
    chart.line({row["date"]: row["close"] for row in ours.values()}, BLUE)
    chart.text(days[0], 95.5, "naive: days read before the split stay on the old basis", RED)
    chart.text(days[0], 28, "ours: the same rows as a full refresh", BLUE)
    return chart.svg()


def main() -> int:
    naive, ours, truth, table = destinations()
    wrong = [key for key in truth if naive.get(key) != truth[key]]
    PICTURE.write_text(picture(naive, ours), encoding="utf-8")
    say = sys.stdout.write
    say("\n".join(table) + "\n")
    say(f"After a full refresh: {len(truth)} rows. Different rows: naive {len(wrong)}, ours ")
    say(f"{sum(ours.get(key) != truth[key] for key in truth) + len(ours.keys() - truth.keys())}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
