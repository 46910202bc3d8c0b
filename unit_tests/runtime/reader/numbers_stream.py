"""A stream of numbers for the tests of the reader, and the result of a read."""

from typing import Any, ClassVar, NamedTuple

from source_stock_ticker.runtime.errors import ConfigError, TransientError
from source_stock_ticker.runtime.stream import Page, Stream

FAT = "x" * 400  # a row with it is worth a STATE


class Part(NamedTuple):
    """A slice: the rows of one part after `after`."""

    name: str
    after: int

    def __str__(self) -> str:
        return f"part {self.name}"


class Numbers(Stream[Part]):
    """Rows {"part": "a", "id": 1} from lists: {"a": [[1, 2], [3]]} is a part with two pages; an exception is raised.

    The state holds the last id of each part.
    """

    name = "numbers"
    primary_key = ("part", "id")
    cursor_field: str | None = "id"
    groups: ClassVar[dict[str, str]] = {}  # of the parts that have one

    def __init__(self, parts: dict[str, list[Any]], **attributes: Any) -> None:
        self.parts = parts
        self.resumed_from: list[Any] = []
        self.checkpoints: list[tuple[Any, ...]] = []
        self.notes: list[Any] = []
        vars(self).update(attributes)

    def resume(self, saved):
        self.resumed_from.append(dict(saved))
        return saved

    def slices(self, state):
        for name in self.parts:
            yield Part(name, state.get(name, 0))

    def group(self, stream_slice):
        return self.groups.get(stream_slice.name)

    def fetch(self, stream_slice, page_token):
        response = self.parts[stream_slice.name][int(page_token or 0)]
        if isinstance(response, Exception):
            raise response
        return int(page_token or 0), response

    def parse(self, stream_slice, response):
        place, ids = response
        following = str(place + 1) if place + 1 < len(self.parts[stream_slice.name]) else None
        rows = [{"part": stream_slice.name, "id": id, "text": FAT} for id in ids if id > stream_slice.after]
        return Page(rows, following, f"note of page {place}")

    def checkpoint(self, state, stream_slice, written):
        first, last = (row and row["id"] for row in (written.first, written.last))
        self.checkpoints.append((stream_slice.name, first, last, written.done))
        self.notes.append(written.note)
        if last:
            state[stream_slice.name] = last


ALL = {"a": [[1, 2], [3]], "b": [[1]], "c": [[1, 2, 3], [4, 5], [6]]}
ALL_ROWS = [("a", 1), ("a", 2), ("a", 3), ("b", 1), *(("c", id) for id in range(1, 7))]


class Read(NamedTuple):
    """The result of a read. failed: it ended with IncompleteSync."""

    messages: list[dict[str, Any]]
    failed: bool

    @property
    def rows(self) -> list[tuple[str, int]]:
        return [(row["part"], row["id"]) for row in (m["record"]["data"] for m in self.of_type("RECORD"))]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [m["state"]["stream"]["stream_state"] for m in self.of_type("STATE")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [m["trace"]["error"] for m in self.of_type("TRACE") if m["trace"]["type"] == "ERROR"]

    @property
    def kinds(self) -> list[str]:
        """Each message by its type, a status by its value; consecutive RECORDs count once."""
        kinds: list[str] = []
        for message in self.messages:
            trace = message.get("trace", {})
            kind = trace.get("stream_status", {}).get("status") or trace.get("type") or message["type"]
            if kinds[-1:] != [kind] or kind != "RECORD":
                kinds.append(kind)
        return kinds

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]


OUTAGE = TransientError("The API is down.", "HTTP 503 from the proxy")
REFUSED = ConfigError("api_key: the API does not know it.")
