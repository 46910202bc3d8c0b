"""Takes secrets out of whatever is about to be written, in every spelling they can have.

One `Mask` stands in front of stdout (output.py), so no other module has to remember it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

STARS = "****"
# Only what people or the API worded is masked: the protocol's own words must stay what they are.
TEXT, DATA = {"message", "internal_message", "stack_trace"}, {"data", "stream_state"}
# A shorter secret is taken out of texts but not out of data: there it would be found in honest values.
SHORTEST_IN_DATA = 8
OF_PHP, OF_GO = {ord("/"): "\\/"}, {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>"}
URL_SAFE = {ord("+"): "-", ord("/"): "_"}  # of base64
OF_PAGES = {ord(sign): f"&#{ord(sign)};" for sign in "+\"'"}  # beside &amp; &lt; &gt;


class Mask:
    """Masks the given secrets. With none it leaves everything as it is."""

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        plain = {text for secret in secrets for text in (str(secret), str(secret).strip()) if text.strip()}
        self._in_text = _spellings(plain)
        self._in_data = _spellings({secret for secret in plain if len(secret) >= SHORTEST_IN_DATA})
        self._lines_to_look_at = {False: _as_written(self._in_text), True: _as_written(self._in_data)}

    def lines(self, lines: bytes, data: bool = False) -> bytes:
        """Protocol lines with **** for each secret in their texts and data; `data` says that they are RECORDs."""
        # A sign that is nowhere in the lines tells it in a twentieth of the time of a whole spelling.
        if not any(all(sign in lines for sign in signs) and s in lines for s, signs in self._lines_to_look_at[data]):
            return lines
        messages = (self._masked(json.loads(line), ()) for line in lines.splitlines())
        return b"".join(json.dumps(message, separators=(",", ":")).encode() + b"\n" for message in messages)

    def _masked(self, value: Any, spellings: Iterable[str]) -> Any:
        if isinstance(value, str):
            return _without(spellings, value)
        if isinstance(value, list):
            return [self._masked(item, spellings) for item in value]
        if isinstance(value, dict):
            return {
                _without(spellings, key): self._masked(
                    item,
                    spellings or (self._in_text if key in TEXT else self._in_data if key in DATA else ()),
                )
                for key, item in value.items()
            }
        return value


def _spellings(secrets: set[str]) -> list[str]:
    """Every secret plain, as URLs, JSON, HTML, Python and base64 spell it; the longest first: none is cut up."""
    if not secrets:
        return []  # `spec` has none, and is spared 5 ms of imports
    import base64
    import html
    from urllib.parse import quote, quote_plus

    found = set()
    for secret in secrets:
        raw = secret.encode("utf-8", "surrogatepass")
        in_json = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
        in_url = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
        in_url |= {quote(text, safe="") for text in in_url}  # an address inside another one
        in_base64 = base64.b64encode(raw).decode().rstrip("=")
        found |= {secret, repr(secret)[1:-1], repr(raw)[2:-1], secret.replace("'", "\\'")}
        # Some writers of JSON (PHP's, Go's) escape more than they must, and web pages in another way.
        in_json |= {text.translate(more) for text in in_json for more in (OF_PHP, OF_GO)}
        found |= {html.escape(secret), html.escape(secret, quote=False)}
        found.add(html.escape(secret, quote=False).translate(OF_PAGES))
        found |= in_json | {json.dumps(text)[1:-1] for text in in_json}
        found |= in_url | {re.sub("%..", lambda code: code[0].lower(), text) for text in in_url}
        # In a longer text its base64 begins elsewhere, and its ends depend on the neighbours.
        for before in range(3):
            first, length = before + 1 if before else 0, before + len(raw)
            inside = base64.b64encode(b"x" * before + raw).decode()[first : length // 3 * 4 + length % 3]
            found |= {inside, inside.translate(URL_SAFE)} if len(inside) >= SHORTEST_IN_DATA else set()
        found |= {"".join(f"%{byte:02x}" for byte in raw), "".join(f"%{byte:02X}" for byte in raw)}
        found |= {in_base64, in_base64.translate(URL_SAFE)}
    return sorted(found, key=len, reverse=True)


def _as_written(spellings: Iterable[str]) -> list[tuple[bytes, set[int]]]:
    """How the spellings look inside a JSON line, escaped to ASCII (json) or not (orjson), and the signs of each."""
    escaped = {json.dumps(s, ensure_ascii=ascii_only)[1:-1] for s in spellings for ascii_only in (True, False)}
    return [(text, set(text)) for text in sorted(text.encode("utf-8", "surrogatepass") for text in escaped)]


def _without(spellings: Iterable[str], text: str) -> str:
    for spelling in spellings:
        text = text.replace(spelling, STARS)
    return text
