"""The tables. Each class says which pattern it is.

Table       what the two below share: API, settings, how an answer becomes rows
Species     a list with pages, read in full each time
Sightings   incremental: a cursor, read on from a checkpoint with a lookback
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .api import page_of
from .runtime import ConfigError, Pace, Page, Row, State, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .api import PokemonApi
    from .runtime.http_client import Answer
    from .settings import Settings

DAY = 86_400  # seconds


class Table(Stream):
    """Rows under the API's own field names."""

    schema_folder = Path(__file__).parent / "schemas"

    def __init__(self, api: PokemonApi, settings: Settings) -> None:
        self._api = api
        self._settings = settings

    def pace(self) -> Pace:
        return self._api.pace()

    def parse(self, slice: Any, answer: Answer) -> Page:
        rows, following = page_of(answer)
        return Page([self.row(row) for row in rows], following)


class Species(Table):
    """What there is to see. Pattern: a list with pages, read in full each time."""

    name = "species"
    primary_key = ("number",)

    def fetch(self, slice: Any, page_token: str | None) -> Answer:
        return self._api.get("/species", offset=page_token)


class Since(NamedTuple):
    """What was seen from a moment on."""

    moment: int  # seconds since 1970

    def __str__(self) -> str:
        return f"sightings since {self.moment}"


class Sightings(Table):
    """What was seen, oldest first. Pattern: a cursor, read on from a checkpoint.

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
            raise ConfigError(
                "state: that of sightings is not as this source writes it; clear it.", repr(error)
            ) from None

    def slices(self, state: State) -> Iterator[Since]:
        start = int(self._settings.start.timestamp())
        yield Since(max(start, state.get("seen_at", start) - self._settings.lookback_days * DAY))

    def fetch(self, slice: Since, page_token: str | None) -> Answer:
        return self._api.get("/sightings", **{"from": str(slice.moment), "offset": page_token})

    def checkpoint(self, state: State, slice: Since, first: Row | None, last: Row | None, done: bool) -> None:
        if last is not None:
            state["from"] = state.get("from", slice.moment)
            state["seen_at"] = max(state.get("seen_at", 0), min(last["seen_at"], int(self._settings.now.timestamp())))
