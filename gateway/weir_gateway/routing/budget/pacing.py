"""Where the line between weak and strong lies, so that spending goes where the plan wants it.

The line is the price of a dollar in quality: the Lagrange multiplier of the budget. For two
candidates it is the threshold of the score, for more it is λ in quality per USD, and the candidate
with the most quality less λ times cost answers. It is found on the requests seen lately: the lowest
line at which they would have cost, each, no more than the plan has for one. As spending falls
behind, or runs ahead, what the plan has for one request changes, and the line follows. Pure
arithmetic.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from weir_policy.ids import BackendId

ABOVE_ALL_SCORES: Final = 1.01  # a threshold that no score reaches
CHEAPEST_ONLY: Final = 1e12  # quality per USD: a λ at which only the cheapest candidate is worth it
FIRST_SHARE: Final = 0.2  # of the way from all weak to all strong, until the traffic is known
KNOWN: Final = 20  # requests from which on the traffic's rate is taken to be known
SAMPLE: Final = 256  # requests the line is found on
STEPS: Final = 18  # halvings of λ's range: to within some hundredths of a percent
NARROW: Final = 64.0  # λ is sought within this factor of the last one first
BIAS_DECAY: Final = 0.98  # of the sums behind an estimate's correction, at each request
BIAS_BOUNDS: Final = (0.1, 10.0)
_LEAST_ELAPSED: Final = 0.05  # seconds a rate is taken over, at least


@dataclass(frozen=True, slots=True)
class SampledRequest:
    """What one request would cost on each candidate that can serve it, and gain there.

    `value` is empty without a choice, the score alone where two compete, and the predicted
    quality of each where more do.
    """

    costs: tuple[float, ...]  # USD, weakest first
    value: tuple[float, ...] = ()


def choose_index(sample: SampledRequest, cutoff: float) -> int:
    """Which of its candidates the request goes to by `line`."""
    if not sample.value:
        return 0
    if len(sample.value) == 1:
        return len(sample.costs) - 1 if sample.value[0] >= cutoff else 0
    return best_value(sample.value, sample.costs, cutoff)


def best_value(values: Sequence[float], costs: Sequence[float], price: float) -> int:
    """The one with the most merit less `price` times cost; of equals the cheapest."""
    worth = [gain - price * paid for gain, paid in zip(values, costs, strict=True)]
    return max(range(len(worth)), key=lambda n: (worth[n], -costs[n]))


class Rate:
    """Requests a second, the last `memory` seconds weighing most."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._mass = 0.0
        self._since: float | None = None
        self._at = 0.0
        self.count = 0

    def add(self, now: float, count: int = 1) -> None:
        """`count` requests have come."""
        if self._since is None:
            self._since = self._at = now
        self._mass = self._decayed(now) + count
        self._at = max(now, self._at)
        self.count += count

    def per_second(self, now: float) -> float:
        """The rate; 0.0 where nothing was ever seen."""
        if self._since is None:
            return 0.0
        elapsed = max(now - self._since, _LEAST_ELAPSED)
        return self._decayed(now) / (self._memory * -math.expm1(-elapsed / self._memory))

    def _decayed(self, now: float) -> float:
        return self._mass * math.exp(-max(now - self._at, 0.0) / self._memory)


class Pacer:
    """One policy's traffic as it was lately, and the line that follows from it."""

    def __init__(self, memory: float) -> None:
        """`memory` is over how many seconds the traffic's rate is taken."""
        self.rate = Rate(memory)
        self._seen: deque[SampledRequest] = deque(maxlen=SAMPLE)
        self._sums: dict[BackendId, tuple[float, float]] = {}  # estimated, paid
        self._price = 1.0  # the last λ, where the next one is sought

    @property
    def seeded(self) -> bool:
        """Whether there is anything to find a line on."""
        return bool(self._seen)

    def seed(self, seen: Iterable[SampledRequest]) -> None:
        """What traffic is taken to be like until it was seen; it leaves as requests come."""
        self._seen.extend(seen)

    def add(self, seen: SampledRequest) -> None:
        """A request that came."""
        self._seen.append(seen)

    def bias(self, backend: BackendId) -> float:
        """What estimates for `backend` are to be multiplied with, going by what was paid."""
        estimated, paid = self._sums.get(backend, (0.0, 0.0))
        if estimated <= 0.0:
            return 1.0
        low, high = BIAS_BOUNDS
        return min(max(paid / estimated, low), high)

    def learn(self, backend: BackendId, estimated: float, paid: float) -> None:
        """What an answer was estimated to cost, before any correction, and what it cost; USD."""
        before = self._sums.get(backend, (0.0, 0.0))
        self._sums[backend] = (
            before[0] * BIAS_DECAY + estimated,
            before[1] * BIAS_DECAY + paid,
        )

    def cutoff(self, now: float, per_second: float, *, by_price: bool) -> float:
        """The line at which USD `per_second` are spent, or as near as can be."""
        seen = [one for one in self._seen if one.value]
        fixed = sum(one.costs[0] for one in self._seen if not one.value)
        low = sum(min(one.costs) for one in seen)
        high = sum(max(one.costs) for one in seen)
        rate = self.rate.per_second(now)
        if self.rate.count < KNOWN or rate <= 0.0:
            target = low + FIRST_SHARE * (high - low)
        else:
            target = per_second / rate * len(self._seen) - fixed
        return self._by_price(seen, target) if by_price else _threshold(seen, target)

    def _by_price(self, seen: Sequence[SampledRequest], target: float) -> float:
        if not seen or _cost(seen, 0.0) <= target:
            return 0.0
        if _cost(seen, CHEAPEST_ONLY) > target:
            return CHEAPEST_ONLY
        low, high = self._price / NARROW, self._price * NARROW
        if _cost(seen, low) <= target or _cost(seen, high) > target:
            low, high = 1.0 / CHEAPEST_ONLY, CHEAPEST_ONLY
        for _ in range(STEPS):
            middle = math.sqrt(low * high)
            if _cost(seen, middle) > target:
                low = middle
            else:
                high = middle
        self._price = high
        return high


def _cost(seen: Sequence[SampledRequest], price: float) -> float:
    return sum(one.costs[best_value(one.value, one.costs, price)] for one in seen)


def _threshold(seen: Sequence[SampledRequest], target: float) -> float:
    """The lowest threshold at which `seen` would have cost no more than `target` together.

    Prompts of the same score go together: to the strong one where at least half of them fit.
    """
    left = target - sum(one.costs[0] for one in seen)
    if left < 0.0:
        return ABOVE_ALL_SCORES
    before = ABOVE_ALL_SCORES
    for score, alike in groupby(sorted(seen, key=_score, reverse=True), key=_score):
        more = sum(one.costs[-1] - one.costs[0] for one in alike)
        if left < more / 2:
            return (before + score) / 2
        left -= more
        before = score
    return 0.0


def _score(seen: SampledRequest) -> float:
    return seen.value[0]
