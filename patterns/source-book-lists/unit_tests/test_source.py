"""Tests the connector as a whole: what check answers, and what discover shows."""

import logging

import pytest

from source_book_lists import SourceBookLists
from source_book_lists.runtime.errors import (
    ConfigError,
    CredentialsError,
    TransientError,
    UnexpectedResponse,
)
from source_book_lists.runtime.protocol.config import validated

LOGGER = logging.getLogger("unit_tests")
URL = "https://api.book-lists.example"
CONFIG = {"credentials": {"kind": "header", "api_key": "my-key"}}
SCHEMA = SourceBookLists().specification["connectionSpecification"]


def test_a_check_proves_the_credentials_by_one_request(server):
    server.get(f"{URL}/books", json={"rows": []})
    SourceBookLists().check(LOGGER, CONFIG)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"status": 401}, CredentialsError),
        ({"body": "Welcome!"}, UnexpectedResponse),
        ({"status": 503}, TransientError),
    ],
)
def test_a_check_refuses_at_once_what_a_read_would(response, error, server):
    server.get(f"{URL}/books", **response)
    with pytest.raises(error):
        SourceBookLists().check(LOGGER, CONFIG)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"credentials": {"kind": "header"}}, "credentials.api_key is missing"),
        ({"credentials": {"kind": "header", "api_key": "my key"}}, "credentials.api_key must match"),
        ({"credentials": {"kind": "parameter"}}, "credentials.api_key is missing"),
        ({"credentials": {"kind": "basic", "user": "ann"}}, "credentials.password is missing"),
        ({"credentials": {"kind": "client_credentials", "client_id": "a"}}, "credentials.client_secret is missing"),
        ({"credentials": {"kind": "token"}}, "header, parameter, basic, client_credentials"),
        ({**CONFIG, "api_url": "api.example.com"}, "api_url must"),
        ({**CONFIG, "api_url": "http://api.example.com"}, "api_url must"),
        ({**CONFIG, "api_url": "https://api.example.com/"}, "api_url must"),
    ],
)
def test_what_is_wrong_in_a_config_is_named(config, named):
    with pytest.raises(ConfigError) as refused:
        validated(config, SCHEMA)
    assert named in refused.value.message


@pytest.mark.parametrize("kind", ["header", "parameter"])
def test_blanks_after_a_key_and_the_address_do_no_harm(kind, server):
    server.get(f"{URL}/books", json={"rows": []})
    config = {"credentials": {"kind": kind, "api_key": "my-key\n"}, "api_url": f"{URL}\n"}
    SourceBookLists().check(LOGGER, validated(config, SCHEMA))
    asked = server.calls[0].request
    assert "my-key" in (asked.headers.get("X-Library-Key"), asked.params.get("key"))


def test_a_check_does_not_sit_out_an_outage_of_the_tokens_address_either(server):
    server.post(f"{URL}/token", status=503)
    application = {"kind": "client_credentials", "client_id": "a", "client_secret": "b"}
    with pytest.raises(TransientError):
        SourceBookLists().check(LOGGER, {"credentials": application})
    assert len(server.calls) == 1


@pytest.mark.parametrize("address", ["https://books.example.com/v1", "http://localhost:8080", "http://127.0.0.1/x"])
def test_an_address_can_be_that_of_a_proxy_or_of_this_machine(address):
    config = {**CONFIG, "api_url": address}
    assert validated(config, SCHEMA) == config
