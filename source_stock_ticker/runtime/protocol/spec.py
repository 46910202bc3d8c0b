"""Reads spec.yaml: the options of a config, and which of them are secret."""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]
# The C parser, if available, takes a tenth of the time.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_spec(package: str) -> dict[str, Any]:
    """The content of a connector's spec.yaml: documentationUrl and connectionSpecification.

    The built package contains the file; in a checkout it is one folder up. `package` itself is not imported.
    """
    found = importlib.util.find_spec(package)
    folder = Path(str(found.origin)).parent if found else Path(package)
    carried = folder / "spec.yaml"
    file = carried if carried.exists() else folder.parent / "spec.yaml"
    spec: dict[str, Any] = yaml.load(file.read_bytes(), _Loader)
    return spec


def secrets(value: Any, schema: Schema) -> Iterator[Any]:
    """The values that the spec marks as airbyte_secret, at any depth, even if the config is invalid."""
    is_secret = any(variant.get("airbyte_secret") for variant in _variants(schema))
    parts = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
    for name, part in parts.items():
        for of_part in [schema] if is_secret else schemas_of(schema, name):
            yield from secrets(part, of_part)
    if is_secret and not isinstance(value, dict | list | bool | None):
        yield value


def schemas_of(schema: Schema, name: Any) -> list[Schema]:
    """The schemas of a field of an object or an item of a list: several if the schema is a choice."""
    found = (
        variant.get("properties", {}).get(name) or variant.get("items") or variant.get("additionalProperties")
        for variant in _variants(schema)
    )
    return [part for part in found if isinstance(part, dict)]


def _variants(schema: Schema) -> Iterator[Schema]:
    """The schema and, if it is a choice, its variants."""
    yield schema
    for variant in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _variants(variant)
