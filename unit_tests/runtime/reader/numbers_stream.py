"""A stream of numbers for the tests of the reader, and what came of a read of it."""

from typing import Any, NamedTuple

from source_stock_ticker.runtime import (
    ConfigError,
    Page,
    Stream,
    TransientError,
)

FAT = "x" * 400  # a row with it is worth a STATE


class Part(NamedTuple):
    """A slice: the rows of one part behind `after`."""

    name: str
    after: int
    chain: str | None

    def __str__(self) -> str:
        return f"part {self.name}"


class Numbers(Stream):
    """Rows {"part": "a", "id": 1} out of lists: {"a": [[1, 2], [3]]} is a part with two pages; an exception is raised.

    The state holds the last id of each part.
    """

    name = "numbers"
    primary_key = ("part", "id")
    cursor_field: str | None = "id"
    chain: str | None = None

    def __init__(self, parts: dict[str, list[Any]], **attributes: Any) -> None:
        self.parts = parts
        self.resumed_from: list[Any] = []
        self.checkpoints: list[tuple[Any, ...]] = []
        vars(self).update(attributes)

    def resume(self, saved):
        self.resumed_from.append(dict(saved))
        return saved

    def slices(self, state):
        for name in self.parts:
            yield Part(name, state.get(name, 0), self.chain)

    def fetch(self, slice, page_token):
        answer = self.parts[slice.name][int(page_token or 0)]
        if isinstance(answer, Exception):
            raise answer
        return int(page_token or 0), answer

    def parse(self, slice, answer):
        place, ids = answer
        following = str(place + 1) if place + 1 < len(self.parts[slice.name]) else None
        return Page([{"part": slice.name, "id": id, "text": FAT} for id in ids if id > slice.after], following)

    def checkpoint(self, state, slice, first, last, done):
        self.checkpoints.append((slice.name, first and first["id"], last and last["id"], done))
        if last:
            state[slice.name] = last["id"]


ALL = {"a": [[1, 2], [3]], "b": [[1]], "c": [[1, 2, 3], [4, 5], [6]]}
ALL_ROWS = [("a", 1), ("a", 2), ("a", 3), ("b", 1), *(("c", id) for id in range(1, 7))]


class Read(NamedTuple):
    """What came of a read. failed: it ended with IncompleteSync."""

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
        """Each message by its type, of a status what it says; of several RECORDs in a row one."""
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
