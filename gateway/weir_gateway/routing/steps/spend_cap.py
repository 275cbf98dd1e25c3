"""Cap a decision by the client's strong-model allowance.

Close to the allowance the threshold rises, and past it the weakest candidate answers.
"""

from dataclasses import replace

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import BudgetExceeded
from weir_gateway.domain.limits import UNLIMITED, Admission
from weir_gateway.domain.table import Backend, Policy

_FREE = frozenset({Reason.CACHE, Reason.SHADOW, Reason.DIRECT})  # nothing to lean, or obeyed


def apply_spend_cap(decision: RouteDecision, admission: Admission, policy: Policy) -> RouteDecision:
    """`decision` with `admission`, and the weakest candidate's where that says so.

    Raises BudgetExceeded where only the dear way is open to this request, and the allowance has
    closed it.
    """
    if admission is UNLIMITED:
        return decision
    decision = replace(decision, admission=admission)
    weakest = decision.weakest(policy)
    if decision.reason in _FREE:
        return decision
    if admission.allow_strong:
        return _raised(decision, weakest)
    decision = replace(decision, buffered=False)  # an answer that can't escalate is given as it is
    candidates = policy.candidates
    if decision.chosen.id == candidates[0].id:
        return decision
    if weakest.id == candidates[-1].id:
        raise _closed(admission, "no weaker one can serve this request")
    if decision.is_pinned(policy):
        raise _closed(admission, "a rule sends this request there and nowhere else")
    if weakest.id == decision.chosen.id:
        return decision
    return _weaker(decision, weakest, _doesnt_fit(admission))


def _raised(decision: RouteDecision, weakest: Backend) -> RouteDecision:
    """The threshold, on its way to 1 as the allowance runs out."""
    threshold, scored = decision.threshold, decision.scored
    if not decision.admission.pressure or threshold is None or scored is None:
        return decision
    moved = threshold + (1.0 - threshold) * decision.admission.pressure
    decision = replace(decision, threshold=moved)
    if not decision.strong or scored.score >= moved or weakest.id == decision.chosen.id:
        return decision
    return _weaker(decision, weakest, "strongUsdPerDay is almost spent")


def _weaker(decision: RouteDecision, weakest: Backend, why: str) -> RouteDecision:
    return replace(
        decision,
        chosen=weakest,
        reason=Reason.BUDGET,
        detail=why,
        propensity=1.0,
        explored=False,
    )


def _closed(admission: Admission, why: str) -> BudgetExceeded:
    return BudgetExceeded(f"{_doesnt_fit(admission)}, and {why}")


def _doesnt_fit(admission: Admission) -> str:
    return (
        f"the estimate on the strong model doesn't fit what is left of {admission.blocking_limit}"
    )
