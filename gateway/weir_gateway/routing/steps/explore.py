"""Near the threshold, choose the alternative now and then, to learn how it would have done.

The draw is a hash of the decision's id, so it can be repeated. The probability of the choice is
stored with it: off-policy estimates from feedback need it.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Final, Protocol

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.money import NOTHING
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Exploration, Policy
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_policy.ids import PicoUsd, PolicyId

DETAIL: Final = "explored"
_ALL: Final = 2.0**64


class ExplorationBudget(Protocol):
    """What policies may spend on exploration, by period. Never blocks, never raises."""

    def holds(self, policy: PolicyId, exploration: Exploration, amount: PicoUsd) -> bool:
        """Whether `amount` is left in this period, as far as is known here."""
        ...

    def take(self, policy: PolicyId, exploration: Exploration, amount: PicoUsd) -> None:
        """Spend it."""
        ...


@dataclass(frozen=True, slots=True)
class Alternative:
    """The other way a decision could go, and what that costs beyond the usual one."""

    backend: Backend
    extra_cost: PicoUsd  # an estimate; 0 where the other one is the cheaper


def alternative_of(
    request: Request, decision: RouteDecision, exploration: Exploration
) -> Alternative | None:
    """None where the decision is no near thing: by a rule, out of the band, without a choice."""
    able, scored, threshold = decision.servable, decision.scored, decision.threshold
    if decision.reason is not Reason.SCORED or len(able) < 2:  # noqa: PLR2004 - a choice is of two
        return None
    if scored is None or threshold is None or abs(scored.score - threshold) > exploration.band:
        return None
    ends = {able[0].id: able[-1], able[-1].id: able[0]}
    other = ends.get(decision.chosen.id)
    if other is None:
        return None
    costs = estimate_costs((decision.chosen, other), request)
    return Alternative(other, PicoUsd(max(costs[other.id] - costs[decision.chosen.id], NOTHING)))


def is_drawn(decision: DecisionId, share: float) -> bool:
    """Whether this decision is one of the `share` that explore; the same for the same id."""
    digest = hashlib.blake2b(decision.encode(), digest_size=8, person=b"weir-explore").digest()
    return int.from_bytes(digest, "big") / _ALL < share


def explore(
    request: Request,
    decision: RouteDecision,
    policy: Policy,
    budget: ExplorationBudget,
    warm: WarmBackend | None,
) -> RouteDecision:
    """The decision, or its alternative where that is drawn and paid for; with its probability.

    Where the budget is used up nothing is drawn, and every choice is certain. Nor is anything
    drawn for a conversation that would leave its warm prompt cache, or under a spending limit.
    """
    admission = decision.admission
    if warm is not None or not admission.allow_strong or admission.pressure:
        return decision
    exploration = policy.exploration
    way = alternative_of(request, decision, exploration) if exploration is not None else None
    if exploration is None or way is None:
        return decision
    if way.extra_cost and not budget.holds(policy.id, exploration, way.extra_cost):
        return decision
    if not is_drawn(decision.id, exploration.share):
        return replace(decision, propensity=1 - exploration.share)
    if way.extra_cost:
        budget.take(policy.id, exploration, way.extra_cost)
    return replace(
        decision,
        chosen=way.backend,
        detail=DETAIL,
        propensity=exploration.share,
        explored=True,
    )
