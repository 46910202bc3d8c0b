"""Responds over HTTP on this machine, keeps a list of the requests, and fails on demand.

The base of sandbox_api.py: it knows nothing about any API, and works unchanged for others.
"""

import argparse
import gzip
import json
import os
import socket
import struct
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

AnySandbox = TypeVar("AnySandbox", bound="Sandbox")


class Asked(NamedTuple):
    """A request. path: with its query. headers: names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(kw_only=True)
class Sandbox(ABC):
    """A server in a thread: `with Sandbox() as api:`, then api.url. A subclass defines its responses.

    You can pass each attribute at the start or set it while the server runs.
    """

    port: int = 0  # 0: any free one
    quiet: bool = True  # False prints a line for each request
    latency: float = 0.0  # seconds before each response
    transform: Callable[[str, Any], Any] | None = None  # (path with query, body) -> the body to send instead

    def __post_init__(self) -> None:
        self.requests: list[tuple[str, str]] = []  # (method, path with query), in order of arrival
        self.headers: list[dict[str, str]] = []  # of each request, names in lower case
        self.times: list[float] = []  # of each request, time.monotonic()
        self.stopped = threading.Event()
        self._faults: list[list[Any]] = []  # [fault, times left, part of the path]
        self._lock = threading.Lock()

    def response(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Code, headers and body for a GET of `path` (with query). headers: the request's, names in lower case."""
        return 404, {}, self.error(404)

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Code, headers and body for a request of any method. The body is bytes, or something to send as JSON."""
        if asked.method == "GET":
            return self.response(asked.path, asked.headers)
        return 405, {"Allow": "GET"}, self.error(405)

    @abstractmethod
    def error(self, code: int) -> Any:
        """The JSON body that goes with a code other than 200."""

    def __enter__(self: AnySandbox) -> AnySandbox:
        self.stopped.clear()  # it can be started again, on the same port
        self._server = Server(("127.0.0.1", self.port), type("Handler", (Handler,), {"api": self}))
        self.port = self._server.server_address[1]
        self.url = f"http://localhost:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def fail_next(self, fault: Any, times: float = 1, path: str = "") -> None:
        """Sends `fault` instead of the next `times` responses (math.inf: all) to paths with query that contain `path`.

        A fault is a name in FAULTS ("drop"), a name with its arguments (("status", 503), ("slow", 0.5)), a function
        of the Handler, or None: an ordinary response, so a later fault affects the third request and not the first.
        """
        name = fault[0] if isinstance(fault, tuple) else fault
        if isinstance(name, str) and name not in FAULTS:
            raise ValueError(f"{name} is not a fault; choose from {', '.join(FAULTS)}")
        with self._lock:
            self._faults.append([fault, times, path])

    def heal(self) -> None:
        """From now on, send no faults."""
        with self._lock:
            self._faults = []

    def calls(self, part: str = "") -> list[str]:
        """The paths (with query) requested so far that contain `part`."""
        return [path for _, path in list(self.requests) if part in path]

    def note(self, method: str, path: str, headers: dict[str, str]) -> Any:
        """Records a request; returns the fault to respond with, or None."""
        with self._lock:
            self.requests.append((method, path))
            self.headers.append(headers)
            self.times.append(time.monotonic())
            due: list[Any] = next((entry for entry in self._faults if entry[2] in path), [None, 0, ""])
            due[1] -= 1
            self._faults = [entry for entry in self._faults if entry[1] > 0]
            return due[0]


def serve(sandbox: type[Sandbox], told: str) -> None:
    """A sandbox for a person, until Ctrl-C. told: how it describes itself, such as "key {api.key}"."""
    parser = argparse.ArgumentParser(description="The API on this machine, with invented rows.")
    parser.add_argument("--port", type=int, default=8080)
    until_ctrl_c(sandbox(port=parser.parse_args().port, quiet=False), told)


def until_ctrl_c(sandbox: Sandbox, told: str) -> None:
    """Serve, and say where. Exits with a sentence if the port is taken."""
    try:
        with sandbox as api:
            print(f"Sandbox at {api.url}, {told.format(api=api)}. Ctrl-C stops it.", flush=True)
            threading.Event().wait()
    except OSError as error:
        told = "Is a sandbox already running? Stop it, or choose another port with --port."
        sys.exit(f"Port {sandbox.port}: {error.strerror}. {told}")
    except KeyboardInterrupt:
        pass


class Server(ThreadingHTTPServer):
    """A thread for each connection; closing it ends the connections too, so clients notice."""

    request_queue_size = 128

    def __init__(self, *args: Any):
        self.connections: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.connections):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that hangs up is normal
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive from request to request."""

    api: Sandbox
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave together
    asked: Asked
    code: int | str

    def do_GET(self) -> None:
        self.asked = Asked(self.command, self.path, self.asked_with(), self.sent())
        fault = self.api.note(self.command, self.path, self.asked_with())
        self.api.stopped.wait(self.api.latency)
        name, *arguments = fault if isinstance(fault, tuple) else [fault]
        self.code = f"- {name}"
        if fault is None:
            self.send(*self.response())
        elif callable(fault):
            fault(self)
        else:
            FAULTS[name](self, *arguments)
        if not self.api.quiet:
            print(f"{self.command} {self.path} {self.code}\n", end="", flush=True)  # one write, whole lines

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def sent(self) -> bytes:
        """The request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def asked_with(self) -> dict[str, str]:
        """The request's headers, names in lower case."""
        return {name.lower(): text for name, text in self.headers.items()}

    def response(self) -> tuple[int, dict[str, str], bytes]:
        """The ordinary response to this request: code, headers, body."""
        code, headers, body = self.api.answer(self.asked)
        if self.api.transform:
            body = self.api.transform(self.path, body)
        return code, headers, body if isinstance(body, bytes) else json.dumps(body).encode()

    def send(self, code: int, headers: dict[str, str], body: bytes, pause: float = 0, whole: bool = True) -> None:
        """Sends a response: half of the body, `pause` seconds later the other half, or never if not `whole`."""
        headers = {"Content-Type": "application/json"} | headers
        # An empty body stays empty: after a 304, a compressed empty body would look like the next response.
        if body and "gzip" in self.headers.get("Accept-Encoding", "") and "Content-Encoding" not in headers:
            headers["Content-Encoding"], body = "gzip", gzip.compress(body, 1)
        self.code = code
        self.send_response(code)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        if pause:
            self.wfile.flush()
            self.api.stopped.wait(pause)
        if whole:
            self.wfile.write(body[len(body) // 2 :])
        else:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Silent: do_GET prints."""


# --- Faults: (handler, arguments) -> None ----------------------------------------------------------------------------


def status(handler: Handler, code: int, headers: dict[str, str] | None = None, body: Any = None) -> None:
    """Any code; the body is bytes or a value for JSON; default: the API's body for that code."""
    body = handler.api.error(code) if body is None else body
    handler.send(code, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def drop(handler: Handler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """Resets the connection: the client gets ECONNRESET."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())
    handler.close_connection = True


def slow(handler: Handler, before: float = 1.0, within: float = 0.0) -> None:
    """The ordinary response, `before` seconds late and with a pause of `within` seconds in mid-body."""
    handler.api.stopped.wait(before)
    handler.send(*handler.response(), pause=within)


def truncated(handler: Handler) -> None:
    """Good HTTP around half of the JSON."""
    code, headers, body = handler.response()
    handler.send(code, headers, body[: len(body) // 2])


def truncated_gzip(handler: Handler) -> None:
    """Good HTTP around half of the compressed JSON."""
    code, headers, body = handler.response()
    packed = gzip.compress(body)
    handler.send(code, headers | {"Content-Encoding": "gzip"}, packed[: len(packed) // 2])


FAULTS: dict[str, Callable[..., None]] = {
    "status": status,
    "drop": drop,
    "reset": reset,
    "slow": slow,
    "stall": lambda handler: slow(handler, before=0, within=3600),
    "half": lambda handler: handler.send(*handler.response(), whole=False),
    "truncated": truncated,
    "truncated_gzip": truncated_gzip,
    "garbage": lambda handler: handler.send(200, {}, b"\x00\xffnot JSON"),
    "html": lambda handler: handler.send(200, {"Content-Type": "text/html"}, b"<html>Be right back</html>"),
    "empty": lambda handler: handler.send(200, {}, b""),
    "error200": lambda handler: status(handler, 200, body=handler.api.error(429)),
    "redirect": lambda handler, to="https://elsewhere.example": handler.send(302, {"Location": to + handler.path}, b""),
}
