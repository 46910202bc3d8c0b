"""The connector as a whole: what check answers, and what discover shows."""

import json
import logging
from pathlib import Path

import jsonschema
import pytest

from source_river_levels import SourceRiverLevels
from source_river_levels.runtime.errors import CredentialsError, TransientError, UnexpectedResponse

ROOT = Path(__file__).resolve().parent.parent
LOGGER = logging.getLogger("unit_tests")
CONFIG = {"api_key": "my-key", "start_date": "2024-03-01"}
CATALOG = json.loads(SourceRiverLevels().discover(LOGGER, CONFIG))["catalog"]["streams"]


def test_a_check_proves_the_key_by_one_request(server):
    server.get("https://api.river-levels.example/stations", json={"stations": []})
    SourceRiverLevels().check(LOGGER, CONFIG)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("response", "error"), [({"status": 401}, CredentialsError), ({"body": "Welcome!"}, UnexpectedResponse)]
)
def test_a_check_refuses_what_a_read_would(response, error, server):
    server.get("https://api.river-levels.example/stations", **response)
    with pytest.raises(error):
        SourceRiverLevels().check(LOGGER, CONFIG)


def test_a_check_answers_at_once_while_the_api_is_out_of_order(server):
    server.get("https://api.river-levels.example/stations", status=503)
    with pytest.raises(TransientError):
        SourceRiverLevels().check(LOGGER, CONFIG)
    assert len(server.calls) == 1


def test_several_requests_may_be_under_way():
    assert SourceRiverLevels().workers(CONFIG) > 1


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
