"""The paths that policies pass through, by method and path: exact, then the longest prefix."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

BELOW: Final = "/*"  # at a path's end: all that lies below

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PassthroughEntry(Generic[T]):
    """One path and method, and what was registered for them."""

    method: str
    path: str
    value: T


class PassthroughIndex(Generic[T]):
    """What serves each path; of equal entries the first."""

    def __init__(self, entries: Iterable[PassthroughEntry[T]]) -> None:
        self._exact: dict[tuple[str, str], T] = {}
        self._below: dict[tuple[str, str], T] = {}
        for entry in entries:
            if entry.path.endswith(BELOW):
                key = entry.method, entry.path.removesuffix(BELOW)
                self._below.setdefault(key, entry.value)
            else:
                self._exact.setdefault((entry.method, entry.path), entry.value)

    def find(self, method: str, path: str) -> T | None:
        """What serves `path`; None where nothing does."""
        found = self._exact.get((method, path))
        base = path
        while found is None and self._below and base:
            base = base.rpartition("/")[0]
            found = self._below.get((method, base))
        return found
