"""Defines the tables. Each class names its pattern.

Table         what all tables share: the API, the config, how a response becomes rows
Repositories  a list with pages for each organization, and single rows by name
Changes       incremental, newest first, not requested again while an ETag says that nothing is new
Issues        such changes, with rows for what was deleted
Commits       such changes
Comments      children of children, read in full each time
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from .api import IssueTrackerApi
from .runtime.cursors import CursorStream, Moment, Window, moment
from .runtime.http.pages import next_link
from .runtime.http.response import Response
from .runtime.stream import Page, Row, State, Stream, Written


class Table(Stream[Any]):
    """Rows with the API's own field names. parents: the items with their own slices."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: IssueTrackerApi, parents: Iterable[Any]) -> None:
        self._api, self.client, self._parents = api, api.client, parents

    def slices(self, state: State) -> Iterator[Any]:
        yield from self._parents

    def parse(self, stream_slice: Any, response: Response) -> Page:
        found, parent = response.json(), self.whose(stream_slice)
        found = found if isinstance(found, list) else [found]
        rows = [self.row(item | parent if isinstance(item, dict) else item) for item in found]
        # The ETag of a page says nothing about the other pages.
        etag = None if "Link" in response.headers else response.headers.get("ETag")
        return Page(rows, next_link(response, self._api.base), etag)

    def whose(self, stream_slice: Any) -> dict[str, Any]:
        """The fields that a row lacks: its parent."""
        return {}


class Repositories(Table):
    """Pattern: a list with pages, read in full each time; or one row by its name. acme/* means all that acme lists."""

    name = "repositories"
    primary_key = ("id",)

    def fetch(self, named: str, page_token: str | None) -> Response:
        path = f"/orgs/{named[:-2]}/repos" if named.endswith("/*") else f"/repos/{named}"
        return self._api.get(path, page_token)


class Changes(CursorStream, Table):
    """Pattern: a cursor, newest first, one slice per parent, and the ETag of its last read.

    state = {"read": {"acme/website": ["2024-03-01T00:00:00Z", "2024-03-06T08:00:00Z"]},
             "etags": {"acme/website": {"2024-03-06T08:00:00Z": '"9f86d081884c7d65"'}}}
                                        since then: an ETag belongs to an address with its query
    """

    def __init__(self, api: IssueTrackerApi, repositories: Iterable[Any]) -> None:
        super().__init__(api, repositories)
        self.cursor = Moment(moment(f"{api.config['start_date']}T00:00:00Z"), newest_first=True)

    def parents(self) -> Iterable[Any]:
        return self._parents

    def listed(self, window: Window) -> bool:
        return window.parent.split("/")[0] + "/*" in self._api.config["repositories"]

    def whose(self, window: Window) -> dict[str, Any]:
        return {"repository": window.parent}

    def resume(self, saved: State) -> State:
        self._etags: dict[str, dict[str, str]] = {}
        with suppress(msgspec.ValidationError):  # without them, everything is requested in full
            self._etags = msgspec.convert(saved.get("etags"), dict[str, dict[str, str]])
        return super().resume(saved) | {"etags": dict(self._etags)}

    def fetch(self, window: Window, page_token: str | None) -> Response | None:
        path = f"/repos/{window.parent}/{self.name}"
        etag = None if page_token else self._etags.get(window.parent, {}).get(window.since)
        response = self._api.get(path, page_token, etag, since=window.since, sort="updated", direction="desc")
        return None if response.status == 304 else response

    def checkpoint(self, state: State, window: Window, written: Written) -> None:
        super().checkpoint(state, window, written)
        if written.note:  # the list had only one page, now written
            state["etags"][window.parent] = {window.since: written.note}


class Issues(Changes):
    """Requested changes. A deleted issue comes as a row with a mark, and is kept."""

    name = "issues"
    primary_key = ("id",)
    cursor_field = "updated_at"


class Commits(Changes):
    """The changes to the code."""

    name = "commits"
    primary_key = ("repository", "sha")  # copies of a repository share commits
    cursor_field = "committed_at"


def path_of_issue(row: Row) -> str | None:
    """An issue as the parent of comments; None if it has none."""
    return f"{row['repository']}/issues/{row['number']}" if row.get("comments") else None


class Comments(Table):
    """The comments on issues that have changed since the start date. Pattern: children of children."""

    name = "comments"
    primary_key = ("id",)

    def listed(self, issue: str) -> bool:
        return True

    def whose(self, issue: str) -> dict[str, Any]:
        repository, _, number = issue.rpartition("/issues/")
        return {"repository": repository, "issue_number": int(number)}

    def fetch(self, issue: str, page_token: str | None) -> Response:
        return self._api.get(f"/repos/{issue}/comments", page_token)
