"""Calls and failures of the last seconds, in a handful of numbers. Must not know what failed."""

from typing import Final

BUCKETS: Final = 10  # of the window; what is counted is exact to a tenth of it


class SlidingWindow:
    """Counts over a sliding window."""

    __slots__ = ("_calls", "_failures", "_part", "_width")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self._part = 0  # the number of the newest part, in widths since the clock's zero
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS

    def add(self, now: float, *, failed: bool) -> None:
        """Count one call."""
        self._move(now)
        at = self._part % BUCKETS
        self._calls[at] += 1
        self._failures[at] += failed

    def counts(self, now: float) -> tuple[int, int]:
        """Calls, and how many of them failed."""
        self._move(now)
        return sum(self._calls), sum(self._failures)

    def _move(self, now: float) -> None:
        part = int(now / self._width)
        if part == self._part:
            return
        for gone in range(self._part + 1, min(part, self._part + BUCKETS) + 1):
            self._calls[gone % BUCKETS] = self._failures[gone % BUCKETS] = 0
        self._part = part
