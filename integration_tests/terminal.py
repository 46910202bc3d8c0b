"""Opens a terminal as you have it: a bash on a pseudo-terminal, with a folder and an environment of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

KEYS = {"^C": b"\x03", "^\\": b"\x1c"}  # as a terminal shows them
PROMPT = re.compile(r"\x1e(\d+)\x1e(.*?)\x1e")  # the exit code of the last command, the folder
LINES, COLUMNS = 24, 80
# bash makes the pseudo-terminal its own, or Ctrl-C would reach nobody. A shell that inherits ignored signals keeps them
# ignored, and the tests inherit them from a script that was started with &.
BASH = """
import fcntl, os, signal, termios
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
"""


class Terminal:
    """A terminal. It returns what you see: no colours, and only the last version of a line that was overwritten."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        modes = termios.tcgetattr(theirs)
        modes[3] &= ~termios.ECHO  # what is typed is known
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._bash = subprocess.Popen(
            [sys.executable, "-c", BASH],
            cwd=folder,
            env={**environment, "PS1": "\x1e$?\x1e$PWD\x1e", "HISTFILE": "/dev/null"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._text, self._news = "", threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()  # or a server would stop when the terminal is full
        self.folder, self._is_busy = folder, True
        self._until_prompt(timeout=30)

    def run(self, command: str, timeout: float) -> tuple[int, str]:
        """Type a command and wait for its end. -> its exit code, what it wrote"""
        self.start(command)
        return self._until_prompt(timeout)

    def start(self, command: str) -> None:
        """Type a command. Fails if another one is still running in this terminal."""
        assert not self._is_busy, f"a command is still running in this terminal, so this cannot be typed: {command}"
        self._is_busy = True
        os.write(self._ours, f"{command}\n".encode())

    def press(self, key: str, timeout: float) -> tuple[int, str]:
        """Stop the command that runs. -> its exit code, what it wrote since"""
        with self._news:
            runs = self._is_busy and not PROMPT.search(self._text)
        assert runs, f"nothing runs in the terminal in which this is pressed: {key}"
        os.write(self._ours, KEYS[key])
        return self._until_prompt(timeout)

    def wait_until(self, assertion: Callable[[str], Any], timeout: float) -> None:
        """Wait until what the command that runs has written since passes. Fails if the command ends first."""
        end = time.monotonic() + timeout
        with self._news:
            while True:
                if ended := PROMPT.search(self._text):
                    pytest.fail(f"it did not go on: {on_screen(self._text[: ended.start()])}")
                try:
                    assertion(on_screen(self._text.lstrip("\r\n")))  # of the line that was waited for last
                    self._text = ""
                    return
                except (AssertionError, pytest.fail.Exception):
                    if time.monotonic() > end:
                        raise
                self._news.wait(0.2)

    def close(self) -> None:
        """End what runs in it."""
        with suppress(OSError):
            os.killpg(os.tcgetpgrp(self._ours), signal.SIGKILL)
        self._bash.kill()
        self._bash.wait()

    def _until_prompt(self, timeout: float) -> tuple[int, str]:
        with self._news:
            if not self._news.wait_for(lambda: PROMPT.search(self._text), timeout):
                pytest.fail(f"it did not end within {timeout} s: {on_screen(self._text)[-4000:]}")
            before, code, folder, self._text = PROMPT.split(self._text, maxsplit=1)
        self.folder, self._is_busy = Path(folder), False
        return int(code), on_screen(before)

    def _read(self) -> None:
        decoder = getincrementaldecoder("utf-8")("replace")
        with suppress(OSError):  # so Linux says that it is the end
            while part := os.read(self._ours, 65_536):
                with self._news:
                    self._text += decoder.decode(part)
                    self._news.notify_all()
        os.close(self._ours)


def on_screen(text: str) -> str:
    """What the screen shows of a program's output."""
    lines = [re.split(r"\r\x1b\[K", line.rstrip("\r"))[-1] for line in text.split("\n")]
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))
