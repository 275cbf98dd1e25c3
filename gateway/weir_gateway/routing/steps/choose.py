"""Choose a candidate and say why: by threshold, predicted quality, budget, rule, cache or name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.cache import NO_LOOKUP, CacheLookup
from weir_gateway.domain.decision import Excluded, Reason, RuleResult, Scored
from weir_gateway.domain.errors import NothingCanServe, RouterWarmingUp, ScorerUnavailable
from weir_gateway.domain.request import Request
from weir_gateway.domain.stage import StageView
from weir_gateway.domain.table import Backend, Policy, Retention, StrongShare, Value
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.policy.compiled import (
    CompiledPolicy,
    CompiledRule,
    PolicyMatch,
)
from weir_gateway.routing.policy.variants import session_key
from weir_gateway.routing.share.ports import ShareKey
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_gateway.routing.stage.choose import StageChoice, choose_tier
from weir_gateway.routing.stage.score import WeightsSource, is_agent
from weir_gateway.routing.steps import score, selection, sticky
from weir_gateway.routing.steps.filter import (
    no_state,
    not_served,
    takes,
    unservable_fallbacks,
)
from weir_gateway.routing.steps.selection import AHEAD, BudgetSelector
from weir_gateway.routing.steps.sticky import Sessions, WarmBackend
from weir_gateway.routing.steps.unknown import Unscored, choose_unscored, warm_instead
from weir_policy.ids import BackendId, PicoUsd
from weir_policy.spec.backend import Capability
from weir_policy.spec.policy import Mode

MAX_SOURCE = 64  # characters of a user's name by which its requests are told from others'


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
    excluded: tuple[Excluded, ...] = ()
    rule_results: tuple[RuleResult, ...] = ()
    propensity: float = 1.0  # (0,1]: how probable it was; below 1 by lot
    explored: bool = False  # drawn against what the router would have chosen
    stage: StageView | None = None  # what the router `stage` saw

    def servable(self, policy: Policy) -> tuple[Backend, ...]:
        """The candidates that were left to choose from, weakest first."""
        if not self.excluded:
            return policy.candidates
        lacking = {excluded.backend for excluded in self.excluded}
        return tuple(backend for backend in policy.candidates if backend.id not in lacking)


def direct_choice(backend: Backend, request: Request) -> Choice:
    """The backend that the client named. Raises BadRequest where it can't serve the request."""
    if not takes(backend, request):
        raise not_served(request, f"no wire of {backend.name}")
    if Capability.STATE in request.needs - backend.capabilities:
        raise no_state(f"{backend.name} doesn't keep")
    return Choice(backend, Reason.DIRECT)


def rule_choice(rule: CompiledRule, compiled: CompiledPolicy, request: Request) -> Choice:
    """The backend that a rule names, and which candidates could not step in for it."""
    excluded = unservable_fallbacks(compiled, request, rule.use)
    return Choice(rule.use, Reason.RULE, rule.name, excluded=excluded)


def cached_choice(lookup: CacheLookup, match: PolicyMatch, scored: Scored | None = None) -> Choice:
    """The candidate that gave the cached response which `lookup` found."""
    if lookup.response is None:
        raise ValueError("the lookup found no response")
    found = lookup.response.backend
    backend = next(b for b in match.policy.policy.candidates if b.id == found)
    detail = "" if lookup.similarity is None else f"similarity {lookup.similarity:.3f}"
    return Choice(backend, Reason.CACHE, detail, scored)


