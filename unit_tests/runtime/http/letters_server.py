"""Provides the server for the tests of the HTTP client, and the results of requests to it."""

import io

import pytest

from source_stock_ticker.runtime.errors import ConnectorError

HOST = "https://api.example.com"
URL = f"{HOST}/v1/letters?after=b"
KEY = "k3y-of-12345678"
MEGABYTE = 1 << 20
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


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


def responds(http, *statuses, **options):
    """Let the server send these responses one after another, and repeat the last one."""
    for status in statuses:
        http.get(URL, status=status, **options)


def failure(client, url=URL):
    with pytest.raises(ConnectorError) as error:
        client.get(url)
    return error.value
