"""Fetches over HTTP with timeouts, retries and a rate limit.

Knows `requests` and nothing of any API: what a response with a 4xx status means, its caller says. How
often and after how long a request is tried again stands in retries.py.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import requests
import urllib3

from ..errors import CredentialsError, TransientError, UnexpectedResponse, start_of
from . import retries
from .deadline import READ_TIMEOUT, DeadlineAdapter
from .environment import route_to
from .problems import problem
from .rate_limit import Clock, RateLimit
from .response import Response

CONNECT_TIMEOUT = 10.0  # seconds
RESPONSE_TIMEOUT = 120.0  # seconds for a whole response
ONE_TRY_TIMEOUT = 15.0  # the same when there is only one try: someone waits, and a check may make three requests
MAX_BODY = 16 * 1024 * 1024  # bytes, unpacked; the largest real response (50,000 rows) has about 6 MB
# The first request takes longer to arrive (TCP, TLS) than the next: 60 s apart here could be 59.8 s over there.
MARGIN = 1.01


class HttpClient:
    """GETs responses. Threads may share it: each has its own connections, all have one rate limit.

    authenticate: puts the credentials into a request (a `requests` auth callable); redirects are never followed, so no
    other host gets them. tries: how often a request is sent in all; with 1, a 429 is not waited for either. throttled:
    whether a response means "too many requests".
    """

    def __init__(
        self,
        authenticate: Callable[[requests.PreparedRequest], requests.PreparedRequest],
        logger: logging.Logger,
        requests_per_minute: int = 0,
        tries: int = retries.TRIES,
        throttled: Callable[[Response], bool] = lambda response: response.status == 429,
        clock: Clock = time,
    ) -> None:
        self._authenticate = authenticate
        self._logger = logger
        self._tries = tries
        self._throttled = throttled
        self._clock = clock
        self._headers = {**requests.utils.default_headers(), "Accept": "application/json"}
        self._of_this_thread = threading.local()
        self._failed_in_a_row = 0
        self.rate_limit = RateLimit(requests_per_minute / MARGIN, clock)

    def get(self, url: str) -> Response:
        """The response to GET url, whatever its status but 429, 408 and 5xx: those are tried again.

        Raises TransientError when all tries failed, CredentialsError at once for what only the user can fix
        (certificates, the proxy), UnexpectedResponse for a redirect or an endless body.
        """
        connections = self._connections(url)
        tries = 1 if self._failed_in_a_row >= retries.MAX_FAILED_IN_A_ROW else self._tries
        failed = throttled = 0
        while True:
            self.rate_limit.wait()
            asked = None
            try:
                response = self._send(url, *connections)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                (why, for_the_user), detail = problem(error), repr(error)
                if for_the_user:
                    raise CredentialsError(f"{_host(url)} cannot be reached: {why}.", detail) from None
            else:
                asked = retries.retry_after(response.headers)
                if self._throttled(response):
                    throttled += 1
                    self._hold(asked, give_up=tries == 1 or throttled >= retries.QUOTA_TRIES)
                    continue
                if not retries.is_failure(response.status):
                    self._failed_in_a_row = 0
                    return response
                why, detail = f"it answered HTTP {response.status}", start_of(response.body.decode(errors="replace"))
            failed += 1
            if failed >= tries:
                times = "once" if failed == 1 else f"{failed} times"
                raise self._given_up(f"{_host(url)} did not serve us, tried {times}: {why}.", detail)
            wait = retries.seconds_before_next_try(failed, asked)
            seconds = max(wait, self.rate_limit.interval)
            self._logger.warning("%s: %s; trying again in %.0f s.", _host(url), why, seconds)
            self._clock.sleep(wait)

    def _hold(self, asked: float | None, give_up: bool) -> None:
        wait = retries.QUOTA_WAIT + random.random() if asked is None else max(asked, retries.FIRST_WAIT)
        if give_up or wait > retries.MAX_WAIT:
            so_long = "a minute" if asked is None else f"{asked:.0f} s, as it asks for,"
            raise self._given_up(
                f"The API's rate limit is reached (HTTP 429). Wait {so_long} and try again, "
                "or set requests_per_minute to what your plan allows."
            )
        self._logger.warning("The API's rate limit is reached: waiting %.0f s.", wait)
        self.rate_limit.hold(wait)

    def _given_up(self, text: str, detail: str = "") -> TransientError:
        self._failed_in_a_row += 1
        return TransientError(text, detail)

    def _send(self, url: str, adapter: DeadlineAdapter, route: dict[str, Any]) -> Response:
        # Without a requests.Session: that one looks where a redirect leads and reads its body for that, and puts the
        # password of a ~/.netrc in the place of our key.
        request = requests.PreparedRequest()
        request.prepare("GET", url, headers=self._headers, auth=self._authenticate)
        answer = adapter.send(request, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **route)
        with answer:
            if answer.status_code < 200:
                # Only 101 gets here (see deadline.py): the server no longer speaks HTTP. Unread, it is closed.
                raise requests.ConnectionError(f"HTTP {answer.status_code}, and then no answer")
            if answer.is_redirect:
                # Following it would send the key to wherever the response says.
                raise UnexpectedResponse(
                    f"{_host(url)} redirects to another address; set api_url to the API's own address.",
                    f"HTTP {answer.status_code} to {start_of(answer.headers['Location'])}",
                )
            response = Response(answer.status_code, _body(answer), _path(url), answer.headers)
        self._logger.debug("GET %s", url, extra={"status": response.status, "bytes": len(response.body)})
        return response

    def _connections(self, url: str) -> tuple[DeadlineAdapter, dict[str, Any]]:
        """This thread's connections, and how the environment wants the host to be reached.

        requests does not promise that threads may share connections.
        """
        mine = self._of_this_thread
        if not hasattr(mine, "adapter"):
            mine.route = route_to(url)
            mine.adapter = DeadlineAdapter(RESPONSE_TIMEOUT if self._tries > 1 else ONE_TRY_TIMEOUT)
        return mine.adapter, mine.route


def _body(answer: requests.Response) -> bytearray:
    """The whole body, unpacked. Raises UnexpectedResponse if there is no end to it."""
    body = bytearray()  # grows in place: parts put together at the end would take the memory twice
    # read1 gives what is there: of a body that packs 100 MB into 100 KB no more is unpacked than we take.
    while part := answer.raw.read1(1 << 20, decode_content=True):
        body += part
        if len(body) > MAX_BODY:
            raise UnexpectedResponse(f"{_host(answer.url)} sent a response of over {MAX_BODY >> 20} MB.")
    return body


def _path(url: str) -> str:
    return "/" + url.split("?")[0].split("/", 3)[-1]


def _host(url: str) -> str:
    """Scheme and host of an address: all of it that a message needs."""
    return "/".join(url.split("?")[0].split("/", 3)[:3])
