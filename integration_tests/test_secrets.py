"""Tries to make the key leak: by servers that send it back in every spelling, and by links that lead elsewhere.

Whether stdout or stderr holds the key, in any spelling, `judged` in conftest.py looks in every run of every test.
Here are the runs that give it something to find.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from sandbox_api import SandboxApi

if TYPE_CHECKING:
    from conftest import Connector, Run

STREAMS = (
    "stock_prices", "dividends", "splits", "news", "tickers", "ticker_details", "exchanges", "market_holidays",
)  # fmt: skip
ODD = "one with odd characters"
KEYS = {
    "a usual one": "Zx8p_QnT4vK2mJ7wRb1sLd9fHc3gYe6a",
    ODD: "k/e+y\"=%41&\\z'<0>" + "0" * 8,
    "a short one": "q7!",
    "one with a space behind it": "abcdef0123456789 ",
}
# The spellings of servers, proxies and libraries: Go's and PHP's JSON, HTML, URLs, base64.
SPELLED: dict[str, Callable[[str], str]] = {
    "plain": str,
    "as in a URL": lambda key: quote(key, safe=""),
    "as in a form": quote_plus,
    "as in a URL, lower case": lambda key: re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
    "as in a URL in a URL": lambda key: quote(quote(key, safe=""), safe=""),
    "as JSON": lambda key: json.dumps(key)[1:-1],
    "as PHP's JSON": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "as Go's JSON": lambda key: json.dumps(key)[1:-1].translate({ord(c): f"\\u{ord(c):04x}" for c in "&<>"}),
    "as HTML": html.escape,
    "as Python": lambda key: repr(key)[1:-1],
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "as the header": lambda key: f"Authorization: Bearer {key}",
}


@pytest.fixture(params=KEYS, name="key")
def any_key(request: pytest.FixtureRequest) -> str:
    return KEYS[request.param]


@pytest.fixture
def shows(key: str) -> Callable[[Run], list[str]]:
    """The spellings of the key that a run shows; longer ones than `judged` looks for are among them."""

    def found(run: Run) -> list[str]:
        text = "\n".join(run.lines) + run.stderr
        # As it appears in the lines, and in the decoded JSON.
        found = [text, *map(str, strings(run.messages))]
        return [name for name, spell in SPELLED.items() if any(spell(key.strip()) in one for one in found)]

    return found


def strings(value: Any) -> Iterator[str]:
    """All strings inside messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def echo(code: int, as_json: bool, key: str) -> Callable[[Any], None]:
    """A response that contains the key in all spellings, in its body and in its headers."""
    said = " ; ".join(spell(key.strip()) for spell in SPELLED.values())
    body = json.dumps({"status": "ERROR", "error": said, "message": said}) if as_json else f"<html>{said}</html>"
    headers = {"X-Echo": quote(key), "Location": f"https://elsewhere.example/?apiKey={quote(key)}"}
    return lambda handler: handler.send(code, headers, body.encode())


# Every answer with the key that has most spellings, and every key with two answers.
ECHOES = [(ODD, code, as_json) for code in (200, 302, 400, 401, 403, 404, 418, 503) for as_json in (True, False)]
ECHOES += [(name, *answer) for name in KEYS if name != ODD for answer in ((200, True), (403, False))]


@pytest.mark.parametrize(("key", "code", "as_json"), ECHOES, indirect=["key"])
def test_a_server_that_sends_the_key_back_in_every_spelling_does_not_get_it_out(
    connector: Connector, api: SandboxApi, key: str, shows: Callable[[Run], list[str]], code: int, as_json: bool
) -> None:
    api.key = key.strip()
    api.fail_next(echo(code, as_json, key), math.inf)
    assert shows(connector.check("--debug", api_key=key)) == []


@pytest.mark.parametrize("code", [200, 403])
def test_nor_in_a_read_of_all_streams(
    connector: Connector, api: SandboxApi, key: str, shows: Callable[[Run], list[str]], code: int
) -> None:
    api.key = key.strip()
    api.fail_next(echo(code, True, key), math.inf)
    run = connector.read("--debug", streams=STREAMS, api_key=key)
    assert run.exit_code == 1
    assert shows(run) == []


# So short a key as "q7!" would be found in honest rows.
@pytest.mark.parametrize("key", [name for name, key in KEYS.items() if len(key) >= 8], indirect=True)
def test_a_key_in_rows_links_and_tickers_stays_inside(
    connector: Connector, api: SandboxApi, shows: Callable[[Run], list[str]], key: str
) -> None:
    api.key = key.strip()
    api.prices[api.key] = api.prices["IBM"]
    api.page_size = 20

    def full_of_keys(path: str, body: Any) -> Any:
        keys = " ".join(spell(key.strip()) for spell in SPELLED.values())
        text = json.dumps(body).replace("invented", json.dumps(keys)[1:-1])
        changed = json.loads(text)
        if isinstance(changed, dict) and "next_url" in changed:
            changed["next_url"] += f"&apiKey={quote(key)}"
        return changed

    api.transform = full_of_keys
    # The key, pasted into the wrong fields too.
    run = connector.read(
        "--debug", streams=STREAMS, api_key=key, tickers=["IBM", key.strip()], start_date="2008-01-02", state=[]
    )
    assert shows(run) == []
    assert connector.read(api_key=key, timespan=key).exit_code == 1
    assert connector.read(api_key=key, api_url=f"https://x/?{key}").exit_code == 1


def test_the_key_goes_nowhere_but_to_the_address_of_the_config_and_in_one_header(
    connector: Connector, api: SandboxApi
) -> None:
    with SandboxApi() as elsewhere:
        api.page_size = 20
        api.next_url_base = elsewhere.url.replace("localhost", "127.0.0.1")
        connector.read(streams=STREAMS)
        for code in (301, 302, 303, 307, 308):
            api.fail_next(lambda h, code=code: h.send(code, {"Location": elsewhere.url + h.path}, b""), math.inf)
            assert connector.check().status()[0] == "FAILED"
            api.heal()
        assert elsewhere.requests == []
    for (_, path), headers in zip(api.requests, api.headers, strict=True):
        assert api.key not in path
        assert [name for name, text in headers.items() if api.key in text] == ["authorization"]


CONTROL = 'a\nb\r\n{"type":"RECORD"}\x00\x1b[2J\u2028\u2029\x85\ud83d\ude00'


def test_what_the_server_says_stays_inside_one_line(connector: Connector, api: SandboxApi) -> None:
    def control(path: str, body: Any) -> Any:
        return json.loads(json.dumps(body).replace("invented", json.dumps(CONTROL)[1:-1]))

    api.transform = control
    run = connector.read("--debug", streams=["news"], start_date="2008-01-02")
    assert any(CONTROL.encode("utf-16", "surrogatepass").decode("utf-16") in text for text in strings(run.rows("news")))
    for code in (200, 403, 418, 503):
        api.fail_next(("status", code, {}, {"status": "ERROR", "error": CONTROL}), math.inf)
        run = connector.check("--debug")  # `judged` parses each line
        assert [m["type"] for m in run.messages if m["type"] != "LOG"] == ["CONNECTION_STATUS"]
        api.heal()
