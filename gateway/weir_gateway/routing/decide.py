"""The whole decision: match → rules → cache → filter → score → pick; nothing is sent or counted.

What the gateway does for each request and what `weir explain` shows is this one path. Must not
know upstreams or how decisions are counted.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.cache import NO_LOOKUP, CacheLookup
from weir_gateway.domain.cascade import JUDGE_ROUTER
from weir_gateway.domain.decision import Excluded, Reason, RouteDecision, RuleResult, Scored
from weir_gateway.domain.errors import NothingCanServe, RouterWarmingUp, ScorerUnavailable
from weir_gateway.domain.ids import PolicyId, TableVersion
from weir_gateway.domain.outcome import SideCost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Capability, Mode, Policy, RouteTable
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.cache.lookup import CacheReader, ResponseCache
from weir_gateway.routing.cascade.judge_router import JudgeRouter
from weir_gateway.routing.cascade.plan import plan_cascade
from weir_gateway.routing.policy.authorize import authorize
from weir_gateway.routing.policy.compiled import (
    CompiledRule,
    CompiledTable,
    Conditions,
    PolicyMatch,
    compile_table,
)
from weir_gateway.routing.policy.match import match_policy
from weir_gateway.routing.policy.variants import assign_variant, session_key
from weir_gateway.routing.ports import Ids, Scorer, TraceContext
from weir_gateway.routing.steps import pick, rules, score
from weir_gateway.routing.steps.by_budget import Pacing
from weir_gateway.routing.steps.choose import Choice, by_budget, weigh
from weir_gateway.routing.steps.filter import (
    filter_candidates,
    no_state,
    not_served,
    unservable_fallbacks,
)
from weir_gateway.routing.steps.sticky import Sessions, WarmBackend

TABLES_KEPT = 2  # the one in force, and the one that requests on their way may still hold


class Decider:
    """Decides by whatever table it is given; keeps the last two compiled."""

    def __init__(  # noqa: PLR0913 - each a port or a bound, by name
        self,
        *,
        scorer: Scorer,
        conditions: Conditions,
        ids: Ids,
        score_within: float,
        sessions: Sessions | None = None,
        answers: ResponseCache | None = None,
        budgets: Budgets | None = None,
        judge_router: JudgeRouter | None = None,
    ) -> None:
        """`score_within` is how many seconds a request waits for its score.

        Without `budgets` a policy that has one is decided as at the very first request; without a
        `judge_router` no model is asked how hard a prompt is.
        """
        self._judge_router = judge_router or JudgeRouter(scorer)
        self._caching = None if answers is None else CacheReader(answers)
        self._sessions = sessions
        self._budgets = budgets
        self._scorer = scorer
        self._conditions = conditions
        self._ids = ids
        self._score_within = score_within
        self._compiled: tuple[CompiledTable, ...] = ()  # newest first

    def patient(self, score_within: float) -> "Decider":
        """One that waits longer for a score, the same otherwise."""
        patient = copy.copy(self)
        patient._score_within = score_within  # noqa: SLF001 - its own
        return patient

    def compiled(self, table: RouteTable) -> CompiledTable:
        """The table ready to be asked, compiled on first sight. Raises BadTable."""
        for compiled in self._compiled:
            if compiled.table is table:
                return compiled
        fresh = compile_table(table, self._conditions)
        self._compiled = (fresh, *self._compiled)[:TABLES_KEPT]
        return fresh

    async def decide(
        self,
        request: Request,
        table: RouteTable,
        trace: TraceContext | None = None,
        *,
        cached: bool = True,
        tab: list[SideCost] | None = None,
    ) -> RouteDecision:
        """Which candidate answers `request`, and why; or, where it may be `cached`, which did.

        What a judge of prompts takes goes on the `tab`; without one it is not asked.

        Raises NoPolicy, NotPermitted, BadRequest where the client can mend it, and NothingCanServe
        where there is no score and the policy rejects for want of one.
        """
        matched = self.matched(request, table)
        return await self.decide_as(matched, request, table, trace, cached=cached, tab=tab)

    def matched(self, request: Request, table: RouteTable) -> PolicyMatch:
        """The policy that serves `request`. Raises NoPolicy, NotPermitted and BadRequest."""
        matched = match_policy(self.compiled(table), request)
        if request.key is not None:
            authorize(matched, request.key)
        return assign_variant(matched, request)

    async def decide_as(
        self,
        matched: PolicyMatch,
        request: Request,
        table: RouteTable,
        trace: TraceContext | None = None,
        *,
        cached: bool = True,
        tab: list[SideCost] | None = None,
    ) -> RouteDecision:
        """As `decide`, for what was matched already."""
        caching = self._caching if cached else None
        decider = self._scoring_by(matched, request, tab)
        return await decider._decide(matched, request, table, trace, caching)  # noqa: SLF001 - its own

    async def decide_in(
        self, policy: PolicyId, request: Request, table: RouteTable
    ) -> RouteDecision:
        """As `decide`, for a policy that is known, whatever was spent of its budget.

        Raises KeyError where the table lacks it.
        """
        matched = PolicyMatch(self.compiled(table).by_id[policy])
        unpaced = copy.copy(self._scoring_by(matched, request, None))
        unpaced._budgets = None  # noqa: SLF001 - its own
        return await unpaced._decide(matched, request, table, None, None)  # noqa: SLF001 - its own

    def _scoring_by(
        self, matched: PolicyMatch, request: Request, tab: list[SideCost] | None
    ) -> "Decider":
        """One that has the request scored by whoever its policy and its client name."""
        if matched.policy.difficulty_judge is None or matched.router not in {None, JUDGE_ROUTER}:
            return self
        judged = copy.copy(self)
        judged._scorer = self._judge_router.of(matched.policy, request, tab)  # noqa: SLF001 - its own
        return judged

    async def _decide(
        self,
        matched: PolicyMatch,
        request: Request,
        table: RouteTable,
        trace: TraceContext | None,
        caching: CacheReader | None,
    ) -> RouteDecision:
        if matched.direct is not None:
            return self._direct(matched, matched.direct, request, table)
        compiled = matched.policy
        rule: CompiledRule | None = None
        tried: tuple[RuleResult, ...] = ()
        excluded: tuple[Excluded, ...] = ()
        looked = NO_LOOKUP
        if compiled.rules:
            rule, tried = rules.first_that_holds(compiled.rules, request.facts)
        ordered = None if rule is None else rule.use
        if caching is not None and compiled.policy.cache is not None:
            looked = await caching.look(matched, request, ordered)
        again = _again(looked, matched)
        if again is not None:
            choice = again
        elif rule is not None:
            choice = Choice(rule.use, Reason.RULE, rule.name, lookup=looked)
            excluded = unservable_fallbacks(compiled, request, rule.use)
        else:
            servable, excluded = filter_candidates(compiled, request)
            choice = await self._choose(request, matched, servable, trace, looked, caching)
        return self._decision(
            matched, table.version, choice, request, tried=tried, excluded=excluded
        )

    async def _choose(
        self,
        request: Request,
        matched: PolicyMatch,
        servable: Sequence[Backend],
        trace: TraceContext | None,
        looked: CacheLookup,
        caching: CacheReader | None,
    ) -> Choice:
        if len(servable) == 1:
            choice = Choice(servable[0], Reason.FILTERED, lookup=looked)
            if caching is None or not looked.semantic_key:
                return choice
            scored = await self._embedded(request, matched, trace)
        else:
            wanted = bool(looked.semantic_key)
            choice = await self._by_score(request, matched, servable, trace, embedding=wanted)
            scored = choice.scored
        if looked is NO_LOOKUP:  # it says so already
            return choice
        if caching is None or not looked.semantic_key:
            return replace(choice, lookup=looked)
        if scored is None:  # no score, no embedding
            return replace(choice, lookup=replace(looked, semantic_key=b""))
        looked = await caching.by_meaning(looked, scored, matched)
        return _again(looked, matched, scored) or replace(choice, lookup=looked)

    async def _embedded(
        self, request: Request, matched: PolicyMatch, trace: TraceContext | None
    ) -> Scored | None:
        """The prompt's embedding where nothing else hangs on its score."""
        try:
            return await score.score(
                self._scorer,
                request,
                matched,
                within=self._score_within,
                trace=trace,
                embedding=True,
            )
        except ScorerUnavailable:
            return None

    def _direct(
        self, matched: PolicyMatch, backend: Backend, request: Request, table: RouteTable
    ) -> RouteDecision:
        if request.wire not in backend.takes:
            raise not_served(request, f"no wire of {backend.name}")
        if Capability.STATE in request.needs - backend.capabilities:
            raise no_state(f"{backend.name} doesn't keep")
        return RouteDecision(
            id=self._ids(),
            policy=matched.policy.policy.id,
            chosen=backend,
            baseline=backend,  # nothing was decided, so nothing is saved
            reason=Reason.DIRECT,
            table=table.version,
        )

    async def _by_score(
        self,
        request: Request,
        matched: PolicyMatch,
        servable: Sequence[Backend],
        trace: TraceContext | None,
        *,
        embedding: bool,
    ) -> Choice:
        scorer = self._scorer
        within = self._score_within
        try:
            scored = await score.score(
                scorer, request, matched, within=within, trace=trace, embedding=embedding
            )
            warm = self._warm(matched, request)
            pacing = self._pacing(matched)
            if pacing is not None:
                return by_budget(request, matched.policy.policy, servable, scored, pacing, warm)
            return weigh(request, matched, servable, scored, warm)
        except ScorerUnavailable as error:
            return _without_score(matched, servable, error)

    def _pacing(self, matched: PolicyMatch) -> Pacing | None:
        """What a budget's line is found by; None where something else decides."""
        budget = matched.policy.policy.objective
        if self._budgets is None or not isinstance(budget, Budget) or matched.threshold is not None:
            return None
        return Pacing(self._budgets, budget)

    def _warm(self, matched: PolicyMatch, request: Request) -> WarmBackend | None:
        policy = matched.policy.policy
        if self._sessions is None or not policy.sticky:
            return None
        return self._sessions.warm(session_key(policy.id, request))

    def _decision(
        self,
        matched: PolicyMatch,
        version: TableVersion,
        choice: Choice,
        request: Request,
        *,
        tried: tuple[RuleResult, ...] = (),
        excluded: tuple[Excluded, ...] = (),
    ) -> RouteDecision:
        policy = matched.policy.policy
        decision = RouteDecision(
            id=self._ids(),
            policy=policy.id,
            chosen=choice.backend,
            baseline=policy.candidates[-1],
            reason=choice.reason,
            table=version,
            detail=choice.detail,
            scored=choice.scored,
            threshold=choice.threshold,
            estimates=choice.estimates,
            excluded=excluded,
            rules_tried=tried,
            servable=_able(policy, excluded),
            cache=choice.lookup,
            variant=matched.variant,
        )
        if policy.cascade is not None:
            decision = plan_cascade(request, decision, policy.cascade)
        return decision if policy.mode is Mode.ENFORCE else _shadow(decision, matched)


