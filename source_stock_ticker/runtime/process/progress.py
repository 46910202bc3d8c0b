"""Shows a person at a terminal how a read goes on: one line on stderr, written over and over; above it what goes wrong.

Only where a person sees it and no program reads it: stderr a terminal, stdout a file or a pipe.
"""

import json
import os
import time

from ..errors import counted
from ..forecast import NOTHING
from ..http.rate_limit import RequestStats

INTERVAL = 0.2  # seconds between updates of the line
CLEAR = "\r\x1b[K"  # to the start of the line, and what is there wiped out
PROBLEMS = {"WARN": "warning", "ERROR": "error", "FATAL": "error"}  # levels of a LOG, as a person calls them
MAY_TELL = (b'{"type":"LOG"', b'{"type":"TRACE"', b'{"type":"CONNECTION_STATUS"')  # how the lines of problems begin


class Terminal:
    """stderr, if a person watches it."""

    _line = ""  # the one that is written over

    @property
    def is_watched(self) -> bool:
        return os.isatty(2) and not os.isatty(1)

    def show(self, line: str) -> None:
        """Write this over the line that stands there."""
        if self.is_watched:
            width = os.get_terminal_size(2).columns  # 0: it does not know; a longer line could not be wiped out
            self._line = line[: width - 1] if width else line
            os.write(2, f"{CLEAR}{self._line}".encode(errors="replace"))

    def say(self, text: str) -> None:
        """Leave a line behind, above the one that is written over."""
        if self.is_watched:
            # What the API worded must not move the cursor.
            printable = "".join(character if character.isprintable() else " " for character in text)
            os.write(2, f"{CLEAR}{printable}\n{self._line}".encode(errors="replace"))

    def end(self) -> None:
        """Leave the line that is written over behind."""
        if self._line:
            self._line = ""
            os.write(2, b"\n")

    def tell_of(self, message: bytes) -> None:
        """Say what a message for the platform says went wrong. It has passed the secret filter."""
        if not (message.startswith(MAY_TELL) and self.is_watched):
            return
        match json.loads(message):
            case {"log": {"level": level, "message": text}} if level in PROBLEMS:
                self.say(f"{PROBLEMS[level]}: {text}")
            case {"trace": {"error": {"message": text, "stream_descriptor": {"name": stream}}}}:
                self.say(f"error: {stream}: {text}")
            case {"trace": {"error": {"message": text}}} | {"connectionStatus": {"message": text}}:
                self.say(f"error: {text}")


TERMINAL = Terminal()


class Progress:
    """The line of one stream. made_before: requests that the streams before it have made."""

    def __init__(self, stream: str, made_before: int) -> None:
        self.forecast = NOTHING  # until more is known
        self._stream, self._made_before = stream, made_before
        self._shown = float("-inf")

    def show(self, rows: int, stats: RequestStats) -> None:
        """Rows written so far, and how the requests go."""
        if time.monotonic() - self._shown >= INTERVAL:
            self._shown = time.monotonic()
            made, total = stats.requests - self._made_before, self.forecast.requests
            of = "" if made >= total else f"{made:,} of " if self.forecast.exact else f"{made:,} of at least "
            text = f"{self._stream}: {counted(rows, 'row')}, {of}{counted(max(made, total), 'request')}"
            if left := self.forecast.time_left(made, stats.interval):
                text += f", {left} left"
            if stats.seconds_to_wait:
                text += f", waiting {stats.seconds_to_wait:.0f} s for the rate limit"
            TERMINAL.show(text)

    def end(self, rows: int, stats: RequestStats) -> None:
        """Leave a last line behind."""
        requests = counted(stats.requests - self._made_before, "request")
        TERMINAL.show(f"{self._stream}: {counted(rows, 'row')}, {requests}")
        TERMINAL.end()
