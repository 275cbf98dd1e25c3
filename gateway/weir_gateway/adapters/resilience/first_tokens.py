"""How long a backend's streams take to begin, to tell the late ones. Must not know clocks."""

from typing import Final

WINDOW_SIZE: Final = 256  # streams; the last ones
MIN_SAMPLES: Final = 20  # before that nobody knows what late is
SORT_EVERY: Final = 16  # streams between two sortings


class FirstTokenTimes:
    """Quantiles over the last streams."""

    __slots__ = ("_at", "_seconds", "_since", "_sorted")

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._at = 0
        self._sorted: list[float] = []
        self._since = 0

    def add(self, seconds: float) -> None:
        """One stream began after `seconds`."""
        if len(self._seconds) < WINDOW_SIZE:
            self._seconds.append(seconds)
        else:
            self._seconds[self._at] = seconds
            self._at = (self._at + 1) % WINDOW_SIZE
        self._since += 1

    def quantile(self, share: float) -> float | None:
        """What `share` (0,1) of them stayed within; None while too few are known."""
        if len(self._seconds) < MIN_SAMPLES:
            return None
        if not self._sorted or self._since >= SORT_EVERY:
            self._sorted = sorted(self._seconds)
            self._since = 0
        return self._sorted[min(int(share * len(self._sorted)), len(self._sorted) - 1)]
