"""Sends requests with timeouts, retries and a rate limit.

Knows `requests` and nothing of any API: what a response means, its caller says (meaning.py). How often and after how
long a request is tried again stands in retries.py.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, NamedTuple
from urllib.parse import urljoin

import requests
import urllib3

from ..errors import CredentialsError, TransientError, UnexpectedResponse, start_of
from . import retries
from .auth import Authenticate
from .deadline import READ_TIMEOUT, DeadlineAdapter
from .environment import route_to
from .meaning import Again, Meaning, Wait, usual_meaning
from .problems import never_arrived, problem
from .rate_limit import Clock, RateLimit
from .request import Request
from .response import Response

CONNECT_TIMEOUT = 10.0  # seconds
ONE_TRY_TIMEOUT = 15.0  # for a whole response if there is only one try: someone waits, and a check may ask three times
# The first request takes longer to arrive (TCP, TLS) than the next: 60 s apart here could be 59.8 s over there.
MARGIN = 1.01


class Limits(NamedTuple):
    """max_wait: seconds, for a rate limit or between two tries. response_timeout: seconds, for a whole response.

    max_body: bytes, unpacked; the largest usual response has about 6 MB. What goes into a file has no limit.
    """

    max_wait: float = 300.0
    response_timeout: float = 120.0
    max_body: int = 16 * 1024 * 1024


class HttpClient:
    """Asks one host. Threads may share it: each has its own connections, all have one rate limit.

    authenticate: puts the credentials into a request, see auth.py. tries: how often a request is sent in all; with 1, a
    rate limit is not waited for either. meaning: what a response means, see meaning.py. redirects: how many are
    followed; only those of a GET, and to the same scheme, host and port, so that no other host gets the credentials.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        logger: logging.Logger,
        requests_per_minute: float | None = None,
        tries: int = retries.TRIES,
        meaning: Callable[[Response], Meaning] = usual_meaning,
        limits: Limits = Limits(),  # noqa: B008 - it cannot change
        redirects: int = 0,
        clock: Clock = time,
    ) -> None:
        self._authenticate, self._logger, self._clock = authenticate, logger, clock
        self._tries, self._meaning, self._limits, self._redirects = tries, meaning, limits, redirects
        self._headers = {**requests.utils.default_headers(), "Accept": "application/json"}
        self._of_this_thread = threading.local()
        self._failed_in_a_row = 0
        self.rate_limit = RateLimit((requests_per_minute or 0) / MARGIN, clock)
        # None: the connector has no such option.
        self._advice = "" if requests_per_minute is None else ", or set requests_per_minute to what your plan allows"

    def get(self, url: str) -> Response:
        """The response to GET url; see `send`."""
        return self.send(Request(url))

    def send(self, request: Request, into: IO[bytes] | None = None) -> Response:
        """The first response to the request that is good. Raises what any other one means.

        into: a file for the body of a 2xx, in the place of memory. Raises TransientError when all tries failed,
        CredentialsError at once for what only the user can fix (certificates, the proxy), UnexpectedResponse for a
        redirect or an endless body.
        """
        self._connections(request.url)  # says at once, without a turn, what is wrong with a proxy
        tries = 1 if self._failed_in_a_row >= retries.MAX_FAILED_IN_A_ROW else self._tries
        failed = throttled = 0
        while True:
            found = self._try(request, into)
            if isinstance(found, Response):
                self._failed_in_a_row = 0
                return found
            if isinstance(found, Wait):
                throttled += 1
                self._hold(found.seconds, give_up=tries == 1 or throttled >= retries.QUOTA_TRIES)
                continue
            failed += 1
            if failed >= tries or (found.was_sent and not request.may_be_repeated):
                times = "once" if failed == 1 else f"{failed} times"
                text = f"{_host(request.url)} did not serve us, tried {times}: {found.why}."
                raise self._given_up(text, found.detail)
            wait = retries.seconds_before_next_try(failed, found.seconds, self._limits.max_wait)
            seconds = max(wait, self.rate_limit.interval)
            self._logger.warning("%s: %s; trying again in %.0f s.", _host(request.url), found.why, seconds)
            self._clock.sleep(wait)

    def _try(self, request: Request, into: IO[bytes] | None, renewed: bool = False) -> Response | Wait | Again:
        """Sends the request once. Raises what the response means."""
        self.rate_limit.wait()
        try:
            response, sent = self._ask(request, into)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            (why, for_the_user), detail = problem(error), repr(error)
            if for_the_user:
                raise CredentialsError(f"{_host(request.url)} cannot be reached: {why}.", detail) from None
            return Again(why, detail, was_sent=not never_arrived(error))
        renew = getattr(self._authenticate, "renew", None)
        if response.status == 401 and renew and not renewed:
            renew(sent)
            return self._try(request, into, renewed=True)
        meaning = self._what_it_means(response)
        if isinstance(meaning, Exception):
            raise meaning
        if meaning is None:
            return response
        return meaning._replace(seconds=retries.retry_after(response.headers)) if meaning.seconds is None else meaning

    def _what_it_means(self, response: Response) -> Meaning:
        try:
            return self._meaning(response)
        except UnexpectedResponse:
            pass  # its body makes no sense: if its status does, whoever parses it says so, and it is fetched again
        except (LookupError, TypeError, ValueError) as error:
            self._logger.warning("%s: its meaning cannot be told (%r).", response.path, error)
        return usual_meaning(response)

    def _hold(self, asked: float | None, give_up: bool) -> None:
        wait = retries.QUOTA_WAIT + random.random()
        if asked is not None:
            wait = min(max(asked, retries.FIRST_WAIT), retries.MAX_ASKED)
        if give_up or wait > self._limits.max_wait:
            so_long = "a minute" if asked is None else f"{min(asked, retries.MAX_ASKED):.0f} s, as it asks for,"
            raise self._given_up(f"The API's rate limit is reached. Wait {so_long} and try again{self._advice}.")
        self._logger.warning("The API's rate limit is reached: waiting %.0f s.", wait)
        self.rate_limit.hold(wait)

    def _given_up(self, text: str, detail: str = "") -> TransientError:
        self._failed_in_a_row += 1
        return TransientError(text, detail)

    def _ask(self, request: Request, into: IO[bytes] | None) -> tuple[Response, requests.PreparedRequest]:
        """The response and what was sent for it, redirects followed."""
        url = request.address
        for left in range(self._redirects, -1, -1):
            sent = self._prepared(request, url)
            adapter, route = self._connections(url)
            answer = adapter.send(sent, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **route)
            with answer:
                if answer.status_code < 200:
                    # Only 101 gets here (see deadline.py): the server no longer speaks HTTP. Unread, it is closed.
                    raise requests.ConnectionError(f"HTTP {answer.status_code}, and then no answer")
                if answer.is_redirect:
                    url = self._redirected(answer, request, url, left)
                    continue
                body = _body(answer, into, self._limits.max_body)
                response = Response(answer.status_code, body, request.path, answer.headers, request)
            size = len(body) if into is None else len(body) + into.tell()
            if into is not None:
                into.seek(0)  # to be read from its start
            self._logger.debug("%s %s", request.method, url, extra={"status": response.status, "bytes": size})
            break
        return response, sent

    def _prepared(self, request: Request, url: str) -> requests.PreparedRequest:
        # Without a requests.Session: that one looks where a redirect leads and reads its body for that, and puts the
        # password of a ~/.netrc in the place of our key.
        prepared = requests.PreparedRequest()
        headers = {**self._headers, **{name: value for name, value in request.headers.items() if value is not None}}
        prepared.prepare(
            request.method, url, headers=headers, data=request.form, json=request.json, auth=self._authenticate
        )
        return prepared

    def _redirected(self, answer: requests.Response, request: Request, url: str, left: int) -> str:
        """Where a redirect leads. Raises UnexpectedResponse if it is not to be followed."""
        location = answer.headers["Location"]
        with suppress(ValueError):  # no address
            target = urljoin(url, location)
            if left and request.method == "GET" and _host(target) == _host(url):
                return target
        # Following it would send the key to wherever the response says.
        raise UnexpectedResponse(
            f"{_host(url)} redirects to another address; set api_url to the API's own address.",
            f"HTTP {answer.status_code} to {start_of(location)}",
        )

    def _connections(self, url: str) -> tuple[DeadlineAdapter, dict[str, Any]]:
        """This thread's connections, and how the environment wants the host to be reached.

        requests does not promise that threads may share connections.
        """
        mine = self._of_this_thread
        if not hasattr(mine, "adapter"):
            mine.route = route_to(url)
            mine.adapter = DeadlineAdapter(self._limits.response_timeout if self._tries > 1 else ONE_TRY_TIMEOUT)
        return mine.adapter, mine.route


def _body(answer: requests.Response, into: IO[bytes] | None, max_body: int) -> bytearray:
    """The whole body, unpacked; empty if it went into the file. Raises UnexpectedResponse if there is no end to it."""
    body = bytearray()  # grows in place: parts put together at the end would take the memory twice
    if into is not None:
        into.seek(0)
        into.truncate()  # of what an earlier try has left
    # read1 gives what is there: of a body that packs 100 MB into 100 KB no more is unpacked than we take.
    while part := answer.raw.read1(1 << 20, decode_content=True):
        if into is not None and answer.ok:
            try:
                into.write(part)
            except OSError as error:
                raise TransientError(f"The response cannot be put into a file ({error.strerror}).") from None
            continue
        body += part
        if len(body) > max_body:
            raise UnexpectedResponse(f"{_host(answer.url)} sent a response of over {max_body >> 20} MB.")
    return body


def _host(url: str) -> str:
    """Scheme and host of an address: all of it that a message needs."""
    return "/".join(url.split("?")[0].split("/", 3)[:3])
