"""Tests that SIGTERM and Ctrl-C end a process cleanly. Each test sends them to a separate process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
# `say` writes a line to stdout; `stop` is a StopSignals that listens and whose last words say the signal's name.
STOP_SIGNALS = """
import os, signal, threading, time, weakref
from source_stock_ticker.runtime.process.signals import StopSignals

def say(text):
    os.write(1, text.encode() + b"\\n")

stop = StopSignals(say)
stop.listen()
"""
OUTPUT = """
import os, threading, time
from source_stock_ticker.runtime.process.output import Output
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.records import records

output = Output()
output.signals.listen()
long = messages.log("INFO", "x" * 1_000_000)  # more than any pipe can hold: the writer must wait for a reader
"""


@pytest.fixture
def start():
    """A function that starts a Python script and returns its process after its first line, or at once."""
    started = []

    def start(script, says_ready=True):
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what is read here line by line must leave the rest for `finish`
        )
        started.append(process)
        if says_ready:
            assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    """What the process still writes, and how it ends."""
    stdout, stderr = process.communicate(timeout=20)
    assert stderr == b""
    return stdout.decode(), process.returncode


def seconds_until_end(process):
    begun = time.monotonic()
    process.wait(timeout=20)
    return time.monotonic() - begun


# Outside and inside a critical section


@SIGNALS
def test_a_signal_ends_the_process_at_once_by_itself_after_the_last_words(start, number):
    process = start(STOP_SIGNALS + 'say("ready"); time.sleep(60); say("still here")')
    process.send_signal(number)
    assert finish(process) == (f"{number.name}\n", -number)


@SIGNALS
def test_a_signal_in_a_critical_section_takes_effect_at_its_end(start, number):
    script = """
with stop.held_back():
    say("ready")
    time.sleep(0.3)
    say("all of the section")
say("still here")
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(number)
    assert finish(process) == (f"all of the section\n{number.name}\n", -number)


def test_a_critical_section_that_fails_ends_the_process_too(start):
    script = """
try:
    with stop.held_back():
        say("ready")
        time.sleep(0.3)
        raise KeyError
except KeyError:
    say("still here")
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == ("SIGTERM\n", -signal.SIGTERM)


def test_a_critical_section_without_a_signal_leaves_the_process_alone(start):
    script = """
with stop.held_back():
    pass
say("ready")
time.sleep(0.3)
"""
    process = start(STOP_SIGNALS + script)
    assert finish(process) == ("", 0)


def test_after_a_critical_section_a_signal_ends_the_process_at_once(start):
    script = """
with stop.held_back():
    pass
say("ready")
time.sleep(60)
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == ("SIGTERM\n", -signal.SIGTERM)


def test_a_signal_raises_nothing_so_no_handler_of_failures_runs(start):
    script = """
try:
    say("ready")
    time.sleep(60)
except BaseException:
    say("caught")
finally:
    say("finally")
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(signal.SIGINT)
    assert finish(process) == ("SIGINT\n", -signal.SIGINT)


def test_a_signal_where_python_ignores_what_is_raised_ends_the_process(start):
    script = """
def called_back(_):
    say("ready")
    time.sleep(60)  # the signal comes here, and Python ignores what a callback raises

thing = type("Thing", (), {})()
watch = weakref.ref(thing, called_back)
del thing
say("still here")
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == ("SIGTERM\n", -signal.SIGTERM)


def test_a_signal_does_not_wait_for_the_other_threads(start):
    script = """
threading.Thread(target=time.sleep, args=[60]).start()
say("ready")
time.sleep(60)
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == ("SIGTERM\n", -signal.SIGTERM)


# While it ends


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_process_that_is_ending_is_not_stopped_again(start, second):
    script = """
def last_words(name):
    say("ready")
    time.sleep(0.3)
    say(name)

stop = StopSignals(last_words)
stop.listen()
signal.raise_signal(signal.SIGTERM)
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(second)  # Ctrl-C was pressed, and then again
    assert finish(process) == ("SIGTERM\n", -signal.SIGTERM)


