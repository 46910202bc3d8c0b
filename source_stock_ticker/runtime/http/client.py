"""Sends requests with timeouts, retries and a rate limit.

It knows `requests` but no API: the caller says what a response means (meaning.py). retries.py says how often and when
a request is retried.
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

from ..errors import CredentialsError, TransientError, UnexpectedResponse, counted, start_of
from . import retries
from .auth import Authenticate
from .deadline import READ_TIMEOUT, DeadlineAdapter
from .environment import route_to
from .meaning import Again, Meaning, Wait, usual_meaning
from .problems import never_arrived, problem
from .rate_limit import Clock, RateLimit
from .request import Request, without_queries
from .response import Response

CONNECT_TIMEOUT = 10.0  # seconds
ONE_TRY_TIMEOUT = 15.0  # for a whole response without retries: someone waits, and a check makes up to three requests
# The first request takes longer to arrive (TCP, TLS) than the next: 60 s apart here can be 59.8 s at the server.
MARGIN = 1.01


class Limits(NamedTuple):
    """The most that a client accepts."""

    max_wait: float = 300.0  # seconds, for a rate limit or between two attempts
    response_timeout: float = 120.0  # seconds, for a whole response
    max_body: int = 16 * 1024 * 1024  # bytes, decompressed, in memory; the largest usual response has about 6 MB


class HttpClient:
    """Sends requests to one host. Threads can share it: each has its own connections, all share one rate limit.

    authenticate: adds the credentials to a request, see auth.py. tries: the maximum number of attempts; with 1, a 429
    is not waited for either (requests are still spaced). meaning: what a response means, see meaning.py. redirects: how
    many to follow; only for GET and to the same scheme, host and port, so no other host gets the credentials.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        logger: logging.Logger,
        requests_per_minute: float | None = None,
        tries: int = retries.TRIES,
        meaning: Callable[[Response], Meaning] = usual_meaning,
        limits: Limits = Limits(),  # noqa: B008 - it is immutable
        redirects: int = 0,
        clock: Clock = time,
    ) -> None:
        self._authenticate, self._logger, self._clock = authenticate, logger, clock
        self._tries, self._meaning, self._limits, self._redirects = tries, meaning, limits, redirects
        self._headers = {**requests.utils.default_headers(), "Accept": "application/json"}
        self._of_this_thread = threading.local()
        self._given_up = dict.fromkeys((Wait, Again), 0)  # requests in a row that were given up, and why
        self._has_worked = False  # while none has, one that never arrived counts as MAX_GIVEN_UP
        self.rate_limit = RateLimit((requests_per_minute or 0) / MARGIN, clock)
        # None: the connector does not have this option.
        self._advice = "" if requests_per_minute is None else ", or set requests_per_minute to what your plan allows"

    def get(self, url: str) -> Response:
        """The response to GET url; see `send`."""
        return self.send(Request(url))

    def send(self, request: Request, into: IO[bytes] | None = None) -> Response:
        """The first good response to the request. Raises what any other response means.

        into: a file for the body of a 2xx, instead of memory. Raises TransientError when all attempts failed,
        CredentialsError at once for what only the user can fix (certificates, the proxy), and UnexpectedResponse for
        a redirect or an endless body.
        """
        self._connections(request.url)  # reports a wrong proxy at once, before waiting for a turn
        tries, quota_tries = self._tries_of(Again, self._tries), self._tries_of(Wait, retries.QUOTA_TRIES)
        failed = throttled = 0
        while True:
            found = self._try(request, into)
            if isinstance(found, Response):
                self._given_up, self._has_worked = dict.fromkeys(self._given_up, 0), True
                return found
            if isinstance(found, Wait):
                throttled += 1
                self._wait_for_quota(found.seconds, is_last=throttled >= quota_tries)
            else:
                failed += 1
                self._wait_after_failure(request, found, failed, is_last=failed >= tries)

    def _tries_of(self, meaning: type, tries: int) -> int:
        """The attempts for a request: one for an impatient client, or if the last requests all failed this way."""
        return 1 if self._given_up[meaning] >= retries.MAX_GIVEN_UP or self._tries == 1 else tries

    def _try(self, request: Request, into: IO[bytes] | None, renewed: bool = False) -> Response | Wait | Again:
        """Sends the request once. Raises what the response means."""
        self.rate_limit.wait()
        try:
            response, sent = self._exchange(request, into)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            (why, for_the_user), detail = problem(error), without_queries(repr(error))
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
            pass  # the body is invalid: if the status is good, the parser reports that, and the page is fetched again
        except (LookupError, TypeError, ValueError) as error:
            self._logger.warning("%s: the connector cannot interpret the response (%r).", response.path, error)
        return usual_meaning(response)

    def _wait_after_failure(self, request: Request, failure: Again, failed: int, is_last: bool) -> None:
        """Wait before the next attempt. Raises TransientError if there is none."""
        host = _host(request.url)
        if is_last or (failure.was_sent and not request.may_be_repeated):
            self._given_up[Again] += 1 if failure.was_sent or self._has_worked else retries.MAX_GIVEN_UP
            text = f"No usable response from {host} after {counted(failed, 'attempt')}: {failure.why}."
            raise TransientError(text, failure.detail)
        wait = retries.seconds_before_next_try(failed, failure.seconds, self._limits.max_wait)
        self._logger.warning("%s: %s; trying again in %.0f s.", host, failure.why, max(wait, self.rate_limit.interval))
        self._clock.sleep(wait)

    def _wait_for_quota(self, asked: float | None, is_last: bool) -> None:
        """Let all threads wait; asked: seconds. Raises TransientError if there is no next attempt."""
        wait = retries.QUOTA_WAIT + random.random()
        if asked is not None:
            wait = min(max(asked, retries.FIRST_WAIT), retries.MAX_ASKED)
        if is_last or wait > self._limits.max_wait:
            duration = "a minute" if asked is None else f"{min(asked, retries.MAX_ASKED):.0f} s, as the API asks,"
            self._given_up[Wait] += 1
            raise TransientError(f"The API's rate limit is reached. Wait {duration} and try again{self._advice}.")
        self._logger.warning("The API's rate limit is reached: waiting %.0f s.", wait)
        self.rate_limit.hold(wait)

    def _exchange(self, request: Request, into: IO[bytes] | None) -> tuple[Response, requests.PreparedRequest]:
        """The response and the request that was sent for it, after following redirects."""
        url = request.address
        for _ in range(self._redirects + 1):
            sent = self._prepared(request, url)
            adapter, route = self._connections(url)
            with adapter.send(sent, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **route) as answer:
                if answer.status_code < 200:
                    # Only 101 gets here (see deadline.py): the server no longer speaks HTTP. Close it unread.
                    raise requests.ConnectionError(f"HTTP {answer.status_code}, and then no response")
                if not answer.is_redirect:
                    return self._received(answer, request, url, into), sent
                url = self._redirected(answer, request, url)
        raise UnexpectedResponse(f"{_host(url)} has redirected {request.path} more than {self._redirects} times.")

    def _received(self, answer: requests.Response, request: Request, url: str, into: IO[bytes] | None) -> Response:
        """The whole response; its body is in the file if there is one and the response is good."""
        body = _body(answer, into, self._limits.max_body)
        size = len(body) + (into.tell() if into is not None else 0)
        if into is not None:
            into.seek(0)  # the caller reads it from the start
            url = without_queries(url)  # whoever knows a file's signed address can read it
        self._logger.debug("%s %s", request.method, url, extra={"status": answer.status_code, "bytes": size})
        return Response(answer.status_code, body, request.path, answer.headers, request)

    def _prepared(self, request: Request, url: str) -> requests.PreparedRequest:
        # Without a requests.Session, which reads the body of a redirect to find where it leads, and replaces our key
        # with a password from ~/.netrc.
        sent = requests.PreparedRequest()
        headers = {**self._headers, **{name: value for name, value in request.headers.items() if value is not None}}
        sent.prepare(request.method, url, headers, data=request.form, json=request.json, auth=self._authenticate)
        return sent

    def _redirected(self, answer: requests.Response, request: Request, url: str) -> str:
        """Where a redirect leads. Raises UnexpectedResponse if following it could send the key to another host."""
        location = answer.headers["Location"]
        with suppress(ValueError):  # not a URL
            target = urljoin(url, location)
            if self._redirects and request.method == "GET" and _host(target) == _host(url):
                return target
        text = f"{_host(url)} redirects to another address; set api_url to the API's own address."
        raise UnexpectedResponse(text, f"HTTP {answer.status_code} to {start_of(without_queries(location))}")

    def _connections(self, url: str) -> tuple[DeadlineAdapter, dict[str, Any]]:
        """This thread's connections (requests does not promise that threads can share them) and the route to a host."""
        mine = self._of_this_thread
        if not hasattr(mine, "adapter"):
            mine.route = route_to(url)
            mine.adapter = DeadlineAdapter(self._limits.response_timeout if self._tries > 1 else ONE_TRY_TIMEOUT)
        return mine.adapter, mine.route


def _body(answer: requests.Response, into: IO[bytes] | None, max_body: int) -> bytearray:
    """The whole body, decompressed; empty if it went into the file. Raises UnexpectedResponse if it is too large."""
    body = bytearray()  # grows in place: joining parts at the end would take twice the memory
    if into is not None:
        into.seek(0)
        into.truncate()  # remove what an earlier attempt left
    # read1 returns what is there: of a body that compresses 100 MB into 100 KB, only what we take is decompressed.
    while part := answer.raw.read1(1 << 20, decode_content=True):
        if into is not None and answer.ok:
            try:
                into.write(part)
            except OSError as error:
                raise TransientError(f"The response cannot be written to a file ({error.strerror}).") from None
            continue
        body += part
        if len(body) > max_body:
            raise UnexpectedResponse(f"{_host(answer.url)} sent a response of over {max_body >> 20} MB.")
    return body


def _host(url: str) -> str:
    """Scheme and host of a URL: all that a message needs."""
    return "/".join(url.split("?")[0].split("/", 3)[:3])
