"""Keeps cursors: where each parent of a stream resumes, by moments or by days.

Theory of operation. For each parent, the state holds the range that has been written completely:

    {"read": {"elm-bridge": ["2024-03-01T00:00:00Z", "2024-03-04T06:00:00Z"]}}      without parents, the only key is ""

The next read begins `lookback` before the end of the range. These rules keep the entry true:

- The end never moves back, and never into the future: a clock that is ahead would hide later rows.
- With rows oldest first, the end moves with each page: if a read stops, everything up to its last row is written.
  With rows newest first, it moves at the end of the slice, to the newest row of all.
- A start date before the range: the rows between have not been read, so everything is read again. A start date after
  the range leaves a gap, so the range begins there.
- In a full refresh that resumes, a range has been written completely and is not read again (see protocol/attempts.py).
- Moments in the state have one spelling, to the second, so they sort as strings. The API may use any spelling; the
  last second is read again.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any, NamedTuple

import msgspec

from .errors import ConfigError, UnexpectedResponse
from .stream import Page, Row, State, Stream, Unread, Written

ZERO, ONE_DAY = timedelta(), timedelta(days=1)
AWARE = Annotated[datetime, msgspec.Meta(tz=True)]


class Window(NamedTuple):
    """What to read of a parent: nothing older than `since` and, unless it is "", nothing newer than `until`.

    range_start: where the parent's range in the state begins once this window has been read.
    """

    parent: Any
    since: str
    until: str
    range_start: str

    def __str__(self) -> str:
        if not self.until:
            return str(self.parent) or f"all since {self.since}"
        return f"{self.parent} {self.since} to {self.until}".strip()


class Moment:
    """A date-time cursor, for an API that returns what is new or changed since a moment.

    newest_first: the order of the API's rows; any other order is rejected. now: the time of this sync. A window's since
    looks like 2024-03-01T06:00:00Z; use `moment` to convert it for an API with another format.
    """

    def __init__(
        self, start: datetime, lookback: timedelta = ZERO, newest_first: bool = False, now: datetime | None = None
    ) -> None:
        self.start, self._lookback, self._newest_first = rfc3339(start), lookback, newest_first
        self._now = now or datetime.now(timezone.utc)

    def normalized(self, saved: Any) -> str:
        """A saved moment in our spelling; a day means its midnight. Raises ValueError."""
        return rfc3339(moment(f"{saved}T00:00:00Z" if len(str(saved)) == len("2024-03-01") else str(saved)))

    def windows(self, parent: Any, read: list[str] | None, full_refresh: bool) -> Iterator[Window]:
        """What to read of a parent whose entry in the state is `read`."""
        if read is None:
            yield Window(parent, self.start, "", self.start)
        elif not full_refresh:
            # The inner max: an end in the year 1 has no lookback before it.
            since = max(self.start, rfc3339(moment(max(self.start, read[1])) - self._lookback))
            yield Window(parent, since, "", read[0] if self.start <= read[1] else self.start)

    def reached(self, window: Window, written: Written, field: str) -> str | None:
        """How far a slice has been written; None: unknown yet."""
        if written.first is None or written.last is None:
            return None
        newest = written.first if self._newest_first else written.last
        return None if self._newest_first and not written.done else rfc3339(min(moment(newest[field]), self._now))

    def check(self, rows: Iterable[Row], field: str) -> None:
        """Raises UnexpectedResponse if they are not in the promised order: a read that stops would lose rows."""
        moments = [moment(row[field]) for row in rows]
        if moments != sorted(moments, reverse=self._newest_first):
            order = "newest" if self._newest_first else "oldest"
            raise UnexpectedResponse(f"The API sent rows that are not sorted {order} first by {field}.")


class Days:
    """A cursor of whole days, for an API that returns a period's rows: windows of at most `window` days, oldest first.

    start, last: the days to read, both included; last must be over; default: yesterday (UTC). lookback: days to read
    again because their rows may still be corrected. A window's since and until are days, both included, written as
    YYYY-MM-DD.
    """

    def __init__(self, start: date, window: int, lookback: int = 0, last: date | None = None) -> None:
        if window < 1:
            raise ValueError(f"window: {window} days")
        self.start = start.isoformat()
        self._start, self._window, self._lookback = start, timedelta(window), timedelta(lookback)
        self._last = last or datetime.now(timezone.utc).date() - ONE_DAY

    def normalized(self, saved: Any) -> str:
        """A saved day; never the calendar's last one, which has no next day. Raises ValueError."""
        return min(date.fromisoformat(str(saved)), date.max - ONE_DAY).isoformat()

    def windows(self, parent: Any, read: list[str] | None, full_refresh: bool) -> Iterator[Window]:
        """What to read of a parent whose entry in the state is `read`."""
        first, range_start = self._start, self.start
        if read is not None:
            behind = date.fromisoformat(read[1]) + ONE_DAY
            first = max(first, behind if full_refresh else max(first, behind) - self._lookback)
            range_start = read[0] if self._start <= behind else self.start
        while first <= self._last:
            until = min(first + self._window - ONE_DAY, self._last)
            yield Window(parent, first.isoformat(), until.isoformat(), range_start)
            first = until + ONE_DAY

    def reached(self, window: Window, written: Written, field: str) -> str | None:
        """How far a slice has been written; None: unknown yet."""
        return window.until if written.done else None


