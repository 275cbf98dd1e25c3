"""Fields of a request that a server doesn't take, or that make it another candidate.

What isn't touched keeps its bytes and its place: a field's value is never decoded unless a path
leads into it, and a body in which nothing changes is returned as it came.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

ITEMS: Final = "[]"  # ends a path's step that leads into every item of a list

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NUMBER: Final = msgspec.json.Decoder(float)
_EMPTY: Final = b"{}"
_NULL: Final = b"null"


@dataclass(slots=True)
class _Step:
    """What is to be done with one field, and with the fields within it."""

    path: str = ""  # as it was written, for whoever is told
    drop: bool = False
    value: bytes | None = None  # JSON that takes its place
    most: float | None = None
    fields: dict[str, "_Step"] = field(default_factory=dict[str, "_Step"])
    items: "_Step | None" = None  # of a list


@dataclass(frozen=True, slots=True)
class ChangedBody:
    """A body, and the fields that it has no more as they were."""

    body: bytes
    replaced: tuple[str, ...] = ()  # or left out
    capped: tuple[str, ...] = ()

    def lost(self, client_body: bytes) -> tuple[str, ...]:
        """The client's own fields among them: what a translation had added is not the client's."""
        names = (name for name in self.replaced if _key(name) in client_body)
        return (*names, *self.capped)


class BodyChanges:
    """Fields to leave out, to set and to cap; paths are dotted, `tools[].strict` is of each."""

    __slots__ = ("_drops", "_root")

    def __init__(
        self,
        drop: Iterable[str] = (),
        values: Iterable[tuple[str, str]] = (),
        most: Iterable[tuple[str, float]] = (),
    ) -> None:
        """`values` are JSON. What is dropped and set is set."""
        self._root, self._drops = _Step(), _Step()
        for path in drop:
            _step(self._root, path).drop = True
            _step(self._drops, path).drop = True
        for path, number in most:
            _step(self._root, path).most = number
        for path, text in values:
            step = _step(self._root, path)
            step.value, step.drop = text.encode(), False

    def drops(self, name: str) -> bool:
        """Whether a top-level field is left out."""
        step = self._root.fields.get(name)
        return step is not None and step.drop

    def apply(self, body: bytes, *, answers: bool = True) -> ChangedBody:
        """Change `body`; nothing is set or capped where no answer is asked for."""
        changed: dict[str, bool] = {}
        changed_body = _inside(body, self._root if answers else self._drops, changed)
        replaced = tuple(name for name, capped in changed.items() if not capped)
        capped = tuple(name for name, capped in changed.items() if capped)
        return ChangedBody(changed_body, replaced, capped)


def _step(root: _Step, path: str) -> _Step:
    """The step that `path` leads to; made where it isn't there yet."""
    step = root
    for name in path.split("."):
        step = step.fields.setdefault(name.removesuffix(ITEMS), _Step())
        if name.endswith(ITEMS):
            step.items = step.items or _Step()
            step = step.items
    step.path = path
    return step


def _inside(raw: bytes, step: _Step, changed: dict[str, bool]) -> bytes:
    """The value `raw` with the fields and items within it changed."""
    if step.items is not None:
        raw = _items(raw, step.items, changed)
    return _object(raw, step, changed) if step.fields else raw


def _items(raw: bytes, step: _Step, changed: dict[str, bool]) -> bytes:
    try:
        items = _LIST.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw
    before = [bytes(item) for item in items]
    after = [_inside(item, step, changed) for item in before]
    return raw if after == before else b"[" + b",".join(after) + b"]"


def _object(raw: bytes, step: _Step, changed: dict[str, bool]) -> bytes:
    try:
        fields = _OBJECT.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw
    touched = False
    for name, inner in step.fields.items():
        before = bytes(fields[name]) if name in fields else None
        after = _after(before, inner, changed)
        if after == before:
            continue
        touched = True
        if after is None:
            del fields[name]
        else:
            fields[name] = msgspec.Raw(after)
    return msgspec.json.encode(fields) if touched else raw


def _after(before: bytes | None, step: _Step, changed: dict[str, bool]) -> bytes | None:
    """A field's value after the change; None where it isn't there."""
    after = None if step.drop else _capped(before, step.most) if step.value is None else step.value
    if step.fields or step.items:
        outer = after if after not in {None, _NULL} else _EMPTY if _sets(step) else after
        after = _inside(outer, step, changed) if outer is not None else None
    if before is not None and before != _NULL and step.path and not _same(before, after):
        changed[step.path] = step.value is None and not step.drop
    return after


def _key(path: str) -> bytes:
    """The field that a path leads to, as JSON has it."""
    return b'"%b"' % path.rpartition(".")[2].removesuffix(ITEMS).encode()


def _sets(step: _Step) -> bool:
    """Whether something within must be there afterwards."""
    return any(inner.value is not None or _sets(inner) for inner in step.fields.values())


def _capped(raw: bytes | None, most: float | None) -> bytes | None:
    if raw is None or most is None:
        return raw
    try:
        number = _NUMBER.decode(raw)
    except msgspec.DecodeError:
        return raw
    return msgspec.json.encode(int(most) if most == int(most) else most) if number > most else raw


def _same(one: bytes, other: bytes | None) -> bool:
    """Whether both are the same JSON, however it is written."""
    if other is None:
        return False
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, RecursionError):
        return one == other
