"""Tests proxies over real sockets: how to use one, and the messages about one that refuses or is not a proxy."""

import pytest
from letters_server import HOST, KEY, URL, failure
from raw_server import AUTHORITY, GOOD, answering, serving, with_tls

from source_stock_ticker.runtime.errors import ConfigError, TransientError

PASSWORD = "xxh8-of-a-proxy"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"], ids=["at once", "after a 103"])
def test_a_proxy_is_gone_through_and_does_not_see_the_key(client, monkeypatch, first):
    seen = []

    def answer(connection):
        seen.append(connection.recv(10_000))
        connection.sendall(first + b"HTTP/1.1 200 Connection established\r\n\r\n")
        answering(GOOD)(with_tls("good.pem").wrap_socket(connection, server_side=True))

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(AUTHORITY))
    with serving(answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert client(tries=1).get("https://localhost:1/").body == b"letters"
    assert seen[0].startswith(b"CONNECT localhost:1 ")
    assert KEY.encode() not in seen[0]


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (
            "407 Proxy Authentication Required",
            "the proxy requires a user name and a password (HTTP 407); "
            "add them to its address, HTTPS_PROXY=http://user:password@host:port",
        ),
        ("403 Forbidden", "the proxy refuses to connect to this host (HTTP 403)"),
    ],
)
def test_a_proxy_that_refuses_is_reported_with_the_reason_and_not_retried(client, monkeypatch, status, meaning):
    with serving(answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@{proxy.address}")
        error = failure(client(), URL)
    assert isinstance(error, ConfigError)
    assert error.message == f"{HOST} cannot be reached: {meaning}."
    assert PASSWORD not in error.detail
    assert proxy.connections == 1


@pytest.mark.parametrize(
    ("sent", "meaning"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "the proxy returned HTTP 502"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the response is not HTTP"),
    ],
    ids=["502", "SSH"],
)
def test_a_proxy_that_fails_is_reported_with_its_status_and_retried(client, monkeypatch, sent, meaning):
    with serving(answering(sent)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@{proxy.address}")
        error = failure(client(tries=3), URL)
    assert isinstance(error, TransientError)
    assert error.message == f"No usable response from {HOST} after 3 attempts: {meaning}."
    assert PASSWORD not in error.detail
    assert proxy.connections == 3


@pytest.mark.parametrize("certificate", ["good.pem", None], ids=["TLS, but unknown", "no TLS"])
def test_a_proxy_that_rejects_https_is_reported_as_one_for_http(client, monkeypatch, certificate):
    with serving(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), certificate) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy.address}")
        error = failure(client(), URL)
    assert isinstance(error, ConfigError)
    assert error.message == (
        f"{HOST} cannot be reached: the proxy accepts no secure connection (write its address with http://)."
    )


# Not a proxy


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["socks5h", "socks5", "socks4", "socks", "SOCKS5"])
def test_a_socks_proxy_is_refused(client, monkeypatch, variable, scheme):
    monkeypatch.setenv(variable, f"{scheme}://user:{PASSWORD}@127.0.0.1:9")
    error = failure(client(), URL)
    assert isinstance(error, ConfigError)
    assert error.message == (f"{variable.upper()} names a SOCKS proxy; only HTTP proxies (http://...) are supported.")


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{PASSWORD}@",
        f"http://user:{PASSWORD}@:3128",
        f"http://user:{PASSWORD}@127.0.0.1:99999",
        f"http://user:{PASSWORD}@127.0.0.1:port",
        f"http://user:{PASSWORD}@[::1:3128",
        f"http://user:{PASSWORD}@a b:3128",
        f"http://user:{PASSWORD}@a..b:3128",
        f"http://user:{PASSWORD}@127.0.0.1:9\n",
        f"http://user:12/{PASSWORD}@127.0.0.1:9",
        f"http://user:12?{PASSWORD}@127.0.0.1:9",
        f"http://user:12#{PASSWORD}@127.0.0.1:9",
        f"http://user:12/?{PASSWORD}@127.0.0.1:9",
        f"http://user:12/#{PASSWORD}@127.0.0.1:9",
        f"http://company\\user:{PASSWORD}@127.0.0.1:9",
        f"http://user:€{PASSWORD}@127.0.0.1:9",
        f"http://user:%E2%82%AC{PASSWORD}@127.0.0.1:9",
        f"ftp://user:{PASSWORD}@127.0.0.1:9",
        f"user:{PASSWORD}@127.0.0.1:9",
        f"http:/user:{PASSWORD}@127.0.0.1:9",
        "http://",
        "http://proxy.example.com/proxy.pac",
    ],
)
def test_an_address_that_is_not_a_proxys_is_refused_and_not_shown(client, monkeypatch, address):
    monkeypatch.setenv("HTTPS_PROXY", address)
    error = failure(client(), URL)
    assert isinstance(error, ConfigError)
    assert error.message == (
        "HTTPS_PROXY is not the address of a proxy; write it as http://host:port or "
        "http://user:password@host:port. In a password, write @ : / ? # % as %40 %3A %2F %3F %23 %25."
    )
    assert error.detail == ""


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/",
        "127.0.0.1:9",
        "HTTP://127.0.0.1:9",
        f"http://user:p@{PASSWORD}@127.0.0.1:9",
        f"http://user:100%{PASSWORD}@127.0.0.1:9",
        f"http://user:é{PASSWORD}@127.0.0.1:9",
        "http://[::1]:9",
    ],
)
def test_an_address_that_can_be_a_proxys_is_tried(client, monkeypatch, address):
    monkeypatch.setenv("HTTPS_PROXY", address)
    text = f"No usable response from {HOST} after 1 attempt: the proxy did not answer."
    assert failure(client(tries=1), URL).message == text


def test_what_is_not_a_proxy_is_reported_each_time_without_waiting_for_a_turn(client, clock, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    one = client(requests_per_minute=1)
    for _ in range(3):
        failure(one, URL)
    assert clock.slept == []


def test_what_is_not_a_proxy_does_not_matter_to_a_host_that_is_reached_without(http, client, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "api.example.com")
    http.get(URL, body=b"letters")
    assert client().get(URL).body == b"letters"
