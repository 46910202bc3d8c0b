"""Writes messages to stdout: whole lines, one buffer, no secrets. Nothing else in the connector writes to stdout.

A signal in the middle of a line takes effect when the line is complete, or after two seconds (signals.py).
"""

import os
import select
import threading
from collections.abc import Iterable
from contextlib import nullcontext

from ..protocol import messages
from .progress import TERMINAL
from .secret_filter import SecretFilter
from .signals import MAX_LAST_WORDS, StopSignals

BUFFER = 64 * 1024  # bytes
SIGPIPE = 13  # ends a process whose output nobody reads; Windows has no name for it


class CannotWrite(BaseException):
    """stdout is closed or full. Not an Exception: no stream has failed."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout cannot be written: {error.strerror}")
        # A shell reports a process that SIGPIPE ended in the same way; nobody is left to read a message.
        self.exit_code = 128 + SIGPIPE if isinstance(error, BrokenPipeError) else 1


class Output:
    """The only writer. Threads can share it: their lines do not mix."""

    def __init__(self, descriptor: int = 1) -> None:
        self.signals = StopSignals(self._last_words)
        self._secrets: set[object] = set()
        self._secret_filter = SecretFilter()
        self._descriptor = descriptor
        self._waiting: list[bytes] = []
        self._size = 0  # bytes that wait
        self._lock = threading.RLock()
        self._broken: OSError | None = None

    def hide(self, secrets: Iterable[object]) -> None:
        """From now on write **** instead of these secrets too."""
        with self._lock:
            self._secrets.update(secrets)
            self._secret_filter = SecretFilter(self._secrets)

    def write_secret(self, message: bytes) -> None:
        """Write a message to the platform that must contain secrets: at once, unfiltered."""
        with self._lock:
            self._waiting.append(message)
            self.flush()

    def write(self, message: bytes) -> None:
        """Write the message's lines. Records can wait in the buffer; any other message, even b"", flushes it."""
        is_data = message.startswith(messages.RECORD_START)
        with self._lock:
            if self._size + len(message) > BUFFER:
                self.flush()  # so a large message is written without a copy
            masked = self._secret_filter.lines(message, is_data)
            self._waiting.append(masked)
            TERMINAL.report(masked)
            self._size += len(message)
            if self._size >= BUFFER or not is_data:
                self.flush()

    def flush(self) -> None:
        """Write the buffer. Raises CannotWrite only in the main thread: a worker must not end the process."""
        is_main = threading.current_thread() is threading.main_thread()
        with self._lock, self.signals.held_back() if is_main else nullcontext():
            self._write_out()
        if is_main and self._broken is not None:
            raise CannotWrite(self._broken)

    def _write_out(self) -> None:
        rest = memoryview(b"".join(self._waiting))
        self._waiting, self._size = [], 0
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:  # some parents pass a non-blocking pipe
                    select.select([], [self._descriptor], [])
        except OSError as error:
            self._broken = error

    def _last_words(self, signal_name: str) -> None:
        if self._lock.acquire(timeout=MAX_LAST_WORDS):
            text = f"Stopped by {signal_name}; the next read resumes from the last STATE, if there is one."
            self._waiting.append(self._secret_filter.lines(messages.log("WARN", text)))
            self._write_out()
            TERMINAL.end()
            TERMINAL.say(text)
