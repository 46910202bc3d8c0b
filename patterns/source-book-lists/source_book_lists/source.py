"""The connector: checks the connection and lists the streams."""

import logging
from collections.abc import Mapping
from typing import Any

from .api import BookListsApi, rows_of
from .runtime.source import Source
from .runtime.stream import Stream
from .streams import Authors, Books, Loans


class SourceBookLists(Source):
    """The tables of Book Lists."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Request the first page of books: this proves address and credentials."""
        # One attempt: a check answers quickly, without waiting for a rate limit or an outage.
        rows_of(BookListsApi(config, logger, self.hide, tries=1).get("/books"))

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        # All streams share one API object, with its token and rate limit.
        api = BookListsApi(config, logger, self.hide)
        return [Books(api), Authors(api), Loans(api)]
