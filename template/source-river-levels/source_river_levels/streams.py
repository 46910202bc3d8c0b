"""The tables. Each class says which pattern it is.

TableStream   what the two below share: the API, the settings, how a response becomes rows
Stations      a list with pages, read in full each time
Readings      incremental: a cursor, one slice per parent, resumed from a checkpoint with a lookback
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from .api import RiverLevelsApi, page_of
from .runtime.errors import ConfigError, UnexpectedResponse
from .runtime.http.paging import follow
from .runtime.http.rate_limit import RequestStats
from .runtime.http.response import Response
from .runtime.stream import Page, State, Stream, Written
from .settings import Settings

S = TypeVar("S")


class TableStream(Stream[S]):
    """Rows as the API has them, under its own field names. The responses hold them under the stream's name."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: RiverLevelsApi, settings: Settings, logger: logging.Logger) -> None:
        self._api = api
        self._settings = settings
        self._logger = logger

    def request_stats(self) -> RequestStats:
        return self._api.request_stats()

    def parse(self, stream_slice: S, response: Response) -> Page:
        rows, next_page = page_of(response, self.name)
        return Page(list(map(self.row, rows)), next_page)


class Stations(TableStream[str]):
    """Where levels are measured. Pattern: a list with pages, read in full each time."""

    name = "stations"
    primary_key = ("id",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/stations", page=page_token)

    def ids(self) -> Iterator[str]:
        """Every station's id, for the streams that have a slice for each."""
        for page in follow(partial(self.fetch, ""), partial(self.parse, ""), self.name, self._logger):
            yield from (row["id"] for row in page.rows)


class ReadingsSlice(NamedTuple):
    """A station's readings from a moment on. Once they are read, all from `gapless_from` on are."""

    station: str
    since: str
    gapless_from: str

    def __str__(self) -> str:
        return f"readings of {self.station}"


class Readings(TableStream[ReadingsSlice]):
    """What the stations measured. Pattern: a cursor, one slice per parent, resumed from a checkpoint with a lookback.

    state = {"read": {"elm-bridge": ["2024-03-01T00:00:00Z", "2024-03-04T06:00:00Z"]}}
                                      all is read from here .. to the newest reading written

    A station's readings come and are corrected for some days, so a sync begins `lookback_days` before the newest. This
    is right because the API gives them oldest first: what is written when a read breaks off is all up to its last row.
    Moments in the state are all written in one way: so the order of the strings is the order in time.
    """

    name = "readings"
    primary_key = ("station_id", "measured_at")
    cursor_field = "measured_at"

    def resume(self, saved: State) -> State:
        try:
            read = {
                station: [_rfc3339(_moment(since)), _rfc3339(_moment(newest))]
                for station, (since, newest) in saved.get("read", {}).items()
            }
        except (AttributeError, TypeError, ValueError) as error:
            text = f"state: that of {self.name} is not as this source writes it; clear the stream's state."
            raise ConfigError(text, repr(error)) from None
        # An earlier start_date than that of the state: what lies between is not read yet, so all is read again.
        start = _rfc3339(self._settings.start)
        return {"read": {station: moments for station, moments in read.items() if moments[0] <= start}}

    def slices(self, state: State) -> Iterator[ReadingsSlice]:
        start, lookback = _rfc3339(self._settings.start), timedelta(days=self._settings.lookback_days)
        if self.full_refresh:
            lookback = timedelta(seconds=-1)  # another attempt has written all up to that second: nothing comes twice
        for station in Stations(self._api, self._settings, self._logger).ids():
            gapless_from, newest = state["read"].get(station, [start, ""])
            since = max(start, _rfc3339(_moment(newest) - lookback)) if newest else start
            # A start_date beyond the newest leaves a gap before it.
            yield ReadingsSlice(station, since, gapless_from if start <= newest else start)

    def group(self, stream_slice: ReadingsSlice) -> None:
        return None  # one that fails holds back no other: each station has its own entry in the state

    def fetch(self, stream_slice: ReadingsSlice, page_token: str | None) -> Response:
        path = f"/stations/{quote(stream_slice.station, safe='')}/readings"
        return self._api.get(path, since=stream_slice.since, page=page_token)

    def row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        row = super().row(item)
        try:
            _moment(row["measured_at"])
        except ValueError as error:
            raise UnexpectedResponse("The API sent readings whose measured_at is no moment.", str(error)) from None
        return row

    def checkpoint(self, state: State, stream_slice: ReadingsSlice, written: Written) -> None:
        if written.last is None:
            return
        _, before = state["read"].get(stream_slice.station, ["", ""])
        # A clock that is ahead must not hide what is measured until then; and nothing moves the state back.
        newest = max(before, _rfc3339(min(_moment(written.last["measured_at"]), self._settings.now)))
        state["read"][stream_slice.station] = [stream_slice.gapless_from, newest]


def _moment(text: str) -> datetime:
    """The moment that a string of the API says: 2024-03-01T06:00:00Z, .250Z, +01:00 (RFC 3339). Raises ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if "T" not in text or moment.tzinfo is None:
        raise ValueError(f"{text} does not say which moment it is")
    return moment


def _rfc3339(moment: datetime) -> str:
    """In UTC, down to the second: what lies in that second is read again."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
