"""The whole decision, step by step: `Decider.decide` calls every step in the order it happens.

The gateway, batches, `POST /v1/route`, `weir explain` and a policy's probes all run this list; what
differs between them is the context's purpose. Nothing is sent here but a judge's and the scorer's
calls.
"""

from dataclasses import dataclass, replace

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.cache import NO_LOOKUP
from weir_gateway.domain.cascade import JUDGE_ROUTER
from weir_gateway.domain.decision import Reason, RouteDecision, RuleResult
from weir_gateway.domain.limits import UNLIMITED
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Objective, Policy, RouteTable, StrongShare
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.cache.lookup import CacheReader, ResponseCache
from weir_gateway.routing.cascade.gate_plan import Gates, plan_gate
from weir_gateway.routing.cascade.judge_router import JudgeRouter
from weir_gateway.routing.cascade.plan import plan_cascade
from weir_gateway.routing.context import RoutingContext
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.policy.compiled import (
    CompiledRule,
    CompiledTable,
    Conditions,
    PolicyMatch,
    compile_table,
)
from weir_gateway.routing.policy.match import authorize, match_policy
from weir_gateway.routing.policy.variants import assign_variant
from weir_gateway.routing.ports import Ids, Scorer
from weir_gateway.routing.prefix import SharedPrefixes
from weir_gateway.routing.session.memory import SessionMemory
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_gateway.routing.stage.score import WeightsSource, score_turn
from weir_gateway.routing.steps.choose import (
    Choice,
    Chooser,
    cached_choice,
    direct_choice,
    rule_choice,
)
from weir_gateway.routing.steps.explore import ExplorationBudget, explore
from weir_gateway.routing.steps.filter import filter_candidates
from weir_gateway.routing.steps.limit import Limiter, LimitStore
from weir_gateway.routing.steps.rules import first_that_holds
from weir_gateway.routing.steps.score import score_prompt
from weir_gateway.routing.steps.spend_cap import apply_spend_cap
from weir_gateway.routing.steps.sticky import Sessions
from weir_policy.spec.policy import Mode

# What a `strongShare` counts: every choice that had a score to go by.
SHARING = frozenset({Reason.SCORED, Reason.UNKNOWN, Reason.NO_BETTER, Reason.STICKY, Reason.STAGE})
COMPILED_TABLES = 2  # the table in force, and the one that requests in flight may still use


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionParts:
    """What decisions are made with; a step whose part is None is skipped."""

    scorer: Scorer
    conditions: Conditions
    ids: Ids
    judge_router: JudgeRouter | None = None  # None: no model rates prompts
    sessions: Sessions | None = None
    cache: ResponseCache | None = None
    budgets: Budgets | None = None  # None: a policy with a budget decides as at its first request
    limits: LimitStore | None = None
    exploration: ExplorationBudget | None = None
    memory: SessionMemory | None = None  # None: no conversation is remembered
    weights: WeightsSource | None = None  # of agents' scores; None: the prior alone
    shares: ShareThresholds | None = None  # None: each `strongShare` starts from its bundle


