"""JSON schemas within what Gemini reads of them.

Gemini refuses some words of JSON Schema and ignores others. Words that only narrow what fits are
left out; those with another spelling are rewritten, so that the schema means as much as it can.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody
from weir_wires.usage.counts import as_object

MAX_DEPTH: Final = 64  # levels; Gemini takes far fewer
_SAME: Final = frozenset(
    {
        *("$id", "$anchor", "$ref", "type", "format", "title", "description", "nullable"),
        *("required", "minItems", "maxItems", "minimum", "maximum", "propertyOrdering"),
    }
)
_ONE: Final = frozenset({"items", "additionalProperties"})  # a schema, or true or false
_SEVERAL: Final = {"anyOf": "anyOf", "oneOf": "anyOf", "prefixItems": "prefixItems"}
_NAMED: Final = {"properties": "properties", "$defs": "$defs", "definitions": "$defs"}
_OLD_REFERENCE, _REFERENCE = "#/definitions/", "#/$defs/"
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def readable(raw: msgspec.Raw, at: str) -> dict[str, Any]:
    """The schema in Gemini's words. Raises InvalidBody where it is no object or nested too deep."""
    try:
        schema = _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(f"`{at}` is not a JSON schema: {error}", param=at) from error
    return _readable(schema, at, 0)


def _readable(schema: Mapping[str, Any], at: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise InvalidBody(f"`{at}` is nested over {MAX_DEPTH} levels", param=at)
    if isinstance(schema.get("$ref"), str):
        # A reference may have nothing beside it but definitions.
        schema = {name: value for name, value in schema.items() if name[:1] == "$"}
    schema = _merged(schema)
    fields: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "$ref":
            fields[name] = str(value).replace(_OLD_REFERENCE, _REFERENCE, 1)
        elif name in _SAME:
            fields[name] = value
        elif name in _ONE:
            fields[name] = _inner(value, at, depth)
        elif name in _SEVERAL:
            fields[_SEVERAL[name]] = [_inner(each, at, depth) for each in _list(value)]
        elif name in _NAMED:
            inner = {each: _inner(one, at, depth) for each, one in as_object(value).items()}
            fields[_NAMED[name]] = fields.get(_NAMED[name], {}) | inner
    fields |= _values(schema, fields.get("type"))
    if "properties" in fields and "type" not in fields:
        fields["type"] = "object"
    return fields


def _inner(value: object, at: str, depth: int) -> Any:
    return _readable(value, at, depth + 1) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape


def _merged(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """With what stands in `allOf` beside the rest; the first of two equal words counts."""
    if "allOf" not in schema:
        return schema
    merged: dict[str, Any] = {name: value for name, value in schema.items() if name != "allOf"}
    for part in _list(schema["allOf"]):
        for name, value in as_object(part).items():
            if name == "properties" and isinstance(merged.get(name), dict):
                merged[name] = {**value, **merged[name]}
            elif name == "required" and isinstance(merged.get(name), list):
                merged[name] = list(dict.fromkeys([*merged[name], *value]))
            else:
                merged.setdefault(name, value)
    return merged


def _values(schema: Mapping[str, Any], kind: object) -> dict[str, Any]:
    """`enum` and `const` as an enum of texts or numbers, with null as a type."""
    given = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
    plain = [v for v in given if isinstance(v, str | int | float) and not isinstance(v, bool)]
    fields: dict[str, Any] = {"enum": plain} if plain else {}
    if None in given and isinstance(kind, str) and kind != "null":
        fields["type"] = [kind, "null"]
    if plain and kind is None:
        fields["type"] = "string" if all(isinstance(v, str) for v in plain) else "number"
    return fields


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
