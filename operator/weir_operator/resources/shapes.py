"""How a resource is declared: a frozen dataclass whose fields carry kind, presence and sentence.

    @shape
    class Timeouts:
        \"\"\"How long the backend may take.\"\"\"

        connect: int = defaulted(DURATION, "To connect.", otherwise="2s")

The Python name `first_token` is `firstToken` on the wire. Where fields depend on one another the
class has CHECKS: CEL rules that the API server and the parser both run. Must not know any field.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Generic, Protocol, TypeVar, cast, dataclass_transform

import cel

from weir_operator.resources.kinds import BAD, Bad, Kind, Schema
from weir_operator.resources.mistakes import Mistake, Path, nearest, what

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
ITSELF = ""  # List(unique=ITSELF): the items themselves differ
_KEY = "weir"


class Presence(Enum):
    """Whether a field must be written."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    DEFAULTED = "defaulted"


@dataclass(frozen=True)
class Field:
    """What is declared of one field."""

    kind: Kind[object]
    doc: str  # a sentence or two, for `kubectl explain` and the documentation
    presence: Presence
    otherwise: object = None  # what is read where nothing is written, as it would be written
    served: bool = True  # False: the contract has it, this version refuses it


@dataclass(frozen=True)
class Check:
    """A CEL rule over `self`, run by the API server and by the parser; on false, `message`.

    `says` is a message that names what is wrong: each %s stands for the text that the CEL of
    `named` gives. (Only by `format` does the API server find that cheap enough.)
    """

    rule: str
    message: str  # for the documentation, and where `says` can't be evaluated
    field: str = ""  # the field the mistake is reported at, by its name on the wire
    says: str = ""
    named: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """`says` as the API server evaluates it."""
        return f"'{self.says}'.format([{', '.join(self.named)}])"


def required(kind: Kind[T], doc: str) -> T:
    """Declare a field that must be written."""
    return cast("T", _field(Field(kind, doc, Presence.REQUIRED)))


def optional(kind: Kind[T], doc: str, *, served: bool = True) -> T | None:
    """Declare a field that is None where it isn't written."""
    return cast("T | None", _field(Field(kind, doc, Presence.OPTIONAL, served=served)))


def defaulted(kind: Kind[T], doc: str, *, otherwise: object) -> T:
    """Declare a field that reads as `otherwise`, in its written form, where it isn't written."""
    return cast("T", _field(Field(kind, doc, Presence.DEFAULTED, otherwise)))


def _field(field: Field) -> object:
    return dataclasses.field(metadata={_KEY: field})


@dataclass_transform(
    kw_only_default=True,
    frozen_default=True,
    field_specifiers=(required, optional, defaulted),
)
def shape(cls: type[T]) -> type[T]:
    """Make `cls` a frozen value that can be read, described and documented."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


class Shape(Protocol):
    """What `shape` makes."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[object]]]


S_co = TypeVar("S_co", bound=Shape, covariant=True)


@functools.cache  # a handful of classes
def declared(cls: type[Shape]) -> Mapping[str, tuple[str, Field]]:
    """The fields by their name on the wire: Python name and declaration."""
    return {
        _wire_name(field.name): (field.name, cast("Field", field.metadata[_KEY]))
        for field in dataclasses.fields(cls)
    }


def checks(cls: type[Shape]) -> tuple[Check, ...]:
    """The rules between the fields of `cls`."""
    return cast("tuple[Check, ...]", getattr(cls, "CHECKS", ()))


def description(cls: type[Shape]) -> str:
    """The sentence that says what the shape is for."""
    return " ".join((cls.__doc__ or "").split())


def unserved(value: object, at: Path = ()) -> Iterator[Path]:
    """Where a shape, or a tuple of shapes, sets a field that this version does not serve."""
    if value is None:
        return
    if isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            yield from unserved(item, (*at, index))
        return
    for name, attribute, served in _worth_a_look(cast("type[Shape]", type(value))):
        inner: object = getattr(value, attribute)
        if inner is not None and not served:
            yield (*at, name)
        else:
            yield from unserved(inner, (*at, name))


