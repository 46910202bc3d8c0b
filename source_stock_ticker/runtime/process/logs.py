"""Turns log records into LOG messages, so standard Python logging works.

logger.info("Reading %s.", name)
logger.debug("Got a page.", extra={"rows": 120})      shown with --debug, with its fields after the text
"""

import json
import logging
import os
import traceback

from ..protocol import messages
from .output import Output

LEVELS = ((50, "FATAL"), (40, "ERROR"), (30, "WARN"), (20, "INFO"), (10, "DEBUG"))  # lowest Python level for each name
USUAL_FIELDS = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _LogMessages(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if extra := {k: v for k, v in vars(record).items() if k not in USUAL_FIELDS}:
            text += " " + json.dumps(extra, default=str)
        stack = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else None
        level = next((name for number, name in LEVELS if record.levelno >= number), "TRACE")
        self._output.write(messages.log(level, text, stack))


def start_logging(output: Output, debug: bool) -> logging.Logger:
    """The connector's logger, which writes to `output`; DEBUG too with `debug` or LOG_LEVEL=debug."""
    logger = logging.getLogger("airbyte")
    logger.setLevel(logging.DEBUG if debug or os.environ.get("LOG_LEVEL", "").lower() == "debug" else logging.INFO)
    root = logging.getLogger()
    root.handlers = [_LogMessages(output)]  # warnings of libraries become LOG messages too
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs a stack trace for an unreadable header
    return logger
