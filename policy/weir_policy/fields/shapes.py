"""How a resource is declared: a frozen dataclass whose fields carry kind, presence and sentence.

    @shape
    class Timeouts:
        \"\"\"How long the backend may take.\"\"\"

        connect: float = defaulted(DURATION, "To connect.", default="2s")

The Python name `first_token` is `firstToken` in YAML. Where fields depend on one another the class
has CHECKS: CEL rules that the API server and the parser both run.
"""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol, TypeVar, cast, dataclass_transform

from weir_policy.fields.kinds import BAD, Kind
from weir_policy.fields.mistakes import Mistake

T = TypeVar("T")
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
    default: object = None  # in its written form
    feature: str = ""  # what a gateway must support where the field is set


@dataclass(frozen=True)
class Check:
    """A CEL rule over `self`, run by the API server and by the parser; where false, `message`.

    `detail` is a message that quotes what is wrong: each %s stands for the text that the CEL of
    `detail_args` gives. (Only with `format` does the API server find that cheap enough.)
    """

    rule: str
    message: str  # for the documentation, and where `detail` can't be evaluated
    field: str = ""  # the field the mistake is reported at, by its name in YAML
    detail: str = ""
    detail_args: tuple[str, ...] = ()
    known: str = ""  # CEL of the names that the last of `detail_args` should be one of

    @property
    def expression(self) -> str:
        """`detail` as the API server evaluates it."""
        return f"'{self.detail}'.format([{', '.join(self.detail_args)}])"


def required(kind: Kind[T], doc: str, *, feature: str = "") -> T:
    """Declare a field that must be written."""
    field = Field(kind, doc, Presence.REQUIRED, feature=feature)
    return cast("T", dataclasses.field(metadata={_KEY: field}))


def optional(kind: Kind[T], doc: str, *, feature: str = "") -> T | None:
    """Declare a field that is None where it isn't written."""
    field = Field(kind, doc, Presence.OPTIONAL, feature=feature)
    return cast("T | None", dataclasses.field(default=None, metadata={_KEY: field}))


def defaulted(kind: Kind[T], doc: str, *, default: object, feature: str = "") -> T:
    """Declare a field that reads as `default`, in its written form, where it isn't written.

    Raises TypeError if `kind` does not read `default`.
    """
    mistakes: list[Mistake] = []
    value = kind.read(default, (), mistakes)
    if value is BAD:
        raise TypeError(f"the default {default!r}: {mistakes}")
    field = Field(kind, doc, Presence.DEFAULTED, default, feature)
    return dataclasses.field(default=value, metadata={_KEY: field})


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


@functools.cache  # a handful of classes
def declared(cls: type[Shape]) -> Mapping[str, tuple[str, Field]]:
    """The fields by their name in YAML: Python name and declaration."""
    return {
        _yaml_name(field.name): (field.name, cast("Field", field.metadata[_KEY]))
        for field in dataclasses.fields(cls)
    }


def checks(cls: type[Shape]) -> tuple[Check, ...]:
    """The rules between the fields of `cls`."""
    return cast("tuple[Check, ...]", getattr(cls, "CHECKS", ()))


def description(cls: type[Shape]) -> str:
    """The sentence that says what the shape is for."""
    return " ".join((cls.__doc__ or "").split())


def _yaml_name(attribute: str) -> str:
    head, *rest = attribute.split("_")
    return head + "".join(part.capitalize() for part in rest)
