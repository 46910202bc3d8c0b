"""Defines what all tables share: the API, the settings, one request and its pages."""

import logging
from pathlib import Path
from typing import Any, TypeVar

from ..api import StockApi
from ..runtime.forecast import Forecast
from ..runtime.http.response import Response
from ..runtime.stream import Page, State, Stream
from ..settings import Settings

S = TypeVar("S")


class TableStream(Stream[S]):
    """Rows with the API's own field names. A subclass sets the path, and the query if there is one."""

    schema_folder = Path(__file__).parent.parent / "schemas"
    path: str
    has_pages = False  # whether a slice can take more than one request

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        self._api, self.client = api, api.client
        self._settings = settings
        self._logger = logger

    def forecast(self, state: State) -> Forecast:
        return Forecast(sum(1 for _ in self.slices(state)), exact=not self.has_pages)

    def query(self, stream_slice: S) -> dict[str, Any]:
        """The parameters of a slice's first page; the links to further pages already contain them."""
        return {}

    def fetch(self, stream_slice: S, page_token: str | None) -> Any:
        return self._api.get(self.path, self.query(stream_slice), page_token)

    def parse(self, stream_slice: S, response: Response) -> Page:
        return self._api.page(response, self.row)
