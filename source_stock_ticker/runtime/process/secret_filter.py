"""Removes secrets from every line on stdout and at the terminal, in every spelling they can have.

One `SecretFilter` guards stdout (output.py), so no other module needs to deal with them.

Theory of operation. A message can contain a secret as it is, or escaped for a URL, JSON, HTML, Python or base64. All
spellings are computed once, and each line is searched for them before it is written. A line without any passes
unchanged; the quickest proof is a character of the secret that the line lacks. Only a line that contains one is
decoded, filtered string by string, and encoded again.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, quote_plus

STARS = "****"
# Only text from people or the API is masked: the protocol's own words must not change.
TEXT, DATA = {"message", "internal_message", "stack_trace"}, {"data", "stream_state"}
# A shorter secret is masked in text but not in data, where it would match real values.
MIN_LENGTH_IN_DATA = 8
OF_PHP, OF_GO = {ord("/"): "\\/"}, {ord(char): f"\\u{ord(char):04x}" for char in "&<>"}
URL_SAFE = {ord("+"): "-", ord("/"): "_"}  # of base64
OF_PAGES = {ord(char): f"&#{ord(char)};" for char in "+\"'"}  # besides &amp; &lt; &gt;


class SecretFilter:
    """Masks the given secrets. Without any, it changes nothing."""

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        plain = {text for secret in secrets for text in (str(secret), str(secret).strip()) if text.strip()}
        self._in_text = _spellings(plain)
        self._in_data = _spellings({secret for secret in plain if len(secret) >= MIN_LENGTH_IN_DATA})
        self._lines_to_look_at = {False: _as_written(self._in_text), True: _as_written(self._in_data)}

    def lines(self, lines: bytes, data: bool = False) -> bytes:
        """Protocol lines with **** for each secret in their text and data; data: whether they are RECORDs."""
        # Searching for the characters first takes a twentieth of the time of searching for whole spellings.
        if not any(
            all(character in lines for character in characters) and spelling in lines
            for spelling, characters in self._lines_to_look_at[data]
        ):
            return lines
        try:
            messages = [self._masked(json.loads(line), ()) for line in lines.splitlines()]
            return b"".join(json.dumps(message, separators=(",", ":")).encode() + b"\n" for message in messages)
        except RecursionError:  # too deep to decode, so mask the raw line
            for spelling, _ in self._lines_to_look_at[data]:
                lines = lines.replace(spelling, STARS.encode())
            return lines

    def _masked(self, value: Any, spellings: Iterable[str]) -> Any:
        if isinstance(value, str):
            for spelling in spellings:
                value = value.replace(spelling, STARS)
        elif isinstance(value, list):
            return [self._masked(item, spellings) for item in value]
        elif isinstance(value, dict):
            of_key = {**dict.fromkeys(TEXT, self._in_text), **dict.fromkeys(DATA, self._in_data)}
            return {
                self._masked(key, spellings): self._masked(item, spellings or of_key.get(key, ()))
                for key, item in value.items()
            }
        return value


def _spellings(secrets: set[str]) -> list[str]:
    """Every spelling of every secret, the longest first, so none is masked in parts."""
    found = {spelling for secret in secrets for spelling in _spellings_of(secret)}
    return sorted(found, key=len, reverse=True)


@cache  # each new token at run time looks up all spellings again
def _spellings_of(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    in_python = {secret, repr(secret)[1:-1], repr(raw)[2:-1], secret.replace("'", "\\'")}
    return in_python | _in_urls(raw) | _in_json(secret) | _in_html(secret) | set(_in_base64(raw))


def _in_urls(raw: bytes) -> set[str]:
    found = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    found |= {quote(text, safe="") for text in found}  # a URL inside another one
    found |= {re.sub("%..", lambda code: code[0].lower(), text) for text in found}
    return found | {"".join(f"%{byte:02x}" for byte in raw), "".join(f"%{byte:02X}" for byte in raw)}


def _in_json(secret: str) -> set[str]:
    found = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    # Some JSON writers (PHP, Go) escape more than necessary.
    found |= {text.translate(more) for text in found for more in (OF_PHP, OF_GO)}
    return found | {json.dumps(text)[1:-1] for text in found}  # JSON inside JSON


def _in_html(secret: str) -> set[str]:
    unquoted = html.escape(secret, quote=False)
    return {html.escape(secret), unquoted, unquoted.translate(OF_PAGES)}


def _in_base64(raw: bytes) -> Iterator[str]:
    whole = base64.b64encode(raw).decode().rstrip("=")
    yield from (whole, whole.translate(URL_SAFE))
    # Inside a longer text, its base64 starts at another offset, and both ends depend on the surrounding bytes.
    for before in range(3):
        first, length = before + 1 if before else 0, before + len(raw)
        inside = base64.b64encode(b"x" * before + raw).decode()[first : length // 3 * 4 + length % 3]
        if len(inside) >= MIN_LENGTH_IN_DATA:
            yield from (inside, inside.translate(URL_SAFE))


def _as_written(spellings: Iterable[str]) -> list[tuple[bytes, set[int]]]:
    """The spellings inside a JSON line, escaped to ASCII (json) or not (msgspec), each with its characters."""
    escaped = {json.dumps(s, ensure_ascii=ascii_only)[1:-1] for s in spellings for ascii_only in (True, False)}
    return [(text, set(text)) for text in sorted(text.encode("utf-8", "surrogatepass") for text in escaped)]
