"""The policies that match by pattern, found by a model's name in time that patterns don't add to.

Patterns are grouped by what stands before their wildcard, so a look-up tries each length of
prefix once, however many policies there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from weir_policy.model_patterns import ModelPattern

T = TypeVar("T")


class WildcardIndex(Generic[T]):
    """What was registered under each pattern."""

    def __init__(self, entries: Iterable[tuple[ModelPattern, T]]) -> None:
        """Entries of one pattern stay in their order."""
        groups: defaultdict[str, dict[str, list[T]]] = defaultdict(dict)
        for pattern, value in entries:
            groups[pattern.prefix].setdefault(pattern.suffix, []).append(value)
        self._groups = dict(groups)
        self._lengths = tuple(sorted({len(prefix) for prefix in groups}, reverse=True))

    def find(self, model: str) -> Iterator[T]:
        """What matches `model`, the most specific pattern first."""
        found = sorted(self._patterns(model), key=lambda each: each[0].rank)
        for _, values in found:
            yield from values

    def _patterns(self, model: str) -> Iterator[tuple[ModelPattern, list[T]]]:
        for length in self._lengths:
            if length > len(model):
                continue
            for suffix, values in self._groups.get(model[:length], {}).items():
                pattern = ModelPattern(model[:length], suffix)
                if pattern.matches(model):
                    yield pattern, values
