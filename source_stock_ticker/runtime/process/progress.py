"""Shows a person at a terminal how a read goes on: one line on stderr, written over and over.

Only where a person sees it and no program reads it: stderr a terminal, stdout a file or a pipe.
"""

import os
import time

from ..http.rate_limit import RequestStats

INTERVAL = 0.2  # seconds between updates of the line
CLEAR = "\r\x1b[K"  # to the start of the line, and what is there wiped out


def tell(text: str) -> None:
    """Write to the terminal of the person who watches, if there is one."""
    if os.isatty(2) and not os.isatty(1):
        os.write(2, text.encode())


class Progress:
    """The line of one stream."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._shown = float("-inf")

    def show(self, rows: int, stats: RequestStats) -> None:
        """Rows written so far, and how the requests go."""
        if time.monotonic() - self._shown >= INTERVAL:
            self._shown = time.monotonic()
            text = self._counts(rows, stats)
            if stats.seconds_to_wait:
                text += f", waiting {stats.seconds_to_wait:.0f} s for the rate limit"
            if stats.seconds_left:
                minutes, seconds = divmod(round(stats.seconds_left), 60)
                text += f", about {f'{minutes} min' if minutes > 1 else f'{minutes * 60 + seconds} s'} left"
            tell(CLEAR + text)

    def end(self, rows: int, stats: RequestStats) -> None:
        """Leave a last line behind."""
        tell(f"{CLEAR}{self._counts(rows, stats)}\n")

    def _counts(self, rows: int, stats: RequestStats) -> str:
        return f"{self._stream}: {_counted(rows, 'row')}, {_counted(stats.requests, 'request')}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
