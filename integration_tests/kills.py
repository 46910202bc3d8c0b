"""Reads a part of a process's output, and ends the process in one of several ways."""

import os
import subprocess
import time
from collections.abc import Callable

import pytest

LONGEST_END = 10  # seconds in which a process must end after its reader is gone or it was stopped


def ended(process: subprocess.Popen, *exit_codes: int) -> None:
    """Fails unless the process soon ends by itself, quietly, with one of these codes."""
    try:
        code = process.wait(timeout=LONGEST_END)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"it was still running {LONGEST_END} s later")
    assert code in exit_codes, f"it ended with {code}"
    assert process.stderr is not None
    assert process.stderr.read() == b""


def read_up_to(process: subprocess.Popen, size: int) -> bytes:
    """The first bytes of the output; fewer if it ends before."""
    assert process.stdout is not None
    parts: list[bytes] = []
    while size > 0 and (part := os.read(process.stdout.fileno(), min(size, 1 << 16))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# The ways to end a read: (process) -> what of its output still arrives.


def killed(process: subprocess.Popen) -> bytes:
    """SIGKILL; what was in the pipe arrives."""
    process.kill()
    rest = read_up_to(process, 1 << 30)
    ended(process, -9, 0)
    return rest


def told_to_stop(process: subprocess.Popen) -> bytes:
    """SIGTERM, as when Airbyte cancels a sync: the process dies from it, whatever it was doing."""
    process.terminate()
    rest = read_up_to(process, 1 << 30)
    ended(process, -15, 0)
    return rest


def without_reader(process: subprocess.Popen) -> bytes:
    """The pipe is closed, as when the destination has died."""
    assert process.stdout is not None
    process.stdout.close()
    ended(process, 141, 0)
    return b""


def with_a_stalled_reader(process: subprocess.Popen) -> bytes:
    """Nobody reads for a while, so the pipe fills up and the connector blocks; then the reader dies."""
    time.sleep(0.3)
    return without_reader(process)


WAYS: list[Callable[[subprocess.Popen], bytes]] = [killed, told_to_stop, without_reader, with_a_stalled_reader]
