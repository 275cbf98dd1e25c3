"""Names of fields in Gemini's requests: camel case, for which its API also takes snake case."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

_SNAKE: Final = re.compile(rb'"[a-z]+(?:_[a-z]+)+"\s*+:')
_PART: Final = re.compile(r"_([a-z])")
# What stands below these is the client's own, or a schema, whose names are data.
_FREE: Final = frozenset(
    {
        *("args", "response", "labels", "properties", "defs", "enum"),
        *("parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema"),
    }
)


def in_camel_case(body: bytes, decode: Callable[[bytes], dict[str, Any]]) -> bytes:
    """The body with every field's name in camel case; itself where it has no other names."""
    if _SNAKE.search(body) is None:
        return body
    return msgspec.json.encode(_renamed(decode(body)))


def camel(name: str) -> str:
    """The name in camel case."""
    return _PART.sub(lambda match: match[1].upper(), name)


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
    if not isinstance(value, dict):
        return value
    fields: dict[str, Any] = {camel(name): each for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON of any shape
    return {name: each if name in _FREE else _renamed(each) for name, each in fields.items()}
