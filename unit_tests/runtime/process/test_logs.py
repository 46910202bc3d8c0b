"""Tests that standard Python logging produces LOG messages."""

import logging
import os
import warnings

import pytest

from source_stock_ticker.runtime.process.logs import start_logging
from source_stock_ticker.runtime.process.output import Output

LEVELS = {"FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"}


@pytest.fixture(autouse=True)
def _logging_is_as_before(monkeypatch):
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    root, ours = logging.getLogger(), logging.getLogger("airbyte")
    handlers, level, our_level = root.handlers, root.level, ours.level
    yield
    logging.captureWarnings(False)
    root.handlers = handlers
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def logged(messages_in):
    """A function: what `log` logs with the connector's logger -> the resulting LOG messages."""

    def logged(log, debug=False):
        reader, writer = os.pipe()
        log(start_logging(Output(writer), debug))
        os.close(writer)
        with os.fdopen(reader, "rb") as lines:
            messages = messages_in(lines.read())
        assert {message["type"] for message in messages} <= {"LOG"}
        return [message["log"] for message in messages]

    return logged


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (logging.CRITICAL, "FATAL"),
        (logging.ERROR, "ERROR"),
        (logging.WARNING, "WARN"),
        (logging.INFO, "INFO"),
        (logging.DEBUG, "DEBUG"),
    ],
)
def test_each_level_of_python_is_one_of_the_protocol(logged, level, shown):
    assert logged(lambda logger: logger.log(level, "text"), debug=True) == [{"level": shown, "message": "text"}]


@pytest.mark.parametrize("level", [15, 25, 35, 45, 55])
def test_a_level_between_two_is_one_of_the_protocol_too(logged, level):
    (message,) = logged(lambda logger: logger.log(level, "text"), debug=True)
    assert message["level"] in LEVELS


def test_an_unreadable_header_is_not_reported(logged):
    name = "urllib3.connection"
    assert logged(lambda _: logging.getLogger(name).warning("Failed to parse headers", exc_info=ValueError())) == []


def test_what_is_logged_is_filled_in(logged):
    (message,) = logged(lambda logger: logger.info("Reading %s, %d rows.", "letters", 3))
    assert message["message"] == "Reading letters, 3 rows."


def test_fields_follow_the_text(logged):
    (message,) = logged(lambda logger: logger.info("Got a page.", extra={"rows": 120, "of": "ü"}))
    assert message["message"] == 'Got a page. {"rows": 120, "of": "\\u00fc"}'


def test_a_field_that_json_cannot_hold_is_shown_as_text(logged):
    (message,) = logged(lambda logger: logger.info("Got a page.", extra={"file": os}))
    assert message["message"].startswith('Got a page. {"file": "<module')


def test_an_exception_has_its_stack_and_the_text(logged):
    def log(logger):
        try:
            raise KeyError("oops")
        except KeyError:
            logger.exception("It failed.")

    (message,) = logged(log)
    assert message["message"] == "It failed."
    assert message["stack_trace"].startswith("Traceback")
    assert "KeyError: 'oops'" in message["stack_trace"]


def test_debug_is_silent_unless_enabled(logged):
    assert logged(lambda logger: logger.debug("text")) == []


def test_debug_can_be_enabled_on_the_command_line(logged):
    assert len(logged(lambda logger: logger.debug("text"), debug=True)) == 1


@pytest.mark.parametrize("level", ["debug", "DEBUG"])
def test_debug_can_be_enabled_by_the_environment(logged, monkeypatch, level):
    monkeypatch.setenv("LOG_LEVEL", level)
    assert len(logged(lambda logger: logger.debug("text"))) == 1


@pytest.mark.parametrize("level", ["", "INFO", "ERROR", "nonsense"])
def test_the_environment_cannot_hide_what_is_logged(logged, monkeypatch, level):
    monkeypatch.setenv("LOG_LEVEL", level)
    assert len(logged(lambda logger: logger.info("text"))) == 1


def test_what_other_libraries_warn_of_becomes_a_message(logged):
    (message,) = logged(lambda logger: logging.getLogger("other.library").warning("text"))
    assert message == {"level": "WARN", "message": "text"}


def test_what_other_libraries_debug_is_not_shown(logged):
    assert logged(lambda logger: logging.getLogger("other.library").info("text"), debug=True) == []


def test_a_warning_of_python_becomes_a_message(logged):
    (message,) = logged(lambda logger: warnings.warn("This is old.", DeprecationWarning, stacklevel=1))
    assert message["level"] == "WARN"
    assert "This is old." in message["message"]


def test_starting_again_does_not_write_twice(logged):
    logged(lambda logger: logger.info("text"))
    assert len(logged(lambda logger: logger.info("text"))) == 1
