"""Every fault that an API, a proxy or a network can show, at every stream and at check: what comes of it.

The tables FAULTS and NOBODY_THERE are the promise. A fault that stays ends each stream that meets it by one sentence;
the other streams are read, and the next sync has all that is missing. A fault that comes once costs nothing: it is
retried. No process runs for ever, and none lets the key out (--debug, and `judged` in conftest.py).

    python -m pytest integration_tests/test_fault_matrix.py                    what shows within a minute
    LONG=1 python -m pytest -s integration_tests/test_fault_matrix.py          also what takes minutes; -s shows figures
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from sandbox_api import TOO_MANY, SandboxApi

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

LONG = bool(os.environ.get("LONG"))
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
# Some rows of each stream; adjusted prices would ask for the splits too, which has a test of its own.
CONFIG: Row = {
    "tickers": ["AAPL", "MSFT"],
    "start_date": "2004-10-01",
    "end_date": "2005-03-31",
    "adjusted": False,
    "lookback_days": 0,
}
LONGEST_CHECK = 60  # seconds; the platform's patience is no longer
MEGABYTE = 1 << 20


# --- Faults that the sandbox does not have itself: (handler) -> None --------------------------------------------------


def changed(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    """The ordinary answer with another body."""

    def serve(handler: Any) -> None:
        code, headers, body = handler.answer()
        handler.send(code, headers, json.dumps(change(json.loads(body))).encode())

    return serve


def changed_rows(change: Callable[[Row], None]) -> Callable[[Any], None]:
    """The ordinary answer with each of its rows changed."""

    def changed_body(body: Any) -> Any:
        rows = body if isinstance(body, list) else body.get("results", [])
        for row in rows if isinstance(rows, list) else [rows]:
            change(row)
        return body

    return changed(changed_body)


def with_results(results: Any) -> Callable[[Any], None]:
    """The ordinary answer with something else for its rows; it still says how many there were."""
    return changed(lambda body: {**body, "results": results} if isinstance(body, dict) else results)


def another_type(row: Row) -> None:
    """A number where a text should be; in a bar, which has no text, the other way round."""
    name = next((name for name, value in row.items() if isinstance(value, str)), "o")
    row[name] = 5 if isinstance(row[name], str) else str(row[name])


def not_a_number(row: Row) -> None:
    row[next(iter(row))] = math.nan


def huge_number(row: Row) -> None:
    """A whole number that no database holds; where the row has no whole number, one of another type too."""
    row |= {"n": 1e30} if "t" in row else {"id": 1e30, "frequency": 1e30, "date": 1e30, "active": 1e30}


def twice(body: Any) -> Any:
    """Each row two times."""
    if isinstance(body, list):
        return body * 2
    return {**body, "results": body["results"] * 2} if isinstance(body.get("results"), list) else body


def counted_without_rows(body: Any) -> Any:
    return {k: v for k, v in body.items() if k != "results"} | {"resultsCount": 5} if isinstance(body, dict) else None


def next_page(link: Callable[[str, str], Any]) -> Callable[[Any], None]:
    """The ordinary answer with another link: link(address of the sandbox, path of this request)."""

    def serve(handler: Any) -> None:
        added = {"next_url": link(handler.api.url, handler.path)}
        changed(lambda body: {**body, **added} if isinstance(body, dict) else body)(handler)

    return serve


def ever_new_page(handler: Any) -> None:
    """No rows, and a link that was not there before."""
    link = f"{handler.api.url}{handler.path.partition('&n=')[0]}&n={time.monotonic_ns()}"
    added = {"results": [], "next_url": link, "count": 0, "resultsCount": 0}
    changed(lambda body: {**body, **added} if isinstance(body, dict) else body)(handler)


def http_links(handler: Any) -> None:
    """The links to the next page are http, not https."""
    code, headers, body = handler.answer()
    handler.send(code, headers, body.replace(b'"next_url": "https:', b'"next_url": "http:'))


def other_content_type(handler: Any) -> None:
    code, headers, body = handler.answer()
    handler.send(code, headers | {"Content-Type": "image/png"}, body)


def reset_in_mid_body(handler: Any) -> None:
    handler.send(*handler.answer(), whole=False)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def huge(handler: Any) -> None:
    """100 MB, made while they are sent."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", str(100 * MEGABYTE))
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" " * MEGABYTE)