@SIGNALS
def test_last_words_that_hang_are_cut_off_after_two_seconds(start, number):
    script = """
stop = StopSignals(lambda name: time.sleep(60))
stop.listen()
say("ready")
time.sleep(60)
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(number)
    assert 1.5 < seconds_until_end(process) < 6
    assert finish(process) == ("", -number)


def test_a_critical_section_that_hangs_is_cut_off_after_two_seconds(start):
    process = start(STOP_SIGNALS + 'with stop.held_back(): say("ready"); time.sleep(60)')
    process.send_signal(signal.SIGTERM)
    assert 1.5 < seconds_until_end(process) < 6
    assert finish(process) == ("", -signal.SIGTERM)


def test_a_process_that_survives_its_own_signal_exits_as_a_shell_would_report_it(start):
    # Like the first process of a container, to which the system does not deliver the signal.
    script = """
stop = StopSignals(lambda name: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))
stop.listen()
say("ready")
time.sleep(60)
"""
    process = start(STOP_SIGNALS + script)
    process.send_signal(signal.SIGTERM)
    assert finish(process) == ("", 143)


# The output of a process that is stopped


def messages_of(text):
    """The type of each line; every line is complete."""
    return [json.loads(line)["type"] for line in text.splitlines()]


@SIGNALS
def test_a_line_that_is_being_written_is_written_to_its_end_before_the_last_words(start, number):
    process = start(OUTPUT + "os.write(1, b'ready\\n'); output.write(long); time.sleep(60)")
    time.sleep(0.2)  # by now the pipe is full, and the line half written
    process.send_signal(number)
    time.sleep(0.2)
    text, exit_code = finish(process)
    first, last = map(json.loads, text.splitlines())
    assert first["log"]["message"] == "x" * 1_000_000
    assert last["log"] == {
        "level": "WARN",
        "message": f"Stopped by {number.name}; the next read resumes from the last STATE, if there is one.",
    }
    assert exit_code == -number


def test_records_that_wait_are_written_before_the_last_words(start):
    script = """
output.write(records("letters", [{"letter": "a"}]))
os.write(1, b"ready\\n")
time.sleep(60)
"""
    process = start(OUTPUT + script)
    process.send_signal(signal.SIGTERM)
    text, exit_code = finish(process)
    assert (messages_of(text), exit_code) == (["RECORD", "LOG"], -signal.SIGTERM)


def test_a_line_that_a_worker_is_writing_is_written_to_its_end_before_the_last_words(start):
    script = """
os.write(1, b"ready\\n")
threading.Thread(target=output.write, args=[long]).start()
time.sleep(60)
"""
    process = start(OUTPUT + script)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    text, exit_code = finish(process)
    assert (messages_of(text), exit_code) == (["LOG", "LOG"], -signal.SIGTERM)


@pytest.mark.parametrize(
    "writes",
    [
        "output.write(long)",
        "threading.Thread(target=output.write, args=[long]).start()",
        "os.set_blocking(1, False); output.write(long)",
    ],
    ids=["main thread", "worker", "pipe that does not block"],
)
def test_a_reader_that_does_not_read_on_is_waited_for_two_seconds_and_no_longer(start, writes):
    process = start(f"{OUTPUT}os.write(1, b'ready\\n')\n{writes}\ntime.sleep(60)")
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert 1.5 < seconds_until_end(process) < 6
    assert process.returncode == -signal.SIGTERM


def test_a_signal_between_any_two_steps_leaves_whole_lines_behind(start):
    script = """
os.write(1, b"ready\\n")
while True:
    output.write(records("letters", [{"letter": "a" * 100}] * 10))
    output.write(messages.log("INFO", "text"))
"""
    for number in range(10):
        process = start(OUTPUT + script)
        time.sleep(0.002 * number)
        process.send_signal(signal.SIGTERM)
        text, exit_code = finish(process)
        assert messages_of(text)[-1] == "LOG"
        assert exit_code == -signal.SIGTERM
