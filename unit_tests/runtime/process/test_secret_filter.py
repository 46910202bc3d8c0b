"""Tests that no secret gets out, however it is spelled, and that only secrets are changed."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_stock_ticker.runtime.errors import ConfigError, ConnectorError
from source_stock_ticker.runtime.process.secret_filter import SecretFilter
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.records import records

KEY = "k3y-of-12345678"
ODD_KEY = "k3y+of/12 34\"56'78\\ü?>"
QUOTED_KEY = "k3y'of'12345678"


def in_lower_case(text):
    """A string in a URL with lower-case codes: %2f for %2F."""
    return re.sub("%..", lambda code: code[0].lower(), text)


def in_go(text):
    """JSON in Go's spelling."""
    return text.translate({ord(char): f"\\u{ord(char):04x}" for char in "<>&"})


SPELLINGS = {
    "plain": str,
    "in a URL": lambda key: quote(key, safe=""),
    "in a URL with slashes": quote,
    "in a form": quote_plus,
    "in a URL, in lower case": lambda key: in_lower_case(quote(key, safe="")),
    "in a URL with slashes, in lower case": lambda key: in_lower_case(quote(key)),
    "in a form, in lower case": lambda key: in_lower_case(quote_plus(key)),
    "in a URL with every byte escaped": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()),
    "in a URL with every byte escaped, in lower case": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "in JSON": lambda key: json.dumps({"key": key}),
    "in JSON that is not ASCII": lambda key: json.dumps({"key": key}, ensure_ascii=False),
    "in JSON in JSON": lambda key: json.dumps({"response": json.dumps({"key": key})}),
    "in JSON as PHP writes it": lambda key: json.dumps({"key": key}).replace("/", "\\/"),
    "in JSON in JSON as PHP writes it": lambda key: json.dumps(json.dumps(key).replace("/", "\\/")),
    "in JSON as Go writes it": lambda key: in_go(json.dumps(key, ensure_ascii=False)),
    "in JSON in JSON as Go writes it": lambda key: json.dumps(in_go(json.dumps(key, ensure_ascii=False))),
    "in a web page": html.escape,
    "in a web page, the quotes as they are": lambda key: html.escape(key, False),
    "in a web page as Go writes it": lambda key: html.escape(key, False).translate(
        {ord(c): f"&#{ord(c)};" for c in "'\"+"}
    ),
    "in a URL in a URL": lambda key: quote(quote(key, safe=""), safe=""),
    "as Python shows it": lambda key: repr({"key": key}),
    "as Python shows it among other quotes": lambda key: repr(f'"it\'s {key}"'),
    "as Python shows bytes": lambda key: repr(key.encode()),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "in base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
}


def unescaped(text: str) -> str:
    """The text without the backslashes that some spellings put before quotes and backslashes."""
    return text.replace("\\", "")


@pytest.mark.parametrize("key", [KEY, ODD_KEY, QUOTED_KEY])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_taken_out_in_every_spelling(spelling, key):
    spelled = SPELLINGS[spelling](key)
    line = SecretFilter([key]).lines(messages.log("ERROR", f"The server said: {spelled}"))
    text = json.loads(line)["log"]["message"]
    assert "****" in text
    assert unescaped(key) not in unescaped(text)
    assert spelled not in text


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("after", ["", ":", "::", "\xff" * 6])
@pytest.mark.parametrize("length", [22, 23, 24, 32])
@pytest.mark.parametrize("alphabet", [None, b"-_"], ids=["usual", "for URLs"])
def test_a_secret_inside_a_text_in_base64_is_taken_out(before, after, length, alphabet):
    key = "Xy_-9aB3dE5gH7iK9mN1oPqRsTuVwXyZ"[:length]
    around = len(base64.b64encode(f"{before}{after}".encode()))
    spelled = base64.b64encode(f"{before}{key}{after}".encode(), alphabet).decode()
    text = json.loads(SecretFilter([key]).lines(messages.log("ERROR", spelled)))["log"]["message"]
    assert "****" in text
    assert len(text.replace("****", "")) <= around + 4  # only the ends of the key itself


