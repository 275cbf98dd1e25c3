"""A program's settings: one frozen dataclass, parsed once from a mapping of variables.

Each setting declares its variable, default, unit and reason beside its type; the parser, the
documentation (docs/configuration.md, pinned by a test) and the charts' contract test read the
same declarations. Knows no program's settings itself.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from weir_runtime import quantities
from weir_runtime.quantities import Address, Bytes, Duration, Networks

Settings = TypeVar("Settings")

_SPEC = "weir_runtime.setting"
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class SettingsError(Exception):
    """A variable that can't be used; the message names it and says what to write."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting as documented: its variable, its default as text, its unit and its reason."""

    variable: str
    default: str | None
    unit: str
    why: str


def setting(variable: str, *, default: str | None, unit: str = "", why: str) -> Any:
    """Declare a dataclass field read from `variable`; a `None` default means "not set"."""
    return dataclasses.field(metadata={_SPEC: Spec(variable, default, unit, why)})


def specs(cls: type) -> tuple[Spec, ...]:
    """The settings that a dataclass and its groups declare, in order."""
    hints = get_type_hints(cls)
    declared: list[Spec] = []
    for field in dataclasses.fields(cls):
        spec: Spec | None = field.metadata.get(_SPEC)
        declared += specs(hints[field.name]) if spec is None else (spec,)
    return tuple(declared)


def document(cls: type) -> str:
    """The settings as a Markdown table: variable, default, unit, reason."""
    rows = ["| variable | default | unit | why |", "|---|---|---|---|"]
    for spec in specs(cls):
        default = "" if spec.default is None else f"`{spec.default}`"
        rows.append(f"| `{spec.variable}` | {default} | {spec.unit} | {spec.why} |")
    return "\n".join(rows)


def parse(cls: type[Settings], variables: Mapping[str, str]) -> Settings:
    """Build `cls` from `variables`; an empty value counts as unset. Raises SettingsError.

    A field without `setting` is a group: a dataclass of settings.
    """
    hints = get_type_hints(cls)
    values: dict[str, object] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type] # a dataclass by contract
        spec: Spec | None = field.metadata.get(_SPEC)
        if spec is None:
            values[field.name] = parse(hints[field.name], variables)
            continue
        text = variables.get(spec.variable) or spec.default
        values[field.name] = None if text is None else _value(spec, hints[field.name], text)
    return cls(**values)


def _value(spec: Spec, hint: Any, text: str) -> object:
    try:
        return _converter(hint)(text)
    except ValueError as error:
        raise SettingsError(f"{spec.variable}={text!r}: write {error}") from error


def _converter(hint: Any) -> Callable[[str], object]:
    if get_origin(hint) in {Union, types.UnionType}:
        (hint,) = (part for part in get_args(hint) if part is not types.NoneType)
    if get_origin(hint) is tuple:
        return _words
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda text: _choice(hint, text)
    return _CONVERTERS[hint]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _choice(enum: type[Enum], text: str) -> Enum:
    try:
        return enum(text)
    except ValueError:
        raise ValueError("one of " + ", ".join(str(member.value) for member in enum)) from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("1 or 0 (true, false, yes, no, on and off do too)")
    return text.lower() in _TRUE


_CONVERTERS: dict[object, Callable[[str], object]] = {
    str: str,
    int: _integer,
    float: _number,
    bool: _flag,
    Path: Path,
    Duration: quantities.duration,
    Bytes: quantities.size,
    Address: quantities.address,
    Networks: quantities.networks,
}