@functools.lru_cache  # a handful of classes; scalars that are served need no look each time
def _worth_a_look(cls: type[Shape]) -> tuple[tuple[str, str, bool], ...]:
    return tuple(
        (name, attribute, field.served)
        for name, (attribute, field) in declared(cls).items()
        if not field.served or field.kind.inner() is not None
    )


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
        self._note_twins(items, at, mistakes)
        return BAD if len(mistakes) > before else cast("tuple[T_co, ...]", tuple(read))

    def _note_twins(self, items: list[object], at: Path, mistakes: list[Mistake]) -> None:
        seen: set[str] = set()
        for index, item in enumerate(items):
            key = cast("dict[object, object]", item).get(self.unique) if _has_key(item) else item
            if self.unique is None or not isinstance(key, str):
                continue
            if key in seen:
                where = (*at, index, self.unique) if self.unique else (*at, index)
                mistakes.append(Mistake(where, f"{key} is listed twice", "remove one of the two"))
            seen.add(key)

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
    """A mapping that reads as a shape."""

    word = "mapping"

    def __init__(self, cls: type[S_co]) -> None:
        self.cls = cls

    def read(self, value: object, at: Path, mistakes: list[Mistake]) -> S_co | Bad:
        """Fields first; the rules between them only where every field is good."""
        if not isinstance(value, dict):
            mistakes.append(Mistake(at, f"must be a mapping, not {what(value)}"))
            return BAD
        wire = cast("dict[object, object]", value)
        before = len(mistakes)
        self._note_unknown(wire, at, mistakes)
        read = {
            attribute: self._read_field(name, field, wire, at, mistakes)
            for name, (attribute, field) in declared(self.cls).items()
        }
        if len(mistakes) == before:
            mistakes.extend(_broken_checks(self.cls, wire, at))
        return BAD if len(mistakes) > before else self.cls(**read)

    def _note_unknown(self, wire: dict[object, object], at: Path, mistakes: list[Mistake]) -> None:
        known = declared(self.cls)
        for key in wire:
            if key not in known:
                name = key if isinstance(key, str) else repr(key)
                mistakes.append(Mistake((*at, name), "unknown field", nearest(name, known)))

    @staticmethod
    def _read_field(
        name: str,
        field: Field,
        wire: dict[object, object],
        at: Path,
        mistakes: list[Mistake],
    ) -> object:
        written = wire.get(name)  # null is how YAML and the API server write "not set"
        if written is None:
            if field.presence is Presence.REQUIRED:
                mistakes.append(Mistake((*at, name), "is required", f"write a {field.kind.word}"))
                return BAD
            if field.presence is Presence.OPTIONAL:
                return None
            written = field.otherwise
        return field.kind.read(written, (*at, name), mistakes)

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


def _property(field: Field) -> Schema:
    schema = dict(field.kind.schema())
    served = "" if field.served else " This version refuses it: not served yet."
    schema["description"] = field.doc + served
    if field.presence is Presence.DEFAULTED:
        schema["default"] = field.otherwise
    return schema


def _validation(check: Check) -> Schema:
    where = {"fieldPath": f".{check.field}"} if check.field else {}
    says = {"messageExpression": check.expression} if check.says else {}
    return {"rule": check.rule, "message": check.message, **says, **where}


def _broken_checks(cls: type[Shape], wire: object, at: Path) -> Iterator[Mistake]:
    """Asked of what is set: for CEL a null is something, and the API server never shows it one."""
    said = _without_nulls(wire) if checks(cls) else wire
    for check in checks(cls):
        if _program(check.rule)({"self": said}) is not True:
            yield Mistake((*at, check.field) if check.field else at, _said(check, said))


def _without_nulls(wire: object) -> object:
    if isinstance(wire, list):
        return [_without_nulls(item) for item in cast("list[object]", wire)]
    if not isinstance(wire, dict):
        return wire
    fields = cast("dict[object, object]", wire)
    return {name: _without_nulls(value) for name, value in fields.items() if value is not None}


def _said(check: Check, wire: object) -> str:
    if not check.says:
        return check.message
    return check.says % tuple(_program(name)({"self": wire}) for name in check.named)


@functools.cache  # bounded by the rules that are declared
def _program(rule: str) -> Callable[[dict[str, object]], object]:
    return cel.compile(rule).execute


def _has_key(item: object) -> bool:
    return isinstance(item, dict)


def _size_message(size: int, at_least: int, at_most: int) -> str:
    if size < at_least:
        return f"must have at least {at_least} item{'s' * (at_least != 1)}, has {size}"
    return f"must have at most {at_most} items, has {size}"


def _wire_name(attribute: str) -> str:
    head, *rest = attribute.split("_")
    return head + "".join(part.capitalize() for part in rest)
