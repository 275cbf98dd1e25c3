"""The decision with everything that led to it: what `weir explain` shows.

Runs the same steps as a request (decide.py) and adds the predicted quality and cost of every
candidate. Sends nothing and counts nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weir_gateway.domain.budget import BudgetState
from weir_gateway.domain.cache import CachedResponse
from weir_gateway.domain.decision import Calibration, RouteDecision, RuleResult, Scored
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Policy, RouteTable
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.dispatch import fallbacks
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.policy.compiled import CompiledPolicy, Conditions
from weir_gateway.routing.ports import Ids, ScoreQuery, Scorer
from weir_gateway.routing.stage.score import WeightsSource
from weir_policy.ids import BackendId, PicoUsd, RouterName


@dataclass(frozen=True, slots=True)
class CandidateView:
    """One candidate as it stood for this request."""

    backend: Backend
    lacks: str  # why it can't serve; empty where it can
    quality: float | None  # predicted, [0,1]; None where the bundle has no profile or was not asked
    estimate: PicoUsd  # predicted cost
    chosen: bool
    dominated_by: str = ""  # a cheaper candidate that is predicted no worse here; empty: none is


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, taken apart."""

    request: Request
    decision: RouteDecision
    policy: Policy
    rules: tuple[RuleResult, ...]  # those asked, in order
    rules_not_reached: tuple[str, ...]  # since an earlier one held, or the client named its model
    candidates: tuple[CandidateView, ...]  # weakest first
    fallbacks: tuple[Backend, ...]  # who is asked, in order, should the chosen one fail
    budget: BudgetState | None = None  # where the policy's budget stands; None where it has none


class Explainer:
    """Explains decisions by whatever table it is given."""

    def __init__(
        self,
        *,
        scorer: Scorer,
        conditions: Conditions,
        ids: Ids,
        score_timeout: float,
        budgets: Budgets | None = None,
        weights: WeightsSource | None = None,
    ) -> None:
        """`score_timeout` is in seconds; a person waits longer than a request.

        `budgets` know what was spent; they are read and nothing is taken from them.
        """
        self._budgets = budgets
        self._score_timeout = score_timeout
        self._decider = Decider(
            DecisionParts(
                scorer=WithQuality(scorer),
                conditions=conditions,
                ids=ids,
                cache=_EmptyCache(),
                budgets=budgets,
                weights=weights,
            )
        )

    async def explain(self, request: Request, table: RouteTable) -> Explanation:
        """Decide `request` and say why. Raises what deciding raises, and BadTable."""
        if self._budgets is not None:
            for policy in table.policies:
                await self._budgets.load(policy)
        context = RoutingContext(
            request=request,
            table=table,
            purpose=Purpose.EXPLAIN,
            score_timeout=self._score_timeout,
        )
        decision = await self._decider.decide(context)
        compiled = self._decider.compiled(table).by_id[decision.policy]
        return explanation_of(request, decision, compiled, self._budgets)


def explanation_of(
    request: Request,
    decision: RouteDecision,
    compiled: CompiledPolicy,
    budgets: Budgets | None = None,
) -> Explanation:
    """Take `decision` apart; `compiled` is the policy that made it."""
    policy = compiled.policy
    costs = estimate_costs(policy.candidates, request)
    lacks = {excluded.backend: excluded.lacks for excluded in decision.excluded}
    quality = decision.scored.quality if decision.scored is not None else dict[str, float]()
    return Explanation(
        request=request,
        decision=decision,
        policy=policy,
        rules=decision.rule_results,
        rules_not_reached=tuple(r.name for r in policy.rules[len(decision.rule_results) :]),
        candidates=tuple(
            CandidateView(
                backend=backend,
                lacks=lacks.get(backend.id, ""),
                quality=quality.get(backend.profile),
                estimate=costs[backend.id],
                chosen=backend.id == decision.chosen.id,
                dominated_by=_dominant(backend, policy.candidates, quality, costs),
            )
            for backend in policy.candidates
        ),
        fallbacks=tuple(fallbacks(decision, compiled)),
        budget=budgets.states().get(policy.id) if budgets is not None else None,
    )


def _dominant(
    backend: Backend,
    candidates: Sequence[Backend],
    quality: Mapping[str, float],
    costs: Mapping[BackendId, PicoUsd],
) -> str:
    """The cheapest candidate that costs less than `backend` and is predicted to be no worse."""
    mine = quality.get(backend.profile)
    if mine is None:
        return ""
    better = [
        other
        for other in candidates
        if costs[other.id] < costs[backend.id] and quality.get(other.profile, -1.0) >= mine
    ]
    return min(better, key=lambda other: costs[other.id]).name if better else ""


class _EmptyCache:
    """A cache without responses, so that a lookup only says whether a cache would be read."""

    async def get(self, key: bytes) -> CachedResponse | None:
        del key
        return None

    def put(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        del key, answer, seconds


class WithQuality:
    """A scorer that is always asked for predicted quality, which changes no decision."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    @property
    def bundle(self) -> BundleVersion | None:
        return self._scorer.bundle

    async def score(self, query: ScoreQuery) -> Scored:
        return await self._scorer.score(replace(query, want_quality=True))

    def calibration(self, router: RouterName) -> Calibration:
        return self._scorer.calibration(router)
