"""Makes a type out of a JSON Schema, so that msgspec can check rows against it: the schema is the type.

schema                              type                    a value of another type
string, boolean                     str, bool               is refused
integer                             int of 64 bits          5.0 is one too: some JSON writers spell it so
number                              int | float             keeps the spelling that it has
array, object                       list, Struct            are looked into; fields without a schema pass
"null" among the types              | None                  may be null
no type (anyOf, $ref)               Any                     passes

A field may be absent unless the schema requires it.
"""

from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, defstruct

Schema = Mapping[str, Any]
INTEGER = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]  # what destinations can store


def row_type(schema: Schema) -> Any:
    """The type of the values that a JSON Schema describes, for `msgspec.convert`."""
    kinds = _kinds(schema)
    if not kinds:
        return Any
    if "number" in kinds:
        kinds -= {"integer"}
    return reduce(or_, (_type_of(kind, schema) for kind in sorted(kinds)))


def with_whole_numbers(value: Any, schema: Schema) -> Any:
    """The same value, with 5 for 5.0 where the schema wants an integer. Looks no deeper than the schema does."""
    if isinstance(value, dict) and (fields := schema.get("properties")):
        return {name: with_whole_numbers(item, fields.get(name, {})) for name, item in value.items()}
    if isinstance(value, list) and (items := schema.get("items")):
        return [with_whole_numbers(item, items) for item in value]
    if isinstance(value, float) and value.is_integer() and _kinds(schema) & {"integer", "number"} == {"integer"}:
        return int(value)
    return value


def _kinds(schema: Schema) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _type_of(kind: str, schema: Schema) -> Any:
    if kind == "array":
        return list[row_type(schema.get("items", {}))]  # type: ignore[misc]
    if kind == "object":
        return _struct(schema.get("properties", {}), schema.get("required", ()))
    return {"string": str, "integer": INTEGER, "number": int | float, "boolean": bool, "null": None}[kind]


def _struct(properties: Mapping[str, Schema], required: Collection[str]) -> Any:
    names = {f"field_{place}": name for place, name in enumerate(properties)}  # a name may be no identifier
    fields: list[Any] = []
    for field, name in names.items():
        wanted = row_type(properties[name])
        fields.append((field, wanted) if name in required else (field, wanted | UnsetType, UNSET))
    return defstruct("Row", fields, rename=names, kw_only=True)
