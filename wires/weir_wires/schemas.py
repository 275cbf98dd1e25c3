"""JSON schemas completed as the providers' APIs want them; what is complete keeps its bytes."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

NO_PARAMETERS: Final = msgspec.Raw(b'{"type":"object","properties":{}}')
MAX_DEPTH: Final = 64  # schemas within schemas; providers take far fewer

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(dict[str, Any])
_NOTHING: Final = (b"", b"null")
# What says its own what an object is.
_COMBINED: Final = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
_NAMED: Final = ("properties", "$defs", "definitions", "patternProperties")  # hold schemas by name
_LISTED: Final = ("anyOf", "oneOf", "allOf", "prefixItems")  # hold lists of schemas
_SINGLE: Final = ("items", "additionalProperties", "not", "if", "then", "else")


def object_schema(raw: msgspec.Raw) -> msgspec.Raw:
    """A tool's parameters with `type` and `properties`, without which providers refuse them."""
    if bytes(raw) in _NOTHING:
        return NO_PARAMETERS
    try:
        fields = _FIELDS.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw
    added: dict[str, msgspec.Raw] = {}
    if bytes(fields.get("type", msgspec.Raw(b""))) in _NOTHING and not _COMBINED & fields.keys():
        added["type"] = msgspec.Raw(b'"object"')
    kind = bytes(added.get("type") or fields.get("type") or b"")
    if kind == b'"object"' and "properties" not in fields and not _COMBINED & fields.keys():
        added["properties"] = msgspec.Raw(b"{}")
    return msgspec.Raw(msgspec.json.encode(fields | added)) if added else raw


def closed_schema(raw: msgspec.Raw) -> msgspec.Raw:
    """The schema with `additionalProperties: false` where an object says nothing of them.

    That is what strict tools and answers need.
    """
    try:
        schema = _ANY.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw
    return msgspec.Raw(msgspec.json.encode(schema)) if _close(schema, 0) else raw


def _close(schema: object, depth: int) -> bool:
    """Close the objects within; whether any was open."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return False
    fields = cast("dict[str, object]", schema)
    closed = False
    is_object = fields.get("type") == "object" or isinstance(fields.get("properties"), dict)
    if is_object and "additionalProperties" not in fields:
        fields["additionalProperties"] = False
        closed = True
    for inner in _inner(fields):
        closed = _close(inner, depth + 1) or closed
    return closed


def _inner(fields: Mapping[str, object]) -> list[object]:
    """The schemas that a schema holds."""
    found: list[object] = [fields[name] for name in _SINGLE if name in fields]
    for name in _NAMED:
        named = fields.get(name)
        found += cast("dict[str, object]", named).values() if isinstance(named, dict) else ()
    for name in _LISTED:
        listed = fields.get(name)
        found += cast("list[object]", listed) if isinstance(listed, list) else ()
    return found
