"""What requests raises when a request gets no response, and the words for it."""

import socket

import requests
from letters_server import HOST
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError


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
    "no TLS in the middle": (
        requests.exceptions.SSLError("EOF occurred in violation of protocol"),
        "no secure connection (TLS) could be made (is https:// right for this address?)",
    ),
    "no such host, as the system says it": (
        OSError("[Errno 11001] getaddrinfo failed"),
        "there is no such host, or no network",
    ),
    "proxy": (
        requests.exceptions.ProxyError("Cannot connect to proxy."),
        "the proxy in the environment (HTTPS_PROXY) did not answer",
    ),
    "slow to connect": (requests.ConnectTimeout("timed out"), "it did not answer in time"),
    "slow to answer": (requests.ReadTimeout("Read timed out."), "it did not answer in time"),
    "slow in other words": (requests.ReadTimeout("Too late."), "it did not answer in time"),
    "closed": (requests.ConnectionError("Connection aborted.", ConnectionResetError(104)), "the connection broke"),
    "stalled": (TimeoutError("timed out"), "it did not answer in time"),
    "packed in an unknown way": (
        requests.exceptions.ContentDecodingError("Received response with content-encoding: gzip, but failed"),
        "it sent a body that cannot be unpacked",
    ),
    "something new": (OSError("Something else."), "the connection broke"),
}
