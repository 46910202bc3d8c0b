"""The remote API: how it is asked, how it words its answers, and what they mean. Nothing of Airbyte.

It is invented, and the sandbox plays it:

    POST /oauth/token                           a refresh token is good once: each response brings the next one
    GET  /accounts?ids=a,b                      {"results": [...]}, all of them
    POST /contacts/search                       a search, with {"paging": {"next": {"after": "..."}}} beside the results
    GET  /deals?offset=200&limit=100            with "total" beside the results
    GET  /accounts/{id}/daily-spend?from=&to=   at most 31 days
    POST /accounts/{id}/reports                 begins a job, {"id": "r7"}
    GET  /reports/{id}                          {"status": "PENDING"}, "FAILED", or "READY" with the "url" of a file

An error is {"status": "error", "category": "RATE_LIMITS", "message": "..."}, and may come with HTTP 200.
"""

import gzip
import logging
from contextlib import suppress
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote

import msgspec

from .runtime.errors import CredentialsError, TransientError, Unavailable, UnexpectedResponse
from .runtime.http.auth import Authenticate, nobody
from .runtime.http.client import HttpClient, Limits
from .runtime.http.meaning import Meaning, Wait, usual_meaning
from .runtime.http.pages import next_offset, own_path
from .runtime.http.polling import poll
from .runtime.http.request import Request
from .runtime.http.response import Response

PAGE_SIZE = 100  # rows; the API gives no more


class Results(msgspec.Struct):
    """A page of a list. total: rows in all, where the pages go by offset. paging: {"next": {"after": ...}}."""

    results: list[dict[str, Any]]
    total: int | None = None
    paging: dict[str, dict[str, str]] = {}


class Job(msgspec.Struct):
    """A report that is ordered."""

    id: str


class Report(msgspec.Struct):
    """How far the order is. url: of the file."""

    status: str
    url: str = ""


class Error(msgspec.Struct):
    """What a body holds that says why not; one that says nothing of that is no error."""

    status: str = ""
    category: str = ""
    message: str = ""


def page_of(response: Response) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of a response, and what to ask for the page after it, if there is one."""
    page = response.json_as(Results)
    if page.total is not None:
        return page.results, next_offset(response, len(page.results), PAGE_SIZE, total=page.total)
    return page.results, page.paging.get("next", {}).get("after")


def meaning(response: Response) -> Meaning:
    """What a response means."""
    said = Error()
    with suppress(UnexpectedResponse):  # the page of a proxy, or the file of a report
        said = response.json_as(Error)
    if said.category == "RATE_LIMITS":  # with HTTP 429, or 200
        return Wait()
    text = f'{response.path} (HTTP {response.status}). The API says: "{said.message}"'
    if response.status == 401:
        return CredentialsError(f"credentials: the API does not accept them for {text}")
    of_a_job = response.path.rpartition("/")[0].endswith(("/reports", "/files"))  # it vanished: the account did not
    if response.status in (403, 404, 410) and not of_a_job:
        return Unavailable(f"The API does not give {text}")
    if said.status == "error" and response.status in (200, 400):
        return UnexpectedResponse(f"The API refuses {text}")
    return usual_meaning(response)


class Api:
    """Asks the API. base_url: without a slash at its end. What a request may raise, `meaning` says."""

    def __init__(self, base_url: str, authenticate: Authenticate, logger: logging.Logger, tries: int = 5) -> None:
        self._base = base_url
        self.client = HttpClient(authenticate, logger, tries=tries, meaning=meaning)
        # Whoever knows the address of a report's file may read it, so that no credentials go there.
        self._files = HttpClient(nobody, logger, meaning=meaning, limits=Limits(response_timeout=3600.0))

    def send(self, method: str, *path: str, body: Any = None, repeatable: bool | None = None, **query: Any) -> Response:
        """The response to `method` path?query; what is None is left out of the query. repeatable: see Request."""
        url = "/".join([self._base, *(quote(part, safe="") for part in path)])
        return self.client.send(Request(url, query, method, json=body, repeatable=repeatable))

    def report(self, account: str, **wanted: Any) -> gzip.GzipFile:
        """A report that the API makes now, as CSV: a temporary file, so that it may be of any size."""
        job = self.send("POST", "accounts", account, "reports", body=wanted).json_as(Job).id
        url = poll(lambda: self._address_of(job), f"The report of {account}")
        packed = TemporaryFile()  # noqa: SIM115 - it lives as long as its reader
        self._files.send(Request(self._base + own_path(url, self._base)), into=packed)
        return gzip.open(packed)

    def _address_of(self, job: str) -> str | None:
        """Where a report's file is; None: it is not made yet."""
        report = self.send("GET", "reports", job).json_as(Report)
        if report.status == "PENDING":
            return None
        if report.status != "READY" or not report.url:
            raise TransientError("The API could not make the report.")  # so the next sync asks for a new one
        return report.url
