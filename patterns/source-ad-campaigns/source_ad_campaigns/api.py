"""Calls the remote API: its requests, its responses, and what they mean. Knows nothing about Airbyte.

This API is invented; the sandbox simulates it:

    POST /oauth/token                           a refresh token works once; each response has another
    GET  /accounts?ids=a,b                      {"results": [...]}, all of them
    POST /contacts/search                       a search; {"paging": {"next": {"after": "..."}}} is next to the results
    GET  /deals?offset=200&limit=100            with "total" next to the results
    GET  /accounts/{id}/daily-spend?from=&to=   at most 31 days
    POST /accounts/{id}/reports                 starts a job, {"id": "r7"}
    GET  /reports/{id}                          {"status": "PENDING"}, "FAILED", or "READY" with the "url" of a file

An error is {"status": "error", "category": "RATE_LIMITS", "message": "..."}, and can come with HTTP 200.
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

PAGE_SIZE = 100  # rows; the API's maximum


class Results(msgspec.Struct):
    """A page of a list. total: the number of all rows, for pages by offset. paging: {"next": {"after": ...}}."""

    results: list[dict[str, Any]]
    total: int | None = None
    paging: dict[str, dict[str, str]] = {}


class Job(msgspec.Struct):
    """A requested report."""

    id: str


class Report(msgspec.Struct):
    """The status of the report. url: of the file."""

    status: str
    url: str = ""


class Error(msgspec.Struct):
    """The reason for a failure; a body without these fields is no error."""

    status: str = ""
    category: str = ""
    message: str = ""


def page_of(response: Response) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of a response, and the token of the next page, if there is one."""
    page = response.json_as(Results)
    if page.total is not None:
        return page.results, next_offset(response, len(page.results), PAGE_SIZE, total=page.total)
    return page.results, page.paging.get("next", {}).get("after")


def meaning(response: Response) -> Meaning:
    """What a response means."""
    said = Error()
    with suppress(UnexpectedResponse):  # a proxy's page, or a report's file
        said = response.json_as(Error)
    if said.category == "RATE_LIMITS":  # with HTTP 429, or 200
        return Wait()
    text = f'{response.path} (HTTP {response.status}). The API says: "{said.message}"'
    if response.status == 401:
        return CredentialsError(f"credentials: the API does not accept them for {text}")
    of_a_job = response.path.rpartition("/")[0].endswith(("/reports", "/files"))  # the job is gone, not the account
    if response.status in (403, 404, 410) and not of_a_job:
        return Unavailable(f"The API does not give {text}")
    if said.status == "error" and response.status in (200, 400):
        return UnexpectedResponse(f"The API refuses {text}")
    return usual_meaning(response)


class Api:
    """Sends requests to the API. base_url: without a trailing slash. `meaning` shows what a request can raise."""

    def __init__(self, base_url: str, authenticate: Authenticate, logger: logging.Logger, tries: int = 5) -> None:
        self._base = base_url
        self.client = HttpClient(authenticate, logger, tries=tries, meaning=meaning)
        # Anyone who knows the address of a report's file can read it, so no credentials are sent there.
        self._files = HttpClient(nobody, logger, meaning=meaning, limits=Limits(response_timeout=3600.0))

    def send(self, method: str, *path: str, body: Any = None, repeatable: bool | None = None, **query: Any) -> Response:
        """The response to `method` path?query, without query parameters that are None. repeatable: see Request."""
        url = "/".join([self._base, *(quote(part, safe="") for part in path)])
        return self.client.send(Request(url, query, method, json=body, repeatable=repeatable))

    def report(self, account: str, **wanted: Any) -> gzip.GzipFile:
        """A report that the API makes now, as CSV: a temporary file, so it can have any size."""
        job = self.send("POST", "accounts", account, "reports", body=wanted).json_as(Job).id
        url = poll(lambda: self._address_of(job), f"The report of {account}")
        packed = TemporaryFile()  # noqa: SIM115 - it must outlive this function
        self._files.send(Request(self._base + own_path(url, self._base)), into=packed)
        return gzip.open(packed)

    def _address_of(self, job: str) -> str | None:
        """The address of a report's file; None: not ready yet."""
        report = self.send("GET", "reports", job).json_as(Report)
        if report.status == "FAILED":
            raise TransientError("The API could not make the report.")  # so the next sync requests a new one
        return report.url if report.status == "READY" else None
