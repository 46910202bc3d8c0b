"""Writes messages to stdout: whole lines, one buffer, no secrets. Nothing else in the connector prints.

It also ends the process in good order: a signal that comes in the middle of a write waits for the
line to be whole, and a reader that has gone away ends the process too.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import TYPE_CHECKING

from .mask import Mask
from .messages import RECORD_START

if TYPE_CHECKING:
    from types import FrameType

BUFFER = 64 * 1024  # bytes
LAST_WRITE = 2.0  # seconds that a stopped process still waits for a reader that does not read


class Stopped(BaseException):
    """SIGTERM or SIGINT came. Not an Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum
        self.exit_code = 128 + signum


class CannotWrite(BaseException):
    """Nobody reads stdout any more, or it is full. No Exception either: no stream has failed by it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"stdout cannot be written: {error.strerror}")
        # As a shell reports a process that SIGPIPE ended: nobody is there to be told anything.
        self.exit_code = 128 + signal.SIGPIPE if isinstance(error, BrokenPipeError) else 1


def end_by(signum: int) -> None:
    """End the process by the signal, as if it were not caught: PyAirbyte stops a command so, and takes 143 for a crash.

    Returns where it is the first process of a container, which no such signal ends.
    """
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _give_up(signum: int) -> None:
    end_by(signum)
    os._exit(128 + signum)


class Output:
    """The one writer. Threads may share it: their lines do not mix."""

    def __init__(self, descriptor: int = 1) -> None:
        self.mask = Mask()
        self._descriptor = descriptor
        self._waiting: list[bytes] = []
        self._size = 0
        self._lock = threading.RLock()
        self._in_write = False
        self._broken: OSError | None = None
        self._stopped_by = 0

    def write(self, message: bytes) -> None:
        """Write the message's lines. Records may wait in the buffer; any other message, b"" too, pushes all out."""
        is_data = message.startswith(RECORD_START)
        with self._lock:
            if self._size + len(message) > BUFFER:
                self.flush()  # so that a large message is written from where it is, without a copy
            self._waiting.append(self.mask.lines(message, is_data))
            self._size += len(message)
            if self._size >= BUFFER or not is_data:
                self.flush()

    def flush(self) -> None:
        """Write what waits. Raises CannotWrite, or Stopped when a signal came meanwhile."""
        with self._lock:
            self._in_write = threading.current_thread() is threading.main_thread()
            try:
                rest = memoryview(b"".join(self._waiting))
                self._waiting, self._size = [], 0
                while rest:
                    try:
                        rest = rest[os.write(self._descriptor, rest) :]
                    except BlockingIOError:  # some parents hand over a pipe that does not block
                        select.select([], [self._descriptor], [])
            except OSError as error:
                self._broken = error
            finally:
                self._in_write = False
        if threading.current_thread() is not threading.main_thread():
            return  # a worker's log line is no place to end the process
        if self._broken is not None:
            raise CannotWrite(self._broken)
        if self._stopped_by:
            signum, self._stopped_by = self._stopped_by, 0
            raise Stopped(signum)

    def stop_on_signals(self) -> None:
        """From now on SIGTERM and SIGINT raise Stopped in the main thread, though never inside a line."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def write_last(self, message: bytes) -> None:
        """Write what there is to say after Stopped, which is not raised again."""
        self._stopped_by = 0
        self.write(message)

    def leave_signals_alone(self) -> None:
        """The work is done: from now on SIGTERM and SIGINT end the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        for again in (signal.SIGTERM, signal.SIGINT):
            signal.signal(again, signal.SIG_IGN)  # we are ending already
        # A reader that has stalled would keep us in a write for ever.
        signal.signal(signal.SIGALRM, lambda *_: _give_up(signum))
        signal.setitimer(signal.ITIMER_REAL, LAST_WRITE)
        self._stopped_by = signum  # also if it is raised here: what Python calls from its own depths loses exceptions
        if not self._in_write:
            raise Stopped(signum)
