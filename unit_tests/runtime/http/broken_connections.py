"""Lists what requests raises when a request gets no response, and the words for it."""

import socket
import ssl

import requests
from letters_server import HOST
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import (
    LocationParseError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

POOL = requests.adapters.PoolManager().connection_from_url(HOST)


def refused_connection(reason):
    """What requests raises when no connection can be made."""
    return requests.ConnectionError(MaxRetryError(POOL, "/v1/letters?after=b", reason))


def no_tunnel(status):
    """What requests raises when a proxy answers CONNECT with that status."""
    error = ProxyError("Unable to connect to proxy", OSError(f"Tunnel connection failed: {status}"))
    return requests.exceptions.ProxyError(MaxRetryError(POOL, "/v1/letters?after=b", error))


def unverified(reason):
    """What requests raises when the check of a certificate fails for that reason, in the words of OpenSSL."""
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {reason} (_ssl.c:1006)"
    error = SSLError(ssl.SSLCertVerificationError(1, text))
    return requests.exceptions.SSLError(MaxRetryError(POOL, "/v1/letters?after=b", error))


CONNECTION = HTTPSConnection("api.example.com")
BROKEN = {
    "no such host": (
        refused_connection(NameResolutionError("api.example.com", CONNECTION, socket.gaierror(-2, "Name not known"))),
        "the host does not exist, or there is no network",
    ),
    "refused": (
        refused_connection(NewConnectionError(CONNECTION, "[Errno 111] Connection refused")),
        "nothing listens at that address (connection refused)",
    ),
    "no route": (
        refused_connection(NewConnectionError(CONNECTION, "[Errno 101] Network is unreachable")),
        "there is no network, or no route to the host",
    ),
    "no more sockets": (
        refused_connection(NewConnectionError(CONNECTION, "[Errno 24] Too many open files")),
        "this machine allows no more open files (ulimit -n)",
    ),
    "no host": (
        LocationParseError("'api..example.com', label empty or too long"),
        "the host does not exist, or there is no network",
    ),
    "no secure connection": (
        requests.exceptions.SSLError("[SSL: WRONG_VERSION_NUMBER]"),
        "the secure connection (TLS) failed (is https:// right for this address?)",
    ),
    "no TLS in the middle": (
        requests.exceptions.SSLError("EOF occurred in violation of protocol"),
        "the secure connection (TLS) failed (is https:// right for this address?)",
    ),
    "no such host, as the system says it": (
        OSError("[Errno 11001] getaddrinfo failed"),
        "the host does not exist, or there is no network",
    ),
    "proxy": (
        requests.exceptions.ProxyError("Cannot connect to proxy: Connection refused, timed out"),
        "the proxy did not answer",
    ),
    "proxy that cannot now": (no_tunnel("502 Bad Gateway"), "the proxy returned HTTP 502"),
    "proxy that is asked too often": (no_tunnel("429 Slow down"), "the proxy returned HTTP 429"),
    "slow to connect": (requests.ConnectTimeout("timed out"), "it did not answer in time"),
    "slow to answer": (requests.ReadTimeout("Read timed out."), "it did not answer in time"),
    "slow in other words": (requests.ReadTimeout("Too late."), "it did not answer in time"),
    "closed": (requests.ConnectionError("Connection aborted.", ConnectionResetError(104)), "the connection broke"),
    "stalled": (TimeoutError("timed out"), "it did not answer in time"),
    "packed in an unknown way": (
        requests.exceptions.ContentDecodingError("Received response with content-encoding: gzip, but failed"),
        "it sent a body that cannot be decompressed",
    ),
    "something new": (OSError("Something else."), "the connection broke"),
}
UNTRUSTED = "this machine does not trust the issuer of its certificate (REQUESTS_CA_BUNDLE can name a file with more)"
FOR_THE_USER = {
    "certificate of an unknown authority": (unverified("unable to get local issuer certificate"), UNTRUSTED),
    "self-signed certificate": (unverified("self-signed certificate"), UNTRUSTED),
    "self-signed certificate, in older words": (unverified("self signed certificate in certificate chain"), UNTRUSTED),
    "certificate of the past": (
        unverified("certificate has expired"),
        "its certificate has expired, or this machine's clock is ahead",
    ),
    "certificate of the future": (
        unverified("certificate is not yet valid"),
        "its certificate is not yet valid, or this machine's clock is behind",
    ),
    "certificate of another host": (
        unverified("Hostname mismatch, certificate is not valid for 'api.example.com'."),
        "its certificate belongs to another host",
    ),
    "certificate of another host, without OpenSSL's word": (
        requests.exceptions.SSLError("CertificateError: hostname 'api.example.com' doesn't match 'example.com'"),
        "its certificate belongs to another host",
    ),
    "certificate with another fault": (
        unverified("CA cert does not include key usage extension"),
        "its certificate cannot be trusted (CA cert does not include key usage extension)",
    ),
    "proxy that wants a login": (
        no_tunnel("407 Proxy Authentication Required"),
        "the proxy requires a user name and a password (HTTP 407); "
        "add them to its address, HTTPS_PROXY=http://user:password@host:port",
    ),
    "proxy that forbids": (
        no_tunnel("403 Forbidden"),
        "the proxy refuses to connect to this host (HTTP 403)",
    ),
    "no proxy but a website": (
        no_tunnel("405 Method Not Allowed"),
        "the proxy refuses to connect to this host (HTTP 405)",
    ),
}
