"""HTTP: what is tried again and how long that takes, when it gives up and what it says then, and where the key goes."""

import gzip
import io
import logging
import re
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests
import responses
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from source_stock_ticker.runtime import ConnectorError, TransientError, UnexpectedAnswer
from source_stock_ticker.runtime.http_client import HttpClient

HOST = "https://api.example.com"
URL = f"{HOST}/v1/letters?after=b"
KEY = "k3y-of-12345678"
MEGABYTE = 1 << 20
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", *CA_VARIABLES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def http():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield http


@pytest.fixture
def client(clock):
    """A function that makes a client with these options, whose time is the fake clock's."""

    def authenticate(request):
        request.headers["Authorization"] = f"Bearer {KEY}"
        return request

    return lambda **options: HttpClient(authenticate, logging.getLogger("airbyte"), clock=clock, **options)


class Body(io.RawIOBase):
    """A body that comes as the generator `parts` yields it; an exception it raises is that of the network."""

    def __init__(self, parts):
        self._parts = parts
        self.sent = 0  # bytes

    def readable(self):
        return True

    def readinto(self, buffer):
        part = next(self._parts, b"")[: len(buffer)]
        buffer[: len(part)] = part
        self.sent += len(part)
        return len(part)

    def buffered(self):
        return io.BufferedReader(self, buffer_size=64 * 1024)


def answers(http, *statuses, **options):
    """Let the server give these answers one after the other, the last one for ever."""
    for status in statuses:
        http.get(URL, status=status, **options)


def failure(client, url=URL):
    with pytest.raises(ConnectorError) as error:
        client.get(url)
    return error.value


# A good answer


def test_an_answer_has_its_status_and_body_and_path(http, client):
    answers(http, 200, body=b'{"letters": []}')
    assert client().get(URL)[:3] == (200, b'{"letters": []}', "/v1/letters")


def test_an_answer_has_its_headers_which_may_name_the_next_page(http, client):
    answers(http, 200, headers={"Link": f'<{URL}?page=2>; rel="next"'})
    assert client().get(URL).headers["link"] == f'<{URL}?page=2>; rel="next"'


def test_a_packed_body_is_unpacked(http, client):
    answers(http, 200, body=gzip.compress(b"letters"), headers={"Content-Encoding": "gzip"})
    assert client().get(URL).body == b"letters"


def test_a_body_that_comes_in_pieces_is_put_together(http, client):
    answers(http, 200, body=Body(iter([b"let", b"t", b"ers"])).buffered())
    assert client().get(URL).body == b"letters"


@pytest.mark.parametrize("status", [201, 400, 401, 403, 404, 410, 422])
def test_an_answer_that_asking_again_will_not_change_is_the_callers_to_judge(http, client, clock, status):
    answers(http, status, body=b"because")
    assert client().get(URL)[:2] == (status, b"because")
    assert len(http.calls) == 1
    assert clock.slept == []


# The key


def test_the_key_travels_in_the_header_alone(http, client):
    answers(http, 503, 200)
    client().get(URL)
    for call in http.calls:
        assert call.request.headers["Authorization"] == f"Bearer {KEY}"
        assert KEY not in call.request.url
        assert call.request.body is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(http, client, status):
    answers(http, status, headers={"Location": "https://elsewhere.example.com/v1/letters"})
    http.get("https://elsewhere.example.com/v1/letters")
    error = failure(client())
    assert isinstance(error, UnexpectedAnswer)
    assert error.message == f"{HOST} redirects to another address; set api_url to the API's own address."
    assert len(http.calls) == 1


@pytest.mark.parametrize("location", ["http://[", "//b/\xff", "http://b:99999999/", "/", ""])
def test_a_redirect_to_an_impossible_address_is_refused_too(http, client, location):
    answers(http, 302, headers={"Location": location})
    assert isinstance(failure(client()), UnexpectedAnswer)


def test_the_body_of_a_redirect_is_not_read(http, client):
    body = Body(bytes(MEGABYTE) for _ in range(200))
    answers(http, 302, headers={"Location": "/"}, body=body.buffered())
    failure(client())
    assert body.sent <= MEGABYTE


# Too many requests


def test_after_a_429_that_does_not_say_how_long_a_minute_is_waited(http, client, clock):
    answers(http, 429, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(60.5, abs=0.5)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), (" 120 ", 120), ("0", 1)])
