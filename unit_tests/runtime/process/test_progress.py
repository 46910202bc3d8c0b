"""Tests what a person at a terminal sees of a read: a line, and problems; others see nothing."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from source_stock_ticker.runtime.protocol.messages import BUG

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import time
from source_stock_ticker.runtime.http.rate_limit import RequestStats
from source_stock_ticker.runtime.errors import TransientError
from source_stock_ticker.runtime.forecast import Forecast
from source_stock_ticker.runtime.process.logs import start_logging
from source_stock_ticker.runtime.process.output import Output
from source_stock_ticker.runtime.process.progress import INTERVAL, Progress
from source_stock_ticker.runtime.protocol import messages
output = Output()
logger = start_logging(output, debug=True)
progress = Progress("numbers", made_before=0)
"""
END = "progress.end(3, RequestStats(2))"


def shown(script, stdout=subprocess.DEVNULL, width=0):
    """Everything a script writes to its terminal with this many columns (0: unknown)."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, width, 0, 0))
    stdout = terminal if stdout == "terminal" else stdout
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT + script], stderr=terminal, stdout=stdout, env=environment)
    os.close(terminal)
    text = b""
    with suppress(OSError):  # so Linux says that it is the end
        while part := os.read(ours, 10_000):
            text += part
    os.close(ours)
    assert process.wait(10) == 0
    return text.decode()


def looks(text):
    """The states of the line, one after another."""
    return [look for look in re.split(r"(?:\r|\n|\x1b\[K)+", text) if look.strip()]


@pytest.mark.parametrize(
    ("rows", "stats", "line"),
    [
        (0, "", "numbers: 0 rows, 0 requests"),
        (12345, "requests=1", "numbers: 12,345 rows, 1 request"),
        (1, "requests=1234", "numbers: 1 row, 1,234 requests"),
        (3, "requests=2, seconds_to_wait=11.6", "numbers: 3 rows, 2 requests, waiting 12 s for the rate limit"),
    ],
)
def test_the_line_shows_rows_requests_and_the_time_left(rows, stats, line):
    first = looks(shown(f"progress.show({rows}, RequestStats({stats}))"))[0]
    assert first.split(" [")[0].rstrip() == line


@pytest.mark.parametrize(
    ("forecast", "stats", "line"),
    [
        ("9, True", "2, interval=1", "numbers: 3 rows, 2 of 9 requests, about 7 s left"),
        ("1234, True", "2, interval=12", "numbers: 3 rows, 2 of 1,234 requests, about 246 min left"),
        ("9, False", "2, interval=12", "numbers: 3 rows, 2 of at least 9 requests, at least 84 s left"),
        ("9, True", "2", "numbers: 3 rows, 2 of 9 requests"),
        ("9, True", "2, 11.6, 1", "numbers: 3 rows, 2 of 9 requests, about 7 s left, waiting 12 s for the rate limit"),
        ("2, True", "2, interval=1", "numbers: 3 rows, 2 requests"),
        ("2, False", "3, interval=1", "numbers: 3 rows, 3 requests"),
    ],
)
def test_where_they_are_known_the_line_shows_the_total_and_the_time_left(forecast, stats, line):
    text = shown(f"progress.forecast = Forecast({forecast}); progress.show(3, RequestStats({stats}))\n" + END)
    assert looks(text) == [line, "numbers: 3 rows, 2 requests"]


def test_the_requests_are_those_of_the_stream():
    text = shown("progress = Progress('numbers', 7); progress.show(3, RequestStats(9))\n" + END.replace("2", "10"))
    assert looks(text) == ["numbers: 3 rows, 2 requests", "numbers: 3 rows, 3 requests"]


def test_at_the_end_a_last_line_stays_without_outdated_parts():
    text = shown("progress.end(3, RequestStats(2, seconds_to_wait=12, interval=60))")
    assert looks(text)[-1].split(" [")[0].rstrip() == "numbers: 3 rows, 2 requests"
    assert text.endswith("\n")


def test_the_line_is_written_over_and_over_and_no_new_one_begun():
    text = shown("for rows in 2, 3, 4: progress.show(rows, RequestStats(2)); time.sleep(1.1 * INTERVAL)\n" + END)
    assert [look[:15] for look in looks(text)] == [f"numbers: {rows} rows" for rows in (2, 3, 4, 3)]
    assert text.count("\n") == 1


def test_a_terminal_is_not_written_to_for_every_page():
    assert len(looks(shown("for rows in range(1000): progress.show(rows, RequestStats(2))\n" + END))) < 10


def test_a_read_that_waits_for_its_first_rows_shows_why():
    text = shown("""
import logging, threading
from source_stock_ticker.runtime.protocol.catalog import ConfiguredStream
from source_stock_ticker.runtime.reader import read
from source_stock_ticker.runtime.stream import Page, Stream
looked = threading.Event()
class Numbers(Stream):
    name = "numbers"
    def fetch(self, stream_slice, page_token):
        return looked.wait(5)
    def parse(self, stream_slice, response):
        return Page([{"id": 1}])
    asked = 0
    def request_stats(self):
        self.asked += 1
        if self.asked == 1:
            return RequestStats(7)
        if self.asked > 2:  # at the begin of the slices too
            looked.set()
        return RequestStats(8, seconds_to_wait=12)
