"""spec.yaml makes a form that people can fill in, and that Airbyte's suites accept."""

import json
import logging
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from source_stock_ticker import SourceStockTicker

ROOT = Path(__file__).resolve().parent.parent
SPEC = yaml.safe_load((ROOT / "spec.yaml").read_text(encoding="utf-8"))
SCHEMA = SPEC["connectionSpecification"]
FIELDS = SCHEMA["properties"]
EACH_FIELD = pytest.mark.parametrize("name", list(FIELDS))
DATES = [name for name, field in FIELDS.items() if field.get("format") == "date"]
SOUNDS_SECRET = re.compile(r"(token|secret|password|api_?key|private_key|access_key|credentials|certificate|jwt)$")
KNOWN = {
    "type",
    "title",
    "description",
    "order",
    "examples",
    "default",
    "enum",
    "format",
    "pattern",
    "items",
    "minimum",
    "maximum",
    "minLength",
    "airbyte_secret",
}


def test_the_spec_message_says_what_the_file_says():
    message = json.loads(SourceStockTicker().spec(logging.getLogger("unit_tests")))
    assert message["type"] == "SPEC"
    assert message["spec"].items() >= SPEC.items()


def test_it_is_a_valid_draft_07_schema_of_an_object():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert SCHEMA["type"] == "object"


def test_what_only_older_or_newer_versions_know_is_allowed():
    assert SCHEMA.get("additionalProperties", True) is True


def test_the_key_is_all_that_must_be_filled_in():
    assert SCHEMA["required"] == ["api_key"]


@EACH_FIELD
def test_a_field_has_title_and_description(name):
    assert FIELDS[name]["title"]
    assert FIELDS[name]["description"].endswith(".")


@EACH_FIELD
def test_a_field_uses_only_keywords_that_the_form_knows(name):
    assert set(FIELDS[name]) <= KNOWN


@EACH_FIELD
def test_a_field_has_one_type(name):
    assert FIELDS[name]["type"] in ("string", "integer", "number", "boolean", "array")


@EACH_FIELD
def test_a_field_has_examples_that_fit_it(name):
    assert FIELDS[name]["examples"]
    for example in FIELDS[name]["examples"]:
        jsonschema.validate(example, FIELDS[name])


@EACH_FIELD
def test_an_optional_field_has_a_default_that_fits_it_or_can_stay_blank(name):
    if "default" in FIELDS[name]:
        jsonschema.validate(FIELDS[name]["default"], FIELDS[name])
    assert (
        name in SCHEMA["required"] or "default" in FIELDS[name] or "left blank" in FIELDS[name]["description"].lower()
    )


@EACH_FIELD
def test_a_field_that_sounds_like_a_secret_is_one_and_no_other(name):
    assert FIELDS[name].get("airbyte_secret", False) is bool(SOUNDS_SECRET.search(name))


@EACH_FIELD
def test_a_choice_has_each_value_once(name):
    choices = FIELDS[name].get("enum", [])
    assert len(set(choices)) == len(choices)


def test_a_list_holds_texts():
    assert FIELDS["tickers"]["items"] == {"type": "string"}


def test_the_fields_are_numbered_in_the_order_of_the_file():
    assert [field["order"] for field in FIELDS.values()] == list(range(len(FIELDS)))


def test_the_dates_are_known_as_such():
    assert [name for name in FIELDS if name.endswith("_date")] == DATES


@pytest.mark.parametrize("name", DATES)
def test_a_date_has_the_pattern_for_which_the_form_shows_a_calendar(name):
    assert FIELDS[name]["pattern"] == "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def test_the_documentation_has_an_address():
    assert SPEC["documentationUrl"].startswith("https://")


@pytest.mark.parametrize("file", ["config.json", "config_sandbox.json"])
def test_a_sample_config_fits_the_spec(file):
    jsonschema.validate(json.loads((ROOT / "sample_files" / file).read_text(encoding="utf-8")), SCHEMA)
