"""Reads spec.yaml and the user's files, and holds the config against the spec.

Every complaint is one sentence that names the field and says what to change, and never shows the
value of a secret field.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, start_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Config = dict[str, Any]
DEEPEST = 100  # lists and objects inside each other
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
# The keywords that `_plainly_valid` judges, and those that forbid nothing.
JUDGED = {"type", "properties", "required", "items", "enum", "pattern", "minimum", "maximum", "minLength"}
SILENT = {"$schema", "title", "description", "default", "examples", "format", "order", "airbyte_secret"}


def read_spec(path: str) -> dict[str, Any]:
    """The content of a spec.yaml: documentationUrl and connectionSpecification.

    What PyYAML made of it is kept in __pycache__, as Python keeps what it made of a module: 14 of 50 ms of a command.
    """
    status = os.stat(path)
    of_the_file = [status.st_mtime_ns, status.st_size]
    folder, name = os.path.split(path)
    kept = os.path.join(folder, "__pycache__", f"{name}.json")
    try:
        with open(kept, "rb") as file:
            of_the_kept, spec = json.load(file)
        if of_the_kept == of_the_file and isinstance(spec, dict):
            return spec
    except (OSError, ValueError, TypeError):
        pass
    spec = _parsed_spec(path)
    if not sys.dont_write_bytecode:
        with suppress(OSError):  # a disk that is read-only
            os.makedirs(os.path.dirname(kept), exist_ok=True)
            written = f"{kept}.{os.getpid()}"
            with open(written, "w") as file:
                json.dump([of_the_file, spec], file)
            os.replace(written, kept)
    return spec


def _parsed_spec(path: str) -> dict[str, Any]:
    import yaml

    # The C parser takes 1.5 ms for our spec, the Python one 20.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with open(path, "rb") as file:
        spec: dict[str, Any] = yaml.load(file, loader)
    return spec


def read_text(path: str, what: str) -> str:
    """The text of a file that the user named as --config, --catalog or --state. Raises ConfigError."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except UnicodeDecodeError:
        raise ConfigError(f"{what}: {path} is not UTF-8 text.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise ConfigError(f"{what}: {path} cannot be read ({reason}).") from None


def read_json(path: str, what: str) -> Any:
    """The JSON in a file that the user named. Raises ConfigError."""
    text = read_text(path, what)
    if not text.strip():
        raise ConfigError(f"{what}: {path} is empty.")
    try:
        value = json.loads(text)
        if is_deep(value):
            raise RecursionError
        return value
    except ValueError as error:  # says what and where, and shows nothing of the content
        raise ConfigError(f"{what}: {path} is not JSON ({error}).") from None
    except RecursionError:
        raise ConfigError(f"{what}: {path} is nested too deeply.") from None


def is_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than any honest file has them, or than Python can copy."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            item
            for one in level
            if isinstance(one, list | dict)
            for item in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


def secrets(config: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """The values that the spec marks as airbyte_secret, at any depth, whatever else is wrong with the config."""
    if schema.get("airbyte_secret"):
        yield from _leaves(config)
        return
    for variant in schema.get("oneOf", ()):
        yield from secrets(config, variant)
    if isinstance(config, dict):
        for name, field in schema.get("properties", {}).items():
            yield from secrets(config.get(name), field)
    elif isinstance(config, list):
        for item in config:
            yield from secrets(item, schema.get("items", {}))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield value


def validated(config: Any, schema: Mapping[str, Any]) -> Config:
    """The config without the optional fields left blank (the form sends "" for them). Raises ConfigError."""
    if not isinstance(config, dict):
        raise ConfigError("config: the file must hold a JSON object, like those in sample_files/.")
    required = schema.get("required", [])
    filled = {k: v for k, v in config.items() if v not in ("", None) or (k in required and v is not None)}
    # jsonschema takes 85 ms to import: a config that is plainly right does not need it.
    if not _plainly_valid(filled, schema):
        _complain(filled, schema)
    return filled


def misspelt(config: Any, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The config's keys that are no option but look like one that is not given, and that option.

    Other unknown keys are left alone: the platform adds some, and older versions left some behind.
    """
    options = schema.get("properties", {})
    for key in config if isinstance(config, dict) else ():
        if key not in options:
            from difflib import get_close_matches

            alike = get_close_matches(key, options, 1, 0.8) or [name for name in options if name.startswith(key)]
            yield from ((key, meant) for meant in alike[:1] if meant not in config)


def _plainly_valid(value: Any, schema: Mapping[str, Any]) -> bool:
    """True only if value is valid; False also where this small check does not know."""
    if not isinstance(schema, dict) or not schema.keys() <= JUDGED | SILENT | {"additionalProperties"}:
        return False
    kind = schema.get("type")
    if kind is not None and (not isinstance(kind, str) or type(value) not in JSON_TYPES[kind]):
        return False
    if "enum" in schema and not any(value == one and type(value) is type(one) is not list for one in schema["enum"]):
        return False
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None and len(value) >= schema.get("minLength", 0)
    if isinstance(value, int | float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, list):
        return all(_plainly_valid(item, schema.get("items", {})) for item in value)
    if isinstance(value, dict):
        fields: Mapping[str, Any] = schema.get("properties", {})
        return (
            schema.get("additionalProperties", True) is True
            and all(name in value for name in schema.get("required", []))
            and all(_plainly_valid(value[name], field) for name, field in fields.items() if name in value)
        )
    return True


def _complain(config: Config, schema: Mapping[str, Any]) -> None:
    """Let jsonschema judge, and raise its first complaint as a sentence of ours."""
    from jsonschema import Draft7Validator

    order = list(schema.get("properties", {}))
    errors = sorted(
        Draft7Validator(schema).iter_errors(config),
        key=lambda error: (error.validator != "required", order.index(error.path[0]) if error.path else 0),
    )
    if errors:
        raise ConfigError(_sentence(errors[0], schema))


def _sentence(error: Any, schema: Mapping[str, Any]) -> str:
    rule, want, field = error.validator, error.validator_value, ".".join(map(str, error.path)) or "config"
    if rule == "required":
        missing = next(name for name in want if name not in error.instance)
        said = error.schema.get("properties", {}).get(missing, {})
        described = said.get("description") or said.get("title") or "what the spec asks for."
        return f"{'.'.join([*map(str, error.path), missing])}: is missing; it is: {described}"
    shown = "the value" if _holds_secrets(error, schema) else _shown(error.instance)
    if rule == "type":
        return f"{field}: {shown} must be {_article(want)}."
    if rule == "enum":
        return f"{field}: {shown} must be one of {', '.join(map(str, want))}."
    if rule == "minLength":
        return f"{field}: must not be blank."
    if rule in ("minimum", "maximum"):
        return f"{field}: {shown} must be {want} or {'more' if rule == 'minimum' else 'less'}."
    if rule == "pattern":
        form = "YYYY-MM-DD" if error.schema.get("format") == "date" else f"a text that matches {want}"
        example = f", for example {error.schema['examples'][0]}" if error.schema.get("examples") else ""
        return f"{field}: {shown} must be written as {form}{example}."
    return f"{field}: {shown} does not fit the spec ({rule})."


def _holds_secrets(error: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the value in question is a secret, lies in one or may hold one."""
    for step in error.path:
        if schema.get("airbyte_secret"):
            return True
        schema = schema.get("properties", {}).get(step) or schema.get("items") or {}
    return isinstance(error.instance, dict | list) or '"airbyte_secret": true' in json.dumps(schema)


def _shown(value: Any) -> str:
    return start_of(json.dumps(value, default=str), 40)


def _article(kind: str | list[str]) -> str:
    words = {"string": "a text", "integer": "a whole number", "boolean": "true or false", "array": "a list"}
    words["object"] = "an object"
    kinds = [kind] if isinstance(kind, str) else kind
    return " or ".join(words.get(k, f"a {k}") for k in kinds)
