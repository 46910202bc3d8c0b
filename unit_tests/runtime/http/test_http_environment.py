"""Tests which proxy the environment selects. Over real sockets: test_http_proxies, test_http_certificates."""

import pytest
from letters_server import URL, responds


@pytest.mark.parametrize("url", [URL, URL.replace("https:", "HTTPS:")])
def test_a_proxy_of_the_environment_is_used(http, client, monkeypatch, url):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    responds(http, 200)
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
    responds(http, 200)
    client().get(URL)
    assert "https" not in http.calls[0].request.req_kwargs["proxies"]


def test_certificates_are_verified(http, client):
    responds(http, 200)
    client().get(URL)
    assert http.calls[0].request.req_kwargs["verify"]
