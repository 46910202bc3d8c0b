"""Takes secrets out of whatever is about to be written, in every spelling they can have.

One `Mask` stands in front of stdout (output.py), so no other module has to remember it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

STARS = "****"
# Only what people or the API worded is masked: the protocol's own words must stay what they are.
FREE_TEXT = {"message", "internal_message", "stack_trace", "data", "stream_state"}
# A shorter secret is taken out of messages but not out of rows: it would be found in honest values.
SHORTEST_IN_DATA = 8


class Mask:
    """Masks the given secrets. With none it leaves everything as it is."""

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        plain = {str(secret) for secret in secrets if str(secret)}
        self._long = _spellings(s for s in plain if len(s) >= SHORTEST_IN_DATA)
        self._all = _spellings(plain)
        self._in_data = _as_written(self._long)
        self._in_text = _as_written(self._all)

    def text(self, text: str) -> str:
        """The text with **** for each secret in it."""
        return _without(self._all, text)

    def lines(self, lines: bytes, data: bool = False) -> bytes:
        """Protocol lines with **** for each secret in their free texts; `data` says that they are RECORDs."""
        if not any(found in lines for found in (self._in_data if data else self._in_text)):
            return lines
        clean = (_masked(json.loads(line), self._long if data else self._all) for line in lines.splitlines())
        return b"".join(json.dumps(message, separators=(",", ":")).encode() + b"\n" for message in clean)


def _spellings(secrets: Iterable[str]) -> list[str]:
    """Every secret plain, as a URL, JSON, repr and base64 spell it; the longest first, so that none is cut up."""
    import base64
    from urllib.parse import quote, quote_plus

    found = set()
    for secret in secrets:
        coded = base64.b64encode(secret.encode()).decode().rstrip("=")
        found |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
        found |= {json.dumps(secret)[1:-1], coded, coded.replace("+", "-").replace("/", "_")}
    return sorted(found, key=len, reverse=True)


def _as_written(spellings: Iterable[str]) -> tuple[bytes, ...]:
    """How the spellings look inside a JSON line, escaped to ASCII (json) or not (orjson)."""
    escaped = {json.dumps(s, ensure_ascii=ascii_only)[1:-1].encode() for s in spellings for ascii_only in (True, False)}
    return tuple(sorted(escaped))


def _without(spellings: Iterable[str], text: str) -> str:
    for spelling in spellings:
        text = text.replace(spelling, STARS)
    return text


def _masked(value: Any, spellings: Iterable[str], free: bool = False) -> Any:
    if isinstance(value, str):
        return _without(spellings, value) if free else value
    if isinstance(value, list):
        return [_masked(item, spellings, free) for item in value]
    if isinstance(value, dict):
        masked = {key: _masked(item, spellings, free or key in FREE_TEXT) for key, item in value.items()}
        return {_without(spellings, key): item for key, item in masked.items()} if free else masked
    return value
