"""Where a stream reads on: by moments or by days, with a place of its own for each parent.

Theory of operation. The state says of each parent from where to where all has been written:

    {"read": {"elm-bridge": ["2024-03-01T00:00:00Z", "2024-03-04T06:00:00Z"]}}      a stream without parents has one, ""

The next read begins `lookback` before the second. These rules keep the entry true:

- The second never moves back, and never into the future: a clock that is ahead would hide what comes until then.
- With rows oldest first it moves with each page: what is written when a read breaks off is all up to its last row. With
  rows newest first it moves at the end of the slice, to the newest of all.
- A start date before the first: what lies between has not been read, so all is read again. A start date behind the
  second leaves a gap, so the first moves there.
- In a full refresh that goes on, all of an entry has been written and comes no more (see protocol/attempts.py).
- Moments have one spelling, down to the second, so that the order of the strings is that in time. Those of the API may
  have any; what lies in the last second is read again.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any, NamedTuple

import msgspec

from .errors import ConfigError, UnexpectedResponse
from .stream import Page, State, Stream, Unread, Written

ONE_DAY = timedelta(days=1)
AWARE = Annotated[datetime, msgspec.Meta(tz=True)]


class Window(NamedTuple):
    """What to read of a parent: nothing older than `since` and, unless it is "", nothing newer than `until`.

    gapless_from: once it is read, everything from there on is.
    """

    parent: Any
    since: str
    until: str
    gapless_from: str

    def __str__(self) -> str:
        if not self.until:
            return str(self.parent) or f"all since {self.since}"
        return f"{self.parent} {self.since} to {self.until}".strip()


class Moment:
    """A cursor of date and time, for an API that gives what is new or has changed since a moment.

    newest_first: the order in which the API gives the rows; another one is refused. now: of this sync. A window's since
    is written as 2024-03-01T06:00:00Z; `moment` reads it for an API that wants it otherwise.
    """

    def __init__(
        self,
        start: datetime,
        lookback: timedelta = timedelta(),
        newest_first: bool = False,
        now: datetime | None = None,
    ) -> None:
        self.start, self._lookback, self._newest_first = rfc3339(start), lookback, newest_first
        self._now = now or datetime.now(timezone.utc)
        self._page_before: tuple[Window, datetime] | None = None

    def place(self, saved: Any) -> str:
        """A moment of a saved state, a day being its midnight. Raises ValueError."""
        return rfc3339(moment(f"{saved}T00:00:00Z" if len(str(saved)) == len("2024-03-01") else str(saved)))

    def windows(self, parent: Any, read: list[str] | None, full_refresh: bool) -> Iterator[Window]:
        """What is to be read of a parent whose entry in the state is `read`."""
        if read is None:
            yield Window(parent, self.start, "", self.start)
        elif not full_refresh:
            since = max(self.start, rfc3339(moment(max(self.start, read[1])) - self._lookback))
            yield Window(parent, since, "", read[0] if self.start <= read[1] else self.start)

    def reached(self, window: Window, written: Written, field: str) -> str | None:
        """How far a slice has been written; None: that cannot be said yet. Raises UnexpectedResponse."""
        if written.first is None or written.last is None:
            return None
        if written.first_of_page is not None:
            before, last = self._page_before, moment(written.last[field])
            if before is not None and before[0] is window:
                self.check([before[1], moment(written.first_of_page[field])], field)
            self._page_before = window, last
        newest = written.first if self._newest_first else written.last
        return None if self._newest_first and not written.done else rfc3339(min(moment(newest[field]), self._now))

    def check(self, moments: Sequence[datetime], field: str) -> None:
        """Raises UnexpectedResponse if they are not in the promised order: a read that breaks off would lose rows."""
        if list(moments) != sorted(moments, reverse=self._newest_first):
            order = "newest" if self._newest_first else "oldest"
            raise UnexpectedResponse(f"The API sent rows that do not come {order} first, by {field}.")


class Days:
    """A cursor of whole days, for an API that gives a period's rows: windows of at most `window` days, oldest first.

    start, last: the days to read, both included; last must be over, by default it is yesterday (UTC). lookback: days
    whose rows may still be corrected, so that they are read again. A window's since and until are days, both included,
    written as YYYY-MM-DD.
    """

    def __init__(self, start: date, window: int, lookback: int = 0, last: date | None = None) -> None:
        if window < 1:
            raise ValueError(f"a window of {window} days")
        self.start = start.isoformat()
        self._start, self._window, self._lookback = start, timedelta(window), timedelta(lookback)
        self._last = last or datetime.now(timezone.utc).date() - ONE_DAY

    def place(self, saved: Any) -> str:
        """A day of a saved state. Raises ValueError."""
        return min(date.fromisoformat(str(saved)), date.max - ONE_DAY).isoformat()

    def windows(self, parent: Any, read: list[str] | None, full_refresh: bool) -> Iterator[Window]:
        """What is to be read of a parent whose entry in the state is `read`."""
        first, gapless_from = self._start, self.start
        if read is not None:
            behind = date.fromisoformat(read[1]) + ONE_DAY
            first = max(first, behind if full_refresh else max(first, behind) - self._lookback)
            gapless_from = read[0] if self._start <= behind else self.start
        while first <= self._last:
            until = min(first + self._window - ONE_DAY, self._last)
            yield Window(parent, first.isoformat(), until.isoformat(), gapless_from)
            first = until + ONE_DAY

    def reached(self, window: Window, written: Written, field: str) -> str | None:
        """How far a slice has been written; None: that cannot be said yet."""
        return window.until if written.done else None


class CursorStream(Stream[Window]):
    """A stream that reads on by a cursor: a Moment moves by the rows' cursor_field, Days by the windows.

    A subclass sets `cursor` in its __init__ and writes fetch and parse; parents if there are any. Among several bases
    this one comes first.
    """

    cursor: Moment | Days

    def parents(self) -> Iterable[Any]:
        """What has an entry of its own in the state, under its str(). May make requests, and may yield an Unread."""
        return ("",)

    def resume(self, saved: State) -> State:
        try:
            read = {
                str(parent): [self.cursor.place(first), self.cursor.place(last)]
                for parent, (first, last) in saved.get("read", {}).items()
            }
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            text = f"state: that of {self.name} is not as this source writes it; clear the stream's state."
            raise ConfigError(text, repr(error)) from None
        return {"read": {parent: entry for parent, entry in read.items() if entry[0] <= self.cursor.start}}

    def slices(self, state: State) -> Iterator[Window | Unread]:
        begun = set()
        for parent in self.parents():
            if isinstance(parent, Unread):
                yield parent
            elif str(parent) not in begun:  # else a config names it twice
                begun.add(str(parent))
                yield from self.cursor.windows(parent, state["read"].get(str(parent)), self.full_refresh)

    def checked(self, page: Page) -> Page:
        if isinstance(self.cursor, Moment):
            field = str(self.cursor_field)
            try:
                moments = [moment(row[field]) for row in page.rows]
            except ValueError as error:
                raise UnexpectedResponse(f"The API sent {self.name} whose {field} is no moment.", str(error)) from None
            self.cursor.check(moments, field)
        return page

    def group(self, stream_slice: Window) -> object:
        return str(stream_slice.parent)  # an earlier window that fails would be hidden by a later one

    def checkpoint(self, state: State, stream_slice: Window, written: Written) -> None:
        reached = self.cursor.reached(stream_slice, written, str(self.cursor_field))
        if reached is not None:
            _, before = state["read"].get(str(stream_slice.parent), ["", ""])
            state["read"][str(stream_slice.parent)] = [stream_slice.gapless_from, max(before, reached)]


def moment(value: str | float) -> datetime:
    """The moment that an API says: 2024-03-01T06:00:00Z, .25Z, +01:00 (RFC 3339), or a number: seconds since 1970.

    Raises ValueError, for one without its offset from UTC too: nobody knows when that is.
    """
    try:
        found: datetime = msgspec.convert(value, AWARE, strict=isinstance(value, str))
        return found.astimezone(timezone.utc)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(f"{value}: {error}") from None


def rfc3339(value: datetime) -> str:
    """In UTC, down to the second: 2024-03-01T06:00:00Z."""
    return value.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
