"""Counts of a sliding minute, and which limits a request fits in."""

from collections import deque
from dataclasses import dataclass, field

from weir_gateway.domain.limits import LimitCheck

MINUTE_SECONDS = 60


class SlidingMinute:
    """Amounts of the last sixty seconds, by whole seconds: rather a second too long than too short.

    Told a time that lies before one it was told already, it takes the later one.
    """

    __slots__ = ("_last", "_slots", "total")

    def __init__(self) -> None:
        self.total = 0
        self._last = 0
        self._slots: deque[list[int]] = deque()  # [second, amount], oldest first

    @property
    def last(self) -> int:
        """The latest second it was told."""
        return self._last

    def pass_to(self, now: float) -> int:
        """Forget what is over; gives the second that counts as now."""
        self._last = max(self._last, int(now))
        while self._slots and self._slots[0][0] < self._last - MINUTE_SECONDS:
            self.total -= self._slots.popleft()[1]
        return self._last

    def add(self, amount: int) -> None:
        """Count `amount` in the second that was passed to."""
        if not self._slots or self._slots[-1][0] != self._last:
            self._slots.append([self._last, 0])
        self._slots[-1][1] += amount
        self.total += amount

    def correct(self, second: int, amount: int) -> None:
        """Change what was counted in `second`: less there, if it is not over; more, from now on."""
        if amount >= 0:
            self.add(amount)
            return
        for slot in self._slots:
            if slot[0] == second:
                given = min(-amount, slot[1])
                slot[1] -= given
                self.total -= given
                return

    def wait(self, over: int, now: float) -> float:
        """Seconds from `now` until `over` of it has been forgotten; a minute where that is all."""
        for second, amount in self._slots:
            over -= amount
            if over <= 0:
                return max(second + MINUTE_SECONDS + 1 - now, 0.0)
        return float(MINUTE_SECONDS)


@dataclass(slots=True)
class Fits:
    """Works out, limit by limit, which way is open."""

    refused: int = -1
    short: int = -1
    _calls: int = field(default=0)

    def ask(self, ask: LimitCheck, used: int) -> None:
        """The next limit, of which `used` is gone."""
        if self.refused < 0 and ask.min_amount and used + ask.min_amount > ask.limit:
            self.refused = self._calls
        if self.short < 0 and ask.max_amount and used + ask.max_amount > ask.limit:
            self.short = self._calls
        self._calls += 1