def _again(
    looked: CacheLookup, matched: PolicyMatch, scored: Scored | None = None
) -> Choice | None:
    """The choice of whoever gave the answer that was found; None where none was."""
    answer = looked.response
    if answer is None:
        return None
    backend = next(b for b in matched.policy.policy.candidates if b.id == answer.backend)
    alike = "" if looked.similarity is None else f"similarity {looked.similarity:.3f}"
    return Choice(backend, Reason.CACHE, alike, scored, lookup=looked)


def _without_score(
    matched: PolicyMatch, servable: Sequence[Backend], error: ScorerUnavailable
) -> Choice:
    policy = matched.policy.policy
    chosen = pick.without_score(servable, policy.on_scorer_failure)
    if chosen is None and policy.mode is Mode.SHADOW:
        chosen = servable[-1]  # a policy that only watches turns nobody away
    if chosen is None:
        raise NothingCanServe(
            f"policy {policy.id} answers nothing without a score: {error.message}",
            code=ScorerUnavailable.code,
        ) from error
    warming = isinstance(error, RouterWarmingUp)
    reason = Reason.WARMING_UP if warming else Reason.SCORER_UNAVAILABLE
    return Choice(chosen, reason, error.message)


def _able(policy: Policy, excluded: tuple[Excluded, ...]) -> tuple[Backend, ...]:
    if not excluded:
        return policy.candidates
    lacking = {one.backend for one in excluded}
    return tuple(backend for backend in policy.candidates if backend.id not in lacking)


def _shadow(decision: RouteDecision, matched: PolicyMatch) -> RouteDecision:
    """Send to the last candidate that can serve, and keep what would have been done."""
    able = _able(matched.policy.policy, decision.excluded)
    return replace(
        decision,
        chosen=able[-1],
        reason=Reason.SHADOW,
        detail="",
        intended=decision,
        buffered=False,
    )
