"""Draws docs/splits.svg from real runs: what a destination contains after Apple's split of 2005-02-28, synced daily.

    python docs/draw_splits.py

There are two destinations, both upserted by the primary key. One gets its rows from the connector, the other from a
naive increment: the same connector, but the API refuses to list splits, and no day is read twice. At the end, both are
compared with a full refresh. Needs only the connector's dependencies.
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
sys.path.insert(0, str(ROOT / "integration_tests"))

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


SVG = "http://www.w3.org/2000/svg"  # a name, not an address  # ignore-https-check
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 56, 20, 56, 44
HIGHEST = 100  # dollars
NAIVE, OURS, INK, GRID = "#c2410c", "#1d4ed8", "#333333", "#dddddd"


def picture(naive: Rows, ours: Rows) -> str:
    """The SVG: closing prices, one line for each destination."""
    days = sorted(row["date"] for row in ours.values())

    def x(day: str) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * days.index(day) / (len(days) - 1)

    def y(price: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * price / HIGHEST

    def text(at_x: float, at_y: float, words: str, anchor: str = "start", color: str = INK) -> str:
        return f'<text x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}" fill="{color}">{words}</text>'

    def line(rows: Rows, color: str, dashes: str) -> str:
        closes = sorted((row["date"], row["close"]) for row in rows.values())
        points = " ".join(f"{x(day):.1f},{y(close):.1f}" for day, close in closes)
        look = f'fill="none" stroke="{color}" stroke-width="2.5" stroke-dasharray="{dashes}"'
        return f'<polyline points="{points}" {look}/>'

    def rule(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
        return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'

    parts = [
        f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" font-size="13">',
        "<title>AAPL in the destination after Apple's split: a naive increment leaves a cliff, ours none</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 24, f"AAPL, adjusted closing price in the destination after the sync of {LAST_SYNC} (US dollars)"),
    ]
    for price in range(0, HIGHEST + 1, 20):
        parts += [rule(LEFT, y(price), WIDTH - RIGHT, y(price), GRID), text(LEFT - 8, y(price) + 4, str(price), "end")]
    for day in days[:: len(days) // 5]:
        parts.append(text(x(day), HEIGHT - BOTTOM + 22, day, "middle"))
    parts += [
        rule(x(SPLIT), y(HIGHEST), x(SPLIT), y(0), INK),
        text(x(SPLIT) + 6, y(HIGHEST) + 14, f"2 for 1 split, {SPLIT}"),
        line(naive, NAIVE, "7 4"),
        line(ours, OURS, ""),
        text(LEFT + 8, y(95.5), "naive: days read before the split stay on the old basis", color=NAIVE),
        text(LEFT + 8, y(28), "ours: the same rows as a full refresh", color=OURS),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    naive, ours, truth, table = destinations()
    wrong = [key for key in truth if naive.get(key) != truth[key]]
    PICTURE.write_text(picture(naive, ours), encoding="utf-8")
    say = sys.stdout.write
    say("\n".join(table) + "\n")
    say(f"After a full refresh: {len(truth)} rows. Not as there: naive {len(wrong)}, ours ")
    say(f"{sum(ours.get(key) != truth[key] for key in truth) + len(ours.keys() - truth.keys())}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
