"""What a connector supplies for each table: a Stream. The runtime does the rest.

    Stream    one table: which slices to read, how to fetch and parse a page, where to resume
    Slice     one piece of a stream that is read and checkpointed, and can fail, on its own: any immutable
              value, often just a string; str(slice) is its name in messages
    Page      the rows of one response, and what to fetch next
    state     a dict that JSON can hold: where a stream resumes. {} = from the start

The methods of a stream run in this order:

    state = resume(saved state)
    forecast(state)                     in a worker thread
    for slice in slices(state):         in a worker thread, ahead of the writing
        response = fetch(slice, None)   in a worker thread; several slices at once
        page = parse(slice, response)   in a worker thread, one at a time; then fetch with its next_page_token
        checkpoint(state, slice, ...)   in the main thread, after the page's rows have been written

What fails, and what becomes of the rest (group: see `Stream.group`):

    raised by fetch or parse             the slice             later slices                          later streams
    SkipSlice                            is left out: a WARN   are read                              are read
    Unavailable if `listed`              is left out: a WARN   of its group: left out; others: read  are read
    Unavailable otherwise                ends where it failed  of its group: left out; others: read  are read
    TransientError, UnexpectedResponse   ends where it failed  of its group: left out; others: read  are read
    ConfigError, a bug                   ends where it failed  are left out                          are read
    CredentialsError                     ends where it failed  are left out                          are INCOMPLETE

What `slices` or `resume` raises leaves out all slices that have not been begun. But for the first two lines, the
stream is INCOMPLETE and a TRACE ERROR names the slices, its last STATE holds all that was written and nothing that was
not, so that the next read begins at what failed, and the exit code is 1.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from .errors import UnexpectedResponse
from .forecast import Forecast
from .http.client import HttpClient
from .http.rate_limit import RequestStats
from .protocol.row_type import RowType

Row = Any  # a dict of the schema's fields, or a msgspec Struct that has them
State = dict[str, Any]
S = TypeVar("S")
MAX_UNKNOWN_FIELDS = 20  # about so many are noted


class Page(NamedTuple):
    """What one response says.

    next_page_token: what the next `fetch` is given; None on the slice's last page. note: whatever else parsing found
    out that `checkpoint` needs.
    """

    rows: Sequence[Row]
    next_page_token: str | None = None
    note: Any = None

    @property
    def first(self) -> Row | None:
        return self.rows[0] if self.rows else None

    @property
    def last(self) -> Row | None:
        return self.rows[-1] if self.rows else None

    def without_rows(self) -> "Page":
        return self._replace(rows=())


class Written(NamedTuple):
    """What of a slice has been written so far: its rows from `first` to `last` (None: it had none).

    Of the page just written: note, its first row (None: it had none). done: it was the slice's last.
    """

    first: Row | None = None
    last: Row | None = None
    note: Any = None
    done: bool = False
    first_of_page: Row | None = None


class Unread(NamedTuple):
    """A slice that `slices` yields in the place of those that it cannot tell: it fails with that error."""

    name: str
    error: Exception

    def __str__(self) -> str:
        return self.name


class Stream(Generic[S]):
    """One table, read in slices of the type S. A subclass sets the attributes and writes fetch and parse; slices if
    there is more than one; resume and checkpoint if it has a cursor.

    An object serves one read. It may keep what one checkpoint passes on to the next; only `checkpoint` touches that.
    """

    name: str
    schema_folder: Path  # holds <name>.json, the JSON Schema (draft-07) of a row
    primary_key: Sequence[str] = ()  # fields that no two rows share
    cursor_field: str | None = None  # the field that grows with time; None = full refresh only
    client: HttpClient | None = None  # who makes the requests, if the progress is to tell how many
    full_refresh = False  # whether this read is one: then no row may come twice, so no lookback; set before `resume`

    def resume(self, saved: State) -> State:
        """The state to start from: as much of the saved one as still holds. No requests.

        saved is {} when the read begins from the start, else what an earlier read wrote: an incremental one, or an
        attempt of the same full refresh, whose state never ends inside a slice (see protocol/attempts.py).
        """
        return saved

    def forecast(self, state: State) -> Forecast:
        """What a read from `state` costs, as far as is known. Makes no requests but those that it saves `slices`."""
        return Forecast()

    def slices(self, state: State) -> Iterator[S | Unread]:
        """What there is to read. May make requests; `state` is a copy of what `resume` gave.

        Their rows are written in this order, whatever the number of workers: a state that says "read up to here" is
        true only once all earlier slices are written.
        """
        yield self.name  # type: ignore[misc]  # a stream of one slice is a Stream[str]

    def group(self, stream_slice: S) -> object:
        """The slices that stand or fall together: after one that fails, the later ones of its group are left out.

        By default all slices of a stream with a cursor are one group: a state that says "read up to here" would
        hide the gap; without a cursor each stands alone (None). Where every slice has a part of the state to itself,
        return None.
        """
        return None if self.cursor_field is None else self.name

    def listed(self, stream_slice: S) -> bool:
        """Whether the API itself listed what the slice is about. If so, its group is left out if it is Unavailable."""
        return False

    def fetch(self, stream_slice: S, page_token: str | None) -> Any:
        """One response from the network: the slice's first (None), or the page that `page_token` names.

        None: there is nothing for this slice; it counts as read, with no rows. Raises a ConnectorError.
        """
        raise NotImplementedError

    def parse(self, stream_slice: S, response: Any) -> Page:
        """The response's rows, as the schema describes them. No requests.

        Raises UnexpectedResponse for what the API's documentation does not allow; the page is then fetched again,
        twice at most.
        """
        raise NotImplementedError

    def checked(self, page: Page) -> Page:
        """The page that `parse` made. A class of streams may refuse what it could not resume: UnexpectedResponse."""
        return page

    def checkpoint(self, state: State, stream_slice: S, written: Written) -> None:
        """Note in `state` what of the slice has been written so far.

        Called after every page, one without rows too. Reading on from `state` must give at least every row not yet
        written, also if this is the last call; after a slice's last page, in a full refresh, exactly those.
        """

    def row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """An item of a response as a row: the fields that the schema has, each of a type that it allows.

        What fits a type stands in protocol/row_type.py. A value that does not becomes null where the schema allows null
        (the row is then a NulledRow, and its record says so), but not in a key or the cursor: there, and where null is
        not allowed, it is refused. A field that the item lacks is left out; if the schema requires it or it is a key,
        that is refused too. Raises UnexpectedResponse.
        """
        try:
            row = self._row_type.row(item)
        except msgspec.ValidationError as error:
            raise UnexpectedResponse(f"The API sent {self.name} that do not fit their schema: {error}.") from None
        if len(row) < len(item) and len(self.unknown_fields) < MAX_UNKNOWN_FIELDS:
            self.unknown_fields.update(sorted(item.keys() - row.keys())[:MAX_UNKNOWN_FIELDS])
        return row

    @cached_property
    def unknown_fields(self) -> set[str]:
        """Fields that the API sends and the schema does not have: the read names them at its end."""
        return set()

    def request_stats(self) -> RequestStats:
        """How the requests go, for whoever watches the sync."""
        return RequestStats() if self.client is None else self.client.rate_limit.stats()

    @cached_property
    def _row_type(self) -> RowType:
        return RowType(self.json_schema(), {*self.primary_key, *([self.cursor_field] if self.cursor_field else [])})

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of a row."""
        schema: dict[str, Any] = json.loads((self.schema_folder / f"{self.name}.json").read_text("utf-8"))
        return schema

    def catalog_entry(self) -> dict[str, Any]:
        """The stream as `discover` shows it (protocol: AirbyteStream)."""
        entry: dict[str, Any] = {
            "name": self.name,
            "json_schema": self.json_schema(),
            "supported_sync_modes": ["full_refresh"],
        }
        if self.cursor_field is not None:
            entry["supported_sync_modes"] = ["full_refresh", "incremental"]
            entry["source_defined_cursor"] = True
            entry["default_cursor_field"] = [self.cursor_field]
        if self.primary_key:
            entry["source_defined_primary_key"] = [[field] for field in self.primary_key]
        entry["is_resumable"] = self.cursor_field is not None
        return entry
