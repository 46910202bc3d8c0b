"""Checks that spec.yaml makes a form that people can fill in, and that Airbyte's test suites accept."""

from __future__ import annotations

import copy
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import yaml

from source_stock_ticker import SourceStockTicker

ROOT = Path(__file__).resolve().parent.parent
SPEC = yaml.safe_load((ROOT / "spec.yaml").read_text(encoding="utf-8"))
SCHEMA = SPEC["connectionSpecification"]
SOUNDS_SECRET = re.compile(r"(token|secret|password|api_?key|private_key|access_key|credentials|certificate|jwt)$")
DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"  # the pattern for which the form shows a calendar
KNOWN = {
    *("type", "title", "description", "order", "examples", "default", "enum", "const", "format", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("items", "minItems", "maxItems", "uniqueItems", "properties", "required", "additionalProperties", "oneOf"),
    *("airbyte_secret", "airbyte_hidden", "always_show", "display_type", "group", "multiline", "pattern_descriptor"),
}
HOLDS_ONE_VALUE = {"string", "integer", "number", "boolean"}


class Field(NamedTuple):
    """A field of the form, at any depth. form: its object, which can be a variant of a choice."""

    path: str  # credentials.client_id
    says: Mapping[str, Any]  # what the spec says of it
    form: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def required(self) -> bool:
        return self.name in self.form.get("required", [])

    @property
    def fixed(self) -> bool:
        """Whether it distinguishes the variants of a choice: the form does not show it."""
        return "const" in self.says

    @property
    def types(self) -> set[str]:
        said = self.says.get("type", [])
        return {said} if isinstance(said, str) else set(said)

    @property
    def variants(self) -> list[Mapping[str, Any]]:
        return list(self.says.get("oneOf", []))

    @property
    def filled_in(self) -> bool:
        """Whether people type or choose its value, not only the values of its fields."""
        return not self.fixed and not list(fields(self.says))


def fields(schema: Mapping[str, Any], path: str = "") -> Iterator[Field]:
    """The fields of a schema, each before those in it: of an object, a choice's variants or a list's items."""
    for name, field in schema.get("properties", {}).items():
        yield Field(path + name, field, schema)
        yield from fields(field, f"{path}{name}.")
    for inner in (*schema.get("oneOf", []), *([schema["items"]] if "items" in schema else [])):
        yield from fields(inner, path)


# The rules for each field, at any place. A rule returns whether the field follows it.


def has_title_and_description(field: Field) -> bool:
    return field.fixed or bool(field.says.get("title") and field.says.get("description", "").endswith("."))


def uses_only_keywords_that_the_form_knows(field: Field) -> bool:
    inner = [field.says, *field.variants, field.says.get("items", {})]
    top = "." not in field.path
    return all(set(schema) <= KNOWN for schema in inner) and (top or "group" not in field.says)


def has_one_type(field: Field) -> bool:
    kinds = field.types - {"null"}
    return kinds <= {*HOLDS_ONE_VALUE, "array", "object"} and len(kinds) == (1 if kinds or not field.fixed else 0)


def has_examples_that_fit_it(field: Field) -> bool:
    return not field.filled_in or fit(field.says.get("examples", []), field.says)


def has_a_default_that_fits_it_or_can_stay_blank(field: Field) -> bool:
    if "default" in field.says:
        return fit([field.says["default"]], field.says)
    return field.required or field.fixed or "left blank" in field.says["description"].lower()


def says_whether_it_is_a_secret_if_it_sounds_like_one(field: Field) -> bool:
    can_be = not field.fixed and bool(field.types & HOLDS_ONE_VALUE)
    said = field.says.get("airbyte_secret")
    return (said in (True, False) if SOUNDS_SECRET.search(field.name) else said in (None, True)) if can_be else not said


def has_each_choice_once(field: Field) -> bool:
    choices = list(map(repr, field.says.get("enum", [])))
    return len(set(choices)) == len(choices)


def is_numbered_in_the_order_of_the_file(field: Field) -> bool:
    shown = [one for one in field.form["properties"].values() if "const" not in one or "order" in one]
    orders = [one.get("order", -1) for one in shown]
    return -1 not in orders and orders == sorted(set(orders))


def is_known_as_a_date_if_it_is_one(field: Field) -> bool:
    is_date = field.says.get("format") == "date"
    named_so = field.name.endswith("_date") and "string" in field.types
    return is_date == (field.says.get("pattern") == DATE) and (not named_so or "format" in field.says)


def allows_what_only_other_versions_know(field: Field) -> bool:
    return all(form.get("additionalProperties", True) is True for form in (field.form, field.says))


def names_what_is_in_it(field: Field) -> bool:
    """An object has fields or is a choice; the items of a list are plain values, objects with fields or an enum."""
    items = field.says.get("items", {})
    kinds = HOLDS_ONE_VALUE - {"boolean"} if field.types >= {"array"} else set()
    of_items = not kinds or items.get("type") in kinds or "enum" in items or bool(list(fields(items)))
    known = [set(form.get("required", [])) <= set(form.get("properties", {})) for form in (field.form, field.says)]
    return of_items and all(known) and ("object" not in field.types or bool(list(fields(field.says))))


def is_a_choice_by_one_constant(field: Field) -> bool:
    if not field.variants:
        return "display_type" not in field.says
    constants = [
        {name: part["const"] for name, part in variant.get("properties", {}).items() if "const" in part}
        for variant in field.variants
    ]
    (common, *others) = set.intersection(*map(set, constants)) or {""}
    values = {repr(of_variant.get(common)) for of_variant in constants}
    titled = all(variant.get("title") for variant in field.variants)
    return field.types == {"object"} and titled and common != "" and not others and len(values) == len(constants)


def fit(values: list[Any], schema: Mapping[str, Any]) -> bool:
    """Whether there are values, and each fits."""
    return bool(values) and all(jsonschema.Draft7Validator(schema).is_valid(value) for value in values)


Rule = Callable[[Field], bool]
RULES: list[Rule] = [
    has_title_and_description,
    uses_only_keywords_that_the_form_knows,
    has_one_type,
    has_examples_that_fit_it,
    has_a_default_that_fits_it_or_can_stay_blank,
    says_whether_it_is_a_secret_if_it_sounds_like_one,
    has_each_choice_once,
    is_numbered_in_the_order_of_the_file,
    is_known_as_a_date_if_it_is_one,
    allows_what_only_other_versions_know,
    names_what_is_in_it,
    is_a_choice_by_one_constant,
]


# spec.yaml


def test_the_spec_message_says_what_the_file_says():
    message = json.loads(SourceStockTicker().spec(logging.getLogger("unit_tests")))
    assert message["type"] == "SPEC"
    assert message["spec"].items() >= SPEC.items()


def test_it_is_a_valid_draft_07_schema_of_an_object():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert SCHEMA["type"] == "object"


def test_the_key_is_all_that_must_be_filled_in():
    assert SCHEMA["required"] == ["api_key"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("field", list(fields(SCHEMA)), ids=lambda field: field.path)
def test_each_field(field, rule):
    assert rule(field), f"{field.path} breaks the rule: {rule.__name__.replace('_', ' ')}"


def test_a_list_contains_strings():
    assert SCHEMA["properties"]["tickers"]["items"] == {"type": "string"}


def test_the_documentation_has_an_address():
    assert SPEC["documentationUrl"].startswith("https://")


@pytest.mark.parametrize("file", ["config.json", "config_sandbox.json"])
def test_a_sample_config_fits_the_spec(file):
    jsonschema.validate(json.loads((ROOT / "sample_files" / file).read_text(encoding="utf-8")), SCHEMA)


# The rules themselves, on a form that has all that Airbyte allows

NESTED = yaml.safe_load("""
type: object
required: [credentials, accounts]
properties:
  credentials:
    type: object
    title: Credentials
    description: How to sign in.
    order: 0
    display_type: radio
    oneOf:
      - title: Application
        required: [kind, client_id, client_secret]
        properties:
          kind: {type: string, const: application, order: 0}
          client_id: {type: string, title: Client, description: Its id., order: 1, examples: [a]}
          client_secret:
            {type: string, title: Secret, description: Its secret., order: 2, examples: [b], airbyte_secret: true}
      - title: Token
        required: [kind, access_token]
        properties:
          kind: {const: token}
          access_token:
            {type: string, title: Token, description: A token., order: 1, examples: [c], airbyte_secret: true}
  accounts:
    type: array
    title: Accounts
    description: Whose rows to read.
    order: 3
    items:
      type: object
      required: [id]
      properties:
        id: {type: integer, title: Id, description: Its number., order: 0, examples: [1], minimum: 1}
        first_date:
          type: [string, "null"]
          title: From
          description: First day. Left blank, all are read.
          format: date
          pattern: ^[0-9]{4}-[0-9]{2}-[0-9]{2}$
          order: 1
          examples: ["2024-01-02"]
  window:
    type: object
    title: Window
    description: Which hours to read. Left blank, all are.
    order: 4
    group: more
    properties:
      zone:
        {type: string, title: Zone, description: Its zone., order: 0, examples: [UTC], enum: [UTC, CET], default: UTC}
""")
APPLICATION, TOKEN = NESTED["properties"]["credentials"]["oneOf"]


def test_the_fields_of_objects_choices_and_lists_are_fields_too():
    assert [field.path for field in fields(NESTED)] == [
        "credentials",
        "credentials.kind",
        "credentials.client_id",
        "credentials.client_secret",
        "credentials.kind",
        "credentials.access_token",
        "accounts",
        "accounts.id",
        "accounts.first_date",
        "window",
        "window.zone",
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_nested_form_keeps_each_rule(rule):
    assert [field.path for field in fields(NESTED) if not rule(field)] == []


@pytest.mark.parametrize(
    ("path", "change", "rule"),
    [
        ("credentials.client_id", {"title": None}, has_title_and_description),
        ("credentials.client_id", {"description": "no full stop"}, has_title_and_description),
        ("accounts.id", {"description": None}, has_title_and_description),
        ("accounts.id", {"anyOf": [{}]}, uses_only_keywords_that_the_form_knows),
        ("accounts", {"items": {"$ref": "#/x"}}, uses_only_keywords_that_the_form_knows),
        ("credentials", {"oneOf": [{**APPLICATION, "not": {}}, TOKEN]}, uses_only_keywords_that_the_form_knows),
        ("credentials.client_id", {"group": "inner"}, uses_only_keywords_that_the_form_knows),
        ("credentials.client_id", {"type": None}, has_one_type),
        ("credentials.client_id", {"type": ["string", "integer"]}, has_one_type),
        ("credentials.client_id", {"type": "text"}, has_one_type),
        ("credentials.client_secret", {"examples": None}, has_examples_that_fit_it),
        ("accounts.id", {"examples": [0]}, has_examples_that_fit_it),
        ("window.zone", {"default": "EST"}, has_a_default_that_fits_it_or_can_stay_blank),
        ("window.zone", {"default": None}, has_a_default_that_fits_it_or_can_stay_blank),
        ("window", {"description": "Which hours."}, has_a_default_that_fits_it_or_can_stay_blank),
        ("credentials.client_secret", {"airbyte_secret": None}, says_whether_it_is_a_secret_if_it_sounds_like_one),
        ("credentials.access_token", {"airbyte_secret": "yes"}, says_whether_it_is_a_secret_if_it_sounds_like_one),
        ("credentials", {"airbyte_secret": True}, says_whether_it_is_a_secret_if_it_sounds_like_one),
        ("window.zone", {"enum": ["UTC", "UTC"]}, has_each_choice_once),
        ("credentials.client_id", {"order": None}, is_numbered_in_the_order_of_the_file),
        ("credentials.client_id", {"order": 2}, is_numbered_in_the_order_of_the_file),
        ("credentials.client_id", {"order": 3}, is_numbered_in_the_order_of_the_file),
        ("accounts.first_date", {"pattern": None}, is_known_as_a_date_if_it_is_one),
        ("accounts.first_date", {"format": None, "pattern": None}, is_known_as_a_date_if_it_is_one),
        ("accounts.first_date", {"format": None}, is_known_as_a_date_if_it_is_one),
        ("window", {"additionalProperties": False}, allows_what_only_other_versions_know),
        (
            "credentials",
            {"oneOf": [{**APPLICATION, "additionalProperties": False}]},
            allows_what_only_other_versions_know,
        ),
        ("window", {"properties": None}, names_what_is_in_it),
        ("window", {"required": ["sone"]}, names_what_is_in_it),
        ("accounts", {"items": {"type": "object"}}, names_what_is_in_it),
        ("accounts", {"items": {"type": "boolean"}}, names_what_is_in_it),
        ("accounts", {"items": None}, names_what_is_in_it),
        ("credentials", {"type": "string"}, is_a_choice_by_one_constant),
        ("credentials", {"oneOf": [APPLICATION, APPLICATION]}, is_a_choice_by_one_constant),
        ("credentials", {"oneOf": [APPLICATION, {**TOKEN, "title": ""}]}, is_a_choice_by_one_constant),
        ("credentials", {"oneOf": [APPLICATION, {"title": "None"}]}, is_a_choice_by_one_constant),
        ("credentials.kind", {"const": None, "type": "string"}, is_a_choice_by_one_constant),
        ("credentials.client_id", {"display_type": "radio"}, is_a_choice_by_one_constant),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_nested_field_that_breaks_a_rule_is_found(path, change, rule):
    schema = copy.deepcopy(NESTED)
    field = next(field for field in fields(schema) if field.path == path)
    changed = {name: value for name, value in {**field.says, **change}.items() if value is not None}
    field.form["properties"][field.name] = changed
    assert not all(map(rule, fields(schema)))


def test_a_name_that_sounds_secret_but_is_not_can_say_so():
    public = {"type": "string", "airbyte_secret": False}
    form = {"properties": {"page_token": public}}
    assert says_whether_it_is_a_secret_if_it_sounds_like_one(Field("page_token", public, form))
