"""Tests how a process is stopped: signals, a lost reader, a full disk; and what a terminal shows then."""

import os
import pty
import signal
import time
from contextlib import suppress

import pytest
from tiny_connector import lines_until

SIGNALS = pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, -15), (signal.SIGINT, -2)])


@SIGNALS
def test_a_read_that_is_stopped_while_it_waits_ends_with_its_last_state(start, finish, read_of, number, exit_code):
    process = start(*read_of("wait"))
    lines = lines_until(process, b'{"type":"RECORD","record":{"stream":"numbers","data":{"id":2,')
    process.send_signal(number)
    found = finish(process, lines)
    assert found.rows == [1, 2]
    assert found.last_state["last"] in (1, 2)
    assert found.messages[-1]["log"]["level"] == "WARN"
    assert number.name in found.messages[-1]["log"]["message"]
    assert (found.stderr, found.exit_code) == ("", exit_code)


@SIGNALS
def test_a_read_that_is_stopped_while_it_writes_loses_nothing(start, finish, read_of, number, exit_code):
    process = start(*read_of("no end"))
    lines = lines_until(process, b'{"type":"STATE"', count=20)
    process.send_signal(number)
    found = finish(process, lines)
    assert (found.stderr, found.exit_code) == ("", exit_code)
    assert found.rows == list(range(1, len(found.rows) + 1))
    assert 0 < found.last_state["last"] <= len(found.rows)


@SIGNALS
def test_a_read_that_is_stopped_in_the_middle_of_a_line_writes_it_to_its_end(start, finish, read_of, number, exit_code):
    process = start(*read_of("large rows"))
    lines = lines_until(process, b'{"type":"TRACE"', count=2)  # the row that comes now is more than the pipe holds
    time.sleep(0.2)
    process.send_signal(number)
    time.sleep(0.1)
    found = finish(process, lines)
    assert found.rows[:1] == [1]
    assert (found.stderr, found.exit_code) == ("", exit_code)


@SIGNALS
def test_a_process_that_is_stopped_does_not_wait_for_ever_for_its_reader(start, read_of, number, exit_code):
    process = start(*read_of("large rows"))
    lines_until(process, b'{"type":"TRACE"', count=2)
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(timeout=10) == exit_code


@pytest.mark.parametrize("moment", range(12))
def test_a_process_that_is_stopped_in_its_first_moments_neither_crashes_nor_says_half_a_line(
    start, finish, read_of, moment
):
    process = start(*read_of("wait"))
    time.sleep(0.03 * moment)
    process.send_signal(signal.SIGTERM)
    found = finish(process)
    assert (found.stderr, found.exit_code) == ("", -15)


def test_a_reader_that_goes_away_ends_the_process_quietly(start, read_of):
    process = start(*read_of("no end"))
    lines_until(process, b'{"type":"STATE"', count=3)
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr.read() == b""


def test_a_full_disk_is_reported_in_one_line(start):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = start("spec", stdout=full)
        assert process.wait(timeout=10) == 1
    assert process.stderr.read() == b"stdout cannot be written: No space left on device\n"


def test_a_reader_that_was_never_there_ends_the_process_quietly(start):
    process = start("spec")
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr.read() == b""


# Who watches


def shown_at(ours, terminal):
    """Everything written to a terminal, after all others have closed it."""
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # so Linux says that it is the end
        while part := os.read(ours, 10_000):
            shown += part
    os.close(ours)
    return shown


def test_a_person_at_a_terminal_sees_the_progress(start, finish, read_of):
    ours, terminal = pty.openpty()
    found = finish(start(*read_of(), stderr=terminal))
    assert b"numbers: 3 rows" in shown_at(ours, terminal)
    assert found.rows == [1, 2, 3]


def test_a_person_at_a_terminal_sees_why_a_read_fails(start, finish, read_of):
    ours, terminal = pty.openpty()
    found = finish(start(*read_of("fail"), stderr=terminal))
    shown = shown_at(ours, terminal).decode()
    assert f"error: numbers: {found.error['message']}" in shown
    assert "{" not in shown


def test_a_person_who_stops_a_read_sees_that_even_if_the_output_goes_to_a_file(start, finish, read_of):
    ours, terminal = pty.openpty()
    process = start(*read_of("wait"), stderr=terminal)
    lines = lines_until(process, b'{"type":"RECORD","record":{"stream":"numbers","data":{"id":2,')
    process.send_signal(signal.SIGINT)
    finish(process, lines)
    assert b"\n\x1b[KStopped by SIGINT; the next read resumes from the last STATE" in shown_at(ours, terminal).replace(
        b"\r", b""
    )
