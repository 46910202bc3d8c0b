"""Makes a type from a JSON Schema, so msgspec can check rows against it.

    schema                     type              what fits
    string                     str               any string ..
      of format date           date              .. that is a day: not "", not "2024-02-30"
      of format date-time      datetime          .. that is a moment (RFC 3339, with or without an offset)
    boolean                    bool              true, false
    integer                    int of 64 bits    5.0 too: some JSON writers spell integers like this
    number                     int or float      keeps its spelling; an integer of more than 64 bits becomes a float
    array                      list              items of the schema's type
    object                     Struct            properties of the schema's types
    "null" among the types     None              null
    no type (anyOf, $ref)      Any               everything

A property can be absent unless the schema requires it; an unknown property is accepted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, ValidationError, convert, defstruct

from .files import is_deep

Schema = Mapping[str, Any]
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1  # what destinations can store
INTEGER = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
NUMBER = INTEGER | float
TYPES = {"string": str, "integer": INTEGER, "boolean": bool, "array": list, "object": dict, "null": None}
FORMATS = {"date": date, "date-time": datetime}


class Nulled:
    """A row in which some values did not fit the schema and became null. nulled: the names of those fields.

    Its record names them too (protocol: AirbyteRecordMessageMeta). If the rows are msgspec Structs, either all rows of
    a page are Nulled or none.
    """

    __slots__ = ()
    nulled: Sequence[str] = ()


class NulledRow(dict[str, Any], Nulled):
    """A Nulled dict. Change it in place: a copy ({**row}) loses the names of the nulled fields."""

    def __init__(self, row: Mapping[str, Any], nulled: Sequence[str]) -> None:
        super().__init__(row)
        self.nulled = nulled


class RowType:
    """The type of a schema's rows. keys: fields that must be neither absent nor null."""

    def __init__(self, schema: Schema, keys: Collection[str] = ()) -> None:
        self._schema, self._fields = schema, schema["properties"]
        self._type = _struct(self._fields, {*schema.get("required", ()), *keys})
        self._optional = {
            name: type_of(field) for name, field in self._fields.items() if name not in keys and may_be_null(field)
        }
        self._nesting = [name for name, field in self._fields.items() if may_nest(field)]

    def row(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of an item that are in the schema. Raises ValidationError.

        A value that does not fit becomes null where the schema allows null, even if only a part of an object or a list
        is wrong; the row is then a NulledRow.
        """
        with suppress(ValidationError):  # nearly every row ends here; the rest takes as long again
            return self._checked(item)
        item = with_usual_numbers(item, self._schema)
        if isinstance(item, dict):
            values = ((name, item[name], wanted) for name, wanted in self._optional.items() if name in item)
            if nulled := [name for name, value, wanted in values if not fits(value, wanted)]:
                return NulledRow(self._checked({**item, **dict.fromkeys(nulled)}), nulled)
        return self._checked(item)

    def _checked(self, item: Mapping[str, Any]) -> dict[str, Any]:
        convert(item, self._type)
        if any(is_deep(item.get(name)) for name in self._nesting):
            raise ValidationError("Nested too deeply")
        return {name: item[name] for name in self._fields if name in item}


def type_of(schema: Schema) -> Any:
    """The type of the values that a JSON Schema describes, for `msgspec.convert`."""
    kinds = _kinds(schema)
    if "number" in kinds:
        return reduce(or_, (_of_kind(kind, schema) for kind in sorted(kinds - {"number", "integer"})), NUMBER)
    return reduce(or_, (_of_kind(kind, schema) for kind in sorted(kinds))) if kinds else Any


def _of_kind(kind: str, schema: Schema) -> Any:
    match kind:
        case "object" if "properties" in schema:
            return _struct(schema["properties"], schema.get("required", ()))
        case "array" if isinstance(items := schema.get("items"), dict):
            return list[type_of(items)]  # type: ignore[misc]  # made at run time
        case "string":
            return FORMATS.get(schema.get("format", ""), str)
    return TYPES[kind]


def _struct(properties: Mapping[str, Schema], required: Iterable[str]) -> Any:
    names = {f"field_{place}": name for place, name in enumerate(properties)}  # a name need not be an identifier
    fields: list[Any] = []
    for field, name in names.items():
        wanted = type_of(properties[name])
        fields.append((field, wanted) if name in required else (field, wanted | UnsetType, UNSET))
    return defstruct("Row", fields, rename=names, kw_only=True)


def may_be_null(schema: Schema) -> bool:
    """Whether a schema allows null; one without a type does."""
    return not (kinds := _kinds(schema)) or "null" in kinds


def may_nest(schema: Schema) -> bool:
    """Whether a schema allows unlimited nesting: an object can have fields that are not in the schema."""
    kinds, items = _kinds(schema), schema.get("items")
    return not kinds or "object" in kinds or ("array" in kinds and (not isinstance(items, dict) or may_nest(items)))


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value has a type, and is not nested too deeply."""
    try:
        convert(value, wanted)
    except ValidationError:
        return False
    return not is_deep(value)


def _kinds(schema: Schema) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def with_usual_numbers(value: Any, schema: Schema) -> Any:
    """The same value, with 5 for 5.0 and 1e30 for 10**30 where the schema wants it. Goes no deeper than the schema."""
    if isinstance(value, dict) and (fields := schema.get("properties")):
        return {name: with_usual_numbers(item, fields.get(name, {})) for name, item in value.items()}
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        return [with_usual_numbers(item, items) for item in value]
    return _usual(value, _kinds(schema)) if isinstance(value, int | float) else value


def _usual(number: float, kinds: set[str]) -> float:
    if "number" not in kinds:
        return int(number) if "integer" in kinds and isinstance(number, float) and number.is_integer() else number
    if isinstance(number, int) and not MIN_INTEGER <= number <= MAX_INTEGER:
        with suppress(OverflowError):
            return float(number)
    return number
