"""Tests the deadline of a whole response, over a real connection with only short single waits."""

import time

import pytest
from raw_server import serving

from source_stock_ticker.runtime.errors import TransientError

ONE_TRY_TIMEOUT = "source_stock_ticker.runtime.http.client.ONE_TRY_TIMEOUT"


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0", b"x"),
    ],
    ids=["status", "headers", "100 Continue", "body", "gzip"],
)
def test_a_response_that_drips_is_given_up(client, monkeypatch, first, drop):
    monkeypatch.setattr(ONE_TRY_TIMEOUT, 0.3)

    def answer(connection):
        connection.recv(10_000)
        connection.sendall(first)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    with serving(answer) as server:
        start = time.monotonic()
        with pytest.raises(TransientError, match="did not answer in time"):
            client(tries=1).get(f"http://{server.address}/")
        assert time.monotonic() - start < 20


def test_a_response_that_comes_in_many_pieces_and_in_time_is_whole(client):
    pieces = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 7\r\n\r\n", *(bytes([letter]) for letter in b"letters")]

    def answer(connection):
        connection.recv(10_000)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.01)

    with serving(answer) as server:
        assert client(tries=1).get(f"http://{server.address}/").body == b"letters"
