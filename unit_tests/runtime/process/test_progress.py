"""The line that a person at a terminal sees of a read; nobody else sees it."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import time
from source_stock_ticker.runtime.http.rate_limit import RequestStats
from source_stock_ticker.runtime.process.progress import INTERVAL, Progress
progress = Progress("numbers")
"""
END = "progress.end(3, RequestStats(2))"


def shown(script, stdout=subprocess.DEVNULL):
    """All that a script writes to its terminal."""
    ours, terminal = pty.openpty()
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
    """The looks of the line, one after the other."""
    return [look for look in re.split(r"(?:\r|\n|\x1b\[K)+", text) if look.strip()]


@pytest.mark.parametrize(
    ("rows", "stats", "line"),
    [
        (0, "", "numbers: 0 rows, 0 requests"),
        (12345, "requests=1", "numbers: 12,345 rows, 1 request"),
        (1, "requests=1234", "numbers: 1 row, 1,234 requests"),
        (3, "requests=2, seconds_to_wait=11.6", "numbers: 3 rows, 2 requests, waiting 12 s for the rate limit"),
        (3, "requests=2, seconds_left=65", "numbers: 3 rows, 2 requests, about 65 s left"),
        (3, "requests=2, expected=9, seconds_left=150", "numbers: 3 rows, 2 requests, about 2 min left"),
        (3, "requests=2, expected=2, seconds_left=0", "numbers: 3 rows, 2 requests"),
    ],
)
def test_the_line_tells_rows_and_requests_and_how_long_it_takes(rows, stats, line):
    first = looks(shown(f"progress.show({rows}, RequestStats({stats}))"))[0]
    assert first.split(" [")[0].rstrip() == line


def test_at_the_end_a_last_line_stays_without_what_is_no_longer_true():
    text = shown("progress.end(3, RequestStats(2, seconds_to_wait=12, seconds_left=60))")
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
    def request_stats(self):
        looked.set()
        return RequestStats(1, seconds_to_wait=12)
list(read([Numbers()], [ConfiguredStream("numbers", None, False)], {}, 1, logging.getLogger()))
""")
    assert looks(text)[0].rstrip() == "numbers: 0 rows, 1 request, waiting 12 s for the rate limit"
    assert looks(text)[-1].rstrip() == "numbers: 1 row, 1 request"


def test_where_the_rows_go_to_the_terminal_too_nothing_stands_between_them():
    assert shown("progress.show(3, RequestStats(2))\n" + END, stdout="terminal") == ""


def test_who_keeps_stderr_in_a_file_has_no_such_lines_in_it(tmp_path):
    with (tmp_path / "stderr").open("wb") as file:
        script = SCRIPT + "progress.show(3, RequestStats(2))\n" + END
        subprocess.run([sys.executable, "-c", script], stderr=file, check=True, env={"PYTHONPATH": str(ROOT)})
    assert (tmp_path / "stderr").read_bytes() == b""
