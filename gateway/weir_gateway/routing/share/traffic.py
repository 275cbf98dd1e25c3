"""The last requests of one policy: what share was served, and which client key floods it.

A flood is more than twice an even part of the requests, and more than a fifth of them. Its scores
must not set the threshold of all others, so it is followed apart from them.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 500  # requests
FEWEST: Final = 50  # requests, before which no key floods
LEAST_PART: Final = (
    0.2  # of the requests: a key with less never floods, however many keys there are
)
MOST_PART: Final = 0.8  # of the requests: a key with more always does, where there is another
EVEN_PARTS: Final = 2.0  # of the requests, by the number of keys, are no flood
END: Final = 0.6  # of the part from which on a key floods: below it, the flood has ended


@dataclass(frozen=True, slots=True)
class Scoring:
    """One choice that was made by score."""

    source: str  # the client key's name; empty: not known, which never floods
    score: float
    owed: float  # what it adds to the strong choices that are owed


class Traffic:
    """The last choices of one policy, by client key."""

    def __init__(self) -> None:
        self._recent: deque[Scoring] = deque()
        self._counts: Counter[str] = Counter()
        self._apart: set[str] = set()
        self._strong = 0

    @property
    def served(self) -> float | None:
        """The strong model's share of the last requests; None before the first."""
        return self._strong / len(self._recent) if self._recent else None

    def is_apart(self, source: str) -> bool:
        """Whether `source` is followed apart from all others."""
        return source in self._apart

    def add(self, one: Scoring) -> bool:
        """Count one choice; whether its source floods from now on, and did not before."""
        self._recent.append(one)
        self._counts[one.source] += 1
        self._strong += one.owed < 0
        if len(self._recent) > WINDOW:
            self._drop(self._recent.popleft())
        return self._starts(one.source)

    def of(self, source: str) -> tuple[Scoring, ...]:
        """The choices of `source`, oldest first."""
        return tuple(one for one in self._recent if one.source == source)

    def _starts(self, source: str) -> bool:
        if not source or len(self._recent) < FEWEST:
            return False
        part = self._counts[source] / len(self._recent)
        limit = min(max(EVEN_PARTS / len(self._counts), LEAST_PART), MOST_PART)
        if source in self._apart:
            if part < limit * END:
                self._apart.remove(source)
            return False
        if len(self._counts) == 1 or part <= limit:
            return False
        self._apart.add(source)
        return True

    def _drop(self, oldest: Scoring) -> None:
        self._strong -= oldest.owed < 0
        self._counts[oldest.source] -= 1
        if not self._counts[oldest.source]:
            del self._counts[oldest.source]
            self._apart.discard(oldest.source)
