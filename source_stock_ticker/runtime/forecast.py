"""Describes what a read will cost: before it (read --plan), and while it runs."""

from typing import NamedTuple

from .errors import counted


class Forecast(NamedTuple):
    """requests: the total of a read. exact: False if there can be more, because the number of pages is unknown.
    rows: the approximate number; None: unknown. hint: a sentence about what would cost less.
    """

    requests: int = 1
    exact: bool = False
    rows: int | None = None
    hint: str = ""

    def sentence(self, interval: float) -> str:
        """The forecast in words; interval: seconds between two requests, 0: no limit."""
        text = ("" if self.exact else "at least ") + counted(self.requests, "request")
        text += "" if self.rows is None else f", about {counted(self.rows, 'row')}"
        text += f", {left}" if (left := self.time_left(0, interval)) else ""
        return f"{text}. {self.hint}".rstrip()

    def time_left(self, made: int, interval: float) -> str:
        """The time left after `made` requests: about 5 min; "" if there is none, or it is unknown."""
        seconds = round(max(0, self.requests - made) * interval)
        shown = f"{seconds} s" if seconds < 100 else f"{seconds / 60:,.0f} min"
        return f"{'about' if self.exact else 'at least'} {shown}" if seconds else ""

    def plus(self, other: "Forecast") -> "Forecast":
        """The cost of both."""
        rows = None if self.rows is None or other.rows is None else self.rows + other.rows
        return Forecast(self.requests + other.requests, self.exact and other.exact, rows)


NOTHING = Forecast(0, exact=True, rows=0)
