"""Makes a type out of a JSON Schema, so that msgspec can check rows against it: the schema is the type.

    schema                     type              a value of another type
    string, boolean            str, bool         is refused
    integer                    int of 64 bits    5.0 is one too: some JSON writers spell it so
    number                     int or float      keeps its spelling; an integer of more than 64 bits becomes a float
    array, object              list, dict        is refused; what is inside passes as it is
    "null" among the types     None              may be null
    no type (anyOf, $ref)      Any               passes

A field may be absent unless the schema requires it; a field that the schema does not have passes.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, defstruct

Schema = Mapping[str, Any]
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1  # what destinations can store
INTEGER = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
NUMBER = INTEGER | float
TYPES = {"string": str, "integer": INTEGER, "boolean": bool, "array": list, "object": dict, "null": None}


def row_type(schema: Schema) -> Any:
    """The type of the rows that a JSON Schema describes, for `msgspec.convert`."""
    if (kinds := _kinds(schema)) != {"object"}:
        return _type_of(kinds)
    properties, required = schema.get("properties", {}), schema.get("required", ())
    names = {f"field_{place}": name for place, name in enumerate(properties)}  # a name may be no identifier
    fields: list[Any] = []
    for field, name in names.items():
        wanted = _type_of(_kinds(properties[name]))
        fields.append((field, wanted) if name in required else (field, wanted | UnsetType, UNSET))
    return defstruct("Row", fields, rename=names, kw_only=True)


def _type_of(kinds: set[str]) -> Any:
    if not kinds:
        return Any
    if "number" in kinds:
        return reduce(or_, (TYPES[kind] for kind in sorted(kinds - {"number", "integer"})), NUMBER)
    return reduce(or_, (TYPES[kind] for kind in sorted(kinds)))


def _kinds(schema: Schema) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def with_usual_numbers(value: Any, schema: Schema) -> Any:
    """The same value, with 5 for 5.0 and 1e30 for 10**30 where the schema wants it. Looks no deeper than the schema."""
    if isinstance(value, dict) and (fields := schema.get("properties")):
        return {name: with_usual_numbers(item, fields.get(name, {})) for name, item in value.items()}
    if isinstance(value, list) and (items := schema.get("items")):
        return [with_usual_numbers(item, items) for item in value]
    return _usual(value, _kinds(schema)) if isinstance(value, int | float) else value


def _usual(number: float, kinds: set[str]) -> float:
    if "number" not in kinds:
        return int(number) if "integer" in kinds and isinstance(number, float) and number.is_integer() else number
    if isinstance(number, int) and not MIN_INTEGER <= number <= MAX_INTEGER:
        with suppress(OverflowError):
            return float(number)
    return number
