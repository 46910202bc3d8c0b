"""Shows a person at a terminal how a read goes on: one line on stderr, written over and over.

Only where a person sees it and no program reads it: stderr a terminal, stdout a file or a pipe.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract import Pace

OFTEN = 0.2  # seconds between two looks of the line
CLEAR = "\r\x1b[K"  # to the start of the line, and what is there wiped out


def _is_watched() -> bool:
    return os.isatty(2) and not os.isatty(1)


def tell(text: str) -> None:
    """Put a sentence under the line."""
    if _is_watched():
        os.write(2, f"\n{text}\n".encode())


class Progress:
    """The line of one stream. Does nothing where there is nobody to see it."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._shown = float("-inf")
        self._visible = _is_watched()

    def show(self, rows: int, pace: Pace) -> None:
        """Rows written so far, and how the requests go."""
        if self._visible and time.monotonic() - self._shown >= OFTEN:
            self._shown = time.monotonic()
            text = self._counts(rows, pace)
            if pace.seconds_to_wait:
                text += f", waiting {pace.seconds_to_wait:.0f} s for the rate limit"
            if pace.seconds_left:
                minutes, seconds = divmod(round(pace.seconds_left), 60)
                text += f", about {f'{minutes} min' if minutes > 1 else f'{minutes * 60 + seconds} s'} left"
            os.write(2, (CLEAR + text).encode())

    def end(self, rows: int, pace: Pace) -> None:
        """Leave a last line behind."""
        if self._visible:
            os.write(2, f"{CLEAR}{self._counts(rows, pace)}\n".encode())

    def _counts(self, rows: int, pace: Pace) -> str:
        return f"{self._stream}: {rows:,} rows, {pace.requests:,} request{'' if pace.requests == 1 else 's'}"
