"""Tests the writer of stdout: whole lines in order, a buffer that does not delay what matters, and its end."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_stock_ticker.runtime.process.output import BUFFER, CannotWrite, Output
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.records import records

RECORD = records("letters", [{"letter": "a"}])
LOG = messages.log("INFO", "text")
LONG_LOG = messages.log("INFO", "x" * 1_000_000)  # more than any pipe can hold: the writer must wait for a reader


class Pipe:
    """A replacement for stdout: `written` returns the output so far, `drain` reads to the end."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def written(self) -> bytes:
        os.set_blocking(self.reader, False)
        try:
            return os.read(self.reader, 10_000_000)
        except BlockingIOError:
            return b""

    def drain(self, pause: float = 0.0) -> "Drain":
        return Drain(self, pause)


class Drain(threading.Thread):
    """Reads a pipe to its end, with a pause before; `content()` closes the writing end and waits for it all."""

    def __init__(self, pipe: Pipe, pause: float) -> None:
        super().__init__(daemon=True)
        self._pipe, self._pause, self._parts = pipe, pause, []
        self.start()

    def run(self) -> None:
        time.sleep(self._pause)
        while part := os.read(self._pipe.reader, 65_536):
            self._parts.append(part)

    def content(self) -> bytes:
        os.close(self._pipe.writer)
        self.join(5)
        return b"".join(self._parts)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for end in (pipe.reader, pipe.writer):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(end)


@pytest.fixture
def output(pipe) -> Output:
    return Output(pipe.writer)


# The buffer


def test_a_message_that_is_not_a_record_goes_out_at_once(pipe, output):
    output.write(LOG)
    assert pipe.written() == LOG


def test_records_wait_for_the_next_other_message_and_go_out_before_it(pipe, output):
    output.write(RECORD)
    assert pipe.written() == b""
    output.write(LOG)
    assert pipe.written() == RECORD + LOG


def test_the_sign_that_nothing_comes_for_a_while_pushes_the_records_out(pipe, output):
    output.write(RECORD)
    output.write(b"")
    assert pipe.written() == RECORD


def test_records_go_out_at_the_end(pipe, output):
    output.write(RECORD)
    output.flush()
    assert pipe.written() == RECORD


def test_a_full_buffer_goes_out_without_waiting_for_another_message(pipe, output):
    drain = pipe.drain()
    for _ in range(2 * BUFFER // len(RECORD)):
        output.write(RECORD)
    assert len(drain.content()) >= BUFFER


def test_a_line_longer_than_the_pipe_arrives_whole(pipe, output):
    drain = pipe.drain(pause=0.05)
    output.write(LONG_LOG)
    assert drain.content() == LONG_LOG


def test_lines_of_several_threads_neither_mix_nor_get_lost(pipe, output):
    drain = pipe.drain()

    def write(letter: str) -> None:
        for _ in range(2000):
            output.write(records("letters", [{"letter": letter * 100}]))
            output.write(messages.log("INFO", letter * 100))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds between thread switches: the worst case
    try:
        threads = [threading.Thread(target=write, args=letter) for letter in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    found = [json.loads(line) for line in drain.content().splitlines()]
    assert len(found) == 4 * 2000 * 2


def test_no_secret_goes_out(pipe, output):
    output.hide(["k3y-of-12345678"])
    output.write(messages.log("INFO", "The key is k3y-of-12345678."))
    output.write(records("letters", [{"letter": "k3y-of-12345678"}]))
    output.flush()
    assert b"k3y-of-12345678" not in pipe.written()


def test_nothing_is_hidden_before_it_is_known_to_be_secret(pipe, output):
    output.write(LOG)
    output.hide(["text"])
    output.write(LOG)
    assert pipe.written() == LOG + LOG.replace(b"text", b"****")


def test_what_was_hidden_stays_hidden_when_more_is(pipe, output):
    output.hide(["k3y-of-12345678"])
    output.hide(["t0k3n-of-12345678"])
    output.write(messages.log("INFO", "k3y-of-12345678 and t0k3n-of-12345678"))
    assert json.loads(pipe.written())["log"]["message"] == "**** and ****"


def test_a_new_config_goes_out_at_once_and_as_it_is(pipe, output):
    output.hide(["k3y-of-12345678"])
    output.write(RECORD)  # waits in the buffer
    output.write_secret(messages.new_config({"key": "k3y-of-12345678"}))
    control = json.loads(pipe.written().splitlines()[-1])["control"]
    assert (control["type"], control["connectorConfig"]) == ("CONNECTOR_CONFIG", {"config": {"key": "k3y-of-12345678"}})


def test_a_short_secret_does_not_spoil_rows_and_states(pipe, output):
    # A key that a proxy does not check can be "1": the next sync must still find its dates.
    output.hide(["1"])
    lines = records("letters", [{"day": "2024-01-02"}]) + messages.state("letters", {"day": "2024-01-02"}, 1)
    for line in lines.splitlines(keepends=True):
        output.write(line)
    assert pipe.written() == lines


# The end


def test_a_reader_that_has_gone_away_is_reported_to_the_caller(pipe, output):
    os.close(pipe.reader)
    with pytest.raises(CannotWrite) as error:
        output.write(LOG)
    assert error.value.exit_code == 141


def test_a_full_disk_is_reported_to_the_caller():
    with Path("/dev/full").open("wb") as full, pytest.raises(CannotWrite, match="No space left") as error:
        Output(full.fileno()).write(LOG)
    assert error.value.exit_code == 1


def test_a_worker_that_finds_the_reader_gone_continues_and_the_main_thread_learns_of_it(pipe, output):
    os.close(pipe.reader)
    worker = threading.Thread(target=output.write, args=(LOG,))
    worker.start()
    worker.join(5)
    with pytest.raises(CannotWrite):
        output.write(b"")


def test_no_handler_of_failures_takes_a_lost_reader_for_one():
    assert not issubclass(CannotWrite, Exception)


def test_a_pipe_that_does_not_block_is_waited_for(pipe, output):
    os.set_blocking(pipe.writer, False)
    drain = pipe.drain(pause=0.2)
    output.write(LONG_LOG)
    assert drain.content() == LONG_LOG
