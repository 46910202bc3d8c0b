"""Skips informational responses, and stops responses that never end.

Theory of operation. Each timeout of requests limits a single wait: a server that sends its headers or a compressed
body byte by byte never exceeds it. So connections read through `_UntilDeadline`, which sets the socket's timeout
before each read to the time left for the whole response.
"""

import http.client
import io
import socket
import time
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter

READ_TIMEOUT = 30.0  # seconds for the next byte
MAX_INFORMATIONAL = 100  # responses before the final one


class DeadlineAdapter(HTTPAdapter):
    """Sends requests whose whole response, from the first byte to the last, must arrive within `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._response_class = partial(_Response, seconds)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        usual = pool.ConnectionCls
        if usual.response_class is not self._response_class:  # a new pool, of whatever kind
            pool.ConnectionCls = type("Connection", (usual,), {"response_class": staticmethod(self._response_class)})
        return pool


class _Response(http.client.HTTPResponse):
    def __init__(self, seconds: float, connection: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(connection, *args, **kwargs)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp, connection, time.monotonic() + seconds))

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the final response; http.client itself skips only 100 (RFC 9110, 15.2).

        101 is final: what follows it is not HTTP.
        """
        for _ in range(MAX_INFORMATIONAL):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= 200 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("endless informational responses")


class _UntilDeadline(io.RawIOBase):
    """What a connection receives until a deadline."""

    def __init__(self, received: io.BufferedReader, connection: socket.socket, deadline: float) -> None:
        self._received, self._connection, self._deadline = received, connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(min(READ_TIMEOUT, left))
        return self._received.readinto1(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()
