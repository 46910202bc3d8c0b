"""The tables. Each class says which pattern it is.

TableStream   what the two below share: the API, the settings, how a response becomes rows
Species       a list with pages, read in full each time
Sightings     incremental: a cursor, resumed from a checkpoint with a lookback
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from .api import PokemonApi, page_of
from .runtime.errors import ConfigError
from .runtime.http.rate_limit import RequestStats
from .runtime.http.response import Response
from .runtime.stream import Page, State, Stream, Written
from .settings import Settings

DAY = 86_400  # seconds
S = TypeVar("S")


class TableStream(Stream[S]):
    """Rows as the API has them, under its own field names."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: PokemonApi, settings: Settings, logger: logging.Logger) -> None:
        self._api = api
        self._settings = settings
        self._logger = logger

    def request_stats(self) -> RequestStats:
        return self._api.request_stats()

    def parse(self, stream_slice: S, response: Response) -> Page:
        rows, next_offset = page_of(response)
        return Page(list(map(self.row, rows)), next_offset)


class Species(TableStream[str]):
    """What there is to see. Pattern: a list with pages, read in full each time."""

    name = "species"
    primary_key = ("number",)

    def fetch(self, stream_slice: str, page_token: str | None) -> Response:
        return self._api.get("/species", offset=page_token)


class SightingsSlice(NamedTuple):
    """What was seen from a moment on."""

    since: int  # seconds since 1970

    def __str__(self) -> str:
        return f"sightings since {self.since}"


class Sightings(TableStream[SightingsSlice]):
    """What was seen, oldest first. Pattern: a cursor, resumed from a checkpoint with a lookback.

    state = {"from": 1709251200, "seen_at": 1709510400}     all is read from .. to
    """

    name = "sightings"
    primary_key = ("id",)
    cursor_field = "seen_at"

    def resume(self, saved: State) -> State:
        start = int(self._settings.start.timestamp())
        try:
            return saved if saved and saved["from"] <= start <= saved["seen_at"] else {}
        except (KeyError, TypeError) as error:
            text = "state: that of sightings is not as this source writes it; clear it."
            raise ConfigError(text, repr(error)) from None

    def slices(self, state: State) -> Iterator[SightingsSlice]:
        start, lookback = int(self._settings.start.timestamp()), self._settings.lookback_days * DAY
        if self.full_refresh:
            lookback = -1  # another attempt has written all up to that second: nothing comes twice
        yield SightingsSlice(max(start, state["seen_at"] - lookback) if state else start)

    def fetch(self, stream_slice: SightingsSlice, page_token: str | None) -> Response:
        return self._api.get("/sightings", **{"from": str(stream_slice.since), "offset": page_token})

    def checkpoint(self, state: State, stream_slice: SightingsSlice, written: Written) -> None:
        if written.last is not None:
            now = int(self._settings.now.timestamp())
            state["from"] = state.get("from", stream_slice.since)
            state["seen_at"] = max(state.get("seen_at", 0), min(written.last["seen_at"], now))