def bomb(handler: Any) -> None:
    """100 KB that unpack to 100 MB."""
    handler.send(200, {"Content-Encoding": "gzip"}, packed())


@cache
def packed() -> bytes:
    return gzip.compress(b" " * (100 * MEGABYTE))


def pieces(handler: Any) -> None:
    """No larger than an honest answer, and thirty times as much once it is unpacked."""
    handler.send(200, {}, b"[" + b"[]," * MEGABYTE + b"[]]")


def no_http(handler: Any) -> None:
    handler.close_connection = True
    handler.wfile.write(b"220 smtp ready\r\n\r\n")


def dripping(first: bytes, drop: bytes = b"x") -> Callable[[Any], None]:
    """Some bytes at once, and then one each second, so that no single wait is long."""

    def serve(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(first)
        while not handler.api.stopped.wait(1):
            handler.wfile.write(drop)
            handler.wfile.flush()

    return serve


def in_seconds(handler: Any) -> None:
    """429 with an HTTP date some seconds ahead."""
    handler.send(429, {"Retry-After": formatdate(time.time() + 2, usegmt=True)}, b"")


# --- The table -------------------------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """serve: what the sandbox does. If it stays, words and kind (failure_type) are told; no words: it does no harm."""

    serve: Any
    words: str = ""
    kind: str = "system_error"
    passes: bool = True  # whether a read is complete though it comes once to each stream
    waits: bool = False  # staying, it costs waits of seconds: in the short form one stream meets it
    minutes: bool = False  # in the long form only, and met by one stream
    harmless: str = ""  # streams to which it means nothing
    in_check: str | None = None  # the words there, if they are others: check looks at the first page of bars only


def transient(serve: Any, words: str, **more: Any) -> Fault:
    return Fault(serve, words, "transient_error", waits=True, **more)


def limited(headers: Row, **more: Any) -> Fault:
    return transient(("status", 429, headers), "rate limit", **more)


ELSEWHERE = SandboxApi()  # another host, where nothing may arrive
NO_PAGES = {"harmless": "ticker_details market_holidays", "in_check": ""}  # their answers have no links

FAULTS: dict[str, Fault] = {
    # Too many requests
    "429, Retry-After 1": limited({"Retry-After": "1"}),
    "429, Retry-After a date": transient(in_seconds, "rate limit"),
    "429, Retry-After a date long past": limited({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "429, Retry-After a day": limited({"Retry-After": "86400"}, passes=False),
    "429, Retry-After the year 9999": limited({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, passes=False),
    "429, Retry-After of 400 digits": limited({"Retry-After": "9" * 400}, passes=False),
    "429, Retry-After unreadable": limited({"Retry-After": "soon"}, minutes=True),
    "429, Retry-After negative": limited({"Retry-After": "-1"}, minutes=True),
    "429, no Retry-After": limited({}, minutes=True),
    "HTTP 200 that says 429": transient(
        ("status", 200, {"Retry-After": "1"}, {"status": "ERROR", "error": TOO_MANY}), "rate limit"
    ),
    # An outage
    "500": transient(("status", 500), "500"),
    "502, a web page": transient(("status", 502, {"Content-Type": "text/html"}, b"<html>"), "502"),
    "503": transient(("status", 503), "503"),
    "503, Retry-After 2": transient(("status", 503, {"Retry-After": "2"}), "503"),
    "504, empty": transient(("status", 504, {}, b""), "504"),
    # The network
    "closed without an answer": transient("drop", "connection broke"),
    "reset": transient("reset", "connection broke"),
    "closed in mid-body": transient("half", "connection broke"),
    "reset in mid-body": transient(reset_in_mid_body, "connection broke"),
    "no HTTP": transient(no_http, "connection broke"),
    "slow headers": Fault(("slow", 0.3)),
    "slow body": Fault(("slow", 0, 0.3)),
    "headers too late": transient(("slow", 100), "in time", minutes=True),
    "stalled body": transient("stall", "in time", minutes=True),
    "dripping headers": transient(dripping(b"HTTP/1.1 200 OK\r\n"), "in time", minutes=True),
    "dripping body": transient(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"), "in time", minutes=True),
    "dripping gzip": transient(
        dripping(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0"),
        "in time",
        minutes=True,
    ),
    "100 Continue without end": transient(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "in time", minutes=True),
    # Not what was asked for
    "truncated JSON": Fault("truncated", "not JSON"),
    "truncated gzip": Fault("truncated_gzip", "not JSON"),
    "no gzip, though it says so": transient(
        lambda handler: handler.send(200, {"Content-Encoding": "gzip"}, b"{}"), "cannot be unpacked"
    ),
    "not UTF-8": Fault("garbage", "not JSON"),
    "a web page": Fault("html", "not JSON"),
    "empty": Fault("empty", "empty"),
    "another content type": Fault(other_content_type),
    "100 MB": Fault(huge, "an answer of over", passes=False),
    "100 KB that unpack to 100 MB": Fault(bomb, "an answer of over", passes=False),
    "HTTP 200 with an error": Fault(("status", 200, {}, {"status": "ERROR", "error": "Boom"}), "Boom"),
    "a status that is a list": Fault(
        changed(lambda body: {**body, "status": []} if isinstance(body, dict) else {}),
        "The API ",
        harmless="ticker_details",
    ),
    "an empty object": Fault(("status", 200, {}, {}), "The API sent "),
    "null": Fault(("status", 200, {}, b"null"), "The API sent no "),
    "results absent, though counted": Fault(changed(counted_without_rows), "The API sent "),
    # Of dividends and splits the API gives no count: there it cannot be told from "there are none".
    "results null": Fault(with_results(None), "The API sent ", passes=False, harmless="dividends splits"),
    "results are {}": Fault(with_results({}), "The API sent "),
    "results are text": Fault(with_results("many"), "The API sent "),
    "results are an empty text": Fault(with_results(""), "The API sent "),
    "results are 0": Fault(with_results(0), "The API sent "),
    "results are numbers": Fault(with_results([1, 2]), "The API sent "),
    "a row without fields": Fault(with_results([{}]), "The API sent ", in_check=""),
    "a number where a text should be": Fault(changed_rows(another_type), "of a wrong type", in_check=""),
    "NaN": Fault(changed_rows(not_a_number), "not JSON"),
    "a number beyond 64 bits": Fault(changed_rows(huge_number), "The API sent ", in_check=""),
    "each row twice": Fault(changed(twice)),
    # Links and redirects
    "a next_url that repeats": Fault(next_page(lambda url, path: url + path), "circle", **NO_PAGES),
    "next_urls that lead in a circle": Fault(
        next_page(lambda url, path: url + (path.removesuffix("&a=1") if "&a=1" in path else f"{path}&a=1")),
        "circle",
        **NO_PAGES,
    ),
    "next_urls without an end": Fault(ever_new_page, "nothing new", minutes=True, passes=False, **NO_PAGES),
    "a next_url on another host": Fault(
        next_page(lambda url, path: ELSEWHERE.url.replace("localhost", "127.0.0.1") + path), "another host", **NO_PAGES
    ),
    "a next_url that is a number": Fault(next_page(lambda url, path: 5), "next_url", **NO_PAGES),
    "a next_url that is http": Fault(http_links),
    "a redirect to another host": Fault(
        lambda handler: handler.send(302, {"Location": ELSEWHERE.url + handler.path}, b""), "redirects", passes=False
    ),
    "a redirect to itself": Fault(
        lambda handler: handler.send(307, {"Location": handler.path}, b""), "redirects", passes=False
    ),
}


def unused_port() -> int:
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]


NOBODY_THERE: dict[str, tuple[Callable[[SandboxApi], str], str]] = {
    "connection refused": (lambda api: f"http://localhost:{unused_port()}", "connection refused"),
    "https where http is spoken": (lambda api: api.url.replace("http:", "https:"), "no secure connection (TLS)"),
    "no such host": (lambda api: "https://nowhere.invalid", "https://nowhere.invalid did not serve us"),
}
PLAYED = [name for name, fault in FAULTS.items() if LONG or not fault.minutes]
LONGEST_RUN, LONGEST_CHECK = (700 if LONG else 100), 60  # seconds
MOST_MEMORY = 400_000  # KB that a read with four workers ever has, whatever the API sends


# --- The reads, all begun at once: most of their time they wait ------------------------------------------------------


class Played(NamedTuple):
    """A read whose streams in `met` meet the fault at each request; the next sync, and there it comes once or never."""

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
    """(reads, check or nobody; fault) -> what came of it."""
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
    print(f"\n{len(PLAYED)} faults, each staying, once, and at check: {time.monotonic() - started:.0f} s")


@pytest.fixture(scope="module")
def undisturbed(connect: Callable[[str], Connector]) -> Run:
    with SandboxApi(page_size=20) as api:
        run = read_all(connect(api.url))
    assert [stream for stream in STREAMS if not run.rows(stream)] == []
    return run


def table(stream: str, *runs: Run) -> list[str]:
    """What a destination holds of the stream after these reads, in an order of its own."""
    if stream == "tickers":  # it has no key, and is read in full each time
        return sorted({json.dumps(row) for row in runs[-1].rows(stream)})
    rows: dict[tuple, Row] = {}
    for run in runs:
        rows |= run.table(stream)
    return sorted(map(json.dumps, rows.values()))


# --- What comes of it ------------------------------------------------------------------------------------------------


def plain(sentence: str) -> bool:
    """Whether it is for people: no stack, no Python."""
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
def test_the_next_sync_has_all_that_is_missing_though_the_fault_comes_once_more(
    name: str, played: dict[tuple[str, str], Future], undisturbed: Run
) -> None:
    first, then, _ = played["reads", name].result()
    assert (then.exit_code, then.errors()) == (0, [])
    for stream in STREAMS:
        assert table(stream, first, then) == table(stream, undisturbed), f"{stream} has a gap"


@pytest.mark.parametrize("name", PLAYED)
def test_check_tells_of_the_fault_in_time(name: str, played: dict[tuple[str, str], Future]) -> None:
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


# What these spoil of a split, its id, no price depends on.
NOT_LOOKED_AT = {"a number where a text should be", "a number beyond 64 bits"}
QUICKLY_TOLD = ["truncated gzip", "an empty object", "a redirect to itself", "a number where a text should be"]


@pytest.mark.parametrize("name", [name for name in PLAYED if not FAULTS[name].minutes] if LONG else QUICKLY_TOLD)
def test_a_fault_in_the_list_of_splits_leaves_no_price_on_the_old_basis(
    name: str, connector: Connector, api: SandboxApi
) -> None:
    """The prices ask for the splits before all else; without that list they are not read."""
    config = {**CONFIG, "adjusted": True}
    undisturbed = connector.read(**config)
    api.fail_next(FAULTS[name].serve, math.inf, PATHS["splits"])
    run = connector.read(**config)
    told = bool(FAULTS[name].words) and "splits" not in FAULTS[name].harmless and name not in NOT_LOOKED_AT
    assert (run.exit_code, run.rows() == undisturbed.rows()) == ((1, False) if told else (0, True))
    api.heal()
    assert table("stock_prices", run, connector.read(**config, state=run.saved())) == table("stock_prices", undisturbed)


@pytest.mark.parametrize("serve", [huge, bomb, pieces])
def test_a_huge_answer_takes_no_more_memory_than_is_set_aside_for_it(
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
        pytest.skip("only Linux tells how much memory a process has had")
    assert highest < MOST_MEMORY
