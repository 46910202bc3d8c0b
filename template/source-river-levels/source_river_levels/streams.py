"""Defines the tables. Each class names its pattern.

TableStream   what both tables share: the API, the settings, how a response becomes rows
Stations      a list with pages, read in full each time
Readings      incremental: a cursor, one slice per parent, resumed from a checkpoint with a lookback
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from operator import itemgetter
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from .api import RiverLevelsApi, page_of
from .runtime.cursors import CursorStream, Moment, Window
from .runtime.http.response import Response
from .runtime.parents import Parents
from .runtime.stream import Page, Stream, Unread
from .settings import Settings

WORKERS = 4  # requests that can run at the same time; the number does not change the order of the rows
S = TypeVar("S")


class TableStream(Stream[S]):
    """Rows with the API's own field names. A response has them under the stream's name."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: RiverLevelsApi, settings: Settings, logger: logging.Logger) -> None:
        self._api = api
        self._settings = settings
        self._logger = logger
        self.client = api.client

    def parse(self, stream_slice: S, response: Response) -> Page:
        rows, next_page = page_of(response, self.name)
        return Page(list(map(self.row, rows)), next_page)


class Stations(TableStream[str]):
    """Where levels are measured. Pattern: a list with pages, read in full each time."""

    name = "stations"
    primary_key = ("id",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/stations", page=page_token)


class Readings(CursorStream, TableStream[Window]):
    """What the stations measured. Pattern: a cursor, one slice per parent, resumed from a checkpoint with a lookback.

    state = {"read": {"elm-bridge": ["2024-03-01T00:00:00Z", "2024-03-04T06:00:00Z"]}}
                                      everything is read from here .. to the newest reading written

    Readings arrive late and are corrected for a few days, so a sync begins `lookback_days` before the newest. This is
    safe because the API sends them oldest first: if a read stops early, everything up to its last row has been written.
    """

    name = "readings"
    primary_key = ("station_id", "measured_at")
    cursor_field = "measured_at"

    def __init__(self, api: RiverLevelsApi, settings: Settings, logger: logging.Logger) -> None:
        super().__init__(api, settings, logger)
        self.cursor = Moment(settings.start, timedelta(days=settings.lookback_days), now=settings.now)
        # One object, so the stations are read once, whoever needs them.
        self._stations = Parents(Stations(api, settings, logger), itemgetter("id"), WORKERS, logger)

    def parents(self) -> Iterable[str | Unread]:
        return self._stations

    def fetch(self, stream_slice: Window, page_token: str | None) -> Response:
        path = f"/stations/{quote(stream_slice.parent, safe='')}/readings"
        return self._api.get(path, since=stream_slice.since, page=page_token)
