"""Tests every fault of an API, a proxy or a network, for every stream and for check.

The tables FAULTS and NOBODY_THERE in faults.py are the promise. A permanent fault ends each affected stream with one
sentence; the other streams are read, and the next sync reads what is missing. A temporary fault costs nothing: it is
retried. No process runs forever, and none leaks the key (--debug, and `judged` in conftest.py).

    python -m pytest integration_tests/test_fault_matrix.py                    what shows within a minute
    LONG=1 python -m pytest -s integration_tests/test_fault_matrix.py          also what takes minutes; -s shows figures
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from faults import ELSEWHERE, FAULTS, LONG, NOBODY_THERE, bomb, huge, pieces
from sandbox_api import SandboxApi

if TYPE_CHECKING:
    from conftest import Connector, Row, Run


PATHS = {
    "stock_prices": "/v2/aggs/ticker/",
    "dividends": "/stocks/v1/dividends",
    "splits": "/stocks/v1/splits",
    "news": "/v2/reference/news",
    "tickers": "/v3/reference/tickers?",
    "ticker_details": "/v3/reference/tickers/",
    "exchanges": "/v3/reference/exchanges",
    "market_holidays": "/v1/marketstatus/upcoming",
}
STREAMS = tuple(PATHS)
# Some rows of each stream; adjusted prices would request the splits too, which have their own test.
CONFIG: Row = {
    "tickers": ["AAPL", "MSFT"],
    "start_date": "2004-10-01",
    "end_date": "2005-03-31",
    "adjusted": False,
    "lookback_days": 0,
}
PLAYED = [name for name, fault in FAULTS.items() if LONG or not fault.minutes]
LONGEST_RUN, LONGEST_CHECK = (700 if LONG else 100), 60  # seconds
MOST_MEMORY = 400_000  # KB that a read with four workers ever has, whatever the API sends


# --- The reads, all started at once: they mostly wait ----------------------------------------------------------------


class Played(NamedTuple):
    """A read whose streams in `met` get the fault at each request; then the next sync, with one fault or none."""

    run: Run
    next: Run
    met: tuple[str, ...]


def play(connect: Callable[[str], Connector], name: str) -> Played:
    fault, turn = FAULTS[name], list(FAULTS).index(name) % len(STREAMS)
    met, met_once = STREAMS[:turn] + STREAMS[turn + 1 :], STREAMS
    if fault.minutes or (fault.waits and not LONG):
        able = [stream for stream in STREAMS if stream not in fault.harmless]
        met = (able[turn % len(able)],)
    if fault.minutes:
        met_once = met
    with SandboxApi(page_size=20) as api:
        connector = connect(api.url)
        connector.longest_run = LONGEST_RUN
        for stream in met:
            api.fail_next(fault.serve, math.inf, PATHS[stream])
        run = read_all(connector, "--debug")
        api.heal()
        for stream in met_once if fault.passes else ():
            api.fail_next(fault.serve, 1, PATHS[stream])
        return Played(run, read_all(connector, "--debug", state=run.saved()), met)


def read_all(connector: Connector, *options: str, **how: Any) -> Run:
    return connector.read(*options, streams=STREAMS, **CONFIG, **how)


def play_check(connect: Callable[[str], Connector], name: str) -> Run:
    with SandboxApi(page_size=20) as api:
        connector = connect(api.url)
        connector.longest_run = LONGEST_RUN
        api.fail_next(FAULTS[name].serve, math.inf)
        return connector.check("--debug", **CONFIG)


def play_nobody(connect: Callable[[str], Connector], address: Callable[[SandboxApi], str]) -> tuple[Run, Run]:
    """A read of one stream (LONG: of all), and a check."""
    with SandboxApi() as api:
        connector = connect(address(api))
        return connector.read(streams=STREAMS if LONG else STREAMS[7:], **CONFIG), connector.check(**CONFIG)


@pytest.fixture(scope="module")
def played(connect: Callable[[str], Connector], undisturbed: Run) -> Iterator[dict[tuple[str, str], Future]]:
    """(reads, check or nobody; fault) -> the result."""
    started = time.monotonic()
    jobs: dict[tuple[str, str], Callable[[], Any]] = {}
    for name, (address, _) in NOBODY_THERE.items():
        jobs["nobody", name] = partial(play_nobody, connect, address)
    # Those that take longest first.
    for name in sorted(PLAYED, key=lambda name: (not FAULTS[name].minutes, not FAULTS[name].waits)):
        jobs["reads", name] = partial(play, connect, name)
        jobs["check", name] = partial(play_check, connect, name)
    with ELSEWHERE, ThreadPoolExecutor(24 if LONG else 12) as pool:
        futures = {key: pool.submit(job) for key, job in jobs.items()}
        yield futures
    assert ELSEWHERE.requests == []
    print(f"\n{len(PLAYED)} faults, each permanent, temporary, and at check: {time.monotonic() - started:.0f} s")


@pytest.fixture(scope="module")
def undisturbed(connect: Callable[[str], Connector]) -> Run:
    with SandboxApi(page_size=20) as api:
        run = read_all(connect(api.url))
    assert [stream for stream in STREAMS if not run.rows(stream)] == []
    return run


def table(stream: str, *runs: Run) -> list[str]:
    """The stream's rows in a destination after these reads, sorted."""
    if stream == "tickers":  # it has no key, and is read in full each time
        return sorted({json.dumps(row) for row in runs[-1].rows(stream)})
    rows: dict[tuple, Row] = {}
    for run in runs:
        rows |= run.table(stream)
    return sorted(map(json.dumps, rows.values()))


