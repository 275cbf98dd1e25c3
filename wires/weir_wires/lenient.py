"""Values in a provider's JSON, whatever form a server gives them.

A value of another form than documented is read where its meaning is plain, and otherwise counts as
not there. Nothing here raises.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

Object = Mapping[str, msgspec.Raw]

EMPTY: Final[Object] = {}
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(Any)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def value(raw: msgspec.Raw | None) -> Any:
    """Any value; None where there is none."""
    if raw is None:
        return None
    try:
        return _ANY.decode(raw)
    except _UNREADABLE:
        return None


def object_of(raw: msgspec.Raw | None) -> Object:
    """An object's fields without its nulls; none where `raw` is no object."""
    if raw is None or not bytes(raw).startswith(b"{"):
        return EMPTY
    try:
        fields = _OBJECT.decode(raw)
    except _UNREADABLE:
        return EMPTY
    return {name: field for name, field in fields.items() if bytes(field) != b"null"}


def list_of(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    """A list's entries without its nulls; something that is no list is a list of itself."""
    if raw is None or bytes(raw) == b"null":
        return []
    if not bytes(raw).startswith(b"["):
        return [raw]
    try:
        entries = _LIST.decode(raw)
    except _UNREADABLE:
        return []
    return [entry for entry in entries if bytes(entry) != b"null"]


def text(raw: msgspec.Raw | None) -> str | None:
    """A text, or a number as it is written; None where there is neither."""
    found = value(raw)
    if isinstance(found, str):
        return found
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return bytes(raw or b"").decode()


def whole_number(raw: msgspec.Raw | None) -> int | None:
    """A whole number, perhaps written as 1.0 or "1"; None where there is none."""
    found = value(raw)
    if isinstance(found, str):
        found = _number(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return int(found)


def json_text(raw: msgspec.Raw | None) -> str | None:
    """A text, or any other value's JSON: servers write arguments as either; None for null."""
    found = value(raw)
    if found is None or isinstance(found, str):
        return found
    return bytes(raw or b"").decode("utf-8", "replace")


def blank(found: Any) -> bool:
    """Whether a value says nothing: null, false, zero, empty, or made of such values alone."""
    if isinstance(found, dict):
        return all(map(blank, found.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownMemberType] - JSON of any shape
    if isinstance(found, list):
        return all(map(blank, found))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON of any shape
    return not found


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None
