"""Select a candidate by threshold, by predicted quality, without a score, or by a budget.

A budget's selection counts the provider's warm prompt cache. Plain arithmetic on scores and costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf
from typing import Final

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.money import NOTHING
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Policy, Value
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.budget.pacing import (
    ABOVE_ALL_SCORES,
    CHEAPEST_ONLY,
    SampledRequest,
    choose_index,
)
from weir_gateway.routing.budget.policy_budget import values_of
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.steps import sticky
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_policy.ids import BackendId, PicoUsd
from weir_policy.spec.policy import ScorerFailure

POINTS: Final = 100  # percentage points from a quality of 0 to one of 1
AHEAD: Final = "spending is ahead of its plan"  # why no dearer candidate is chosen


@dataclass(frozen=True, slots=True)
class BudgetSelection:
    """A choice by a budget's line."""

    backend: Backend
    stays: Backend  # the choice where leaving a warm prompt cache is paid for as well
    threshold: float | None  # None where more than two compete, by quality less λ times cost
    moved: float | None  # the threshold with the warm cache counted
    estimates: Mapping[BackendId, PicoUsd]
    ahead: bool  # only the cheapest candidate is affordable


@dataclass(frozen=True, slots=True)
class BudgetSelector:
    """What the line of one policy is found by."""

    budgets: Budgets
    budget: Budget

    def choose(
        self,
        request: Request,
        policy: Policy,
        servable: Sequence[Backend],
        scored: Scored,
        warm: WarmBackend | None,
    ) -> BudgetSelection:
        """The candidate by the line as it is now, and where a warm prompt cache keeps it."""
        account = self.budgets.policy_budget(policy, self.budget)
        estimates = estimate_costs(policy.candidates, request)
        values = values_of(scored, policy, servable)
        by_price = len(values) > 1
        seen = SampledRequest(account.corrected_costs(servable, estimates), values)
        line = self.budgets.cutoff(account, seen, scored.calibration.threshold_for_share)
        chosen = servable[choose_index(seen, line)]
        threshold = None if by_price else line
        ahead = line >= (CHEAPEST_ONLY if by_price else ABOVE_ALL_SCORES)
        if warm is None or ahead:
            return BudgetSelection(chosen, chosen, threshold, threshold, estimates, ahead)
        if threshold is not None:
            moved = sticky.adjusted_threshold(threshold, servable, request, warm)
            stays = by_threshold(servable, scored.score, moved)
            return BudgetSelection(chosen, stays, threshold, moved, estimates, ahead)
        now = {b.id: sticky.cost_now(b, request, warm) for b in policy.candidates}
        stays = servable[
            choose_index(SampledRequest(account.corrected_costs(servable, now), values), line)
        ]
        return BudgetSelection(chosen, stays, None, None, now, ahead)


# Tokens an answer is taken to have when costs are compared and the client's cap is not lower. The
# same for every candidate, so it only sets how much output prices weigh against input prices.


def by_threshold(servable: Sequence[Backend], score: float, threshold: float) -> Backend:
    """The strongest iff `score` >= `threshold`, else the weakest."""
    return servable[-1] if score >= threshold else servable[0]


def by_quality(
    servable: Sequence[Backend],
    quality: Mapping[str, float],
    retention: float,
    estimates: Mapping[BackendId, PicoUsd],
) -> Backend | None:
    """The cheapest candidate predicted to keep `retention` (0,1] of the best predicted quality.

    Of equally cheap ones the better, then the weaker in the policy's order. A candidate whose
    profile the bundle lacks is never chosen this way; None where no candidate has one.
    """
    known = [b for b in servable if b.profile in quality]
    if not known:
        return None
    enough = retention * max(quality[b.profile] for b in known)
    good = [b for b in known if quality[b.profile] >= enough]
    return min(good, key=lambda b: (estimates[b.id], -quality[b.profile]))


def by_value(
    servable: Sequence[Backend],
    scored: Scored,
    value: Value,
    estimates: Mapping[BackendId, PicoUsd],
) -> Backend | None:
    """The candidate whose predicted quality is worth most after its price; None where none has one.

    A prediction counts less `caution` standard errors. Of equal ones the cheaper, then the weaker
    in the policy's order.
    """
    best: Backend | None = None
    best_worth, best_cost = -inf, NOTHING
    quality, doubts = scored.quality, scored.doubts
    worth = value.point * POINTS
    for backend in servable:
        expected = quality.get(backend.profile)
        if expected is None:
            continue
        if doubts and value.caution:
            expected = careful(expected, value.caution * doubts.get(backend.profile, 0.0))
        price = estimates[backend.id]
        after = expected * worth - price
        if after > best_worth or (after == best_worth and price < best_cost):
            best, best_worth, best_cost = backend, after, price
    return best


def careful(quality: float, doubt: float) -> float:
    """A predicted quality in [0,1] with `doubt` taken off its log-odds."""
    if doubt <= 0.0 or not 0.0 < quality < 1.0:
        return quality
    return 1.0 / (1.0 + (1.0 - quality) / quality * exp(doubt))


def without_score(servable: Sequence[Backend], failure: ScorerFailure) -> Backend | None:
    """Who answers when there is no score; None where the policy rejects."""
    match failure:
        case ScorerFailure.WEAK:
            return servable[0]
        case ScorerFailure.STRONG:
            return servable[-1]
        case ScorerFailure.REJECT:
            return None
