"""How fast is the connector beside others that do the same job? Prints a table for each case.

    make benchmark                          this connector and a lower bound, and the peers that are installed
    make benchmark PEERS=yes                installs the peers first, each into an environment of its own
    python benchmarks/run.py --help         cases, rounds, contestants

A case has a server of its own (server.py). First every contestant runs once, not for time: rows and sum of closing
prices must be the server's, or the run ends there. Then they run in turns, round after round, and a ratio is the median
of the ratios of the rounds: whatever else the machine does then hits them alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from importlib.metadata import version as version_of
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from contestants import CONTESTANTS, HERE, Contestant, Job, command_line, install, python_of, version
from measure import Failed, Measured, Written, measured, serving, written
from server import BEFORE_END, Data

ROOT = HERE.parent
PAGES = [HERE / "README.md", ROOT / "README.md"]
ALL_PEERS = ("lowcode", "httpstream", "cdksource", "client", "singer", "dlt")


class Case(NamedTuple):
    """data, latency: of the server. options: of our config.

    before: which of these differ in a sync that goes before, from whose state ours goes on; None if there is none.
    """

    title: str
    command: str
    contestants: Iterable[str]
    data: Data
    latency: float = 0.0
    options: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    before: dict[str, Any] | None = None

    @property
    def brings_rows(self) -> bool:
        return self.before != {}


DAYS = Data(100, 2_500)
ONE_TICKER = Data(1, 250)
ONE_DAY = {"start_date": BEFORE_END, "lookback_days": 0}
CASES = {
    "spec": Case("`spec`", "spec", ("ours", "python", "bound", *ALL_PEERS), ONE_TICKER),
    "check": Case("`check`", "check", ("ours", *ALL_PEERS), ONE_TICKER),
    "small": Case("250 rows of one ticker", "read", ("ours", "bound", *ALL_PEERS), ONE_TICKER),
    "days": Case("250,000 rows of 100 tickers", "read", ("ours", "ours1", "bound", *ALL_PEERS), DAYS),
    "pages": Case(
        "1,000,000 rows of 20 tickers, in pages of 10,000",
        "read",
        ("ours", "ours1", "bound", "lowcode", "cdksource", "client"),  # with the others it would take twice as long
        Data(20, 50_000, "minute", 10_000),
    ),
    "fewpages": Case(
        "50,000 rows of one ticker, in pages of 10,000", "read", ("ours", "ours1"), Data(1, 50_000, "minute", 10_000)
    ),
    "largepages": Case(
        "1,000,000 rows of 20 tickers, in pages of 50,000",
        "read",
        ("ours", "ours1", "bound"),
        Data(20, 50_000, "minute", 50_000),
    ),
    "latency": Case(
        "250,000 rows of 100 tickers, 50 ms before each answer",
        "read",
        ("ours", "ours1", "ours2", "ours8", "ours16", "bound", "lowcode", "lowcode10", "cdksource", "client"),
        DAYS,
        0.05,
    ),
    "newday": Case(
        "One new day of 10,000 tickers, `lookback_days` 0",
        "read",
        ("ours", "ours1", "bound", "ours_check"),
        Data(10_000, 1, grouped=True),
        options=ONE_DAY,
        before={"end_date": BEFORE_END},
    ),
    "nothing": Case(
        "Nothing new of 10,000 tickers, `lookback_days` 0",
        "read",
        ("ours", "ours_check"),
        Data(10_000, 1, grouped=True),
        options=ONE_DAY,
        before={},
    ),
}


class Goal(NamedTuple):
    """Of the wall time of `slower` by that of `faster`; or of the peak of `slower` in MB, or of its price requests."""

    case: str
    slower: str
    faster: str  # or "MB", or "requests for prices"
    at_least: float | None = None
    at_most: float | None = None


GOALS = [
    Goal("spec", "lowcode", "ours", at_least=25),
    Goal("spec", "ours", "python", at_most=3),
    Goal("check", "lowcode", "ours", at_least=10),
    Goal("small", "lowcode", "ours", at_least=10),
    *(
        goal
        for case in ("days", "pages")
        for goal in (
            Goal(case, "lowcode", "ours", at_least=20),
            Goal(case, "cdksource", "ours", at_least=4.5),
            Goal(case, "client", "ours", at_least=4),
            Goal(case, "ours", "bound", at_most=1.3),
        )
    ),
    Goal("latency", "lowcode", "ours", at_least=12),
    Goal("latency", "ours1", "ours2", at_least=1.6),  # four fifths of what the workers could bring
    Goal("latency", "ours1", "ours", at_least=3.2),
    Goal("fewpages", "ours1", "MB", at_most=60),
    Goal("fewpages", "ours", "MB", at_most=100),
    Goal("pages", "ours1", "MB", at_most=60),
    Goal("pages", "ours", "MB", at_most=100),
    Goal("largepages", "ours", "MB", at_most=150),
    Goal("newday", "ours", "requests for prices", at_most=1),
    Goal("nothing", "ours", "requests for prices", at_most=0),
]


class Result(NamedTuple):
    """What a case brought, by contestant: what it took in each round; and its requests and output in the run before."""

    rounds: dict[str, list[Measured]]
    requests: dict[str, dict[str, int]]
    output: dict[str, Written]

    def ratio(self, slower: str, faster: str, figure: str = "wall") -> float:
        """How many times longer: the median of the rounds. figure: wall or cpu"""
        pairs = zip(self.rounds[slower], self.rounds[faster], strict=True)
        return float(median(getattr(one, figure) / getattr(other, figure) for one, other in pairs))


def run(case: Case, names: list[str], rounds: int, environments: Path) -> Result:
    """Verify and measure the contestants. Raises Failed."""
    result = Result({name: [] for name in names}, {}, {})
    with tempfile.TemporaryDirectory() as folder, serving(case.data, case.latency) as server:
        job = Job(case.command, server.url, case.data, Path(folder), case.options)
        if case.before is not None:
            first = job._replace(options={**case.options, **case.before})
            state = written(command_line(CONTESTANTS["ours"], first, environments), job.folder).last_state
            server.requests()
            job = job._replace(state=state)
        due = (server.rows, server.cents) if case.brings_rows else (0, 0)
        for name in names:
            progress(f"{case.title}: is what {CONTESTANTS[name].name} writes right?")
            result.output[name] = written(command_line(CONTESTANTS[name], job, environments), job.folder)
            result.requests[name] = server.requests()
            verify(CONTESTANTS[name], case, result.output[name], due)
        for turn in range(rounds):
            for name in names:
                progress(f"{case.title}: round {turn + 1} of {rounds}, {CONTESTANTS[name].name}")
                command = command_line(CONTESTANTS[name], job, environments)
                result.rounds[name].append(measured(command, job.folder))
    progress("")
    return result


def progress(text: str) -> None:
    """Show on a terminal what goes on; the line that comes next writes over it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def verify(contestant: Contestant, case: Case, output: Written, due: tuple[int, int]) -> None:
    """due: rows, and the sum of their closing prices in cents. Raises Failed unless they were written."""
    command = contestant.command or case.command
    if command == "check" and '"SUCCEEDED"' not in output.text:
        raise Failed(f"{contestant.name}: the check did not succeed: {output.text[-1000:]}")
    if command == "read" and (output.rows, output.cents) != due:
        raise Failed(f"{contestant.name}: wrote {output.rows} rows, closes {output.cents}; it should be {due}")


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
    """The lines of the table of goals: those of which everything has been measured."""
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
    """The short table of the project's README: seconds and memory of ours, and as multiples of it the others."""
    columns = ("lowcode", "httpstream", "cdksource", "client", "bound")
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
    ours = [f"{package} {version_of(package)}" for package in ("source-stock-ticker", "requests", "orjson")]
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {rounds} rounds; Python {platform.python_version()}; "
        f"{', '.join(ours + peers)}; {platform.system()}, {os.cpu_count()} cores"
        f"{f' ({model[1]})' if model else ''}, load at the end {os.getloadavg()[0]:.1f}."
    )


