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


def close_match(word: str, known: Iterable[str]) -> str:
    """The known word that is spelt most like `word`; empty where none is close."""
    by_lower = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to `word`, or else all that are known."""
    names = sorted(known)
    close = close_match(word, names)
    if close:
        return f"did you mean {close}?"
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
