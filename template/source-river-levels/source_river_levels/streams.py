"""The tables. Each class says which pattern it is.

Table       what the two below share: API, settings, how an answer becomes rows
Stations    a list with pages, read in full each time
Readings    incremental: a cursor, one slice per parent, read on from a checkpoint with a lookback
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from .api import page_of
from .runtime import ConfigError, Pace, Page, Row, State, Stream, UnexpectedResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .api import RiverLevelsApi
    from .runtime.http_client import Answer
    from .settings import Settings


class Table(Stream):
    """Rows under the API's own field names. The answers hold them under the stream's name."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: RiverLevelsApi, settings: Settings) -> None:
        self._api = api
        self._settings = settings

    def pace(self) -> Pace:
        return self._api.pace()

    def parse(self, slice: Any, answer: Answer) -> Page:
        rows, following = page_of(answer, self.name)
        return Page([self.row(row) for row in rows], following)


class Stations(Table):
    """Where levels are measured. Pattern: a list with pages, read in full each time."""

    name = "stations"
    primary_key = ("id",)

    def fetch(self, slice: Any, page_token: str | None) -> Answer:
        return self._api.get("/stations", page=page_token)


class Since(NamedTuple):
    """A station's readings from a moment on. Once they are read, all from `gapless_from` on are."""

    station: str
    moment: str
    gapless_from: str
    chain: None = None  # one that fails holds back no other: every station has its own entry in the state

    def __str__(self) -> str:
        return f"readings of {self.station}"


class Readings(Table):
    """What the stations measured. Pattern: a cursor, one slice per parent, read on from a checkpoint.

    state = {"read": {"elm-bridge": ["2024-03-01T00:00:00Z", "2024-03-04T06:00:00Z"]}}
                                      all is read from here .. to the newest reading written

    A station's readings come and are corrected for some days, so a sync begins `lookback_days` before the newest. This
    is right because the API gives them oldest first: what is written when a read breaks off is all up to its last row.
    Moments in the state are all written in one way: so the order of the texts is the order in time.
    """

    name = "readings"
    primary_key = ("station_id", "measured_at")
    cursor_field = "measured_at"

    def resume(self, saved: State) -> State:
        try:
            read = {
                station: (_text(_moment(since)), _text(_moment(newest)))
                for station, (since, newest) in saved.get("read", {}).items()
            }
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigError(
                f"state: that of {self.name} is not as this source writes it; clear the stream's state.", repr(error)
            ) from None
        # An earlier start_date than that of the state: what lies between is not read yet, so all is read again.
        start = _text(self._settings.start)
        return {"read": {station: list(moments) for station, moments in read.items() if moments[0] <= start}}

    def slices(self, state: State) -> Iterator[Since]:
        start, lookback = _text(self._settings.start), timedelta(days=self._settings.lookback_days)
        stations = Stations(self._api, self._settings)
        for station in map(stations.row, self._api.rows("/stations", "stations")):
            since, newest = state["read"].get(station["id"], [start, start])
            again = _text(_moment(newest) - lookback)
            # A start_date beyond the newest leaves a gap before it.
            yield Since(station["id"], max(start, again), since if start <= newest else start)

    def fetch(self, slice: Since, page_token: str | None) -> Answer:
        path = f"/stations/{quote(slice.station, safe='')}/readings"
        return self._api.get(path, since=slice.moment, page=page_token)

    def row(self, row: Row) -> Row:
        row = super().row(row)
        try:
            _moment(row["measured_at"])
        except ValueError as error:
            raise UnexpectedResponse("The API sent readings whose measured_at is no moment.", str(error)) from None
        return row

    def checkpoint(self, state: State, slice: Since, first: Row | None, last: Row | None, done: bool) -> None:
        if last is None:
            return
        _, before = state["read"].get(slice.station, ["", ""])
        # A clock that is ahead must not hide what is measured until then; and nothing moves the state back.
        newest = max(before, _text(min(_moment(last["measured_at"]), self._settings.now)))
        state["read"][slice.station] = [slice.gapless_from, newest]


def _moment(text: str) -> datetime:
    """The moment that a text of the API's says: 2024-03-01T06:00:00Z, .250Z, +01:00 (RFC 3339). Raises ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if "T" not in text or moment.tzinfo is None:
        raise ValueError(f"{text} does not say which moment it is")
    return moment


def _text(moment: datetime) -> str:
    """In UTC, down to the second: what lies in that second is read again."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
