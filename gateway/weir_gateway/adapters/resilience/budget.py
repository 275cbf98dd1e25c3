"""A share of requests that may cost a second call: retries, hedges. Must not know whose."""

from typing import Final

BURST: Final = 10.0  # calls; what may be spent before any request has paid in


class RetryBudget:
    """Each request pays in its share, each extra call takes one out; a little comes with time."""

    __slots__ = ("_left", "_per_second", "_since", "share")

    def __init__(self, share: float, now: float, *, per_second: float) -> None:
        """`share` (0,1) of requests, and `per_second` calls besides, where requests are few."""
        self.share = share
        self._per_second = per_second
        self._left = BURST
        self._since = now

    def deposit(self) -> None:
        """A request has come."""
        self._left = min(self._left + self.share, BURST)

    def try_withdraw(self, now: float) -> bool:
        """Whether one more call may be made; it is counted as made."""
        self._left = min(self._left + (now - self._since) * self._per_second, BURST)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
