"""A budget: what a policy may spend in a calendar period."""

from dataclasses import dataclass

from weir_policy.ids import PicoUsd
from weir_policy.spec.objective import Period, SpendingPlan, WhenSpent


@dataclass(frozen=True, slots=True)
class Budget:
    """As many strong answers as `amount` pays for in each `per`, over all that the policy spends.

    In all of it: the weak answers count as well.
    """

    amount: PicoUsd
    per: Period
    when_spent: WhenSpent = WhenSpent.WEAKEST
    plan: SpendingPlan = SpendingPlan.TRAFFIC


@dataclass(frozen=True, slots=True)
class BudgetReservation:
    """Room that a request on its way has taken in a period of its policy's budget."""

    span: str  # which period
    amount: PicoUsd
    holder: str  # the process that took it; another one has nothing of it to give back


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Where a policy stands in its period; amounts in pico-USD."""

    span: str  # which period: 2026-11-24 is a day
    until: float  # seconds since 1970, when the next one begins
    limit: PicoUsd
    spent: PicoUsd  # what requests on their way are expected to cost among it
    planned: PicoUsd  # by now
    cutoff: float | None  # the threshold, or λ in quality per USD; None before the first request
    degraded: bool = False  # the shared store can't be reached: this gateway's own bound holds
