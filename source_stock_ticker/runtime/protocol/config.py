"""Checks the user's config against the spec.

jsonschema judges. Its first complaint becomes one sentence that names the field and says what to
change, and never shows the value of a secret.
"""

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from ..errors import ConfigError, start_of

Config = dict[str, Any]
Schema = Mapping[str, Any]
SHORTEST_OPTION = 3  # letters; a shorter key is too vague to be a misspelt option
VARIABLE = re.compile(r"\$\{\w+\}|\$[A-Z][A-Z0-9_]*")  # not looked for in lists: some shares are called $SPX
NOT_FILLED_IN = """{}: this is the name of a variable, and nothing puts its value in here. Write the value into the \
file, mount the file as a secret, or fill it in on the way (envsubst < config.json), into stdin (--config -)."""
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
    filled = _filled(config, schema)
    if misspelt := _misspelt(filled, schema):
        raise ConfigError("config: there is no option {}; did you mean {}?".format(*misspelt))
    place = {name: place for place, name in enumerate(schema.get("properties", {}))}
    complaints = sorted(
        Draft7Validator(schema, format_checker=FormatChecker(["date"])).iter_errors(filled),
        key=lambda error: (error.validator != "required", place.get(next(iter(error.path), ""), len(place))),
    )
    if complaints:
        raise ConfigError(_sentence(_meant(complaints[0]), schema))
    return filled


def _filled(config: Config, schema: Schema) -> Config:
    """The config without what is left blank, in its objects too; a required field may be "", but not null."""
    required, filled = schema.get("required", []), dict[str, Any]()
    for name, value in config.items():
        parts = _of(schema, name)
        if isinstance(value, dict) and parts:
            filled[name] = _filled(value, parts[0])
        elif isinstance(value, list) and parts and isinstance(items := parts[0].get("items"), dict):
            filled[name] = [_filled(item, items) if isinstance(item, dict) else item for item in value]
        elif parts and isinstance(value, str) and VARIABLE.fullmatch(value.strip()):
            raise ConfigError(NOT_FILLED_IN.format(name))
        elif value not in ("", None) or (name in required and value is not None):
            filled[name] = value
    return filled


def _variants(schema: Schema) -> Iterator[Schema]:
    """The schema and, if it is a choice, what may be chosen."""
    yield schema
    for variant in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _variants(variant)


def _of(schema: Schema, name: Any) -> list[Schema]:
    """What a schema says of a field of an object or an item of a list: more than one thing if it is a choice."""
    kinds = ("items", "additionalProperties")
    found = (
        variant.get("properties", {}).get(name) or next(filter(None, map(variant.get, kinds)), None)
        for variant in _variants(schema)
    )
    return [part for part in found if isinstance(part, dict)]


def _meant(error: Any) -> Any:
    """The complaint itself; of a choice that of the variant that is meant, which is the one whose constants fit."""
    while error.validator in ("oneOf", "anyOf"):
        variants: dict[int, list[Any]] = {}
        for inner in error.context:
            variants.setdefault(inner.schema_path[0], []).append(inner)
        meant = [found for found in variants.values() if all(inner.validator != "const" for inner in found)]
        if len(meant) != 1:
            break
        error = min(meant[0], key=lambda inner: inner.validator != "required")
    return error


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
    rule, path = error.validator, list(map(str, error.absolute_path))
    if rule == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        said = error.schema.get("properties", {}).get(missing, {})
        described = said.get("description") or said.get("title") or "what the spec asks for."
        return f"{'.'.join([*path, missing])}: is missing; it is: {described}"
    shown = "the value" if _holds_secrets(error, schema) else start_of(json.dumps(error.instance, default=str), 40)
    demand = _demand(rule, error.validator_value, error.schema)
    return f"{'.'.join(path) or 'config'}: {demand if rule == 'minLength' else f'{shown} {demand}'}."


def _demand(rule: str, wanted: Any, schema: Schema) -> str:
    """What a rule of the spec wants of a value."""
    match rule:
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return "must be " + " or ".join(KINDS.get(kind, f"a {kind}") for kind in kinds)
        case "enum":
            return f"must be one of {', '.join(map(str, wanted))}"
        case "minLength":
            return "must not be blank" if wanted == 1 else f"must have at least {wanted} characters"
        case "minimum" | "maximum":
            return f"must be {wanted} or {'more' if rule == 'minimum' else 'less'}"
        case "minItems" | "maxItems":
            return f"must have {wanted} {'or more' if rule == 'minItems' else 'or fewer'} entries"
        case "pattern" | "format":
            is_day = schema.get("format") == "date"
            form = "a day, written as YYYY-MM-DD" if is_day else f"written as a text that matches {wanted}"
            return f"must be {form}" + "".join(f", for example {e}" for e in schema.get("examples", [])[:1])
        case "oneOf" | "anyOf":
            return _choice(wanted)
    return f"does not fit the spec ({rule})"


def _choice(variants: list[Schema]) -> str:
    """What tells the variants of a oneOf apart, as a demand."""
    constants: dict[str, list[str]] = {}
    for variant in variants:
        for name, part in variant.get("properties", {}).items():
            if "const" in part:
                constants.setdefault(name, []).append(str(part["const"]))
    told = [f"must have {name}: one of {', '.join(values)}" for name, values in constants.items()]
    return told[0] if told else "does not fit the spec (oneOf)"


def _holds_secrets(error: Any, schema: Schema) -> bool:
    """Whether the value in question is a secret, lies in one or may hold one."""
    schemas = [schema]
    for step in error.absolute_path:
        if any(part.get("airbyte_secret") for part in schemas):
            return True
        schemas = [part for whole in schemas for part in _of(whole, step)]
    return isinstance(error.instance, dict | list) or '"airbyte_secret": true' in json.dumps(schemas)
