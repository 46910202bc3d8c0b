"""Checks the user's config against the spec.

jsonschema validates it. The first error becomes one sentence that names the field, says what to
change, and never shows a secret.
"""

import json
import re
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from ..errors import ConfigError, start_of
from .spec import Schema, schemas_of

Config = dict[str, Any]
SHORTEST_OPTION = 3  # letters; a shorter key is too vague to count as a misspelled option
VARIABLE = re.compile(r"\$\{\w+\}|\$[A-Z][A-Z0-9_]*")  # not searched for in lists, which can contain $SPX
NOT_FILLED_IN = """{}: this is the name of a variable, and the connector does not fill in variables. Write the value \
into the file, mount it as a secret, or pipe the filled-in config (envsubst < config.json) to stdin (--config -)."""
KINDS = {"integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "an object"}


def validated(config: Any, schema: Schema) -> Config:
    """The config without blank optional fields (the form sends "" for them). Raises ConfigError.

    It also rejects a misspelled option: ignoring it would read something the user did not ask for.
    """
    if not isinstance(config, dict):
        raise ConfigError("config: the file must contain a JSON object, like those in sample_files/.")
    filled = _filled(config, schema)
    if misspelled := _misspelled(filled, schema):
        raise ConfigError("config: there is no option {}; did you mean {}?".format(*misspelled))
    position = {name: number for number, name in enumerate(schema.get("properties", {}))}
    complaints = sorted(
        Draft7Validator(schema, format_checker=FormatChecker(["date"])).iter_errors(filled),
        key=lambda error: (error.validator != "required", position.get(next(iter(error.path), ""), len(position))),
    )
    if complaints:
        raise ConfigError(_sentence(_meant(complaints[0]), schema))
    return filled


def _filled(config: Config, schema: Schema) -> Config:
    """The config without blank values, also in nested objects; a required field can be "", but not null."""
    required, filled = schema.get("required", []), dict[str, Any]()
    for name, value in config.items():
        parts = schemas_of(schema, name)
        if isinstance(value, dict) and parts:
            filled[name] = _filled(value, parts[0])
        elif isinstance(value, list) and parts and isinstance(items := parts[0].get("items"), dict):
            filled[name] = [_filled(item, items) if isinstance(item, dict) else item for item in value]
        elif parts and isinstance(value, str) and VARIABLE.fullmatch(value.strip()):
            raise ConfigError(NOT_FILLED_IN.format(name))
        elif value not in ("", None) or (name in required and value is not None):
            filled[name] = value
    return filled


def _meant(error: Any) -> Any:
    """The error itself; for a choice, the error of the intended variant, whose constants match."""
    while error.validator in ("oneOf", "anyOf"):
        variants: dict[int, list[Any]] = {}
        for inner in error.context:
            variants.setdefault(inner.schema_path[0], []).append(inner)
        meant = [found for found in variants.values() if all(inner.validator != "const" for inner in found)]
        if len(meant) != 1:
            break
        error = min(meant[0], key=lambda inner: inner.validator != "required")
    return error


def _misspelled(config: Config, schema: Schema) -> tuple[str, str] | None:
    """An unknown key of the config that resembles a missing or empty option, and that option.

    Other unknown keys are ignored: the platform adds some (they begin with "_"), and older versions left some behind.
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
    rule, path = error.validator, list(map(str, error.absolute_path))
    if rule == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        said = error.schema.get("properties", {}).get(missing, {})
        described = said.get("description") or said.get("title") or "The spec requires it."
        return f"{'.'.join([*path, missing])} is missing. {described}"
    hidden = rule == "minLength" or _holds_secrets(error, schema)
    shown = "" if hidden else f"; it is {start_of(json.dumps(error.instance, default=str), 40)}"
    return f"{'.'.join(path) or 'config'} {_demand(rule, error.validator_value, error.schema)}{shown}."


def _demand(rule: str, wanted: Any, schema: Schema) -> str:
    """What a rule of the spec requires of a value."""
    example = "".join(f" (for example {json.dumps(e)})" for e in schema.get("examples", [])[:1])
    match rule:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            demand = "must be " + " or ".join(KINDS.get(kind, f"a {kind}") for kind in kinds)
            return demand + (example if kinds == ["array"] else "")
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}"
        case "minLength":
            return "must not be blank" if wanted == 1 else f"must have at least {wanted} characters"
        case "minimum" | "maximum":
            return f"must be {wanted} or {'more' if rule == 'minimum' else 'less'}"
        case "minItems" | "maxItems":
            return f"must have at {'least' if rule == 'minItems' else 'most'} {wanted} entries"
        case "pattern" | "format":
            is_day = schema.get("format") == "date"
            return ("must be a day written as YYYY-MM-DD" if is_day else f"must match {wanted}") + example
        case "oneOf" | "anyOf":
            return _choice(wanted)
    return f"must fit the spec's rule {rule}"


def _choice(variants: list[Schema]) -> str:
    """The constants that distinguish the variants of a oneOf, as a demand."""
    constants: dict[str, list[str]] = {}
    for variant in variants:
        for name, part in variant.get("properties", {}).items():
            if "const" in part:
                constants.setdefault(name, []).append(str(part["const"]))
    demands = [f"must set {name} to one of {', '.join(values)}" for name, values in constants.items()]
    return demands[0] if demands else "must fit the spec's rule oneOf"


def _holds_secrets(error: Any, schema: Schema) -> bool:
    """Whether the value is a secret, part of a secret, or can contain one."""
    schemas = [schema]
    for step in error.absolute_path:
        if any(part.get("airbyte_secret") for part in schemas):
            return True
        schemas = [part for whole in schemas for part in schemas_of(whole, step)]
    return isinstance(error.instance, dict | list) or '"airbyte_secret": true' in json.dumps(schemas)
