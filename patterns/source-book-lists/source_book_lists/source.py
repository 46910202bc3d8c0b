"""The connector: checks the connection, and says which streams there are."""

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
        """Ask for the first page of books: this proves address and credentials."""
        # One try: a check answers, it does not sit out a rate limit or an outage.
        rows_of(BookListsApi(config, logger, self.hide, tries=1).get("/books"))

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        # One for all: they share a token and a rate limit.
        api = BookListsApi(config, logger, self.hide)
        return [Books(api), Authors(api), Loans(api)]
