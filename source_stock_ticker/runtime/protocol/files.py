"""Reads the files given as --config, --catalog and --state; one of them can be stdin."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import ConfigError

STDIN = {"-": "stdin", "/dev/stdin": "stdin"}  # the second cannot be opened if it is a socket
MAX_DEPTH = 100  # lists and objects inside each other


def read_text(path: str, what: str) -> str:
    """The text of a file; `what`: its name in messages. Raises ConfigError."""
    try:
        with open(0, "rb", closefd=False) if path in STDIN else Path(path).open("rb") as file:
            return file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{what}: {STDIN.get(path, path)} is not UTF-8 text.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise ConfigError(f"{what}: {STDIN.get(path, path)} cannot be read ({reason}).") from None


def read_json(path: str, what: str) -> Any:
    """The JSON in a file. Raises ConfigError."""
    text, shown = read_text(path, what), STDIN.get(path, path)
    if not text.strip():
        raise ConfigError(f"{what}: {shown} is empty.")
    try:
        value = json.loads(text)
        if not is_deep(value):
            return value
    except ValueError as error:  # its message says what and where, and shows no content
        raise ConfigError(f"{what}: {shown} is not JSON ({error}).") from None
    except RecursionError:
        pass  # deeper than Python can read
    raise ConfigError(f"{what}: {shown} is nested too deeply.")


def is_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than in any real file, or than Python can copy."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, list | dict)]
        level = list(chain.from_iterable(inner))
        if not level:
            return False
    return True
