"""Fetches over HTTP with timeouts, retries and a rate limit, so that what comes back is an answer.

Knows `requests` and nothing of any API: what an answer with a 4xx status means, its caller says.
"""

from __future__ import annotations

import http.client
import io
import os
import random
import threading
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .errors import TransientError, UnexpectedAnswer, start_of
from .rate_limit import RateLimit

if TYPE_CHECKING:
    import logging
    import socket
    from collections.abc import Callable, Mapping

    from .rate_limit import Clock

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 30.0  # seconds: for the connection, and for the next byte
ANSWER_TIMEOUT = 120.0  # seconds for a whole answer: a server that drips bytes must not hold us for ever
ONE_TRY_TIMEOUT = 25.0  # the same if there is but one try: somebody waits
LARGEST_ANSWER = 16 * 1024 * 1024  # bytes, unpacked; the largest honest answer (50,000 rows) has about 6 MB
FIRST_WAIT = 1.0  # seconds before the second try; doubled before each further one
QUOTA_WAIT = 60.0  # seconds to stay silent after a 429 that does not say how long
LONGEST_QUOTA_WAIT = 300.0  # seconds; an API that wants more silence than this has given up on us, so we do too
LONGEST_SAID = 365 * 86_400.0  # seconds; a Retry-After may have 400 digits
QUOTA_TRIES = 10  # times in all that a request may be sent and be answered 429
# The first request is longer on its way (TCP, TLS) than those after it: 60 s apart here could be 59.8 s over there.
MARGIN = 1.01
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # a company's own certificate authorities
GIVING_UP = 3  # requests in a row that failed with all their tries; from then on each has one try until one works


class Answer(NamedTuple):
    """An HTTP answer whose body has arrived in full. path: of the request, without host and query, for messages.

    headers: by name, in upper or lower case; some APIs say there which page comes next (Link).
    """

    status: int
    body: bytes | bytearray
    path: str
    headers: Mapping[str, str]


class HttpClient:
    """GETs answers. Threads may share it: each has its own connection, all have one rate limit.

    authenticate: puts the credentials into a request (a `requests` auth callable), and so only into the requests
    made here: redirects are never followed. throttled: says of an answer that it means "too many requests" though its
    status is not 429. tries: how often a request is sent in all; with 1, a 429 is not waited for either.
    """

    def __init__(
        self,
        authenticate: Callable[[requests.PreparedRequest], requests.PreparedRequest],
        logger: logging.Logger,
        requests_per_minute: int = 0,
        tries: int = 5,
        throttled: Callable[[Answer], bool] = lambda answer: answer.status == 429,
        clock: Clock = time,
    ) -> None:
        self._authenticate = authenticate
        self._logger = logger
        self._tries = tries
        self._answer_timeout = ANSWER_TIMEOUT if tries > 1 else ONE_TRY_TIMEOUT
        self._throttled = throttled
        self._clock = clock
        self._headers = {**requests.utils.default_headers(), "Accept": "application/json"}
        self._local = threading.local()
        self._failed_in_a_row = 0
        self.rate_limit = RateLimit(requests_per_minute / MARGIN, clock)

    def get(self, url: str) -> Answer:
        """The answer to GET url, whatever its status but 429, 408 and 5xx: those are tried again.

        Raises TransientError when all tries failed, UnexpectedAnswer for a redirect or an endless body.
        """
        tries = self._tries if self._failed_in_a_row < GIVING_UP else 1
        failed = times_throttled = 0
        while True:
            self.rate_limit.wait()
            try:
                answer, retry_after = self._send(url)
            except requests.RequestException as error:
                problem, detail, retry_after = _reason(error), repr(error), None
            else:
                if self._throttled(answer):
                    times_throttled += 1
                    self._hold(times_throttled, retry_after, patient=tries > 1)
                    continue
                if answer.status != 408 and answer.status < 500:
                    self._failed_in_a_row = 0
                    return answer
                problem, detail = f"it answered HTTP {answer.status}", start_of(answer.body.decode(errors="replace"))
            failed += 1
            if failed >= tries:
                self._failed_in_a_row += 1
                times = "once" if failed == 1 else f"{failed} times"
                raise TransientError(f"{_host(url)} did not serve us, tried {times}: {problem}.", detail)
            wait = min(FIRST_WAIT * 2 ** (failed - 1) + random.random() / 4, QUOTA_WAIT)
            wait = min(max(wait, retry_after or 0), LONGEST_QUOTA_WAIT)
            seconds = max(wait, self.rate_limit.interval)
            self._logger.warning("%s: %s; trying again in %.0f s.", _host(url), problem, seconds)
            self._clock.sleep(wait)

    def _hold(self, times_throttled: int, retry_after: float | None, patient: bool) -> None:
        wait = QUOTA_WAIT + random.random() if retry_after is None else max(retry_after, FIRST_WAIT)
        if not patient or times_throttled >= QUOTA_TRIES or wait > LONGEST_QUOTA_WAIT:
            self._failed_in_a_row += 1
            asked = "" if retry_after is None else f" It asks to wait {retry_after:.0f} s."
            raise TransientError(
                f"The API's rate limit is reached (HTTP 429).{asked} Wait a minute and try again, "
                "or set requests_per_minute to what your plan allows."
            )
        self._logger.warning("The API's rate limit is reached: waiting %.0f s.", wait)
        self.rate_limit.hold(wait)

    def _send(self, url: str) -> tuple[Answer, float | None]:
        """One request -> its answer, and the seconds that it asks us to wait (Retry-After), if it does."""
        adapter, reached_by = self._connections(url)
        try:
            # Without a requests.Session: that one looks where a redirect leads and reads its body for that, puts the
            # password of a ~/.netrc in the place of our key, and takes 0.1 ms a request to merge cookies and settings.
            request = requests.PreparedRequest()
            request.prepare("GET", url, headers=self._headers, auth=self._authenticate)
            response = adapter.send(request, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **reached_by)
            with response:
                if response.status_code < 200:
                    # Not to be read on, so that the connection is closed: the answer itself may still come on it, and
                    # would be taken for that of the next request.
                    raise requests.ConnectionError(f"HTTP {response.status_code}, and then no answer")
                if response.is_redirect:
                    # Following it would send the key to wherever the answer says.
                    raise UnexpectedAnswer(
                        f"{_host(url)} redirects to another address; set api_url to the API's own address.",
                        f"HTTP {response.status_code} to {start_of(response.headers['Location'])}",
                    )
                answer = Answer(response.status_code, _body(response), _path(url), response.headers)
                self._logger.debug("GET %s", url, extra={"status": answer.status, "bytes": len(answer.body)})
                return answer, _retry_after(response)
        except requests.RequestException:
            raise
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise requests.ConnectionError(error) from error

    def _connections(self, url: str) -> tuple[HTTPAdapter, dict[str, Any]]:
        """This thread's connections, and by which proxies and certificate authorities they reach the host.

        requests does not promise that threads may share connections.
        """
        if not hasattr(self._local, "connections"):  # the environment is read once: before every request it is 0.2 ms
            # Without TLS a proxy would read the key.
            proxies = requests.utils.get_environ_proxies(url) if url.lower().startswith("https:") else {}
            verify = next(filter(None, map(os.environ.get, CA_VARIABLES)), True)
            self._local.connections = _InTime(self._answer_timeout), {"proxies": proxies, "verify": verify}
        connections: tuple[HTTPAdapter, dict[str, Any]] = self._local.connections
        return connections


