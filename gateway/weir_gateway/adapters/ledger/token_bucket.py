"""How much feedback a key may give in a minute: a bucket of tokens a key.

Must not know what is counted.
"""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

MAX_KEYS: Final = 10_000  # whose buckets are kept; the longest unused out first
MINUTE: Final = 60.0
ROUNDING: Final = 1e-9  # of a token: who has waited as long as was said must pass


class TokenBucket:
    """Lets `per_minute` through, evenly, and as many at once after a minute of rest."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float], *, keys: int = MAX_KEYS
    ) -> None:
        """`clock` gives seconds that only grow."""
        self._most = float(per_minute)
        self._rate = per_minute / MINUTE
        self._clock = clock
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, when

    def retry_after(self, key: str) -> int:
        """0 where one more may pass now, and it is counted; else whole seconds until it may."""
        now = self._clock()
        tokens, then = self._buckets.pop(key, (self._most, now))
        tokens = min(self._most, tokens + (now - then) * self._rate)
        passes = tokens >= 1 - ROUNDING
        self._buckets[key] = (tokens - 1 if passes else tokens, now)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return 0 if passes else max(ceil((1 - tokens) / self._rate), 1)
