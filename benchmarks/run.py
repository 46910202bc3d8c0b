"""Compares the connector's speed with others that do the same job. Prints a table for each case.

    make benchmark                          this connector and a lower bound, and the peers that are installed
    make benchmark PEERS=yes                installs the peers first, each into its own environment
    python benchmarks/run.py --help         cases, rounds, contestants

Each case has its own server (server.py). First every contestant runs once, untimed: its rows and the sum of closing
prices must equal the server's, or the run ends. Then they run in turns, round after round, and a ratio is the median of
the rounds' ratios, so other load on the machine affects them equally.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from cases import CASES, Case, tiny
from contestants import CONTESTANTS, HERE, Contestant, Job, command_line, install, python_of
from measure import Failed, Written, measured, serving, written
from report import Result, circumstances, goals, put, summary, table

ROOT = HERE.parent


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
    """Show the progress on a terminal; the next line overwrites it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def verify(contestant: Contestant, case: Case, output: Written, due: tuple[int, int]) -> None:
    """due: rows, and the sum of their closing prices in cents. Raises Failed unless they were written."""
    command = contestant.command or case.command
    if command == "check" and '"SUCCEEDED"' not in output.text:
        raise Failed(f"{contestant.name}: the check did not succeed: {output.text[-1000:]}")
    if command == "read" and (output.rows, output.cents) != due:
        raise Failed(f"{contestant.name}: wrote {output.rows} rows, closes {output.cents}; it should be {due}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), help="with commas between them; by default %(default)s")
    parser.add_argument("--only", default=",".join(CONTESTANTS), help="contestants, likewise: %(default)s")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="install the peers first")
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers", help="where; by default %(default)s")
    parser.add_argument("--markdown", action="store_true", help="put the tables into benchmarks/README.md")
    parser.add_argument("--tiny", action="store_true", help="a few rows only: to see that all works, not for time")
    options = parser.parse_args()
    options.cases, options.only = options.cases.split(","), options.only.split(",")
    options.environments = options.environments.resolve()  # each run has its own working folder
    if unknown := {*options.cases} - {*CASES} | {*options.only} - {*CONTESTANTS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    options = arguments()
    if options.install:
        install(options.environments)
    here = {name for name, who in CONTESTANTS.items() if python_of(who, options.environments).exists()}
    wanted = {"ours", *options.only} & here
    print(f"Contestants: {', '.join(name for name in CONTESTANTS if name in wanted)}.\n", flush=True)
    results, lines = {}, []
    for key in options.cases:
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
    print("\n".join([*goals(results), *summary(results)]))
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