class Chooser:
    """Chooses by score, as the policy's objective says."""

    def __init__(
        self,
        sessions: Sessions | None,
        budgets: Budgets | None,
        shares: ShareThresholds,
        weights: WeightsSource | None = None,
    ) -> None:
        self._sessions = sessions
        self._budgets = budgets
        self._shares = shares
        self._weights = weights

    def choose(
        self,
        context: RoutingContext,
        match: PolicyMatch,
        servable: Sequence[Backend],
        scored: Scored | ScorerUnavailable | None,
    ) -> Choice:
        """The only candidate left, or the one that the score points to; failureMode's without one.

        Raises NothingCanServe where there is no score and the policy rejects.
        """
        if len(servable) == 1:
            return Choice(servable[0], Reason.FILTERED)
        if isinstance(scored, ScorerUnavailable):
            return _without_score(match, servable, scored)
        if scored is None:
            raise ValueError("a choice between candidates needs a score")
        try:
            return self._by_score(context, match, servable, scored)
        except ScorerUnavailable as error:  # the score came, and no threshold can be found for it
            return _without_score(match, servable, error)

    def warm_backend(self, policy: Policy, request: Request) -> WarmBackend | None:
        """The backend whose provider has this conversation in its prompt cache, if one is known."""
        if self._sessions is None or not policy.sticky:
            return None
        return self._sessions.get(session_key(policy.id, request))

    def _by_score(
        self,
        context: RoutingContext,
        match: PolicyMatch,
        servable: Sequence[Backend],
        scored: Scored,
    ) -> Choice:
        request, policy = context.request, match.policy.policy
        objective = policy.objective
        warm = self.warm_backend(policy, request)
        if match.threshold is None:
            staged = policy.stage is not None and is_agent(request)  # judged by its work
            unscored = None if staged else choose_unscored(match, request, servable, scored)
            if unscored is not None:
                return self._without_trust(context, match, servable, scored, unscored)
            budgets = None if context.purpose is Purpose.PROBE else self._budgets
            if isinstance(objective, Budget) and budgets is not None:
                pacing = BudgetSelector(budgets, objective)
                return _by_budget(request, policy, servable, scored, pacing, warm)
            if isinstance(objective, Value):
                return _by_value(request, policy, servable, scored, objective, warm)
            if isinstance(objective, Retention) and score.by_quality(policy):
                best = _by_quality(request, policy, servable, scored, objective.retention, warm)
                if best is not None:
                    return best
            if isinstance(objective, StrongShare):
                return self._by_share(context, match, servable, scored, objective.share)
        threshold = score.threshold(scored, match)
        return self._at(context, match, servable, scored, threshold)

    def _at(
        self,
        context: RoutingContext,
        match: PolicyMatch,
        servable: Sequence[Backend],
        scored: Scored,
        threshold: float,
    ) -> Choice:
        """By the threshold; of an agent's turn by what is remembered as well."""
        policy = match.policy.policy
        if policy.stage is not None and match.threshold is None and is_agent(context.request):
            turn = choose_tier(context, policy.stage, servable, scored, threshold, self._weights)
            return _by_stage(turn, scored)
        warm = self.warm_backend(policy, context.request)
        return _by_threshold(context.request, match, servable, scored, threshold, warm)

    def _by_share(
        self,
        context: RoutingContext,
        match: PolicyMatch,
        servable: Sequence[Backend],
        scored: Scored,
        share: float,
    ) -> Choice:
        """By the threshold that follows the policy's own scores; what is dispatched counts."""
        key = _share_key(match, scored, share)
        threshold = self._shares.threshold(key, scored.calibration, _source(context.request))
        if threshold is None:
            threshold = score.threshold(scored, match)
        choice = self._at(context, match, servable, scored, threshold)
        if context.purpose.dispatches:
            strong = choice.backend.id == servable[-1].id
            source = _source(context.request)
            self._shares.observe(key, scored.score, strong=strong, source=source)
        return choice

    def _without_trust(
        self,
        context: RoutingContext,
        match: PolicyMatch,
        servable: Sequence[Backend],
        scored: Scored,
        unscored: Unscored,
    ) -> Choice:
        """A choice that the score didn't make; `strongShare` counts it all the same."""
        warm = self.warm_backend(match.policy.policy, context.request)
        if warm is not None:
            unscored = warm_instead(unscored, servable, warm)
        objective = match.policy.policy.objective
        if isinstance(objective, StrongShare) and context.purpose.dispatches:
            key = _share_key(match, scored, objective.share)
            source = _source(context.request)
            # Starts it, where it is the first.
            self._shares.threshold(key, scored.calibration, source)
            strong = unscored.backend.id == servable[-1].id
            self._shares.observe(key, scored.score, strong=strong, source=source)
        return Choice(
            unscored.backend,
            unscored.reason,
            unscored.detail,
            scored=scored,
            propensity=unscored.propensity,
        )


def _share_key(match: PolicyMatch, scored: Scored, share: float) -> ShareKey:
    variant = "" if match.variant is None else match.variant.name
    return ShareKey(match.policy.policy.id, variant, scored.router, scored.bundle, share)


def _source(request: Request) -> str:
    """Whose flood it would be: the client key's, or the user's that the request names."""
    return request.facts.user[:MAX_SOURCE] if request.key is None else request.key.name


def _by_threshold(
    request: Request,
    match: PolicyMatch,
    servable: Sequence[Backend],
    scored: Scored,
    threshold: float,
    warm: WarmBackend | None,
) -> Choice:
    reason = Reason.SCORED if match.threshold is None else Reason.CLIENT_THRESHOLD
    chosen = selection.by_threshold(servable, scored.score, threshold)
    choice = Choice(chosen, reason, scored=scored, threshold=threshold)
    if warm is None:
        return choice
    moved = sticky.adjusted_threshold(threshold, servable, request, warm)
    sticky_backend = selection.by_threshold(servable, scored.score, moved)
    return _explain_warm(choice, replace(choice, backend=sticky_backend, threshold=moved), warm)


