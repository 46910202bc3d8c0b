"""The connector: checks the connection, and says which streams there are."""

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
        """Ask whose token it is: this proves address and token by one request, and without a second try."""
        IssueTrackerApi(config, logger, tries=1).get("/user").json()

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        api, workers = IssueTrackerApi(config, logger), self.workers(config)
        # What is named twice, or by itself and by its organization, is read once.
        wanted = dict.fromkeys(config["repositories"])
        named = [name for name in wanted if name.endswith("/*") or name.split("/")[0] + "/*" not in wanted]
        # Each list of parents is read once, though several streams go through it.
        found = Parents(Repositories(api, named), lambda row: row["full_name"], workers, logger)
        issues = Parents(Issues(api, found), path_of_issue, workers, logger)
        return [Repositories(api, named), Issues(api, found), Comments(api, issues), Commits(api, found)]

    def workers(self, config: Mapping[str, Any]) -> int:
        return 4  # requests that may be under way at once; rows come out in the same order whatever the number