class Decider:
    """Decides requests by the table of their context; keeps the last two tables compiled."""

    def __init__(self, parts: DecisionParts) -> None:
        self._ids = parts.ids
        self._scorer = parts.scorer
        self._conditions = parts.conditions
        self._judge_router = parts.judge_router or JudgeRouter(parts.scorer)
        self._cache = None if parts.cache is None else CacheReader(parts.cache)
        shares = parts.shares or ShareThresholds()
        self._chooser = Chooser(parts.sessions, parts.budgets, shares, parts.weights)
        self._prefixes = SharedPrefixes()
        self._budgets = parts.budgets
        self._exploration = parts.exploration
        self._weights = parts.weights
        self.gates = Gates(parts.weights)
        self.memory = parts.memory
        self.limiter = Limiter(parts.limits)
        self._compiled: tuple[CompiledTable, ...] = ()  # newest first

    async def decide(self, context: RoutingContext) -> RouteDecision:
        """Which candidate answers the request, and why.

        Raises NoPolicy, NotPermitted and BadRequest, which the client can mend; NothingCanServe
        where the policy rejects requests without a score; and, where the request is dispatched
        afterwards, LimitReached, BudgetExceeded and LimitsUnknown. A missing scorer alone is no
        error: the policy's failureMode decides.
        """
        match = context.match or self._match(context)
        policy, dispatches = match.policy.policy, context.purpose.dispatches
        memory = self.memory if policy.remembers else None
        if memory is not None:
            context = await memory.recall(context, match)
        request = context.request
        admission = await self.limiter.check(match, request) if dispatches else UNLIMITED
        try:
            choice = await self._choose(context, match)
            decision = self._decision(context, match, choice)
            if policy.cascade is not None:
                decision = plan_cascade(context, decision, policy.cascade)
            elif policy.finish_gate is not None:
                decision = plan_gate(context, decision, policy, self.gates)
            if policy.mode is Mode.SHADOW:
                decision = shadow(decision)
            if admission is not UNLIMITED:
                decision = apply_spend_cap(decision, admission, policy)
            if policy.exploration is not None and self._exploration is not None and dispatches:
                warm = self._chooser.warm_backend(policy, request)
                decision = explore(request, decision, policy, self._exploration, warm)
            if memory is not None:
                decision = await memory.keep(context, match, decision)
            if dispatches and isinstance(policy.objective, Budget):
                decision = await self._in_budget(request, policy, decision)
        except BaseException:
            self.limiter.release(admission)
            raise
        return self.limiter.charge(decision, request)

    async def _in_budget(
        self, request: Request, policy: Policy, decision: RouteDecision
    ) -> RouteDecision:
        """Take room in the policy's budget; without any, the session's reservation goes back."""
        if self._budgets is None:
            return decision
        try:
            estimates = estimate_costs(policy.candidates, request)
            return await self._budgets.reserve(policy, decision, estimates)
        except BaseException:
            if self.memory is not None:
                self.memory.settle(decision, None)
            raise

    def _match(self, context: RoutingContext) -> PolicyMatch:
        """The policy of the request, as its variant has it, if the key may use it."""
        request = context.request
        match = match_policy(self.compiled(context.table), request)
        if request.key is not None:
            authorize(match, request.key)
        return assign_variant(match, request)

    async def _choose(self, context: RoutingContext, match: PolicyMatch) -> Choice:
        """Which candidate answers: named, by rule, from the cache, by score or semantically."""
        request, compiled = context.request, match.policy
        if match.direct is not None:
            return direct_choice(match.direct, request)
        rule: CompiledRule | None = None
        results: tuple[RuleResult, ...] = ()
        if compiled.rules:
            rule, results = first_that_holds(compiled.rules, request.facts, context.session)
        lookup = NO_LOOKUP
        cache = self._cache if context.purpose.reads_cache else None
        if cache is not None and compiled.policy.cache is not None:
            lookup = await cache.lookup_exact(match, request, None if rule is None else rule.use)
        if lookup.response is not None:
            choice = cached_choice(lookup, match)
        elif rule is not None:
            choice = rule_choice(rule, compiled, request)
        else:
            servable, excluded = filter_candidates(compiled, request)
            scored = None
            if len(servable) > 1 or lookup.semantic_key:
                scorer = self._scorer_of(context, match)
                embed = bool(lookup.semantic_key)
                # A judge reads the whole prompt: it understands what a template asks for.
                prefixes = self._prefixes if scorer is self._scorer else None
                scored = await score_prompt(scorer, context, match, prefixes, want_embedding=embed)
            scored = score_turn(match, request, scored, self._weights)
            choice = self._chooser.choose(context, match, servable, scored)
            if cache is not None and lookup.semantic_key:
                scored = choice.scored if len(servable) > 1 else scored
                lookup = await cache.lookup_semantic(lookup, scored, match)
                if lookup.response is not None:
                    choice = cached_choice(lookup, match)
            choice = replace(choice, excluded=excluded) if excluded else choice
        if results or lookup is not NO_LOOKUP:
            return replace(choice, rule_results=results, lookup=lookup)
        return choice

    def _scorer_of(self, context: RoutingContext, match: PolicyMatch) -> Scorer:
        """The judge where the policy's router is one and the client named no other."""
        if match.policy.difficulty_judge is None or match.router not in {None, JUDGE_ROUTER}:
            return self._scorer
        return self._judge_router.scorer_for(match.policy, context)

    def _decision(
        self, context: RoutingContext, match: PolicyMatch, choice: Choice
    ) -> RouteDecision:
        policy = match.policy.policy
        direct = choice.reason is Reason.DIRECT  # nothing was decided, so nothing is saved
        return RouteDecision(
            id=self._ids(),
            policy=policy.id,
            chosen=choice.backend,
            baseline=choice.backend if direct else policy.candidates[-1],
            reason=choice.reason,
            table=context.table.version,
            detail=choice.detail,
            scored=choice.scored,
            threshold=choice.threshold,
            estimates=choice.estimates,
            excluded=choice.excluded,
            rule_results=choice.rule_results,
            servable=() if direct else choice.servable(policy),
            cache=choice.lookup,
            variant=match.variant,
            propensity=choice.propensity,
            explored=choice.explored,
            stage=choice.stage,
            target_share=_target_share(policy.objective, choice),
        )

    def compiled(self, table: RouteTable) -> CompiledTable:
        """The table ready to run, compiled when it is first seen. Raises BadTable."""
        for compiled in self._compiled:
            if compiled.table is table:
                return compiled
        fresh = compile_table(table, self._conditions)
        self._compiled = (fresh, *self._compiled)[:COMPILED_TABLES]
        return fresh


def shadow(decision: RouteDecision) -> RouteDecision:
    """Send to the last candidate that can serve, and keep what would have been decided."""
    if decision.reason is Reason.DIRECT:
        return decision
    return replace(
        decision,
        chosen=decision.servable[-1],
        reason=Reason.SHADOW,
        detail="",
        intended=decision,
        buffered=False,
        target_share=None,
    )


def _target_share(objective: Objective | None, choice: Choice) -> float | None:
    """The share that this choice counts for; None where it counts for none."""
    counts = choice.scored is not None and choice.reason in SHARING
    return objective.share if counts and isinstance(objective, StrongShare) else None