def test_a_429_that_says_how_many_seconds_is_obeyed(http, client, clock, value, seconds):
    answers(http, 429, headers={"Retry-After": value})
    answers(http, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(seconds)


@pytest.mark.parametrize(("minutes", "seconds"), [(2, 120), (-5, 1)])
def test_a_429_that_says_until_when_is_obeyed(http, client, clock, minutes, seconds):
    until = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    answers(http, 429, headers={"Retry-After": format_datetime(until, usegmt=True)})
    answers(http, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize("value", ["soon", "-5", "1e3", "nan", "", "Fri, 99 Foo 2024 00:00:00 GMT", "²"])
def test_a_429_that_says_nonsense_is_as_one_that_says_nothing(http, client, clock, value):
    answers(http, 429, headers={"Retry-After": value})
    answers(http, 200)
    assert client().get(URL).status == 200
    assert sum(clock.slept) == pytest.approx(60.5, abs=0.5)


@pytest.mark.parametrize("value", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_429_that_wants_an_absurd_silence_ends_at_once_with_what_to_do(http, client, clock, value):
    answers(http, 429, headers={"Retry-After": value})
    error = failure(client())
    assert isinstance(error, TransientError)
    assert "requests_per_minute" in error.message
    assert clock.slept == []


@pytest.mark.parametrize(
    ("headers", "asked"), [({}, ""), ({"Retry-After": "3600"}, " It asks to wait 3600 s.")], ids=["silent", "says"]
)
def test_who_does_not_want_to_wait_hears_of_a_429_at_once(http, client, clock, headers, asked):
    answers(http, 429, headers=headers)
    assert failure(client(tries=1)).message == (
        f"The API's rate limit is reached (HTTP 429).{asked} Wait a minute and try again, "
        "or set requests_per_minute to what your plan allows."
    )
    assert clock.slept == []


def test_an_api_that_always_says_429_is_given_up(http, client, clock):
    answers(http, 429)
    start = clock.monotonic()
    assert isinstance(failure(client()), TransientError)
    assert 10 * 60 > clock.monotonic() - start > 60


def test_a_429_is_no_failure_that_uses_up_the_tries(http, client):
    answers(http, 429, 429, 429, 503, 200)
    assert client(tries=2).get(URL).status == 200


def test_an_api_may_say_too_many_requests_in_its_own_way(http, client, clock):
    answers(http, 200, body=b"slow down")
    answers(http, 200, body=b"letters")
    assert client(throttled=lambda answer: answer.body == b"slow down").get(URL).body == b"letters"
    assert sum(clock.slept) >= 60


def test_a_429_holds_back_the_requests_of_the_other_threads_too(http, client, clock):
    answers(http, 429, headers={"Retry-After": "30"})
    answers(http, 200)
    start, one, clock.threads = clock.monotonic(), client(), 2
    times = []

    def get():
        one.get(URL)
        times.append(clock.monotonic() - start)
        clock.ends_a_thread()

    threads = [threading.Thread(target=get) for _ in range(2)]
    for thread in threads:
        thread.start()
        while not clock.slept:
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert times == [pytest.approx(30), pytest.approx(30)]


# Failures that another try may mend


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_a_server_that_fails_once_is_asked_again(http, client, status):
    answers(http, status, 200)
    assert client().get(URL).status == 200


def test_the_waits_between_tries_grow(http, client, clock):
    answers(http, 500, 500, 500, 500, 200)
    client().get(URL)
    assert clock.slept == [pytest.approx(seconds, abs=0.3) for seconds in (1, 2, 4, 8)]


def test_a_server_that_says_when_it_will_be_back_is_not_asked_before(http, client, clock):
    answers(http, 503, headers={"Retry-After": "20"})
    answers(http, 200)
    client().get(URL)
    assert clock.slept == [20]


def test_a_server_that_says_it_will_be_back_in_a_year_is_asked_within_minutes(http, client, clock):
    answers(http, 503, headers={"Retry-After": "31536000"})
    answers(http, 200)
    client().get(URL)
    assert clock.slept[0] <= 600


def test_every_wait_is_logged(http, client, caplog):
    answers(http, 503, 429, 200)
    client().get(URL)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert f"{HOST}: it answered HTTP 503; trying again in 1 s." in caplog.text
    assert "rate limit is reached: waiting 6" in caplog.text


def test_a_server_that_keeps_failing_is_given_up(http, client):
    answers(http, 503, body=b"<html>out of order</html>")
    error = failure(client(tries=3))
    assert isinstance(error, TransientError)
    assert error.message == f"{HOST} did not serve us, tried 3 times: it answered HTTP 503."
    assert error.detail == "<html>out of order</html>"
    assert len(http.calls) == 3


def test_who_has_one_try_hears_of_a_failure_at_once(http, client, clock):
    answers(http, 503)
    assert failure(client(tries=1)).message == f"{HOST} did not serve us, tried once: it answered HTTP 503."
    assert clock.slept == []


def refused_connection(reason):
    """What requests raises when no connection comes about."""
    pool = requests.adapters.PoolManager().connection_from_url(HOST)
    return requests.ConnectionError(MaxRetryError(pool, "/v1/letters?after=b", reason))


CONNECTION = HTTPSConnection("api.example.com")
BROKEN = {
    "no such host": (
        refused_connection(NameResolutionError("api.example.com", CONNECTION, socket.gaierror(-2, "Name not known"))),
        "there is no such host, or no network",
    ),
    "refused": (
        refused_connection(NewConnectionError(CONNECTION, "[Errno 111] Connection refused")),
        "nothing listens at that address (connection refused)",
    ),
    "no secure connection": (
        requests.exceptions.SSLError("[SSL: WRONG_VERSION_NUMBER]"),
        "no secure connection (TLS) could be made (is https:// right for this address?)",
    ),
    "certificate of a stranger": (
        requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"),
        "no authority that this machine trusts signed its certificate (REQUESTS_CA_BUNDLE can name a file of more)",
    ),
    "no certificates": (
        requests.ConnectionError("Could not find a suitable TLS CA certificate bundle, invalid path: /nope"),
        "the certificates that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE or SSL_CERT_FILE names cannot be read",
    ),
    "proxy": (
        requests.exceptions.ProxyError("Cannot connect to proxy."),
        "the proxy in the environment (HTTPS_PROXY) did not answer",
    ),
    "slow to connect": (requests.ConnectTimeout("timed out"), "it did not answer in time"),
    "slow to answer": (requests.ReadTimeout("Read timed out."), "it did not answer in time"),
    "closed": (requests.ConnectionError("Connection aborted.", ConnectionResetError(104)), "the connection broke"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_connection_is_told_by_its_reason_and_host_alone(http, client, kind):
    error, reason = BROKEN[kind]
    http.get(URL, body=error)
    assert failure(client(tries=2)).message == f"{HOST} did not serve us, tried 2 times: {reason}."


@pytest.mark.parametrize("kind", BROKEN)
def test_after_a_broken_connection_it_is_tried_again(http, client, kind):
    http.get(URL, body=BROKEN[kind][0])
    answers(http, 200)
    assert client().get(URL).status == 200


def broken_body(error):
    """A body that breaks off."""
    yield b"let"
    raise error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke"),
        (TimeoutError("timed out"), "it did not answer in time"),
    ],
    ids=["reset", "stalled"],
)
def test_a_body_that_breaks_off_is_no_answer(http, client, error, reason):
    answers(http, 200, body=Body(broken_body(error)).buffered())
    assert failure(client(tries=1)).message == f"{HOST} did not serve us, tried once: {reason}."


def test_after_a_body_that_broke_off_all_of_it_is_fetched_again(http, client):
    answers(http, 200, body=Body(broken_body(ConnectionResetError())).buffered())
    answers(http, 200, body=b"letters")
    assert client().get(URL).body == b"letters"


def test_a_body_that_cannot_be_unpacked_is_no_answer(http, client):
    answers(http, 200, body=b"not packed at all", headers={"Content-Encoding": "gzip"})
    error = failure(client(tries=2))
    assert error.message == f"{HOST} did not serve us, tried 2 times: it sent a body that cannot be unpacked."


def test_a_body_without_end_is_given_up_before_it_fills_the_memory(http, client):
    body = Body(bytes(MEGABYTE) for _ in range(1000))
    answers(http, 200, body=body.buffered())
    error = failure(client())
    assert isinstance(error, UnexpectedAnswer)
    assert re.fullmatch(rf"{HOST} sent an answer of over \d+ MB\.", error.message)
    assert body.sent < 100 * MEGABYTE


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
def test_an_answer_that_drips_is_given_up(client, monkeypatch, first, drop):
    # Over a real connection, whose single waits are all short.
    monkeypatch.setattr("source_stock_ticker.runtime.http_client.ONE_TRY_TIMEOUT", 0.3)

    def serve():
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.recv(10_000)
            connection.sendall(first)
            while True:
                connection.sendall(drop)
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        host, port = server.getsockname()
        start = time.monotonic()
        with pytest.raises(TransientError, match="did not answer in time"):
            client(tries=1).get(f"http://{host}:{port}/")
        assert time.monotonic() - start < 20


def test_an_answer_that_comes_after_a_103_is_not_taken_for_that_of_the_next_request(client):
    def serve(connection, first):
        with connection, suppress(OSError):
            while asked := connection.recv(10_000).split(b" ")[1:2]:
                if first:
                    connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
                    time.sleep(0.2)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + asked[0])
                first = False

    def accept():
        first = True
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0], first), daemon=True).start()
                first = False

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        host, port = server.getsockname()
        ours = client()
        assert [ours.get(f"http://{host}:{port}{path}").body for path in ("/a", "/b", "/c")] == [b"/a", b"/b", b"/c"]


