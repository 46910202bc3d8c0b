"""The connector as a whole: what check answers, and what discover shows."""

import json
import logging
from pathlib import Path

import jsonschema
import pytest

from source_book_lists import SourceBookLists
from source_book_lists.runtime.errors import (
    ConfigError,
    CredentialsError,
    TransientError,
    UnexpectedResponse,
)
from source_book_lists.runtime.protocol.config import validated

ROOT = Path(__file__).resolve().parent.parent
LOGGER = logging.getLogger("unit_tests")
URL = "https://api.book-lists.example"
CONFIG = {"credentials": {"kind": "header", "api_key": "my-key"}}
SCHEMA = SourceBookLists().specification["connectionSpecification"]
CATALOG = json.loads(SourceBookLists().discover(LOGGER, CONFIG))["catalog"]["streams"]


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
        ({"credentials": {"kind": "header"}}, "credentials.api_key: is missing"),
        ({"credentials": {"kind": "header", "api_key": "my key"}}, "credentials.api_key: the value must be written as"),
        ({"credentials": {"kind": "parameter"}}, "credentials.api_key: is missing"),
        ({"credentials": {"kind": "basic", "user": "ann"}}, "credentials.password: is missing"),
        ({"credentials": {"kind": "client_credentials", "client_id": "a"}}, "credentials.client_secret: is missing"),
        ({"credentials": {"kind": "token"}}, "header, parameter, basic, client_credentials"),
        ({**CONFIG, "api_url": "api.example.com"}, "api_url: "),
        ({**CONFIG, "api_url": "http://api.example.com"}, "api_url: "),
        ({**CONFIG, "api_url": "https://api.example.com/"}, "api_url: "),
    ],
)
def test_what_is_wrong_in_a_config_is_named(config, named):
    with pytest.raises(ConfigError) as refused:
        validated(config, SCHEMA)
    assert named in refused.value.message


@pytest.mark.parametrize("kind", ["header", "parameter"])
def test_blanks_behind_a_key_and_the_address_do_no_harm(kind, server):
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
def test_an_address_may_be_that_of_a_proxy_or_of_this_machine(address):
    config = {**CONFIG, "api_url": address}
    assert validated(config, SCHEMA) == config


@pytest.mark.parametrize("stream", CATALOG, ids=lambda stream: stream["name"])
def test_a_schema_describes_each_field_and_key_and_cursor_are_never_null(stream):
    schema = stream["json_schema"]
    jsonschema.Draft7Validator.check_schema(schema)
    assert [name for name, field in schema["properties"].items() if not field.get("description")] == []
    keys = [path[0] for path in stream.get("source_defined_primary_key", [])]
    for name in [*keys, *stream.get("default_cursor_field", [])]:
        assert name in schema["required"]
        assert schema["properties"][name]["type"] in ("string", "integer")


def test_the_sample_catalog_has_all_streams_in_the_mode_that_suits_them():
    sample = json.loads((ROOT / "sample_files" / "configured_catalog.json").read_text("utf-8"))["streams"]
    modes = {entry["stream"]["name"]: entry["sync_mode"] for entry in sample}
    assert modes == {stream["name"]: stream["supported_sync_modes"][-1] for stream in CATALOG}
