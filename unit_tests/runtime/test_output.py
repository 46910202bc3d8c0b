"""The writer of stdout: whole lines in order, a buffer that does not hold back what matters, and an orderly end."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_stock_ticker.runtime import messages
from source_stock_ticker.runtime.mask import Mask
from source_stock_ticker.runtime.output import BUFFER, CannotWrite, Output, Stopped

RECORD = messages.records("letters", [{"letter": "a"}])
LOG = messages.log("INFO", "text")
LONG_LOG = messages.log("INFO", "x" * 1_000_000)  # more than any pipe holds: whoever writes it must wait for a reader


class Pipe:
    """What stands in for stdout: `written` says what has come out so far, `drain` reads on until the end."""

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


@pytest.fixture
def stoppable(output) -> Iterator[Output]:
    """An output that obeys signals, as that of a real run; pytest gets its own handlers back."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    output.stop_on_signals()
    yield output
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def send(number: int) -> None:
    signal.pthread_kill(threading.main_thread().ident, number)


# The buffer


def test_a_message_that_is_no_record_goes_out_at_once(pipe, output):
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
            output.write(messages.records("letters", [{"letter": letter * 100}]))
            output.write(messages.log("INFO", letter * 100))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds that a thread runs at a stretch: as unlucky as can be
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
    output.mask = Mask(["k3y-of-12345678"])
    output.write(messages.log("INFO", "The key is k3y-of-12345678."))
    output.write(messages.records("letters", [{"letter": "k3y-of-12345678"}]))
    output.flush()
    assert b"k3y-of-12345678" not in pipe.written()


def test_a_short_secret_does_not_spoil_rows_and_states(pipe, output):
    # A key that a proxy does not look at may be "1": the next sync must still find its dates.
    output.mask = Mask(["1"])
    lines = messages.records("letters", [{"day": "2024-01-02"}]) + messages.state("letters", {"day": "2024-01-02"}, 1)
    for line in lines.splitlines(keepends=True):
        output.write(line)
    assert pipe.written() == lines


# The end


def test_a_reader_that_has_gone_away_is_told_to_the_caller(pipe, output):
    os.close(pipe.reader)
    with pytest.raises(CannotWrite) as error:
        output.write(LOG)
    assert error.value.exit_code == 141


def test_a_full_disk_is_told_to_the_caller():
    with Path("/dev/full").open("wb") as full, pytest.raises(CannotWrite, match="No space left") as error:
        Output(full.fileno()).write(LOG)
    assert error.value.exit_code == 1


def test_a_worker_that_finds_the_reader_gone_goes_on_and_the_main_thread_is_told(pipe, output):
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


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_between_writes_stops_the_process_at_once(stoppable, number, exit_code):
    with pytest.raises(Stopped) as stopped:
        send(number)
    assert stopped.value.exit_code == exit_code


def test_no_handler_of_failures_takes_a_stop_for_one():
    assert not issubclass(Stopped, Exception)


def test_a_signal_in_a_write_waits_for_the_line_to_be_whole(pipe, stoppable):
    threading.Timer(0.05, send, [signal.SIGTERM]).start()
    drain = pipe.drain(pause=0.2)
    with pytest.raises(Stopped):
        stoppable.write(LONG_LOG)
    assert drain.content() == LONG_LOG


def test_records_that_wait_can_still_be_written_after_a_signal(pipe, stoppable):
    stoppable.write(RECORD)
    with pytest.raises(Stopped):
        send(signal.SIGTERM)
    with pytest.raises(Stopped):  # once more, as the first may have been lost
        stoppable.flush()
    assert pipe.written() == RECORD


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_python_has_lost_comes_with_the_next_write(pipe, stoppable):
    thing = type("Thing", (), {})()
    watch = weakref.ref(thing, lambda _: send(signal.SIGTERM))
    del thing  # Python calls back, and ignores what is raised there
    assert watch() is None
    with pytest.raises(Stopped):
        stoppable.write(LOG)
    assert pipe.written() == LOG


def test_a_process_that_is_ending_is_not_stopped_again(pipe, stoppable):
    with pytest.raises(Stopped):
        send(signal.SIGINT)
    send(signal.SIGINT)  # somebody pressed Ctrl-C twice
    send(signal.SIGTERM)
    stoppable.write_last(LOG)
    assert pipe.written() == LOG


def test_only_the_main_thread_is_stopped(pipe, stoppable):
    drain = pipe.drain(pause=0.2)
    threading.Timer(0.05, send, [signal.SIGTERM]).start()
    with pytest.raises(Stopped):
        stoppable.write(LONG_LOG)
    raised = []

    def write_in_a_worker() -> None:
        try:
            stoppable.write(LOG)
        except BaseException as error:
            raised.append(error)

    worker = threading.Thread(target=write_in_a_worker)
    worker.start()
    worker.join()
    assert drain.content() == LONG_LOG + LOG
    assert raised == []