def put(name: str, lines: Iterable[str]) -> None:
    """Put the lines between <!-- name --> and <!-- end of name -->, wherever a page has these."""
    text = "\n".join(lines).strip()
    for page in PAGES:
        old = page.read_text("utf-8")
        between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- end of {name} -->)", re.DOTALL)
        page.write_text(between.sub(lambda _: text, old), "utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), help="with commas between them; by default %(default)s")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="contestants, likewise: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="install the peers first")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers", help="where; by default %(default)s")
    parser.add_argument("--markdown", action="store_true", help="put the tables into the two README.md")
    parser.add_argument("--tiny", action="store_true", help="a few rows only: to see that all works, not for time")
    return parser.parse_args()


def tiny(case: Case) -> Case:
    data = case.data
    return case._replace(data=data._replace(tickers=min(data.tickers, 30), bars=min(data.bars, 20), page=8), latency=0)


def main() -> int:
    options = arguments()
    if options.install:
        install(options.environments)
    here = {name for name, who in CONTESTANTS.items() if python_of(who, options.environments).exists()}
    wanted = {"ours", *options.only.split(",")} & here
    print(f"Contestants: {', '.join(name for name in CONTESTANTS if name in wanted)}.\n", flush=True)
    results, lines = {}, []
    for key in options.cases.split(","):
        case = tiny(CASES[key]) if options.tiny else CASES[key]
        names = [name for name in case.contestants if name in wanted and case.command in CONTESTANTS[name].commands]
        try:
            results[key] = run(case, names, options.rounds, options.environments)
        except Failed as failure:
            print(f"Case {key}: {failure}", file=sys.stderr)
            return 1
        of_case = list(table(case, results[key]))
        print("\n".join(of_case), flush=True)
        lines += of_case
    print("\n".join(goals(results)))
    measured_on = circumstances(wanted, options.rounds, options.environments)
    print(measured_on)
    if options.markdown:
        put("goals", goals(results))
        put("tables", lines)
        put("short table", summary(results))
        put("circumstances", [measured_on])
    return 0


if __name__ == "__main__":
    sys.exit(main())
