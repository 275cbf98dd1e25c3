"""What can still be read of a spec with mistakes, so that the rest of it is checked as well."""

from typing import TypeVar, cast

from weir_policy.fields.kinds import Bad, Kind
from weir_policy.fields.mistakes import Mistake, Path

T = TypeVar("T")
ROUNDS = 8  # a required field takes its parent along, and the deepest shape has 5 above it


def read_partly(kind: Kind[T], written: object) -> T | None:
    """The spec without its mistaken parts; None where nothing readable is left."""
    for _ in range(ROUNDS):
        mistakes: list[Mistake] = []
        value = kind.read(written, (), mistakes)
        if not isinstance(value, Bad):
            return value
        for path in sorted({mistake.path for mistake in mistakes}, key=_last_first, reverse=True):
            if not path:
                return None
            written = _without(written, path)
    return None


def _last_first(path: Path) -> tuple[tuple[bool, int, str], ...]:
    """An order in which removing a list's item moves no item that is still to be removed."""
    return tuple(
        (isinstance(step, int), step if isinstance(step, int) else 0, str(step)) for step in path
    )


def _without(value: object, path: Path) -> object:
    """A copy without what lies at `path`; without the parent where it isn't there."""
    step, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(step, int):
        items = cast("list[object]", value)
        if step >= len(items):
            return None
        inner = _without(items[step], rest) if rest else None
        # Later items go as well: a mistake in them would be reported at another one's place.
        return items[:step] if inner is None else [*items[:step], inner, *items[step + 1 :]]
    if not isinstance(value, dict):
        return None
    fields = {str(key): item for key, item in cast("dict[object, object]", value).items()}
    if fields.get(str(step)) is None:
        return None
    inner = _without(fields[str(step)], rest) if rest else None
    return {**fields, str(step): inner} if inner is not None else _dropped(fields, str(step))


def _dropped(fields: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in fields.items() if key != name}
