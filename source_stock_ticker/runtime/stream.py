"""Defines what a connector supplies for each table: a Stream. The runtime does the rest.

    Stream    one table: which slices to read, how to fetch and parse a page, where to resume
    Slice     a part of a stream that is read, checkpointed and can fail independently: any immutable
              value, often just a string; str(slice) is its name in messages
    Page      the rows of one response, and the token of the next page
    state     a JSON-serializable dict: where a stream resumes. {} = from the start

The methods of a stream run in this order:

    state = resume(saved state)
    forecast(state)                     in a worker thread
    for slice in slices(state):         in a worker thread, ahead of the writer
        response = fetch(slice, None)   in a worker thread; several slices at once
        page = parse(slice, response)   in a worker thread, one at a time; then fetch with its next_page_token
        checkpoint(state, slice, ...)   in the main thread, after the page's rows have been written

What an error does (group: see `Stream.group`):

    raised by fetch or parse             the slice             later slices                          later streams
    SkipSlice                            is skipped: a WARN    are read                              are read
    Unavailable if `listed`              is skipped: a WARN    of its group: skipped; others: read   are read
    Unavailable otherwise                ends where it failed  of its group: skipped; others: read   are read
    TransientError, UnexpectedResponse   ends where it failed  of its group: skipped; others: read   are read
    ConfigError, a bug                   ends where it failed  are skipped                           are read
    CredentialsError                     ends where it failed  are skipped                           are INCOMPLETE

If `slices` or `resume` raises, all slices not yet begun are skipped. Except in the first two rows, the stream is
INCOMPLETE, a TRACE ERROR names the failed slices, and the exit code is 1. The last STATE covers exactly what was
written (in a full refresh: the complete slices), so the next read begins at what failed.
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
MAX_UNKNOWN_FIELDS = 20  # how many are noted, roughly


class Page(NamedTuple):
    """The content of one response.

    next_page_token: passed to the next `fetch`; None on the slice's last page. note: anything else that `checkpoint`
    needs to know.
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
    """What has been written of a slice so far.

    first, last: the first and the last row of all its pages (None: no rows). note: that of the page just written.
    done: that was the slice's last page. joint: the last row before that page and the page's first, if there are both.
    """

    first: Row | None = None
    last: Row | None = None
    note: Any = None
    done: bool = False
    joint: tuple[Row, Row] | None = None


class Unread(NamedTuple):
    """A slice that `slices` yields in place of slices it cannot determine: it fails with that error."""

    name: str
    error: Exception

    def __str__(self) -> str:
        return self.name


class Stream(Generic[S]):
    """One table, read in slices of type S. A subclass sets the attributes and defines fetch and parse; slices if there
    is more than one; resume and checkpoint if it has a cursor.

    An object serves one read. It can carry data from one checkpoint to the next; only `checkpoint` may touch that.
    """

    name: str
    schema_folder: Path  # holds <name>.json, the JSON Schema (draft-07) of a row
    primary_key: Sequence[str] = ()  # fields that identify a row
    cursor_field: str | None = None  # the field that grows with time; None = full refresh only
    client: HttpClient | None = None  # sends the requests; set it to show their number in the progress
    full_refresh = False  # whether this read is one: no row may come twice, so no lookback; set before `resume`

    def resume(self, saved: State) -> State:
        """The state to start from: the part of the saved state that is still valid. Makes no requests.

        saved: {} when the read begins from the start, otherwise the state of an earlier read: an incremental one, or
        an attempt of the same full refresh, whose state never ends inside a slice (see protocol/attempts.py).
        """
        return saved

    def forecast(self, state: State) -> Forecast:
        """What a read from `state` costs, as far as known. Makes only requests that `slices` then need not make."""
        return Forecast()

    def slices(self, state: State) -> Iterator[S | Unread]:
        """What there is to read. Can make requests; `state` is a copy of what `resume` returned.

        The rows are written in this order, whatever the number of workers: a state that says "read up to here" is
        true only when all earlier slices have been written.
        """
        yield self.name  # type: ignore[misc]  # a stream of one slice is a Stream[str]

    def group(self, stream_slice: S) -> object:
        """The slices that fail together: after a slice fails, later slices of its group are skipped.

        By default, all slices of a stream with a cursor form one group: a state that says "read up to here" would
        hide the gap. Without a cursor, each slice is independent (None). Return None too where every slice has its
        own part of the state.
        """
        return None if self.cursor_field is None else self.name

    def listed(self, stream_slice: S) -> bool:
        """Whether the API itself listed the slice's subject. If so, an Unavailable skips its group with a warning."""
        return False

    def fetch(self, stream_slice: S, page_token: str | None) -> Any:
        """One response from the network: the slice's first page (None), or the page that `page_token` names.

        Return None if the slice has no data: it counts as read, without rows. Raises a ConnectorError.
        """
        raise NotImplementedError

    def parse(self, stream_slice: S, response: Any) -> Page:
        """The response's rows, as the schema describes them. Makes no requests.

        Raises UnexpectedResponse for anything the API's documentation does not allow; the page is then fetched again,
        at most twice.
        """
        raise NotImplementedError

    def checked(self, page: Page) -> Page:
        """The page from `parse`. Raises UnexpectedResponse for a page that this kind of stream could not resume."""
        return page

    def checkpoint(self, state: State, stream_slice: S, written: Written) -> None:
        """Record in `state` what has been written of the slice so far.

        Called after every page, even one without rows. A read that resumes from `state` must yield at least every row
        not yet written, even if this is the last call; after a slice's last page in a full refresh, exactly those.
        """

    def row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """An item of a response as a row: the fields of the schema, each with a type that it allows.

        protocol/row_type.py lists what fits a type. A value that does not fit becomes null if the schema allows null
        and the field is neither a key nor the cursor; the row is then a NulledRow, and its record says so. Otherwise
        the item is rejected. A missing field is left out; if it is required or a key, the item is rejected too.
        Raises UnexpectedResponse.
        """
        try:
            row = self._row_type.row(item)
        except msgspec.ValidationError as error:
            text = f"The API sent a row of {self.name} that does not fit the schema: {error}."
            raise UnexpectedResponse(text) from None
        if len(row) < len(item) and len(self.unknown_fields) < MAX_UNKNOWN_FIELDS:
            self.unknown_fields.update(sorted(item.keys() - row.keys())[:MAX_UNKNOWN_FIELDS])
        return row

    @cached_property
    def unknown_fields(self) -> set[str]:
        """Fields that the API sends but the schema lacks: the read lists them at its end."""
        return set()

    def request_stats(self) -> RequestStats:
        """The progress of the requests."""
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
