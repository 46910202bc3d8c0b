"""Reads spec.yaml: the options of a config, and which of them are secret."""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

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


def secrets(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """The values that the spec marks as airbyte_secret, at any depth, even if the config is invalid."""
    is_secret = schema.get("airbyte_secret", False)
    for variant in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from secrets(value, variant)
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        of_part = schema.get("properties", {}).get(name) or schema.get("items") or schema.get("additionalProperties")
        yield from secrets(part, schema if is_secret else of_part if isinstance(of_part, dict) else {})
    if is_secret and not isinstance(value, dict | list | bool | None):
        yield value