def _by_stage(turn: StageChoice, scored: Scored) -> Choice:
    return Choice(
        turn.backend,
        Reason.STAGE,
        str(turn.view.step),
        scored=scored,
        threshold=turn.view.up,
        propensity=turn.propensity,
        explored=turn.swapped,
        stage=turn.view,
    )


def _by_quality(
    request: Request,
    policy: Policy,
    servable: Sequence[Backend],
    scored: Scored,
    retention: float,
    warm: WarmBackend | None,
) -> Choice | None:
    costs = estimate_costs(policy.candidates, request)
    best = selection.by_quality(servable, scored.quality, retention, costs)
    if best is None:
        return None
    choice = Choice(best, Reason.SCORED, scored=scored, estimates=costs)
    if warm is None:
        return choice
    warm_costs = {b.id: sticky.cost_now(b, request, warm) for b in policy.candidates}
    sticky_backend = selection.by_quality(servable, scored.quality, retention, warm_costs) or best
    return _explain_warm(
        choice, replace(choice, backend=sticky_backend, estimates=warm_costs), warm
    )


def _by_value(
    request: Request,
    policy: Policy,
    servable: Sequence[Backend],
    scored: Scored,
    value: Value,
    warm: WarmBackend | None,
) -> Choice:
    """Raises ScorerUnavailable where the bundle knows none of the candidates' profiles."""
    costs = estimate_costs(policy.candidates, request)
    if not request.scored_text:  # it scores 0 by definition: nothing is predicted for it
        return Choice(servable[0], Reason.SCORED, scored=scored, estimates=costs)
    best = selection.by_value(servable, scored, value, costs)
    if best is None:
        raise ScorerUnavailable("the bundle predicts no quality of any candidate: see `profile`")
    choice = Choice(best, Reason.SCORED, scored=scored, estimates=costs)
    if warm is None:
        return choice
    now = {b.id: sticky.cost_now(b, request, warm) for b in policy.candidates}
    stays = selection.by_value(servable, scored, value, now) or best
    return _explain_warm(choice, replace(choice, backend=stays, estimates=now), warm)


def _by_budget(
    request: Request,
    policy: Policy,
    servable: Sequence[Backend],
    scored: Scored,
    pacing: BudgetSelector,
    warm: WarmBackend | None,
) -> Choice:
    budget_pick = pacing.choose(request, policy, servable, scored, warm)
    choice = Choice(
        budget_pick.backend,
        Reason.BUDGET if budget_pick.ahead else Reason.SCORED,
        AHEAD if budget_pick.ahead else "",
        scored=scored,
        threshold=budget_pick.threshold,
        estimates=budget_pick.estimates,
    )
    if warm is None or budget_pick.ahead:
        return choice
    return _explain_warm(
        choice, replace(choice, backend=budget_pick.stays, threshold=budget_pick.moved), warm
    )


def _explain_warm(choice: Choice, sticky_choice: Choice, warm: WarmBackend) -> Choice:
    """`sticky_choice`, saying whether the conversation stays for its warm prompt cache or leaves.

    `choice` is what would have been chosen without that cache.
    """
    moved = sticky_choice.backend.id != choice.backend.id
    if moved and sticky_choice.backend.id == warm.backend:
        detail = f"{choice.backend.id} gains too little for a cold prompt cache"
        return replace(sticky_choice, reason=Reason.STICKY, detail=detail)
    if sticky_choice.backend.id != warm.backend:
        detail = f"worth leaving {warm.backend} and its warm prompt cache"
        return replace(sticky_choice, detail=detail)
    return sticky_choice


def _without_score(
    match: PolicyMatch, servable: Sequence[Backend], error: ScorerUnavailable
) -> Choice:
    policy = match.policy.policy
    chosen = selection.without_score(servable, policy.on_scorer_failure)
    if chosen is None and policy.mode is Mode.SHADOW:
        chosen = servable[-1]  # a policy in mode Shadow rejects no request
    if chosen is None:
        raise NothingCanServe(
            f"policy {policy.id} answers nothing without a score: {error.message}",
            code=ScorerUnavailable.code,
        ) from error
    warming = isinstance(error, RouterWarmingUp)
    reason = Reason.WARMING_UP if warming else Reason.SCORER_UNAVAILABLE
    return Choice(chosen, reason, error.message)
