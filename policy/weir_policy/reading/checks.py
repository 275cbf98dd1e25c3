"""Runs the CEL rules between fields, as the API server does, over what a user wrote.

A rule that reads a field with a mistake of its own is skipped: the user mends that first.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import cast

import cel

from weir_policy.fields.composite import List, Object
from weir_policy.fields.kinds import Kind
from weir_policy.fields.mistakes import Mistake, Path, close_match, nearest
from weir_policy.fields.shapes import Check, Shape, checks, declared

_SELF_FIELD = re.compile(r"\bself\.([A-Za-z]+)")


def broken_checks(
    kind: Kind[object], written: object, at: Path, mistakes: list[Mistake]
) -> Iterator[Mistake]:
    """Every rule that is false within `written`, which `kind` read with `mistakes`."""
    if isinstance(kind, List) and isinstance(written, list):
        for index, item in enumerate(cast("list[object]", written)):
            yield from broken_checks(cast("List[object]", kind).item, item, (*at, index), mistakes)
    if not isinstance(kind, Object) or not isinstance(written, dict):
        return
    cls = cast("Object[Shape]", kind).cls
    fields = cast("dict[object, object]", written)
    yield from _of_shape(cls, fields, at, _doubtful(cls, fields, at, mistakes))
    for name, (_, field) in declared(cls).items():
        if fields.get(name) is not None:
            yield from broken_checks(field.kind, fields[name], (*at, name), mistakes)


def _of_shape(
    cls: type[Shape], written: dict[object, object], at: Path, doubtful: set[str]
) -> Iterator[Mistake]:
    rules = checks(cls)
    if not rules:
        return
    # For CEL a null is something, and the API server never shows it one.
    value = _without_nulls(written)
    for check in rules:
        if doubtful & {check.field, *_SELF_FIELD.findall(check.rule)}:
            continue
        if _holds(check, value) is False:
            place = (*at, check.field) if check.field else at
            yield Mistake(place, _message(check, value), _hint(check, value))


def _doubtful(
    cls: type[Shape], written: dict[object, object], at: Path, mistakes: list[Mistake]
) -> set[str]:
    """The fields of this mapping that are wrong, and those that an unknown field may stand for."""
    wrong = {m.path[len(at)] for m in mistakes if m.path[:-1] == at and len(m.path) == len(at) + 1}
    unknown = [key for key in written if isinstance(key, str) and key not in declared(cls)]
    meant = {close_match(key, declared(cls)) for key in unknown}
    return {str(name) for name in wrong | meant}


def _holds(check: Check, value: object) -> object:
    """What the rule gives; None where a mistake deeper in the value keeps it from running."""
    try:
        return _program(check.rule)({"self": value})
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError):
        return None


def _message(check: Check, value: object) -> str:
    if not check.detail:
        return check.message
    return check.detail % tuple(_program(name)({"self": value}) for name in check.detail_args)


def _hint(check: Check, value: object) -> str:
    if not check.known:
        return ""
    known = cast("list[str]", _program(check.known)({"self": value}))
    return nearest(str(_program(check.detail_args[-1])({"self": value})), known)


def _without_nulls(written: object) -> object:
    if isinstance(written, list):
        return [_without_nulls(item) for item in cast("list[object]", written)]
    if not isinstance(written, dict):
        return written
    fields = cast("dict[object, object]", written)
    return {name: _without_nulls(value) for name, value in fields.items() if value is not None}


@functools.cache  # bounded by the rules that are declared
def _program(rule: str) -> Callable[[dict[str, object]], object]:
    return cel.compile(rule).execute
