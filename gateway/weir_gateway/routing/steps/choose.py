"""Step 5c: the candidate that a score, predicted qualities or a budget's line point to, and why.

Must not know what else may decide: a rule, a cache, a client that names its model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weir_gateway.domain.cache import NO_LOOKUP, CacheLookup
from weir_gateway.domain.decision import Reason, Scored
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.money import PicoUsd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Policy, Retention
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_gateway.routing.steps import pick, score, sticky
from weir_gateway.routing.steps.by_budget import AHEAD, Paced, Pacing
from weir_gateway.routing.steps.sticky import WarmBackend


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate and why, before it is a decision with an id."""

    backend: Backend
    reason: Reason
    detail: str = ""
    scored: Scored | None = None
    threshold: float | None = None
    estimates: Mapping[BackendId, PicoUsd] | None = None
    lookup: CacheLookup = NO_LOOKUP


def weigh(
    request: Request,
    matched: PolicyMatch,
    servable: Sequence[Backend],
    scored: Scored,
    warm: WarmBackend | None,
) -> Choice:
    """By threshold or predicted quality, as the objective says; by the client's where it named one.

    Raises ScorerUnavailable where the line hangs on a calibration that the scorer has not given.
    """
    policy = matched.policy.policy
    objective = policy.objective
    if matched.threshold is None and isinstance(objective, Retention) and score.by_quality(policy):
        best = _by_quality(request, policy, servable, scored, objective.retention, warm)
        if best is not None:
            return best
    threshold = score.threshold(scored, matched)
    reason = Reason.SCORED if matched.threshold is None else Reason.CLIENT_THRESHOLD
    chosen = pick.by_threshold(servable, scored.score, threshold)
    plain = Choice(chosen, reason, scored=scored, threshold=threshold)
    if warm is None:
        return plain
    moved = sticky.adjusted_threshold(threshold, servable, request, warm)
    now = pick.by_threshold(servable, scored.score, moved)
    return _told(plain, replace(plain, backend=now, threshold=moved), warm)


def _by_quality(
    request: Request,
    policy: Policy,
    servable: Sequence[Backend],
    scored: Scored,
    retention: float,
    warm: WarmBackend | None,
) -> Choice | None:
    costs = estimate_costs(policy.candidates, request)
    best = pick.by_quality(servable, scored.quality, retention, costs)
    if best is None:
        return None
    plain = Choice(best, Reason.SCORED, scored=scored, estimates=costs)
    if warm is None:
        return plain
    now = {b.id: sticky.cost_now(b, request, warm) for b in policy.candidates}
    again = pick.by_quality(servable, scored.quality, retention, now) or best
    return _told(plain, replace(plain, backend=again, estimates=now), warm)


def by_budget(
    request: Request,
    policy: Policy,
    servable: Sequence[Backend],
    scored: Scored,
    pacing: Pacing,
    warm: WarmBackend | None,
) -> Choice:
    """By the line of the policy's budget."""
    paced = pacing.choose(request, policy, servable, scored, warm)
    plain = _paced(paced, scored)
    if warm is None or paced.ahead:
        return plain
    return _told(plain, replace(plain, backend=paced.stays, threshold=paced.moved), warm)


def _paced(paced: Paced, scored: Scored) -> Choice:
    return Choice(
        paced.backend,
        Reason.BUDGET if paced.ahead else Reason.SCORED,
        AHEAD if paced.ahead else "",
        scored=scored,
        threshold=paced.threshold,
        estimates=paced.estimates,
    )


def _told(plain: Choice, now: Choice, warm: WarmBackend) -> Choice:
    """`now`, saying whether the conversation stays for its warm cache or leaves it all the same."""
    if now.backend.id != plain.backend.id and now.backend.id == warm.backend:
        detail = f"{plain.backend.id} gains too little for a cold prompt cache"
        return replace(now, reason=Reason.STICKY, detail=detail)
    if now.backend.id != warm.backend:
        return replace(now, detail=f"worth leaving {warm.backend} and its warm prompt cache")
    return now
