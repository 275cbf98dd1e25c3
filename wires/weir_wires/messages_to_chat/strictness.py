"""Whether a JSON schema is as strict as OpenAI's `strict` wants it."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | float | bool | None
MAX_SCHEMA_DEPTH: Final = 64  # OpenAI takes far fewer levels


def is_strict(schema: Json, depth: int = 0) -> bool:
    """Whether every object in `schema` closes itself and requires all its properties."""
    if depth > MAX_SCHEMA_DEPTH:
        return False
    if isinstance(schema, Mapping):
        inner = schema.values()
        return _closed(schema) and all(is_strict(value, depth + 1) for value in inner)
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return all(is_strict(item, depth + 1) for item in schema)
    return True


def _closed(schema: Mapping[str, Json]) -> bool:
    properties, required = schema.get("properties"), schema.get("required")
    names = list(properties) if isinstance(properties, Mapping) else []
    needed = list(required) if isinstance(required, Sequence) else []
    if schema.get("type") != "object" and not names:
        return True
    return schema.get("additionalProperties") is False and all(name in needed for name in names)
