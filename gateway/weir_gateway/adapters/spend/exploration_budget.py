"""The exploration budget of each policy, over sums of spend.

Periods are counted from 1970, in UTC.
"""

from collections.abc import Callable
from typing import Protocol

from weir_gateway.domain.money import usd
from weir_gateway.domain.table import Exploration
from weir_policy.ids import PicoUsd, PolicyId
from weir_runtime.metrics import Registry


class Spend(Protocol):
    """Sums of money by name, over all gateways that share a store. Never blocks, never raises."""

    def add(self, counter: str, amount: PicoUsd, until: float) -> None:
        """Add `amount`, at least 0, to a sum that is over at `until` (seconds since 1970).

        Its period is part of its name.
        """
        ...

    def spent(self, counter: str, until: float) -> PicoUsd:
        """The sum as far as it is known here: what others add shows within a second.

        Of a sum that was never asked for, only what was added here.
        """
        ...


class SharedExplorationBudget:
    """Fills routing's ExplorationBudget; the store decides which gateways share it."""

    def __init__(self, spend: Spend, registry: Registry, now: Callable[[], float]) -> None:
        """`now` is seconds since 1970; a clock that goes backwards begins no period anew."""
        self._spend = spend
        self._now = now
        self._latest: dict[float, int] = {}  # the period's number by its length
        self._extra = registry.counter(
            "weir.exploration.usd",
            "What exploration cost beyond the usual choices, estimated.",
            ("policy",),
            unit="{USD}",
        )

    def holds(self, policy: PolicyId, exploration: Exploration, amount: PicoUsd) -> bool:
        """Whether `amount` is left in the current period."""
        spent = self._spend.spent(*self._sum(policy, exploration))
        return spent + amount <= exploration.budget

    def take(self, policy: PolicyId, exploration: Exploration, amount: PicoUsd) -> None:
        """Spend `amount`."""
        counter, until = self._sum(policy, exploration)
        self._spend.add(counter, amount, until)
        self._extra.labels(policy).add(usd(amount))

    def _sum(self, policy: PolicyId, exploration: Exploration) -> tuple[str, float]:
        period = exploration.period
        number = max(int(self._now() // period), self._latest.get(period, 0))
        self._latest[period] = number
        return f"explore:{policy}:{period:g}:{number}", (number + 1) * period
