"""Gemini's schemas as JSON schemas: its own form has types in capitals and counts as texts."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody
from weir_wires.gemini.names import camel
from weir_wires.usage.counts import as_object

MAX_DEPTH: Final = 64  # levels; Gemini takes far fewer
_SAME: Final = frozenset(
    {
        *("title", "description", "enum", "required", "default", "pattern"),
        *("minimum", "maximum", "additionalProperties"),
    }
)
_COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_FORMATS: Final = frozenset({"date-time", "date", "time", "duration"})
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def json_schema(raw: msgspec.Raw, at: str) -> dict[str, Any]:
    """The JSON schema. Raises InvalidBody where it is no object or nested too deep."""
    try:
        schema = _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(f"`{at}` is not a schema: {error}", param=at) from error
    return _converted(schema, at, 0)


def _converted(schema: Mapping[str, Any], at: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise InvalidBody(f"`{at}` is nested over {MAX_DEPTH} levels", param=at)
    fields: dict[str, Any] = {}
    for given, value in schema.items():
        name = camel(given)
        if name in _SAME:
            fields[name] = value
        elif name in _COUNTS:
            fields[name] = int(value) if isinstance(value, str) and value.isdecimal() else value
        elif name == "format" and value in _FORMATS:
            fields[name] = value
        elif name == "items":
            fields[name] = _converted(as_object(value), at, depth + 1)
        elif name == "anyOf":
            fields[name] = [_converted(as_object(each), at, depth + 1) for each in _list(value)]
        elif name == "properties":
            inner = as_object(value)
            fields[name] = {
                each: _converted(as_object(inner[each]), at, depth + 1) for each in inner
            }
    return _type(schema) | fields


def _type(schema: Mapping[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if not isinstance(kind, str) or kind == "TYPE_UNSPECIFIED":
        return {}
    return {"type": [kind.lower(), "null"] if schema.get("nullable") is True else kind.lower()}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