def test_every_request_has_timeouts(http, client):
    answers(http, 200)
    client().get(URL)
    connect, read = http.calls[0].request.req_kwargs["timeout"]
    assert 0 < connect <= 30
    assert 0 < read <= 60


@pytest.mark.parametrize("url", [URL, URL.replace("https:", "HTTPS:")])
def test_a_proxy_of_the_environment_is_used(http, client, monkeypatch, url):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    answers(http, 200)
    client().get(url)
    assert http.calls[0].request.req_kwargs["proxies"]["https"] == "http://proxy.example.com:3128"


def test_no_proxy_sees_a_request_without_tls_for_it_could_read_the_key(http, client, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example.com:3128")
    http.get("http://localhost:8080/", body="letters")
    client().get("http://localhost:8080/")
    assert http.calls[0].request.req_kwargs["proxies"] == {}


def test_a_host_that_the_environment_excepts_is_reached_without_proxy(http, client, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "api.example.com")
    answers(http, 200)
    client().get(URL)
    assert "https" not in http.calls[0].request.req_kwargs["proxies"]


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_a_certificate_authority_of_the_environment_is_trusted(http, client, monkeypatch, variable):
    monkeypatch.setenv(variable, "/etc/our-ca.pem")
    answers(http, 200)
    client().get(URL)
    assert http.calls[0].request.req_kwargs["verify"] == "/etc/our-ca.pem"


def test_certificates_are_verified(http, client):
    answers(http, 200)
    client().get(URL)
    assert http.calls[0].request.req_kwargs["verify"]


@pytest.mark.parametrize("url", [f"http://{'a' * 64}.com/v1", "http://a..com/v1", "http://a b/v1"])
def test_an_address_that_cannot_exist_is_told_as_one_that_does_not(client, url):
    assert isinstance(failure(client(tries=1), url), TransientError)


# An outage


def test_after_three_requests_in_a_row_that_failed_each_further_one_has_one_try(http, client):
    answers(http, 503)
    one = client(tries=5)
    calls = []
    for _ in range(5):
        before = len(http.calls)
        failure(one)
        calls.append(len(http.calls) - before)
    assert calls == [5, 5, 5, 1, 1]


def test_after_a_request_that_worked_each_has_all_its_tries_again(http, client):
    answers(http, *[503] * 6, 200, 503)
    one = client(tries=2)
    for _ in range(3):
        failure(one)
    one.get(URL)
    before = len(http.calls)
    failure(one)
    assert len(http.calls) - before == 2


# Our own rate limit


def test_every_try_takes_a_turn_of_the_rate_limit(http, client, clock):
    answers(http, 503, 200)
    start = clock.monotonic()
    one = client(requests_per_minute=2)
    one.get(URL)
    one.get(URL)
    # A little more than 60 s: two requests that set out so far apart may arrive closer to each other.
    assert clock.monotonic() - start == pytest.approx(60.6)
