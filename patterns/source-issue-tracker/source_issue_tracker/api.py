"""Calls the remote API: its address, its token, its pages, and what its responses mean. Knows nothing about Airbyte.

This API is invented; the sandbox simulates it. If a list has more pages, a header says so: Link: <...>; rel="next".

    GET /user                                           {"login": "jo"}: the owner of the token
    GET /orgs/{org}/repos                               [{"id": 1, "full_name": "acme/website", ...}, ...]
    GET /repos/{owner}/{name}                           {"id": 1, "full_name": "acme/website", ...}
    GET /repos/{owner}/{name}/issues?since=...          [{"number": 5, "updated_at": ..., ...}, ...], newest first
    GET /repos/{owner}/{name}/issues/{number}/comments  [{"id": 1021, "body": ..., ...}, ...]
    GET /repos/{owner}/{name}/commits?since=...         [{"sha": "a1f0", "committed_at": ..., ...}, ...], newest first
"""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .runtime.errors import CredentialsError, SkipSlice, Unavailable, start_of
from .runtime.http.auth import bearer
from .runtime.http.client import HttpClient, Limits
from .runtime.http.meaning import Again, Meaning, Wait, usual_meaning
from .runtime.http.request import Request
from .runtime.http.response import Response
from .runtime.protocol import options


class IssueTrackerApi:
    """Sends requests to the API. Only its own host ever gets the token."""

    def __init__(self, config: Mapping[str, Any], logger: logging.Logger, tries: int = 5) -> None:
        self.config = config
        self.base = options.address(config.get("api_url", "https://api.issue-tracker.example"))
        token = bearer(config["access_token"])
        # The rate limit is hourly. Redirects: a repository that has been renamed.
        self.client = HttpClient(token, logger, tries=tries, meaning=meaning, limits=Limits(max_wait=3660), redirects=3)

    def get(self, path: str, page_token: str | None = None, etag: str | None = None, **query: str) -> Response:
        """The response to GET path?query, or the page that a token names: a path with its query.

        HTTP 304 if the response still has this ETag.
        """
        place, parameters = (page_token, {}) if page_token else (quote(path), {"per_page": 100, **query})
        return self.client.send(Request(self.base + place, parameters, headers={"If-None-Match": etag}))


def meaning(response: Response) -> Meaning:
    """What a response means."""
    said = start_of(f"(HTTP {response.status} for {response.path}): {response.body[:1000].decode(errors='replace')}")
    match response.status:
        case 403 if response.headers.get("X-RateLimit-Remaining") == "0":
            return Wait.until(response.headers.get("X-RateLimit-Reset"), response)
        case 403 if b"secondary rate limit" in response.body:
            return Wait()  # as long as Retry-After says
        case 401:
            return CredentialsError(f"access_token: the API does not accept it {said}")
        case 304 if not response.request.headers.get("If-None-Match"):
            return Again("it sent an unexpected HTTP 304 (not modified)")
        case 409:
            return SkipSlice(f"It is still empty {said}")
        case 403 | 404 | 410:
            return Unavailable(f"It is gone, or your token has no access to it {said}")
    return usual_meaning(response)
