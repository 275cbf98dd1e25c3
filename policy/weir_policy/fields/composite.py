"""The kinds that hold other kinds: a list of items, and a mapping that reads as a shape."""

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from weir_policy.fields.kinds import BAD, Bad, Kind, Schema
from weir_policy.fields.mistakes import Mistake, Path, nearest, what
from weir_policy.fields.shapes import (
    Check,
    Field,
    Presence,
    Shape,
    checks,
    declared,
    description,
)

T_co = TypeVar("T_co", covariant=True)
S_co = TypeVar("S_co", bound=Shape, covariant=True)
ITSELF = ""  # List(unique=ITSELF): the items themselves differ


@dataclass(frozen=True)
class List(Kind[tuple[T_co, ...]], Generic[T_co]):
    """A list; `unique` names the field of the items, or ITSELF, that no two items share."""

    item: Kind[T_co]
    at_least: int = 0
    at_most: int = 64
    unique: str | None = None

    @property
    def word(self) -> str:  # type: ignore[override]  # computed here, a plain attribute elsewhere
        """`list of ...`."""
        return f"list of {self.item.word}"

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> tuple[T_co, ...] | Bad:
        """Every item's mistakes are noted; one bad item makes the list bad."""
        if not isinstance(value, list):
            mistakes.append(Mistake(at, f"must be a list, not {what(value)}"))
            return BAD
        items = cast("list[object]", value)
        if not self.at_least <= len(items) <= self.at_most:
            mistakes.append(Mistake(at, _size_message(len(items), self.at_least, self.at_most)))
            return BAD
        before = len(mistakes)
        read = [self.item.read(item, (*at, index), mistakes) for index, item in enumerate(items)]
        self._note_duplicates(items, at, mistakes)
        return BAD if len(mistakes) > before else cast("tuple[T_co, ...]", tuple(read))

    def _note_duplicates(self, items: list[object], at: Path, mistakes: list[Mistake]) -> None:
        keys: set[str] = set()
        for index, item in enumerate(items):
            mapping = isinstance(item, dict)
            key = cast("dict[object, object]", item).get(self.unique) if mapping else item
            if self.unique is None or not isinstance(key, str):
                continue
            if key in keys:
                where = (*at, index, self.unique) if self.unique else (*at, index)
                mistakes.append(Mistake(where, f"{key} is listed twice", "remove one of the two"))
            keys.add(key)

    def schema(self) -> Schema:
        """`array` with its bounds; uniqueness as the API server knows it."""
        schema: Schema = {"type": "array", "items": self.item.schema(), "maxItems": self.at_most}
        if self.at_least:
            schema["minItems"] = self.at_least
        if self.unique == ITSELF:
            schema["x-kubernetes-list-type"] = "set"
        elif self.unique is not None:
            schema["x-kubernetes-list-type"] = "map"
            schema["x-kubernetes-list-map-keys"] = [self.unique]
        return schema

    def inner(self) -> tuple[str, type] | None:
        """The items' shape."""
        of_item = self.item.inner()
        return (f"[]{of_item[0]}", of_item[1]) if of_item else None


class Object(Kind[S_co]):
    """A mapping that reads as a shape. The rules between its fields are not checked here."""

    word = "mapping"

    def __init__(self, cls: type[S_co]) -> None:
        self.cls = cls

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> S_co | Bad:
        """Every field's mistakes and every unknown field are noted."""
        if not isinstance(value, dict):
            mistakes.append(Mistake(at, f"must be a mapping, not {what(value)}"))
            return BAD
        written = cast("dict[object, object]", value)
        before = len(mistakes)
        self._note_unknown(written, at, mistakes)
        read = {
            attribute: _read_field(field, written.get(name), (*at, name), mistakes)
            for name, (attribute, field) in declared(self.cls).items()
        }
        return BAD if len(mistakes) > before else self.cls(**read)

    def _note_unknown(
        self, written: dict[object, object], at: Path, mistakes: list[Mistake]
    ) -> None:
        known = declared(self.cls)
        for key in written:
            if key not in known:
                name = key if isinstance(key, str) else repr(key)
                mistakes.append(Mistake((*at, name), "unknown field", nearest(name, known)))

    def schema(self) -> Schema:
        """`object` with every field described, defaulted and required as declared."""
        fields = declared(self.cls)
        schema: Schema = {
            "type": "object",
            "description": description(self.cls),
            "properties": {name: _property(field) for name, (_, field) in fields.items()},
        }
        needed = [n for n, (_, field) in fields.items() if field.presence is Presence.REQUIRED]
        if needed:
            schema["required"] = needed
        if checks(self.cls):
            schema["x-kubernetes-validations"] = [_validation(c) for c in checks(self.cls)]
        return schema

    def inner(self) -> tuple[str, type] | None:
        """The shape itself."""
        return "", self.cls


def _read_field(field: Field, written: object, at: Path, mistakes: list[Mistake]) -> object:
    if written is not None:  # null is how YAML and the API server write "not set"
        return field.kind.read(written, at, mistakes)
    if field.presence is Presence.REQUIRED:
        mistakes.append(Mistake(at, "is required", f"write a {field.kind.word}"))
        return BAD
    if field.presence is Presence.OPTIONAL:
        return None
    return field.kind.read(field.default, at, mistakes)


def _property(field: Field) -> Schema:
    schema = {**field.kind.schema(), "description": field.doc}
    if field.presence is Presence.DEFAULTED:
        schema["default"] = field.default
    return schema


def _validation(check: Check) -> Schema:
    where = {"fieldPath": f".{check.field}"} if check.field else {}
    detail = {"messageExpression": check.expression} if check.detail else {}
    return {"rule": check.rule, "message": check.message, **detail, **where}


def _size_message(size: int, at_least: int, at_most: int) -> str:
    if size < at_least:
        return f"must have at least {at_least} item{'s' * (at_least != 1)}, has {size}"
    return f"must have at most {at_most} items, has {size}"
