"""Writes messages to stdout: whole lines, one buffer, no secrets. Nothing else in the connector prints.

A signal that comes while a line is being written takes effect once it is whole, or after two seconds (signals.py).
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
SIGPIPE = 13  # by which a process ends that nobody reads; Windows has no name for it


class CannotWrite(BaseException):
    """Nobody reads stdout any more, or it is full. Not an Exception: no stream has failed."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout cannot be written: {error.strerror}")
        # As a shell reports a process that SIGPIPE ended: nobody is there to be told anything.
        self.exit_code = 128 + SIGPIPE if isinstance(error, BrokenPipeError) else 1


class Output:
    """The one writer. Threads may share it: their lines do not mix."""

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
        """From now on write **** in the place of these secrets too."""
        with self._lock:
            self._secrets.update(secrets)
            self._secret_filter = SecretFilter(self._secrets)

    def write_secret(self, message: bytes) -> None:
        """Write a message for the platform alone, which must hold secrets: at once, as it is."""
        with self._lock:
            self._waiting.append(message)
            self.flush()

    def write(self, message: bytes) -> None:
        """Write the message's lines. Records may wait in the buffer; any other message, b"" too, pushes all out."""
        is_data = message.startswith(messages.RECORD_START)
        with self._lock:
            if self._size + len(message) > BUFFER:
                self.flush()  # so that a large message is written from where it is, without a copy
            masked = self._secret_filter.lines(message, is_data)
            self._waiting.append(masked)
            TERMINAL.tell_of(masked)
            self._size += len(message)
            if self._size >= BUFFER or not is_data:
                self.flush()

    def flush(self) -> None:
        """Write what waits. Raises CannotWrite, in the main thread: a worker is no place to end the process."""
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
                except BlockingIOError:  # some parents hand over a pipe that does not block
                    select.select([], [self._descriptor], [])
        except OSError as error:
            self._broken = error

    def _last_words(self, signal_name: str) -> None:
        if self._lock.acquire(timeout=MAX_LAST_WORDS):
            text = f"Stopped by {signal_name}; a read goes on from its last STATE, if it has written one."
            self._waiting.append(self._secret_filter.lines(messages.log("WARN", text)))
            self._write_out()
            TERMINAL.end()
            TERMINAL.say(text)
