"""The connector: checks the connection and lists the streams."""

import logging
from collections.abc import Mapping
from typing import Any

from .api import IssueTrackerApi
from .runtime.parents import Parents
from .runtime.source import Source
from .runtime.stream import Stream
from .streams import Comments, Commits, Issues, Repositories, path_of_issue


class SourceIssueTracker(Source):
    """The tables of Issue Tracker."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Request the token's owner: this proves address and token with one request, without retries."""
        IssueTrackerApi(config, logger, tries=1).get("/user").json()

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        api, workers = IssueTrackerApi(config, logger), self.workers(config)
        # A repository named twice, or by itself and by its organization, is read once.
        wanted = dict.fromkeys(config["repositories"])
        named = [name for name in wanted if name.endswith("/*") or name.split("/")[0] + "/*" not in wanted]
        # Each list of parents is read once, although several streams iterate over it.
        found = Parents(Repositories(api, named), lambda row: row["full_name"], workers, logger)
        issues = Parents(Issues(api, found), path_of_issue, workers, logger)
        return [Repositories(api, named), Issues(api, found), Comments(api, issues), Commits(api, found)]

    def workers(self, config: Mapping[str, Any]) -> int:
        return 4  # requests that can run at the same time; the number does not change the order of the rows