# --- The results -----------------------------------------------------------------------------------------------------


def plain(sentence: str) -> bool:
    """Whether the sentence is for people: no stack trace, no Python."""
    return not [word for word in ("Traceback", "Error(", "inside the connector", "NoneType") if word in sentence]


@pytest.mark.parametrize("name", PLAYED)
def test_a_fault_that_stays_ends_its_streams_by_one_sentence_and_no_others(
    name: str, played: dict[tuple[str, str], Future], undisturbed: Run
) -> None:
    fault = FAULTS[name]
    run, _, met = played["reads", name].result()
    ended = {stream for stream in met if fault.words and stream not in fault.harmless.split()}
    assert {stream for stream in STREAMS if run.statuses(stream)[-1] == "INCOMPLETE"} == ended
    assert {stream for stream in STREAMS if run.statuses(stream)[-1] == "COMPLETE"} == set(STREAMS) - ended
    assert run.exit_code == (1 if ended else 0)
    assert sorted(error["stream_descriptor"]["name"] for error in run.errors()) == sorted(ended)
    for error in run.errors():
        assert (error["failure_type"], "stack_trace" in error) == (fault.kind, False)
        assert fault.words in error["message"]
        assert plain(error["message"])
    for stream in set(STREAMS) - set(met):
        assert table(stream, run) == table(stream, undisturbed)


@pytest.mark.parametrize("name", PLAYED)
def test_the_next_sync_has_all_that_is_missing_although_the_fault_comes_once_more(
    name: str, played: dict[tuple[str, str], Future], undisturbed: Run
) -> None:
    first, then, _ = played["reads", name].result()
    assert (then.exit_code, then.errors()) == (0, [])
    for stream in STREAMS:
        assert table(stream, first, then) == table(stream, undisturbed), f"{stream} has a gap"


@pytest.mark.parametrize("name", PLAYED)
def test_check_reports_the_fault_in_time(name: str, played: dict[tuple[str, str], Future]) -> None:
    fault, run = FAULTS[name], played["check", name].result()
    words = fault.words if fault.in_check is None else fault.in_check
    status, sentence = run.status()
    assert (run.exit_code, run.errors(), status) == (0, [], "FAILED" if words else "SUCCEEDED")
    assert words in sentence
    assert plain(sentence)
    assert run.seconds < LONGEST_CHECK


# --- Nobody there, and memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", NOBODY_THERE)
def test_without_a_server_every_stream_says_so_and_the_read_ends(
    problem: str, played: dict[tuple[str, str], Future]
) -> None:
    run, check = played["nobody", problem].result()
    words = NOBODY_THERE[problem][1]
    assert (run.exit_code, len(run.errors())) == (1, 8 if LONG else 1)
    for error in run.errors():
        assert error["failure_type"] == "transient_error"
        assert words in error["message"]
        assert run.statuses(error["stream_descriptor"]["name"])[-1] == "INCOMPLETE"
    assert (check.exit_code, check.status()[0]) == (0, "FAILED")
    assert words in check.status()[1]


# What these spoil of a split, its id, no price depends on; one that names no ticker costs no more than a warning.
NOT_LOOKED_AT = {"a number where a string should be", "a number beyond 64 bits", "a row without fields"}
QUICKLY_TOLD = ["truncated gzip", "an empty object", "a redirect to itself", "a number where a string should be"]


@pytest.mark.parametrize("name", [name for name in PLAYED if not FAULTS[name].minutes] if LONG else QUICKLY_TOLD)
def test_a_fault_in_the_list_of_splits_leaves_no_price_on_the_old_basis(
    name: str, connector: Connector, api: SandboxApi
) -> None:
    """The prices request the splits first; without that list they are not read."""
    config = {**CONFIG, "adjusted": True}
    undisturbed = connector.read(**config)
    api.fail_next(FAULTS[name].serve, math.inf, PATHS["splits"])
    run = connector.read(**config)
    told = bool(FAULTS[name].words) and "splits" not in FAULTS[name].harmless and name not in NOT_LOOKED_AT
    assert (run.exit_code, run.rows() == undisturbed.rows()) == ((1, False) if told else (0, True))
    api.heal()
    assert table("stock_prices", run, connector.read(**config, state=run.saved())) == table("stock_prices", undisturbed)


@pytest.mark.parametrize("serve", [huge, bomb, pieces])
def test_a_huge_response_takes_no_more_memory_than_is_set_aside_for_it(
    serve: Any, connector: Connector, api: SandboxApi
) -> None:
    api.fail_next(serve, math.inf)
    config = connector.config(tickers=["A", "B", "C", "D", "E", "F"], adjusted=False)
    process = connector.start(
        "read", "--config", config, "--catalog", connector.file(connector.catalog(["stock_prices"], "incremental"))
    )
    highest = 0
    while process.poll() is None:
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            highest = max([highest, *map(int, re.findall(r"VmHWM:\s+(\d+)", status))])
        time.sleep(0.01)
    assert process.returncode == 1
    process.communicate()
    if not highest:
        pytest.skip("only Linux reports a process's peak memory")
    assert highest < MOST_MEMORY
