"""Tests what comes before a body, over real sockets: informational responses, status lines and headers."""

import pytest
from letters_server import failure
from raw_server import GOOD, answering, serving

from source_stock_ticker.runtime.errors import TransientError

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>; rel=preload\r\n\r\n"
UPLOAD_RESUMPTION = b"HTTP/1.1 104 Upload Resumption Supported\r\n\r\n"


# Informational responses


@pytest.mark.parametrize(
    "first",
    [
        CONTINUE,
        PROCESSING,
        EARLY_HINTS,
        UPLOAD_RESUMPTION,
        PROCESSING * 20,
        CONTINUE + EARLY_HINTS + CONTINUE + PROCESSING,
        b"HTTP/1.1 199\r\n\r\n",
    ],
    ids=["100", "102", "103", "104", "102, many", "mixed", "199"],
)
def test_informational_responses_are_read_past(client, first):
    with serving(answering(first + GOOD)) as server:
        one = client(tries=1)
        bodies = [one.get(f"http://{server.address}/").body for _ in range(3)]
    assert bodies == [b"letters"] * 3
    assert server.connections == 1


@pytest.mark.parametrize("sent", [EARLY_HINTS, CONTINUE, PROCESSING * 3])
def test_informational_responses_alone_are_no_response(client, sent):
    def answer(connection):
        connection.recv(10_000)
        connection.sendall(sent)

    with serving(answer) as server:
        error = failure(client(tries=2), f"http://{server.address}/")
    assert isinstance(error, TransientError)
    assert "the connection broke" in error.message
    assert server.connections == 2


def test_informational_responses_without_end_are_given_up(client):
    with serving(answering(EARLY_HINTS * 2000 + GOOD)) as server:
        error = failure(client(tries=1), f"http://{server.address}/")
    assert isinstance(error, TransientError)
    assert "informational" in error.detail


def test_who_changes_to_another_protocol_has_not_answered_and_is_not_spoken_to_again(client):
    with serving(answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" + GOOD)) as server:
        assert isinstance(failure(client(tries=3), f"http://{server.address}/"), TransientError)
    assert server.connections == 3


# Status lines and headers


def head(line=b"HTTP/1.1 200 OK", more=b""):
    return line + b"\r\n" + more + b"Content-Length: 7\r\n\r\nletters"


@pytest.mark.parametrize(
    ("sent", "meaning"),
    [
        (head(more=b"X-Debug: v\r\n" * 150), "its response has more than 100 header lines"),
        (head(more=b"X-Debug: " + b"v" * 65_536 + b"\r\n"), "a header line of its response has more than 65536 bytes"),
        (head(b"HTTP/1.1 200 " + b"K" * 65_536), "a header line of its response has more than 65536 bytes"),
        (head(b"HTTP/1.1 2OO OK"), "the response is not HTTP"),
        (head(b"HTTP/1.1 99 Bottles"), "the response is not HTTP"),
        (head(b"HTTP/1.1"), "the response is not HTTP"),
        (head(b"HTTP/2 200 OK"), "the response is not HTTP"),
        (head(b"letters"), "the response is not HTTP"),
        (head(b"connection refused, timed out, CERTIFICATE_VERIFY_FAILED"), "the response is not HTTP"),
        (b"\r\n\r\n", "the response is not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x50\r\n", "the response is not HTTP"),
    ],
    ids=[
        "150 headers",
        "a long header",
        "a long status line",
        "letters for digits",
        "two digits",
        "no status",
        "HTTP/2",
        "no HTTP",
        "words of other failures",
        "blank lines",
        "TLS",
    ],
)
def test_a_head_that_cannot_be_read_is_reported_by_what_is_wrong_with_it(client, sent, meaning):
    with serving(answering(sent)) as server:
        error = failure(client(tries=2), f"http://{server.address}/")
    assert isinstance(error, TransientError)
    assert error.message == f"No usable response from http://{server.address} after 2 attempts: {meaning}."


@pytest.mark.parametrize(
    "sent",
    [
        head(b"HTTP/1.1 200"),
        head(b"HTTP/1.0 200 OK", b"Connection: keep-alive\r\n"),
        head(more=b"X-Debug: v\r\n" * 98),
        head(more=b"X-Debug: " + b"v" * 40_000 + b"\r\n"),
        head(more="X-Ville: Orléans\r\n".encode("latin-1")),
        head(more=b"X-Long: a\r\n  b\r\n"),
        head(more=b"Content-Length: 7\r\n"),
        head().replace(b"\r\n", b"\n"),
    ],
    ids=["no reason", "HTTP/1.0", "99 headers", "40 kB", "Latin-1", "folded", "length twice", "bare line feeds"],
)
def test_an_odd_head_is_read(client, sent):
    with serving(answering(sent)) as server:
        assert client(tries=1).get(f"http://{server.address}/").body == b"letters"
