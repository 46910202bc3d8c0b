"""Tests the options that a JSON Schema cannot check: what they refuse, and that nothing secret is in the sentence."""

import pytest

from source_stock_ticker.runtime.errors import ConfigError
from source_stock_ticker.runtime.protocol import options

ADDRESS = "api_url: write it in full, like https://api.example.com, without a user name, ? or #."
PLAIN_HTTP = "api_url: use https, which protects your key; http works only for this machine."
KEY = "api_key: it contains spaces or invalid characters; copy it again."


def test_spaces_around_a_key_and_an_address_do_no_harm():
    assert options.key(" my-key\n") == "my-key"
    assert options.address(" https://api.example.com/v1/ ") == "https://api.example.com/v1"


@pytest.mark.parametrize("key", ["", "  ", "two words", "schlüssel", "a\nb"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key):
    with pytest.raises(ConfigError) as error:
        options.key(key)
    assert error.value.message == KEY


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "host.docker.internal"])
def test_this_machine_can_be_asked_without_tls(host):
    assert options.address(f"http://{host}/") == f"http://{host}"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("api.example.com", ADDRESS),
        ("ftp://api.example.com", ADDRESS),
        ("https://", ADDRESS),
        ("https://api.example.com?apiKey=x", ADDRESS),
        ("https://api.example.com#top", ADDRESS),
        ("https://api.example.com?", ADDRESS),
        ("https://me:my-secret@api.example.com", ADDRESS),
        ("https://api.example.com:port", ADDRESS),
        ("https://[api.example.com", ADDRESS),
        ("http://api.example.com", PLAIN_HTTP),
        ("http://localhost.example.com", PLAIN_HTTP),
    ],
)
def test_an_address_that_is_none_or_would_show_the_key_is_refused(url, sentence):
    with pytest.raises(ConfigError) as error:
        options.address(url)
    assert error.value.message == sentence


def test_the_sentence_names_the_option():
    with pytest.raises(ConfigError, match=r"^token: "):
        options.key("two words", "token")
    with pytest.raises(ConfigError, match=r"^base_url: "):
        options.address("api.example.com", "base_url")
