"""Responds like the API, with made-up prices: a fast server for measuring, not for learning (that is the sandbox).

    python benchmarks/server.py --tickers 100 --bars 2500

All responses are made before the first request and sent unchanged, whatever the request's query says, so the server
takes little of the measured time. server_speed.py compares it with nginx. There is one thread for each connection.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import socketserver
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

START, BEFORE_END, END = "2015-01-01", "2024-12-30", "2024-12-31"  # days to request; the last two are grouped as well
DAY, MINUTE = 86_400_000, 60_000  # ms
OPENS, MINUTES_A_DAY = 14 * 60 + 30, 390  # minutes from midnight UTC, and how many of them have a bar
SPLITS_A_TICKER = 0.3  # about two years
CURSOR = re.compile(r"cursor=(\d+)")


class Data(NamedTuple):
    """What the server has. page: bars in one response. grouped: also the last two days of all tickers in one."""

    tickers: int
    bars: int  # of each ticker
    timespan: str = "day"  # or minute
    page: int = 50_000
    grouped: bool = False


def names(data: Data) -> list[str]:
    """The tickers."""
    return [f"T{number:05d}" for number in range(data.tickers)]


def moments(data: Data) -> list[int]:
    """The start of each bar in ms: on weekdays, once a day or once a minute from 14:30 UTC on."""
    midnight = int(datetime.fromisoformat(f"{START}T00:00+00:00").timestamp() * 1000)
    first_weekday = date.fromisoformat(START).weekday()
    a_day = 1 if data.timespan == "day" else MINUTES_A_DAY
    days = (n for n in range(10**6) if (first_weekday + n) % 7 < 5)
    found: list[int] = []
    for day in days:
        opens = midnight + day * DAY + (5 * 60 if a_day == 1 else OPENS) * MINUTE  # bars of a day: New York's midnight
        found += range(opens, opens + a_day * MINUTE, MINUTE)
        if len(found) >= data.bars:
            return found[: data.bars]
    return found


def bars(ticker: str, starts: list[int], grouped: bool = False) -> Iterator[tuple[str, int]]:
    """The ticker's bars as JSON, each with its closing price in cents. The same ticker always has the same."""
    chance = random.Random(ticker).random
    usual = close = 1_000 + int(chance() * 50_000)  # cents
    name = f'"T":"{ticker}",' if grouped else ""
    for start in starts:
        opens = close
        close += int((usual - close) / 500 + close * (chance() - 0.5) / 25)  # wanders, and never far
        high, low = max(opens, close) + 13, min(opens, close) - 17
        bar = (
            f'{{{name}"v":{int(chance() * 9e7)}.0,"vw":{(opens + close) / 200:.4f},"o":{opens / 100},"c":{close / 100},'
            f'"h":{high / 100},"l":{low / 100},"t":{start},"n":{int(chance() * 900_000) + 100}}}'
        )
        yield bar, close


class Responses:
    """Every response, under its key: "T00001 0" (a ticker and a page), "2024-12-31" or "splits".

    rows, cents: how many bars the custom bars have in all, and the sum of their closing prices; of grouped data those
    of the last day.
    """

    def __init__(self, data: Data, url: str) -> None:
        self.rows = self.cents = 0
        self.by_request = {"splits": _response(_splits(names(data)), "")}
        starts = moments(data)
        for ticker in names(data):
            found = list(bars(ticker, starts))
            self.rows += len(found)
            self.cents += sum(cents for _, cents in found)
            for page, first in enumerate(range(0, data.bars, data.page)):
                rest = starts[first + data.page :]
                path = f"/v2/aggs/ticker/{ticker}/range/1/{data.timespan}"
                link = f"{url}{path}/{rest[0]}/{END}?cursor={page + 1}" if rest else None
                text = [bar for bar, _ in found[first : first + data.page]]
                self.by_request[f"{ticker} {page}"] = _response(text, ticker, link)
        for day in (BEFORE_END, END) if data.grouped else ():
            start = int(datetime.fromisoformat(f"{day}T21:00+00:00").timestamp() * 1000)
            of_day = [next(bars(ticker, [start], grouped=True)) for ticker in names(data)]
            self.rows, self.cents = len(of_day), sum(cents for _, cents in of_day)
            self.by_request[day] = _response([bar for bar, _ in of_day], "")


