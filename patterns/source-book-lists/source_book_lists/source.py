"""The connector: checks the connection, and says which streams there are."""

import logging
from collections.abc import Mapping
from typing import Any

from .api import ADDRESS, BookListsApi
from .runtime.source import Source
from .runtime.stream import Stream
from .streams import TABLES, Books


class SourceBookLists(Source):
    """The tables of Book Lists."""

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Ask for the first page of books: this proves address and credentials."""
        books = Books(self._api(logger, config, tries=1))  # a check answers, it does not sit out an outage
        books.parse("books", books.fetch("books", None))

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream[Any]]:
        api = self._api(logger, config)  # one for all: they share a token and a rate limit
        return [table(api) for table in TABLES]

    def _api(self, logger: logging.Logger, config: Mapping[str, Any], tries: int = 5) -> BookListsApi:
        return BookListsApi(config.get("api_url", ADDRESS), config["credentials"], logger, self.hide, tries)
