"""A mistake in what a user wrote: where it is, what is wrong, what to write instead.

Knows plain paths and nothing of files or resources.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
LISTED = 16  # a hint lists no more names than a person reads


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; `path` leads to it from the document's top."""

    path: Path
    message: str
    hint: str = ""  # what to write instead


def dotted(path: Path) -> str:
    """The path as people write it: `spec.rules[0].when`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to `word`, or else all that are known."""
    names = sorted(known)
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1)
    if close:
        return f"did you mean {next(n for n in names if n.lower() == close[0])}?"
    return f"known are {', '.join(names)}" if 0 < len(names) <= LISTED else ""


def what(value: object) -> str:
    """The kind of a plain value in words; the value itself is never shown: it may be a secret."""
    words: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "a mapping"),
    )
    if value is None:
        return "nothing"
    name = type(value).__name__
    return next((word for kind, word in words if issubclass(type(value), kind)), name)
