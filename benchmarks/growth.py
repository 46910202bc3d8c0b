"""Measures how time and memory grow with the rows, the tickers, the pages and the state's size. Four sizes each.

make growth
python benchmarks/growth.py --help
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cases import ONE_DAY, Case, tiny
from report import circumstances, put
from run import run
from server import BEFORE_END, Data

SLACK = 1.1  # how far the largest size can deviate from a straight line, or memory from a constant: timings vary


class Growth(NamedTuple):
    """what: grows through the given sizes; everything else stays. cases: one for each size."""

    title: str
    what: str
    sizes: tuple[int, ...]
    cases: list[Case]


def _reading(*data: Data) -> list[Case]:
    return [Case("", "read", ("ours",), each) for each in data]


def _one_new_day(*tickers: int) -> list[Case]:
    of_day = [Data(number, 1, grouped=True) for number in tickers]
    return [Case("", "read", ("ours",), each, options=ONE_DAY, before={"end_date": BEFORE_END}) for each in of_day]


GROWTHS = {
    "rows": Growth(
        "Rows: 10 tickers in pages of 10,000 bars",
        "rows",
        (100_000, 200_000, 400_000, 800_000),
        _reading(*(Data(10, bars, "minute", 10_000) for bars in (10_000, 20_000, 40_000, 80_000))),
    ),
    "tickers": Growth(
        "Tickers: 250 rows each",
        "tickers",
        (250, 500, 1_000, 2_000),
        _reading(*(Data(tickers, 250) for tickers in (250, 500, 1_000, 2_000))),
    ),
    "pages": Growth(
        "Pages: 160,000 rows of 10 tickers, cut into ever smaller pages",
        "pages",
        (10, 40, 160, 640),
        _reading(*(Data(10, 16_000, "minute", page) for page in (16_000, 4_000, 1_000, 250))),
    ),
    "state": Growth(
        "State: one new day of the tickers that it holds",
        "tickers in the state",
        (1_250, 2_500, 5_000, 10_000),
        _one_new_day(1_250, 2_500, 5_000, 10_000),
    ),
}


def table(growth: Growth, rounds: int, small: bool) -> Iterator[str]:
    """The lines of its Markdown table, and a sentence that says how it grows. Raises Failed."""
    yield f"### {growth.title}"
    yield ""
    yield f"| {growth.what} | wall, s: median (least) | CPU, s | peak, MB | last STATE, KB | STATEs of all output, % |"
    yield "|---|---|---|---|---|---|"
    walls, cpus, peaks = [], [], []
    for size, case in zip(growth.sizes, growth.cases, strict=True):
        result = run(tiny(case) if small else case, ["ours"], rounds, Path())
        measured, output = result.rounds["ours"], result.output["ours"]
        walls.append(median(each.wall for each in measured))
        cpus.append(median(each.cpu for each in measured))
        peaks.append(max(each.peak for each in measured))
        yield (
            f"| {size:,} | {walls[-1]:.2f} ({min(each.wall for each in measured):.2f}) | {cpus[-1]:.2f} "
            f"| {peaks[-1]:.0f} | {len(output.last_state) / 1000:.1f} | {100 * output.state_bytes / output.bytes:.1f} |"
        )
    times = growth.sizes[-1] / growth.sizes[0]
    time, cpu, memory = walls[-1] / walls[0], cpus[-1] / cpus[0], peaks[-1] / peaks[0]
    verdict = "linear or better" if min(time, cpu) <= times * SLACK else "**worse than linear**"
    yield ""
    yield (
        f"{times:g} times the {growth.what}: {time:.1f} times the time ({cpu:.1f} by CPU), {verdict}; "
        f"{memory:.2f} times the memory."
    )
    yield ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(GROWTHS), help="which, with commas between them: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", action="store_true", help="put the tables into benchmarks/README.md")
    parser.add_argument("--tiny", action="store_true", help="a few rows only: to see that all works, not for time")
    options = parser.parse_args()
    lines = []
    for name in options.only.split(","):
        for line in table(GROWTHS[name], options.rounds, options.tiny):
            print(line, flush=True)
            lines.append(line)
    lines.append(circumstances(set(), options.rounds, Path()))
    print(lines[-1])
    if options.markdown:
        put("growth", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