class CursorStream(Stream[Window]):
    """A stream with a cursor: a Moment advances with the rows' cursor_field, Days with the windows.

    A subclass sets `cursor` in its __init__ and defines fetch and parse, and parents if there are any. Among several
    base classes, list this one first.
    """

    cursor: Moment | Days

    def parents(self) -> Iterable[Any]:
        """The items with their own entry in the state, under their str(). Can make requests and yield an Unread."""
        return ("",)

    def resume(self, saved: State) -> State:
        try:
            read = {
                str(parent): [self.cursor.normalized(first), self.cursor.normalized(last)]
                for parent, (first, last) in saved.get("read", {}).items()
            }
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise unexpected_state(self.name, error) from None
        return {"read": {parent: entry for parent, entry in read.items() if entry[0] <= self.cursor.start}}

    def slices(self, state: State) -> Iterator[Window | Unread]:
        begun = set()
        for parent in self.parents():
            if isinstance(parent, Unread):
                yield parent
            elif str(parent) not in begun:  # a config can name it twice
                begun.add(str(parent))
                yield from self.cursor.windows(parent, state["read"].get(str(parent)), self.full_refresh)

    def checked(self, page: Page) -> Page:
        if isinstance(self.cursor, Moment):
            try:
                self.cursor.check(page.rows, str(self.cursor_field))
            except ValueError as error:
                text = f"The API sent a row of {self.name} with an invalid {self.cursor_field}."
                raise UnexpectedResponse(text, str(error)) from None
        return page

    def group(self, stream_slice: Window) -> object:
        return str(stream_slice.parent)  # a later window would hide an earlier one that failed

    def check_joint(self, state: State, stream_slice: Window, written: Written) -> None:
        """Raises UnexpectedResponse if a page does not continue the one before; its parent is then read again."""
        try:
            self.checked(Page(written.joint or ()))
        except UnexpectedResponse:
            state["read"].pop(str(stream_slice.parent), None)
            raise

    def checkpoint(self, state: State, stream_slice: Window, written: Written) -> None:
        self.check_joint(state, stream_slice, written)
        reached = self.cursor.reached(stream_slice, written, str(self.cursor_field))
        if reached is not None:
            _, before = state["read"].get(str(stream_slice.parent), ["", ""])
            state["read"][str(stream_slice.parent)] = [stream_slice.range_start, max(before, reached)]


def moment(value: str | float) -> datetime:
    """A moment from an API: 2024-03-01T06:00:00Z, .25Z, +01:00 (RFC 3339), or a number: seconds since 1970.

    Raises ValueError, also for a moment without an offset from UTC, which is ambiguous.
    """
    try:
        found: datetime = msgspec.convert(value, AWARE, strict=isinstance(value, str))
        return found.astimezone(timezone.utc)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(f"{value}: {error}") from None


def rfc3339(value: datetime, timespec: str = "seconds") -> str:
    """The moment in UTC, cut to the second (or another timespec of `isoformat`): 2024-03-01T06:00:00Z."""
    return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def unexpected_state(stream: str, error: Exception) -> ConfigError:
    """The error for a saved state that the stream cannot have written; error: what reading it raised."""
    text = f"state: the saved state of {stream} has an unexpected format; clear the stream's state to read it again."
    return ConfigError(text, repr(error))
