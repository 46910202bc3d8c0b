"""Tests the server of the sandbox: faults, connections, its end, and running it by hand."""

import json
import math
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from sandbox_api import SandboxApi
from usual import BEARER, GROUPED, SPLITS, get


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", requests.ConnectionError),
        ("reset", requests.ConnectionError),
        ("half", requests.exceptions.ChunkedEncodingError),
        ("truncated", json.JSONDecodeError),
        ("truncated_gzip", (json.JSONDecodeError, requests.exceptions.ContentDecodingError)),
        ("garbage", ValueError),
        ("html", json.JSONDecodeError),
        ("empty", json.JSONDecodeError),
        (("slow", 2), requests.ReadTimeout),
        ("stall", (requests.ReadTimeout, requests.ConnectionError)),
    ],
)
def test_a_fault_is_served_once_and_then_all_is_well(api: SandboxApi, fault: Any, error: Any) -> None:
    api.fail_next(fault)
    with pytest.raises(error):
        requests.get(api.url + SPLITS, headers=BEARER, timeout=0.5).json()
    assert get(api, SPLITS).json()["status"] == "OK"


def test_faults_can_have_arguments_and_be_functions(api: SandboxApi) -> None:
    api.fail_next(("status", 503, {"Retry-After": "5"}, b"<html>"))
    api.fail_next("error200")
    api.fail_next(("redirect", "https://example.com"))
    api.fail_next(lambda handler: handler.send(200, {}, b"[]"))
    first, second, third, fourth = (get(api, SPLITS) for _ in range(4))
    assert (first.status_code, first.headers["Retry-After"], first.text) == (503, "5", "<html>")
    assert (second.status_code, second.json()["status"]) == (200, "ERROR")
    assert (third.status_code, third.headers["Location"]) == (302, "https://example.com" + SPLITS)
    assert fourth.json() == []


def test_a_fault_that_does_not_exist_is_named_at_once(api: SandboxApi) -> None:
    with pytest.raises(ValueError, match="dorp is not a fault; choose from status, drop"):
        api.fail_next("dorp")


def test_faults_wait_for_their_path_and_their_turn(api: SandboxApi) -> None:
    api.fail_next(None, path=SPLITS)
    api.fail_next(("status", 500), times=math.inf, path=SPLITS)
    assert [get(api, path).status_code for path in (SPLITS, SPLITS, "/stocks/v1/dividends", SPLITS)] == [
        200, 500, 200, 500,
    ]  # fmt: skip


def test_a_transform_makes_odd_responses(api: SandboxApi) -> None:
    api.transform = lambda path, body: body | {"results": None} if "splits" in path else body
    assert get(api, SPLITS).json()["results"] is None


def test_requests_are_written_down(api: SandboxApi) -> None:
    get(api, SPLITS, ticker="AAPL")
    get(api, f"{GROUPED}2012-01-03")
    assert api.requests == [("GET", SPLITS + "?ticker=AAPL"), ("GET", GROUPED + "2012-01-03")]
    assert api.calls("grouped") == [GROUPED + "2012-01-03"]
    assert (len(api.times), api.headers[0]["authorization"]) == (2, "Bearer sandbox-key")


def test_responses_are_compressed_when_asked_and_the_connection_is_kept(api: SandboxApi) -> None:
    with socket.create_connection(("localhost", api.port)) as line:
        for encoding, start in (("identity", b'{"results"'), ("gzip", b"\x1f\x8b")):
            text = f"GET {SPLITS} HTTP/1.1\r\nAuthorization: Bearer sandbox-key\r\nAccept-Encoding: {encoding}\r\n\r\n"
            line.sendall(text.encode())
            assert line.recv(65536).partition(b"\r\n\r\n")[2].startswith(start)


def test_a_body_of_nothing_is_sent_as_nothing(api: SandboxApi) -> None:
    api.fail_next(("status", 304, {}, b""))  # behind its headers a client looks for the next response
    with socket.create_connection(("localhost", api.port)) as line:
        line.sendall(f"GET {SPLITS} HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        assert line.recv(65536).partition(b"\r\n\r\n")[2] == b""


def test_it_stops_at_once_and_ends_the_kept_connections() -> None:
    with SandboxApi() as api, requests.Session() as session:
        session.get(api.url + SPLITS, headers=BEARER, timeout=5)
        started = time.monotonic()
        api.__exit__()
        assert time.monotonic() - started < 0.5
        with pytest.raises(requests.ConnectionError):
            session.get(api.url + SPLITS, headers=BEARER, timeout=5)
        with api:  # and back, where it was
            assert session.get(api.url + SPLITS, headers=BEARER, timeout=5).status_code == 200


def test_it_runs_by_hand_and_shows_each_request() -> None:
    command = [sys.executable, Path(__file__).with_name("sandbox_api.py"), "--port", "0", "--fail", "503", "--key", "k"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = process.stdout.readline().split()[2].rstrip(",")
            for _ in range(2):
                requests.get(address + SPLITS, headers={"Authorization": "Bearer k"}, timeout=5)
            assert [process.stdout.readline() for _ in range(2)] == [f"GET {SPLITS} 503\n", f"GET {SPLITS} 200\n"]
        finally:
            process.terminate()
