"""Reads spec.yaml: what the user may configure, and which of it is secret."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

# The C parser, where there is one, takes a tenth of the time.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_spec(package: str) -> dict[str, Any]:
    """The content of a connector's spec.yaml: documentationUrl and connectionSpecification.

    The built package carries the file; a checkout has it one folder up. `package` itself is not imported.
    """
    found = importlib.util.find_spec(package)
    folder = Path(str(found.origin)).parent if found else Path(package)
    carried = folder / "spec.yaml"
    spec: dict[str, Any] = yaml.load(
        (carried if carried.exists() else folder.parent / "spec.yaml").read_bytes(), _Loader
    )
    return spec


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
