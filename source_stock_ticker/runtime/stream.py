"""What a connector supplies: a Source and its Streams. The runtime does the rest.

    Source    the connector: can it connect (check), which tables has it (streams)
    Stream    one table: which slices to read, how to fetch and parse a page, where to resume
    Slice     one piece of a stream that is read, checkpointed and, if it must be, failed by itself: any
              object, often just a text; str(slice) is its name in messages; for its `chain` see Chained
    Page      the rows of one answer, and what to fetch next
    state     a dict that JSON can hold: where a stream resumes. {} = from the start

The methods of a stream run in this order:

    state = resume(saved state)
    for slice in slices(state):         in a worker thread, ahead of the writing
        answer = fetch(slice, None)     in a worker thread; several slices at once
        page = parse(slice, answer)     in a worker thread, one at a time; then fetch with its next_page_token
        checkpoint(state, slice, ...)   after the page's rows have been written
"""

from __future__ import annotations

import json
import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from . import messages
from .config import JSON_TYPES, read_spec
from .errors import UnexpectedAnswer, start_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from .catalog import ConfiguredStream
    from .state import SavedStates

Row = dict[str, Any]
State = dict[str, Any]


class Page(NamedTuple):
    """What one answer says. next_page_token: what the next `fetch` is given; None on the slice's last page."""

    rows: list[Row]
    next_page_token: str | None = None


class Pace(NamedTuple):
    """How the requests go. seconds_to_wait: until the rate limit lets the next one go; seconds_left: until the end."""

    requests: int = 0
    seconds_to_wait: float = 0.0
    seconds_left: float | None = None


class Chained(Protocol):
    """What a slice may say of itself: which others it is tied to. (Not to be inherited: any slice may have a `chain`.)

    When a slice of an incremental stream fails, all later ones are left out, for a state that says "read up to here"
    would hide the gap. A slice whose part of the state is its own says so by chain = None: it is read whatever happens
    to the others. Any other value ties it to the slices with the same one. (Streams without a cursor have no state to
    spoil: their slices are independent unless they say otherwise.)
    """

    chain: Any


class Stream:
    """One table. A subclass sets the attributes and writes fetch and parse; slices if there is more than one; resume
    and checkpoint if it has a cursor.
    """

    name: str
    schema_folder: Path  # holds <name>.json, the JSON Schema (draft-07) of a row
    primary_key: Sequence[str] = ()  # fields that no two rows share
    cursor_field: str | None = None  # the field that grows with time; None = full refresh only

    def resume(self, saved: State) -> State:
        """The state to start from: as much of the saved one as still holds. No requests.

        saved is {} on a full refresh and on a first sync, else what an earlier read wrote.
        """
        return saved

    def slices(self, state: State) -> Iterator[Any]:
        """What there is to read. May make requests; `state` is a copy of what `resume` gave.

        Their rows are written in this order, whatever the number of workers: a state that says "read up to here" is
        true only once all earlier slices are written. When one fails, the later ones are left out, unless they say
        otherwise: see Chained.
        """
        yield self.name

    def fetch(self, slice: Any, page_token: str | None) -> Any:
        """One answer from the network: the slice's first (None), or the page that `page_token` names.

        None: this slice has no answer; it counts as read, with no rows. Raises a ConnectorError: CredentialsError ends
        the sync, any other ConfigError the stream, any other error the slice.
        """
        raise NotImplementedError

    def parse(self, slice: Any, answer: Any) -> Page:
        """The answer's rows, as the schema describes them. No requests.

        Raises UnexpectedAnswer for what the API's documentation does not allow; the answer is then fetched again, twice
        at most.
        """
        raise NotImplementedError

    def checkpoint(self, state: State, slice: Any, first: Row | None, last: Row | None, done: bool) -> None:
        """Note in `state` what of the slice has been written so far: rows from `first` to `last` (None: it had none).

        Called after every page, one without rows too; done: it was the last. Reading on from `state` must give at least
        every row not yet written, also if this is the last call.
        """

    def row(self, item: Row) -> Row:
        """An item of an answer as a row: the fields that the schema has, each of a type that it allows.

        A field that the item lacks is left out, or refused if it may not be null. A whole number spelt 5.0 becomes 5,
        in `item` too. What is inside a list or an object is not looked at. Raises UnexpectedAnswer.
        """
        for field, types in self._field_types.items():
            value = item.get(field)
            if type(value) not in types:
                if type(value) is float and int in types and value.is_integer():
                    item[field] = int(value)  # 5.0 is how some JSON writers spell 5
                else:
                    said = "is missing" if value is None else "is of a wrong type"
                    raise UnexpectedAnswer(
                        f"The API sent {self.name} whose {field} {said}.", f"{field}: {start_of(repr(value))}"
                    )
        return {field: item[field] for field in self._field_types if field in item}

    @cached_property
    def _field_types(self) -> dict[str, set[type]]:
        kinds = {field: schema["type"] for field, schema in self.json_schema()["properties"].items()}
        return {
            field: set().union(*(JSON_TYPES[kind] for kind in ([given] if isinstance(given, str) else given)))
            for field, given in kinds.items()
        }

    def pace(self) -> Pace:
        """How the requests go, for whoever watches the sync."""
        return Pace()

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


class Source:
    """A connector. A subclass fills in check and streams; the four commands follow from them.

    `config` is always the user's config, valid against spec.yaml, without the optional fields left blank.
    """

    @property
    def spec_file(self) -> str:
        """spec.yaml. The built package carries the file; a checkout has it one folder up."""
        package = os.path.dirname(str(sys.modules[type(self).__module__].__file__))
        carried = os.path.join(package, "spec.yaml")
        return carried if os.path.exists(carried) else os.path.join(os.path.dirname(package), "spec.yaml")

    def spec(self, logger: logging.Logger | None = None) -> bytes:
        """The SPEC message: what spec.yaml says. (`logger` is there because Airbyte's CDK has it.)"""
        return messages.spec(read_spec(self.spec_file))

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> None:
        """Return if a sync with this config would work; else raise the ConnectorError that says what to change.

        Proves the credentials by a request, and answers within a minute.
        """
        raise NotImplementedError

    def streams(self, logger: logging.Logger, config: Mapping[str, Any]) -> list[Stream]:
        """The tables, in the order in which they are shown. No requests. Raises ConfigError."""
        raise NotImplementedError

    def workers(self, config: Mapping[str, Any]) -> int:
        """How many requests may be under way at once."""
        return 1

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> bytes:
        """The CATALOG message: every stream with its schema."""
        return messages.catalog(stream.catalog_entry() for stream in self.streams(logger, config))

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: Sequence[ConfiguredStream],
        state: SavedStates,
    ) -> Iterator[bytes]:
        """The messages of a read, in order. Raises IncompleteSync at the end if a stream did not complete."""
        from .reader import read

        return read(self.streams(logger, config), catalog, state, self.workers(config), logger)
