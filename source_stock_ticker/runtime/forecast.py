"""What a read will cost: told before it (read --plan), and while it runs."""

from typing import NamedTuple

from .errors import counted


class Forecast(NamedTuple):
    """requests: how many a read makes in all. exact: False if there may be more, because nobody knows all the pages.
    rows: about how many; None: nobody knows. hint: a sentence about what would cost less.
    """

    requests: int = 1
    exact: bool = False
    rows: int | None = None
    hint: str = ""

    def told(self, interval: float) -> str:
        """As a sentence; interval: seconds between two requests, 0: as fast as they go."""
        text = ("" if self.exact else "at least ") + counted(self.requests, "request")
        text += "" if self.rows is None else f", about {counted(self.rows, 'row')}"
        text += f", {left}" if (left := self.time_left(0, interval)) else ""
        return f"{text}. {self.hint}".rstrip()

    def time_left(self, made: int, interval: float) -> str:
        """How long it takes when so many requests are made: about 5 min; "" if that is no time, or nobody knows."""
        seconds = round(max(0, self.requests - made) * interval)
        shown = f"{seconds} s" if seconds < 100 else f"{seconds / 60:,.0f} min"
        return f"{'about' if self.exact else 'at least'} {shown}" if seconds else ""

    def plus(self, other: "Forecast") -> "Forecast":
        """What both cost."""
        rows = None if self.rows is None or other.rows is None else self.rows + other.rows
        return Forecast(self.requests + other.requests, self.exact and other.exact, rows)


NOTHING = Forecast(0, exact=True, rows=0)