class _InTime(HTTPAdapter):
    """Sends requests whose whole answer, from its first byte to its last, takes `seconds` at most.

    The timeouts of requests are for one wait each: a server that drips its headers, or a packed body, never
    exceeds them.
    """

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
        self.fp.close()
        self.fp = io.BufferedReader(_Bytes(connection, time.monotonic() + seconds))


class _Bytes(io.RawIOBase):
    """What a connection receives until a deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self._bytes = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(min(READ_TIMEOUT, left))
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


def _body(response: requests.Response) -> bytearray:
    """The whole body, unpacked. Raises UnexpectedAnswer if there is no end to it."""
    body = bytearray()  # grows in place: parts put together at the end would take the memory twice
    # read1 gives what is there: of a body that packs 100 MB into 100 KB no more is unpacked than we take.
    while part := response.raw.read1(1 << 20, decode_content=True):
        body += part
        if len(body) > LARGEST_ANSWER:
            raise UnexpectedAnswer(f"{_host(response.url)} sent an answer of over {LARGEST_ANSWER >> 20} MB.")
    return body


def _retry_after(response: requests.Response) -> float | None:
    """Seconds of a Retry-After header, which holds a number or an HTTP date; None if it is absent or unreadable."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        if value.isdecimal():
            return min(float(value), LONGEST_SAID)
        moment = parsedate_to_datetime(value) if value else None
        if moment is None:
            return None
        moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc)  # HTTP dates are in UTC, said or not
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(error: requests.RequestException) -> str:
    """What went wrong on the way, for people."""
    text = repr(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "no authority that this machine trusts signed its certificate (REQUESTS_CA_BUNDLE can name a file of more)"
        )
    if "TLS CA certificate bundle" in text:
        return f"the certificates that {' or '.join(CA_VARIABLES)} names cannot be read"
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection (TLS) could be made (is https:// right for this address?)"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy in the environment (HTTPS_PROXY) did not answer"
    if "NameResolution" in text or "getaddrinfo" in text:
        return "there is no such host, or no network"
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return "it did not answer in time"
    if "refused" in text:
        return "nothing listens at that address (connection refused)"
    if "decode" in text or isinstance(error, requests.exceptions.ContentDecodingError):
        return "it sent a body that cannot be unpacked"
    return "the connection broke"


def _path(url: str) -> str:
    return "/" + url.split("?")[0].split("/", 3)[-1]


def _host(url: str) -> str:
    """Scheme and host of an address: all of it that a message needs."""
    return "/".join(url.split("?")[0].split("/", 3)[:3])
