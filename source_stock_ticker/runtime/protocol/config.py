"""Checks the user's config against the spec.

jsonschema judges. Its first complaint becomes one sentence that names the field and says what to
change, and never shows the value of a secret.
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft7Validator

from ..errors import ConfigError, start_of

Config = dict[str, Any]
Schema = Mapping[str, Any]
SHORTEST_OPTION = 3  # letters; a shorter key is too vague to be a misspelt option
KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def validated(config: Any, schema: Schema) -> Config:
    """The config without the optional fields left blank (the form sends "" for them). Raises ConfigError.

    Refuses a misspelt option too: to ignore it would read something that the user did not ask for.
    """
    if not isinstance(config, dict):
        raise ConfigError("config: the file must hold a JSON object, like those in sample_files/.")
    required = schema.get("required", [])
    filled = {k: v for k, v in config.items() if v not in ("", None) or (k in required and v is not None)}
    if misspelt := _misspelt(filled, schema):
        raise ConfigError("config: there is no option {}; did you mean {}?".format(*misspelt))
    place = {name: place for place, name in enumerate(schema.get("properties", {}))}
    complaints = sorted(
        Draft7Validator(schema).iter_errors(filled),
        key=lambda error: (error.validator != "required", place.get(next(iter(error.path), ""), len(place))),
    )
    if complaints:
        raise ConfigError(_sentence(complaints[0], schema))
    return filled


def _misspelt(config: Config, schema: Schema) -> tuple[str, str] | None:
    """A key of the config that is no option but looks like one that is not given or empty, and that option.

    Other unknown keys are left alone: the platform adds some (they begin with "_"), older versions left some behind.
    """
    options = {name.lower(): name for name in schema.get("properties", {})}
    for key in config:
        typed = key.lower()
        if typed.startswith("_") or len(typed) < SHORTEST_OPTION or key in options.values():
            continue
        alike = get_close_matches(typed, options, 1, 0.8) or [name for name in options if name.startswith(typed)]
        if alike and config.get(meant := options[alike[0]]) in (None, []):
            return key, meant
    return None


def _sentence(error: Any, schema: Schema) -> str:
    rule, path = error.validator, list(map(str, error.path))
    if rule == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        said = error.schema.get("properties", {}).get(missing, {})
        described = said.get("description") or said.get("title") or "what the spec asks for."
        return f"{'.'.join([*path, missing])}: is missing; it is: {described}"
    shown = "the value" if _holds_secrets(error, schema) else start_of(json.dumps(error.instance, default=str), 40)
    said = (
        "must not be blank" if rule == "minLength" else f"{shown} {_demand(rule, error.validator_value, error.schema)}"
    )
    return f"{'.'.join(path) or 'config'}: {said}."


def _demand(rule: str, wanted: Any, schema: Schema) -> str:
    """What a rule of the spec wants of a value."""
    match rule:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return "must be " + " or ".join(KINDS.get(kind, f"a {kind}") for kind in kinds)
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}"
        case "minimum" | "maximum":
            return f"must be {wanted} or {'more' if rule == 'minimum' else 'less'}"
        case "pattern":
            form = "YYYY-MM-DD" if schema.get("format") == "date" else f"a text that matches {wanted}"
            return f"must be written as {form}" + "".join(f", for example {e}" for e in schema.get("examples", [])[:1])
    return f"does not fit the spec ({rule})"


def _holds_secrets(error: Any, schema: Schema) -> bool:
    """Whether the value in question is a secret, lies in one or may hold one."""
    for step in error.path:
        if schema.get("airbyte_secret"):
            return True
        schema = schema.get("properties", {}).get(step) or schema.get("items") or {}
    return isinstance(error.instance, dict | list) or '"airbyte_secret": true' in json.dumps(schema)