def _splits(tickers: list[str]) -> list[str]:
    """Splits on the days after END, so the bars up to END are made with them."""
    first = date.fromisoformat(END) + timedelta(days=10)
    return [
        f'{{"id":"S{n}","ticker":"{ticker}","execution_date":"{first + timedelta(days=n % 600)}",'
        '"split_from":1,"split_to":2,"adjustment_type":"forward_split"}'
        for n, ticker in enumerate(tickers[: int(len(tickers) * SPLITS_A_TICKER)])
    ]


def _response(rows: list[str], ticker: str, next_url: str | None = None) -> bytes:
    head = f'{{"ticker":"{ticker}",' if ticker else "{"
    link = f',"next_url":"{next_url}"' if next_url else ""
    counts = f'"queryCount":{len(rows)},"resultsCount":{len(rows)},"adjusted":true,"status":"OK","request_id":"0"'
    return _http("200 OK", f'{head}{counts},"results":[{",".join(rows)}]{link}}}'.encode())


def _http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def asked(target: str) -> str:
    """The key in Responses for a path with query."""
    path, _, query = target.partition("?")
    parts = path.split("/")
    if path.startswith("/v2/aggs/ticker/"):
        cursor = CURSOR.search(query)
        return f"{parts[4]} {cursor[1] if cursor else 0}"
    return parts[-1]


class Server(socketserver.ThreadingTCPServer):
    """Responds until shut down. requests: the requests so far, in order; GET /requests returns and clears them."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, data: Data, latency: float = 0.0) -> None:
        """latency: seconds between a request and its response"""
        super().__init__(("127.0.0.1", 0), Connection)
        self.url = f"http://localhost:{self.server_address[1]}"
        self.latency = latency
        self.requests: list[str] = []
        self.responses = Responses(data, self.url)

    def response(self, head: str) -> bytes:
        """The bytes to send for the head of a request."""
        what = asked(head.split(" ", 2)[1])
        if what == "requests":
            kinds = ("splits" if name == "splits" else "prices" for name in self.requests)
            body, self.requests = json.dumps(Counter(kinds)).encode(), []
            return _http("200 OK", body)
        self.requests.append(what)
        if "\nauthorization: bearer " not in head.lower():
            return _http("401 Unauthorized", b'{"status":"ERROR","error":"Unknown API Key"}')
        if self.latency:
            time.sleep(self.latency)
        return self.responses.by_request.get(what) or _http("404 Not Found", b'{"status":"NOT_FOUND"}')


class Connection(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        connection: socket.socket = self.request
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waiting = b""
        try:
            while part := connection.recv(65_536):
                head, end, rest = (waiting + part).partition(b"\r\n\r\n")
                if end:
                    connection.sendall(self.server.response(head.decode("latin-1")))
                waiting = rest if end else head
        except ConnectionError:
            pass  # the client is done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=1)
    parser.add_argument("--bars", type=int, default=250, help="of each ticker")
    parser.add_argument("--timespan", choices=["day", "minute"], default="day")
    parser.add_argument("--page", type=int, default=50_000, help="bars in one response")
    parser.add_argument("--grouped", action="store_true", help="also the last two days of all tickers in one response")
    parser.add_argument("--latency", type=float, default=0, help="seconds before each response")
    options = vars(parser.parse_args())
    latency = options.pop("latency")
    with Server(Data(**options), latency) as server:
        # The process that started it waits for this line.
        rows, cents = server.responses.rows, server.responses.cents
        print(json.dumps({"url": server.url, "rows": rows, "cents": cents}), flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