@pytest.mark.parametrize(
    "line",
    [
        messages.connection_status(f"The key {KEY} is wrong."),
        messages.log("ERROR", "text", f"File x, line 1: {KEY}"),
        messages.error(ConfigError(f"The key {KEY} is wrong.")),
        messages.error(ConnectorError("text", f"detail {KEY}")),
        messages.error(KeyError(KEY)),
        messages.state("letters", {"link": f"https://example.com/?key={KEY}"}, 0),
        messages.state("letters", {f"?key={KEY}": 1}, 0),
    ],
)
def test_a_secret_is_taken_out_of_every_text_of_a_message(messages_in, line):
    masked = SecretFilter([KEY]).lines(line)
    assert KEY.encode() not in masked
    assert b"****" in masked
    messages_in(masked)


def test_without_secrets_every_line_stays_as_it_is():
    line = messages.log("INFO", "text")
    assert SecretFilter().lines(line) is line


def test_a_line_without_the_secret_stays_as_it_is():
    line = messages.log("INFO", "text")
    assert SecretFilter([KEY]).lines(line) is line


@pytest.mark.parametrize("word", ["message", "type", "LOG", "INFO", "log", "level"])
def test_a_secret_that_is_a_word_of_the_protocol_leaves_the_message_valid(messages_in, word):
    (message,) = messages_in(SecretFilter([word]).lines(messages.log("INFO", f"The key is {word}.")))
    assert message == {"type": "LOG", "log": {"level": "INFO", "message": "The key is ****."}}


def test_a_secret_that_is_a_number_is_taken_out():
    assert b"12345678" not in SecretFilter([12345678]).lines(messages.log("INFO", "The key is 12345678."))


def test_a_secret_within_another_does_not_leave_the_rest_of_it():
    line = SecretFilter(["abcd1234", "abcd1234-and-more"]).lines(messages.log("INFO", "It is abcd1234-and-more."))
    assert json.loads(line)["log"]["message"] == "It is ****."


@pytest.mark.parametrize("pasted", [f" {KEY}", f"{KEY}\n", f"\t{KEY} "])
def test_a_secret_pasted_with_blanks_around_it_is_taken_out_without_them_too(pasted):
    assert KEY.encode() not in SecretFilter([pasted]).lines(messages.log("INFO", f'The server does not know "{KEY}".'))


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_secret_left_blank_takes_nothing_out(blank):
    line = messages.connection_status("api_key: it holds\nspaces.")
    assert SecretFilter([blank]).lines(line) == line


def test_a_secret_is_taken_out_of_a_record_and_its_numbers_stay(messages_in):
    rows = [{"text": "fine", "rank": 12345678}, {"text": "the key 12345678!", "rank": 0.1}]
    masked = messages_in(SecretFilter(["12345678"]).lines(records("letters", rows), data=True))
    assert [message["record"]["data"] for message in masked] == [rows[0], {"text": "the key ****!", "rank": 0.1}]


def test_a_short_secret_leaves_the_records_as_they_are():
    lines = records("letters", [{"text": "abc"}])
    assert SecretFilter(["abc"]).lines(lines, data=True) == lines


def test_a_short_secret_is_taken_out_of_messages():
    line = SecretFilter(["abc"]).lines(messages.log("INFO", "The key is abc."))
    assert json.loads(line)["log"]["message"] == "The key is ****."


def test_a_secret_that_is_not_valid_unicode_is_masked():
    # JSON can spell half a character (\ud800); such a key is invalid, but still a secret.
    key = "k3y-of-\ud800-12345678"
    assert "12345678" not in SecretFilter([key]).lines(messages.log("INFO", f"The key is {key}.")).decode()


@settings(deadline=None)
@given(
    key=st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=8).filter(str.strip),
    spelling=st.sampled_from(["plain", "in a URL", "in a form", "in JSON", "as Python shows it", "in base64"]),
    around=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
def test_no_key_whatever_its_characters_is_left_in_a_message(key, spelling, around):
    spelled = SPELLINGS[spelling](key)
    line = SecretFilter([key]).lines(messages.log("ERROR", around + spelled + around))
    text = json.loads(line)["log"]["message"]
    assert key not in text
    assert spelled not in text


@pytest.mark.parametrize("depth", [600, 100_000])
def test_a_line_too_deep_to_be_decoded_holds_no_secret_either(depth):
    line = b'{"type":"RECORD","record":{"data":' + b"[" * depth + f'"{KEY}"'.encode() + b"]" * depth + b"}}\n"
    written = SecretFilter([KEY]).lines(line, data=True)
    assert KEY.encode() not in written
    assert written.count(b"****") == 1
