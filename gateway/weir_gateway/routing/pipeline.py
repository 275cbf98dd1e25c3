"""A request's way in three calls: decide, dispatch, account. What `http/` holds.

Must not know HTTP, nor who fills the ports.
"""

import asyncio
import copy
from dataclasses import dataclass, replace

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.cache import CacheState
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.ids import ModelName
from weir_gateway.domain.limits import UNLIMITED
from weir_gateway.domain.money import NOTHING
from weir_gateway.domain.outcome import CostKind, Outcome, SideCost
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Policy, RouteTable
from weir_gateway.routing import account, dispatch
from weir_gateway.routing.account import DecisionRecorder, Ending
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.cache.lookup import ResponseCache
from weir_gateway.routing.cache.serve import CacheBounds, CachedDispatch
from weir_gateway.routing.cascade.judge_router import JudgeRouter
from weir_gateway.routing.cascade.run import Cascades
from weir_gateway.routing.cascade.side_calls import AnswerInspector, Judges
from weir_gateway.routing.decide import Decider
from weir_gateway.routing.dispatch import Dispatched
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.policy import compiled
from weir_gateway.routing.policy.compiled import CompiledPolicy, Conditions
from weir_gateway.routing.policy.match import match_policy
from weir_gateway.routing.policy.variants import session_key
from weir_gateway.routing.ports import Clock, Ids, Scorer, Span, TraceContext
from weir_gateway.routing.probe import check_probes
from weir_gateway.routing.replies import ByteBudget, Upstreams
from weir_gateway.routing.steps import explore
from weir_gateway.routing.steps.explore import ExplorationBudget
from weir_gateway.routing.steps.limit import Limiter, LimitStore
from weir_gateway.routing.steps.spend_cap import apply_spend_cap
from weir_gateway.routing.steps.sticky import Sessions, WarmBackend

REFUSED_FROM = 400  # a provider that refused has cached nothing
ABORTED = "aborted"  # before anybody was sent the prompt to answer it
GONE = 499  # in accounts only: the client went away
HOLD = 4 << 20  # bytes of a weak answer that are held until it is accepted
HELD = 256 << 20  # bytes of all of them at once

BOUNDS = CacheBounds()

