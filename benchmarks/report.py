"""Makes Markdown tables of the measurements, and inserts them into the pages."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from importlib.metadata import version as version_of
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cases import CASES, GOALS, Case
from contestants import CONTESTANTS, HERE, version
from measure import Measured, Written

PAGE = HERE / "README.md"


class Result(NamedTuple):
    """The results of a case by contestant: each round's figures, and the requests and output of the run before."""

    rounds: dict[str, list[Measured]]
    requests: dict[str, dict[str, int]]
    output: dict[str, Written]

    def ratio(self, slower: str, faster: str, figure: str = "wall") -> float:
        """The ratio of two contestants: the median of the rounds. figure: wall or cpu"""
        pairs = zip(self.rounds[slower], self.rounds[faster], strict=True)
        return float(median(getattr(one, figure) / getattr(other, figure) for one, other in pairs))


def table(case: Case, result: Result) -> Iterator[str]:
    """The lines of the case's table, in Markdown."""
    yield f"### {case.title}"
    yield ""
    if case.command == "read":
        ours = result.output["ours"]
        yield f"Each wrote {ours.rows:,} rows, with closing prices of {ours.cents / 100:,.2f} in all."
        yield ""
    yield "| | wall, s: median (least) | times ours | CPU, s | peak, MB | rows a second | requests: prices, other |"
    yield "|---|---|---|---|---|---|---|"
    for name, rounds in result.rounds.items():
        wall = median(run.wall for run in rounds)
        rate = f"{result.output[name].rows / wall:,.0f}" if result.output[name].rows else ""
        requests = result.requests[name]
        yield (
            f"| {CONTESTANTS[name].name} | {wall:.3f} ({min(run.wall for run in rounds):.3f}) "
            f"| {result.ratio(name, 'ours'):.2f} | {median(run.cpu for run in rounds):.2f} "
            f"| {max(run.peak for run in rounds):.0f} | {rate} "
            f"| {requests.get('prices', 0)}, {requests.get('splits', 0)} |"
        )
    yield ""


def goals(results: dict[str, Result]) -> Iterator[str]:
    """The lines of the table of goals for which everything has been measured."""
    yield from ("| | goal | measured | by CPU time | |", "|---|---|---|---|---|")
    for goal in GOALS:
        result = results.get(goal.case)
        if result is None or not {goal.slower, goal.faster} & {*CONTESTANTS} <= {*result.rounds}:
            continue
        what, unit, by_cpu = f"peak memory of {CONTESTANTS[goal.slower].name}", " MB", ""
        if goal.faster == "MB":
            value = max(run.peak for run in result.rounds[goal.slower])
        elif goal.faster in CONTESTANTS:
            value = result.ratio(goal.slower, goal.faster)
            what, unit = f"{CONTESTANTS[goal.slower].name} / {CONTESTANTS[goal.faster].name}", ""
            by_cpu = f"{result.ratio(goal.slower, goal.faster, 'cpu'):.2f}"
        else:
            value = result.requests[goal.slower].get("prices", 0)
            what, unit = goal.faster, ""
        least = goal.at_least is not None
        bound = goal.at_least if goal.at_least is not None else goal.at_most or 0
        met = value >= bound if least else value <= bound
        yield (
            f"| {CASES[goal.case].title}: {what} | at {'least' if least else 'most'} {bound:g}{unit} "
            f"| {value:.4g}{unit} | {by_cpu} | {'met' if met else '**not met**'} |"
        )
    yield ""


def summary(results: dict[str, Result]) -> Iterator[str]:
    """The short table: seconds and memory of ours, and of the others as multiples of it."""
    ran = {name for result in results.values() for name in result.rounds}
    columns = [name for name in ("lowcode", "httpstream", "cdksource", "client", "bound") if name in ran]
    yield "| | this connector | " + " | ".join(CONTESTANTS[name].name for name in columns) + " |"
    yield "|---|---|" + "---|" * len(columns)
    for key in ("spec", "check", "small", "days", "pages", "latency"):
        if key in results:
            result = results[key]
            ours = result.rounds["ours"]
            own = f"{median(run.wall for run in ours):.2f} s, {max(run.peak for run in ours):.0f} MB"
            others = (f"{result.ratio(name, 'ours'):.1f}" if name in result.rounds else "" for name in columns)
            yield f"| {CASES[key].title} | {own} | {' | '.join(others)} |"
    yield ""


def circumstances(names: set[str], rounds: int, environments: Path) -> str:
    """When, on what and with which versions."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    peers = sorted({version(CONTESTANTS[name], environments) for name in names if CONTESTANTS[name].environment})
    ours = [f"{package} {version_of(package)}" for package in ("source-stock-ticker", "requests", "msgspec")]
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {rounds} rounds; Python {platform.python_version()}; "
        f"{', '.join(ours + peers)}; {platform.system()}, {os.cpu_count()} cores"
        f"{f' ({model[1]})' if model else ''}, load at the end {os.getloadavg()[0]:.1f}."
    )


def put(name: str, lines: Iterable[str], page: Path = PAGE) -> None:
    """Put the lines between <!-- name --> and <!-- end of name -->."""
    text = "\n".join(lines).strip()
    between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    page.write_text(between.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", page.read_text("utf-8")), "utf-8")
