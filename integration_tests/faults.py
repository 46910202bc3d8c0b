"""Lists every fault of an API, a proxy or a network, and the promise for each: FAULTS and NOBODY_THERE.

A fault is what the sandbox does instead of responding; test_fault_matrix.py runs them all.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import socket
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox_api import TOO_MANY, SandboxApi
from usual import refusing_port

if TYPE_CHECKING:
    from conftest import Row


LONG = bool(os.environ.get("LONG"))
MEGABYTE = 1 << 20


# --- Faults that the sandbox does not have itself: (handler) -> None --------------------------------------------------


def changed(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    """The ordinary response with another body."""

    def serve(handler: Any) -> None:
        code, headers, body = handler.response()
        handler.send(code, headers, json.dumps(change(json.loads(body))).encode())

    return serve


def changed_rows(change: Callable[[Row], None]) -> Callable[[Any], None]:
    """The ordinary response with each of its rows changed."""

    def changed_body(body: Any) -> Any:
        rows = body if isinstance(body, list) else body.get("results", [])
        for row in rows if isinstance(rows, list) else [rows]:
            change(row)
        return body

    return changed(changed_body)


def with_results(results: Any) -> Callable[[Any], None]:
    """The ordinary response with something else for its rows; it still says how many there were."""
    return changed(lambda body: {**body, "results": results} if isinstance(body, dict) else results)


def another_type(row: Row) -> None:
    """A number where a string should be, in a key; in a bar, which has no string, the other way round."""
    name = next((name for name in ("id", "ticker", "exchange", "name") if isinstance(row.get(name), str)), "o")
    row[name] = 5 if isinstance(row[name], str) else str(row[name])


def not_a_number(row: Row) -> None:
    row[next(iter(row))] = math.nan


def huge_number(row: Row) -> None:
    """A whole number too large for any database, in a key; for a string key it is also the wrong type."""
    row |= {"t": 1e30} if "t" in row else {"id": 1e30, "date": 1e30, "ticker": 1e30}


def twice(body: Any) -> Any:
    """Each row two times."""
    if isinstance(body, list):
        return body * 2
    return {**body, "results": body["results"] * 2} if isinstance(body.get("results"), list) else body


def counted_without_rows(body: Any) -> Any:
    return {k: v for k, v in body.items() if k != "results"} | {"resultsCount": 5} if isinstance(body, dict) else None


def next_page(link: Callable[[str, str], Any]) -> Callable[[Any], None]:
    """The ordinary response with another link: link(address of the sandbox, path of this request)."""

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
    code, headers, body = handler.response()
    handler.send(code, headers, body.replace(b'"next_url": "https:', b'"next_url": "http:'))


def other_content_type(handler: Any) -> None:
    code, headers, body = handler.response()
    handler.send(code, headers | {"Content-Type": "image/png"}, body)


def reset_in_mid_body(handler: Any) -> None:
    handler.send(*handler.response(), whole=False)
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
    """100 KB that decompress to 100 MB."""
    handler.send(200, {"Content-Encoding": "gzip"}, packed())


@cache
def packed() -> bytes:
    return gzip.compress(b" " * (100 * MEGABYTE))


def pieces(handler: Any) -> None:
    """No larger than an honest response, but thirty times as large when decoded."""
    handler.send(200, {}, b"[" + b"[]," * MEGABYTE + b"[]]")


def no_http(handler: Any) -> None:
    handler.close_connection = True
    handler.wfile.write(b"220 smtp ready\r\n\r\n")


def dripping(first: bytes, drop: bytes = b"x") -> Callable[[Any], None]:
    """Some bytes at once, and then one per second, so no single wait is long."""

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
    """serve: what the sandbox does. If permanent, words and kind (failure_type) are reported; no words: harmless."""

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
NO_PAGES = {"harmless": "ticker_details market_holidays", "in_check": ""}  # their responses have no links

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
    "closed without a response": transient("drop", "connection broke"),
    "reset": transient("reset", "connection broke"),
    "closed in mid-body": transient("half", "connection broke"),
    "reset in mid-body": transient(reset_in_mid_body, "connection broke"),
    "no HTTP": transient(no_http, "response is not HTTP"),
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
    # Not what was requested
    "truncated JSON": Fault("truncated", "not JSON"),
    "truncated gzip": Fault("truncated_gzip", "not JSON"),
    "no gzip, though it says so": transient(
        lambda handler: handler.send(200, {"Content-Encoding": "gzip"}, b"{}"), "cannot be decompressed"
    ),
    "not UTF-8": Fault("garbage", "not JSON"),
    "a web page": Fault("html", "not JSON"),
    "empty": Fault("empty", "empty"),
    "another content type": Fault(other_content_type),
    "100 MB": Fault(huge, "a response of over", passes=False),
    "100 KB that unpack to 100 MB": Fault(bomb, "a response of over", passes=False),
    "HTTP 200 with an error": Fault(("status", 200, {}, {"status": "ERROR", "error": "Boom"}), "Boom"),
    "a status that is a list": Fault(
        changed(lambda body: {**body, "status": []} if isinstance(body, dict) else {}), "The API "
    ),
    "an empty object": Fault(("status", 200, {}, {}), "The API sent "),
    "null": Fault(("status", 200, {}, b"null"), "The API"),
    "results absent, though counted": Fault(changed(counted_without_rows), "The API sent "),
    # The API gives no count for dividends and splits, so this looks like "there are none".
    "results null": Fault(with_results(None), "The API sent ", passes=False, harmless="dividends splits"),
    "results are {}": Fault(with_results({}), "The API"),
    "results are a string": Fault(with_results("many"), "The API"),
    "results are an empty string": Fault(with_results(""), "The API"),
    "results are 0": Fault(with_results(0), "The API"),
    "results are numbers": Fault(with_results([1, 2]), "The API"),
    "a row without fields": Fault(with_results([{}]), "The API", in_check=""),
    "a number where a string should be": Fault(changed_rows(another_type), "`, got `", in_check=""),
    "NaN": Fault(changed_rows(not_a_number), "not JSON"),
    "a number beyond 64 bits": Fault(changed_rows(huge_number), "Expected `", in_check=""),
    "each row twice": Fault(changed(twice)),
    # Links and redirects
    "a next_url that repeats": Fault(next_page(lambda url, path: url + path), "form a loop", **NO_PAGES),
    "next_urls that lead in a circle": Fault(
        next_page(lambda url, path: url + (path.removesuffix("&a=1") if "&a=1" in path else f"{path}&a=1")),
        "form a loop",
        **NO_PAGES,
    ),
    "next_urls without an end": Fault(ever_new_page, "nothing new", minutes=True, passes=False, **NO_PAGES),
    "a next_url on another host": Fault(
        next_page(lambda url, path: ELSEWHERE.url.replace("localhost", "127.0.0.1") + path), "another host", **NO_PAGES
    ),
    "a next_url that is a number": Fault(next_page(lambda url, path: 5), "A link from the API", **NO_PAGES),
    "a next_url that is http": Fault(http_links),
    "a redirect to another host": Fault(
        lambda handler: handler.send(302, {"Location": ELSEWHERE.url + handler.path}, b""), "redirects", passes=False
    ),
    "a redirect to itself": Fault(
        lambda handler: handler.send(307, {"Location": handler.path}, b""), "redirects", passes=False
    ),
}

NOBODY_THERE: dict[str, tuple[Callable[[SandboxApi], str], str]] = {
    "connection refused": (lambda api: f"http://localhost:{refusing_port()}", "connection refused"),
    "https where http is spoken": (lambda api: api.url.replace("http:", "https:"), "secure connection (TLS) failed"),
    "no such host": (lambda api: "https://nowhere.invalid", "No usable response from https://nowhere.invalid"),
}
