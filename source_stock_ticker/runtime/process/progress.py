"""Shows the progress of a read at a terminal: one line on stderr that is updated, with warnings and errors above it.

It appears only where a person sees it: stderr is a terminal, and stdout is a file or a pipe.
"""

import json
import os
import time

from ..errors import counted
from ..forecast import NOTHING
from ..http.rate_limit import RequestStats

INTERVAL = 0.2  # seconds between updates of the line
CLEAR = "\r\x1b[K"  # go to the start of the line and erase it
PROBLEMS = {"WARN": "warning", "ERROR": "error", "FATAL": "error"}  # names of LOG levels for people
PROBLEM_STARTS = (b'{"type":"LOG"', b'{"type":"TRACE"', b'{"type":"CONNECTION_STATUS"')  # lines that can be problems


class Terminal:
    """stderr, if a person watches it."""

    def __init__(self) -> None:
        self._line = ""  # the current progress line
        self._failed_first: dict[str, str] = {}  # by error: the first stream that it ended

    @property
    def is_watched(self) -> bool:
        return os.isatty(2) and not os.isatty(1)

    def show(self, line: str) -> None:
        """Replace the progress line."""
        if self.is_watched:
            width = os.get_terminal_size(2).columns  # 0: unknown; a longer line could not be erased
            self._line = line[: width - 1] if width else line
            os.write(2, f"{CLEAR}{self._line}".encode(errors="replace"))

    def say(self, text: str) -> None:
        """Print a line above the progress line."""
        if self.is_watched:
            # Text from the API must not move the cursor.
            printable = "".join(character if character.isprintable() else " " for character in text)
            os.write(2, f"{CLEAR}{printable}\n{self._line}".encode(errors="replace"))

    def end(self) -> None:
        """Keep the progress line, and start a new one below it."""
        if self._line:
            self._line = ""
            os.write(2, b"\n")

    def report(self, message: bytes) -> None:
        """Print the warning or error in a message for the platform. The message has passed the secret filter."""
        if message.startswith(PROBLEM_STARTS) and self.is_watched:
            match json.loads(message):
                case {"log": {"level": level, "message": text}} if level in PROBLEMS:
                    self.say(f"{PROBLEMS[level]}: {text}")
                case {"trace": {"error": {"message": text, "stream_descriptor": {"name": stream}}}}:
                    first = self._failed_first.setdefault(text, stream)
                    self.say(f"error: {stream}: {text if stream == first else f'the same as for {first}'}")
                case {"trace": {"error": {"message": text}}} | {"connectionStatus": {"message": text}}:
                    self.say(f"error: {text}")


TERMINAL = Terminal()


class Progress:
    """The progress line of one stream. made_before: the number of requests of earlier streams."""

    def __init__(self, stream: str, made_before: int) -> None:
        self.forecast = NOTHING  # until more is known
        self._stream, self._made_before, self._shown = stream, made_before, float("-inf")

    def show(self, rows: int, stats: RequestStats) -> None:
        """Show the number of rows written so far, and the progress of the requests."""
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
        """Show the final line."""
        requests = counted(stats.requests - self._made_before, "request")
        TERMINAL.show(f"{self._stream}: {counted(rows, 'row')}, {requests}")
        TERMINAL.end()
