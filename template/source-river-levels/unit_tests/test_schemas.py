"""Tests what discover shows: each field has a description, and the sample catalog has every stream."""

import json
import logging
from pathlib import Path

import jsonschema
import pytest

from source_river_levels import SourceRiverLevels

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_files"
CONFIG = json.loads((SAMPLES / "config_sandbox.json").read_text("utf-8"))
MESSAGE = SourceRiverLevels().discover(logging.getLogger("unit_tests"), CONFIG)
CATALOG = json.loads(MESSAGE)["catalog"]["streams"]


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
    sample = json.loads((SAMPLES / "configured_catalog.json").read_text("utf-8"))["streams"]
    modes = {entry["stream"]["name"]: entry["sync_mode"] for entry in sample}
    assert modes == {stream["name"]: stream["supported_sync_modes"][-1] for stream in CATALOG}