list(read([Numbers()], [ConfiguredStream("numbers", None, False)], {}, 1, logging.getLogger()))
""")
    assert looks(text)[0].rstrip() == "numbers: 0 rows, 1 request, waiting 12 s for the rate limit"
    assert looks(text)[-1].rstrip() == "numbers: 1 row, 1 request"


def test_a_line_is_not_longer_than_the_terminal_is_wide():
    """A terminal would continue on its next line, which is not erased."""
    text = shown("progress.show(3, RequestStats(2, seconds_to_wait=12)); progress.end(3, RequestStats(2))", width=30)
    assert looks(text)[0] == "numbers: 3 rows, 2 requests, "


PROBLEMS = {
    'logger.warning("It is late.")': "warning: It is late.",
    'logger.error("It is gone.")': "error: It is gone.",
    'logger.critical("It is over.")': "error: It is over.",
    'output.write(messages.error(TransientError("It is down.", "detail")))': "error: It is down.",
    'output.write(messages.error(TransientError("It is down."), "numbers"))': "error: numbers: It is down.",
    'output.write(messages.error(KeyError("oops")))': f"error: {BUG}",
    'output.write(messages.connection_status("key: it is wrong."))': "error: key: it is wrong.",
}


@pytest.mark.parametrize("told", PROBLEMS)
def test_what_goes_wrong_is_said_to_who_does_not_see_the_messages(told):
    assert shown(told).replace("\r", "") == f"\x1b[K{PROBLEMS[told]}\n"


@pytest.mark.parametrize(
    "told",
    [
        'logger.info("It goes well.")',
        'logger.debug("It goes on.")',
        "output.write(messages.connection_status(None))",
        'output.write(messages.stream_status("numbers", "INCOMPLETE"))',
        'output.write(messages.state("numbers", {"level": "WARN", "message": "It is late."}, 0))',
    ],
)
def test_what_goes_well_is_not_said(told):
    assert shown(told) == ""


def test_an_error_of_several_streams_is_said_once_and_the_others_name_the_first():
    errors = [("It is down.", "numbers"), ("It is down.", "letters"), ("It is late.", "words"), ("It is down.", "x")]
    write = "output.write(messages.error(TransientError({!r}), {!r}))\n"
    text = shown("".join(write.format(*error) for error in errors))
    assert looks(text) == [
        "error: numbers: It is down.",
        "error: letters: the same as for numbers",
        "error: words: It is late.",
        "error: x: the same as for numbers",
    ]


def test_problems_appear_above_the_line_which_is_shown_again():
    text = shown('progress.show(3, RequestStats(2)); logger.warning("It is late.")\n' + END)
    line = "numbers: 3 rows, 2 requests"
    assert text.replace("\r", "") == f"\x1b[K{line}\x1b[Kwarning: It is late.\n{line}\x1b[K{line}\n"


def test_only_problems_follow_the_last_line():
    text = shown("progress.show(3, RequestStats(2))\n" + END + '; logger.warning("It is late.")')
    assert text.replace("\r", "").endswith("numbers: 3 rows, 2 requests\n\x1b[Kwarning: It is late.\n")


def test_a_secret_is_not_said_either():
    text = shown('output.hide(["k3y-of-12345678"]); logger.warning("The key k3y-of-12345678 is refused.")')
    assert "warning: The key **** is refused." in text
    assert "k3y" not in text


def test_what_the_api_worded_cannot_move_the_cursor():
    text = shown(r'logger.warning("It says \x1b[2J, \r and \n, \ud800 and ü.")')
    assert text.replace("\r", "") == "\x1b[Kwarning: It says  [2J,   and  ,   and ü.\n"


@pytest.mark.parametrize("told", PROBLEMS)
def test_what_goes_wrong_is_said_once_where_the_messages_go_to_the_terminal_too(told):
    text = shown(told, stdout="terminal")
    assert text.startswith("{")
    assert text.count("\n") == 1


def test_where_the_rows_go_to_the_terminal_too_nothing_else_appears():
    assert shown("progress.show(3, RequestStats(2))\n" + END, stdout="terminal") == ""


def test_who_keeps_stderr_in_a_file_has_no_such_lines_in_it(tmp_path):
    with (tmp_path / "stderr").open("wb") as file:
        script = SCRIPT + "progress.show(3, RequestStats(2)); logger.error('It is gone.')\n" + END
        subprocess.run(
            [sys.executable, "-c", script],
            stderr=file,
            stdout=subprocess.DEVNULL,
            check=True,
            env={"PYTHONPATH": str(ROOT)},
        )
    assert (tmp_path / "stderr").read_bytes() == b""