__all__ = ["CacheBounds", "Dispatched", "Ending", "Routing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything routing is built from. A policy that needs a port which is None goes without."""

    scorer: Scorer
    upstreams: Upstreams
    recorder: DecisionRecorder
    conditions: Conditions
    clock: Clock
    ids: Ids
    sessions: Sessions | None = None
    exploration: ExplorationBudget | None = None
    cache: ResponseCache | None = None  # without it no answer is given twice
    inspector: AnswerInspector | None = (
        None  # without it no answer is looked at, and no model judges
    )
    limits: LimitStore | None = None  # without it nothing is limited


class Routing:
    """Decides, sends and accounts, by whatever table a request came in under."""

    def __init__(
        self,
        ports: Ports,
        *,
        score_timeout: float,
        cache_bounds: CacheBounds = BOUNDS,
        max_buffered_reply: int = HOLD,
        max_buffered: int = HELD,
        budgets: Budgets | None = None,
    ) -> None:
        """`score_within` is how many seconds a request waits for its score.

        At most `hold` bytes of a weak answer are held until it is accepted, `held` of all at once.
        Without `budgets` those of policies are not kept: each request is decided as the first one.
        """
        judges: Judges | None = None
        self._cascades: Cascades | None = None
        if ports.inspector is not None:
            judges = Judges(ports.upstreams, ports.inspector)
            self._cascades = Cascades(
                ports.upstreams,
                ports.recorder,
                ports.inspector,
                judges,
                hold=max_buffered_reply,
                room=ByteBudget(max_buffered),
            )
        self._ids = ports.ids
        self._decider = Decider(
            judge_router=JudgeRouter(ports.scorer, judges, ports.inspector),
            scorer=ports.scorer,
            conditions=ports.conditions,
            ids=ports.ids,
            score_within=score_timeout,
            sessions=ports.sessions,
            answers=ports.cache,
            budgets=budgets,
        )
        self._budgets = budgets
        self._sessions = ports.sessions
        self._purse = ports.exploration
        self._upstreams = ports.upstreams
        self._accounts = ports.recorder
        self._clock = ports.clock
        self._limiter = Limiter(ports.limits)
        answers = ports.cache
        self._again = (
            None if answers is None else CachedDispatch(answers, ports.recorder, cache_bounds)
        )

    def patient(self, score_within: float) -> "Routing":
        """The same for requests that nobody waits for: one waits `score_within` for its score."""
        patient = copy.copy(self)
        patient._decider = self._decider.patient(score_within)  # noqa: SLF001 - its own
        return patient

    def prepare(self, table: RouteTable, key: ClientKey | None = None) -> tuple[ModelName, ...]:
        """Compile `table` before it serves; gives what clients, or `key`, may write in `model`.

        Raises BadTable, naming the policy, when it can't be run.
        """
        return compiled.callable_models(self._decider.compiled(table), key)

    async def check_probes(self, table: RouteTable) -> None:
        """Decide every policy's probes. Raises BadTable for the first that does not hold.

        Raises ScorerUnavailable where one could not be decided: the table may be good.
        """
        await check_probes(self._decider, table)

    async def decide(
        self,
        request: Request,
        table: RouteTable,
        span: Span | None = None,
        *,
        counted: bool = True,
        tab: list[SideCost] | None = None,
        batch: str = "",
    ) -> RouteDecision:
        """Which candidate answers; `span` is the request's `weir.decide`.

        One that nothing will be sent by is not `counted`. What a judge of prompts takes goes on
        the `tab`, and is counted here where there is no decision after all; without one it is not
        asked. `batch` is the id of the batch whose item it is.

        Raises NoPolicy, BadRequest, NothingCanServe and, where it is counted, LimitReached,
        BudgetExceeded and LimitsUnknown; never for a missing scorer alone.
        """
        started = self._clock()
        trace = span.context if span is not None else None
        try:
            decision = await self._decided(request, table, trace, tab, counted=counted)
        except (WeirError, asyncio.CancelledError) as error:
            if tab:
                self._undecided(request, table, tab, error)
            raise
        if batch:
            decision = replace(decision, batch=batch)
        if counted:
            self._accounts.decided(request, decision, self._clock() - started)
        if span is not None and span.recording:
            _describe(span, decision)
        return decision

    def _undecided(
        self, request: Request, table: RouteTable, tab: list[SideCost], error: BaseException
    ) -> None:
        """Count what a judge has cost a request that nobody will answer."""
        policy = match_policy(self._decider.compiled(table), request).policy.policy
        decision = RouteDecision(
            id=self._ids(),
            policy=policy.id,
            chosen=policy.candidates[-1],
            baseline=policy.candidates[-1],
            reason=Reason.SCORER_UNAVAILABLE,
            table=table.version,
        )
        status, code = GONE, ABORTED
        if isinstance(error, WeirError):
            status, code = error.status, error.code
        ending = Ending(status, None, overhead=0.0, duration=0.0, error=code, side_costs=tuple(tab))
        self.account(request, decision, ending)

    def _explored(self, request: Request, decision: RouteDecision, policy: Policy) -> RouteDecision:
        if self._purse is None or policy.exploration is None:
            return decision
        if self._warm(request, policy):
            return decision  # leaving it would cost a cold prompt cache besides
        return explore.explore(request, decision, policy, self._purse)

    def _warm(self, request: Request, policy: Policy) -> bool:
        if self._sessions is None or not policy.sticky:
            return False
        return self._sessions.warm(session_key(policy.id, request)) is not None

    async def _decided(
        self,
        request: Request,
        table: RouteTable,
        trace: TraceContext | None,
        tab: list[SideCost] | None,
        *,
        counted: bool,
    ) -> RouteDecision:
        matched = self._decider.matched(request, table)
        policy = matched.policy.policy
        admission = await self._limiter.check(matched, request) if counted else UNLIMITED
        try:
            decision = await self._decider.decide_as(
                matched, request, table, trace, cached=counted, tab=tab
            )
            decision = apply_spend_cap(decision, admission, policy)
            if counted and admission.allow_strong and not admission.pressure:
                decision = self._explored(request, decision, policy)
            if counted and self._budgets is not None and isinstance(policy.objective, Budget):
                estimates = estimate_costs(policy.candidates, request)
                decision = await self._budgets.reserve(policy, decision, estimates)
        except BaseException:
            self._limiter.release(admission)
            raise
        return self._limiter.charge(decision, request)

    async def dispatch(
        self,
        request: Request,
        decision: RouteDecision,
        table: RouteTable,
        tab: list[SideCost] | None = None,
    ) -> Dispatched:
        """Send as decided, with the policy's fallbacks until the first byte.

        What is spent beside the answer is put on `tab` as it is spent, so that it is known however
        this ends; without one nobody asks.

        Raises UpstreamError when every backend that may be tried has failed.
        """
        policy = self._decider.compiled(table).by_id.get(decision.policy)
        if self._again is None or policy is None or decision.cache.state is CacheState.OFF:
            return await self._send(request, decision, policy, tab)

        async def send() -> Dispatched:
            return await self._send(request, decision, policy, tab)

        return await self._again.dispatch(request, decision, policy.policy, send)

    async def _send(
        self,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy | None,
        tab: list[SideCost] | None,
    ) -> Dispatched:
        tab = tab if tab is not None else []
        cascade = policy.policy.cascade if policy is not None else None
        if decision.buffered and policy is not None and cascade is not None and self._cascades:
            sent = await self._cascades.dispatch(request, decision, policy, cascade, tab)
        else:
            sent = await dispatch.dispatch(
                request, decision, policy, self._upstreams, self._accounts
            )
        wasted = sent.reply.wasted
        if wasted is not None:
            tab.append(SideCost(sent.decision.chosen, wasted, CostKind.HEDGE, counted=False))
        read = request.wire.answers and sent.reply.status < REFUSED_FROM
        if policy is not None and policy.policy.sticky and read:
            self._remember(request, sent.decision, policy.policy)
        return sent

    def _remember(self, request: Request, decision: RouteDecision, policy: Policy) -> None:
        session = session_key(policy.id, request)
        if self._sessions is not None and session:
            warm = WarmBackend(decision.chosen.id, request.prompt_tokens)
            self._sessions.keep(session, warm, policy.sticky)

    def release(self, decision: RouteDecision) -> None:
        """Give back what was set aside for a decision that nothing will be sent by after all."""
        self._limiter.release(decision.admission)
        if self._budgets is not None:
            self._budgets.settle(decision, NOTHING)

    def account(self, request: Request, decision: RouteDecision, ending: Ending) -> Outcome:
        """Price and count how a request ended; once for each decision that was dispatched.

        Only priced where it asked for no answer: sums and shares are of answers.
        """
        if ending.error and self._again is not None and self._again.left_waiting(decision):
            ending = replace(ending, sent=False)
        outcome = account.outcome(request, decision, ending)
        self._limiter.settle(decision, outcome)
        if self._budgets is not None and decision.budget_reservation is not None:
            self._budgets.settle(decision, *account.against_budget(request, decision, outcome))
        if request.wire.answers:
            self._accounts.finished(request, decision, outcome)
        return outcome


def _describe(span: Span, decision: RouteDecision) -> None:
    span.set("weir.decision", decision.id)
    span.set("weir.policy", decision.policy)
    span.set("weir.model", decision.chosen.name)
    span.set("weir.reason", decision.label)
    span.set("weir.routetable.version", decision.table)
    if decision.scored is not None:
        span.set("weir.score", decision.scored.score)
        span.set("weir.router", decision.scored.router)
        span.set("weir.bundle", decision.scored.bundle)
    if decision.threshold is not None:
        span.set("weir.threshold", decision.threshold)
    if decision.variant is not None:
        span.set("weir.variant", decision.variant.name)
    if decision.propensity < 1:
        span.set("weir.propensity", decision.propensity)
