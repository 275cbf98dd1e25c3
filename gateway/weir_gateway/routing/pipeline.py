"""The facade that `http/` and `batches/` use: decide, dispatch, account, release."""

import asyncio
from dataclasses import dataclass, replace

from weir_gateway.domain.cache import CacheState
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.money import NOTHING
from weir_gateway.domain.outcome import CostKind, Outcome, SideCost
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Policy, RouteTable
from weir_gateway.routing import account, dispatch, passthrough
from weir_gateway.routing.account import CLIENT_GONE_STATUS, DecisionRecorder, Ending
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.cache.lookup import ResponseCache
from weir_gateway.routing.cache.serve import CacheBounds, CachedDispatch, Replay, unchanged
from weir_gateway.routing.cascade.gate_plan import Gates
from weir_gateway.routing.cascade.gate_run import FinishReader, GateParts, GateRun
from weir_gateway.routing.cascade.judge_router import JudgeRouter
from weir_gateway.routing.cascade.run import CascadeRun
from weir_gateway.routing.cascade.side_calls import AnswerInspector, Judges
from weir_gateway.routing.cascade.weak_first import CascadeBounds, CascadeParts, WeakFirst
from weir_gateway.routing.context import Purpose, RoutingContext, SideCosts
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.dispatch import Dispatched
from weir_gateway.routing.passthrough import PassthroughCall
from weir_gateway.routing.policy import compiled
from weir_gateway.routing.policy.compiled import CompiledPolicy, Conditions, PassthroughRoute
from weir_gateway.routing.policy.match import match_policy
from weir_gateway.routing.policy.variants import session_key
from weir_gateway.routing.ports import Clock, Ids, Scorer, Span
from weir_gateway.routing.probe import check_probes
from weir_gateway.routing.replies import ByteBudget, Upstreams
from weir_gateway.routing.session.memory import SessionMemory
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_gateway.routing.stage.score import WeightsSource
from weir_gateway.routing.steps.explore import ExplorationBudget
from weir_gateway.routing.steps.limit import LimitStore
from weir_gateway.routing.steps.sticky import Sessions, WarmBackend
from weir_policy.ids import ModelName

REFUSED_FROM = 400  # a provider that refused has cached nothing
ABORTED = "aborted"  # before the prompt was sent to a provider

BOUNDS = CacheBounds()
CASCADE_BOUNDS = CascadeBounds()

__all__ = ["CacheBounds", "CascadeBounds", "Dispatched", "Ending", "Routing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything routing is built from. A port that is None disables the features that need it."""

    scorer: Scorer
    upstreams: Upstreams
    recorder: DecisionRecorder
    conditions: Conditions
    clock: Clock
    ids: Ids
    sessions: Sessions | None = None
    exploration: ExplorationBudget | None = None
    cache: ResponseCache | None = None  # None: no answer is cached
    replay: Replay = unchanged  # makes a cached answer the asker's own
    inspector: AnswerInspector | None = None  # None: no cascades and no judges
    finish_reader: FinishReader | None = None  # None: no finish gates
    limits: LimitStore | None = None  # None: nothing is limited
    memory: SessionMemory | None = None  # None: no conversation is remembered
    weights: WeightsSource | None = None  # of agents' scores; None: the prior alone
    shares: ShareThresholds | None = None  # None: of this process alone


class Routing:
    """Decides, dispatches and accounts requests, each by the table that was in force for it."""

    def __init__(
        self,
        ports: Ports,
        *,
        score_timeout: float,
        batch_score_timeout: float | None = None,
        cache_bounds: CacheBounds = BOUNDS,
        cascade_bounds: CascadeBounds = CASCADE_BOUNDS,
        budgets: Budgets | None = None,
    ) -> None:
        """A request waits `score_timeout` seconds for its score, a batch item its own timeout.

        Without `budgets` every request is decided as if nothing had been spent.
        """
        judges: Judges | None = None
        self._cascade_parts: CascadeParts | None = None
        if ports.inspector is not None:
            judges = Judges(ports.upstreams, ports.inspector)
            self._cascade_parts = CascadeParts(
                upstreams=ports.upstreams,
                recorder=ports.recorder,
                inspector=ports.inspector,
                judges=judges,
                max_buffered_reply=cascade_bounds.reply,
                budget=ByteBudget(cascade_bounds.total),
            )
        self._ids = ports.ids
        self._decider = Decider(
            DecisionParts(
                judge_router=JudgeRouter(ports.scorer, judges, ports.inspector),
                scorer=ports.scorer,
                conditions=ports.conditions,
                ids=ports.ids,
                sessions=ports.sessions,
                cache=ports.cache,
                budgets=budgets,
                limits=ports.limits,
                exploration=ports.exploration,
                memory=ports.memory,
                weights=ports.weights,
                shares=ports.shares,
            )
        )
        self._gate_parts = _gate_parts(ports, self._decider.gates)
        self._score_timeout = score_timeout
        self._batch_score_timeout = batch_score_timeout or score_timeout
        self._budgets = budgets
        self._sessions = ports.sessions
        self._upstreams = ports.upstreams
        self._recorder = ports.recorder
        self._clock = ports.clock
        answers = ports.cache
        self._cached = (
            None
            if answers is None
            else CachedDispatch(answers, ports.recorder, cache_bounds, ports.replay)
        )

    def prepare(self, table: RouteTable, key: ClientKey | None = None) -> tuple[ModelName, ...]:
        """Compile `table` before it serves; return what clients, or `key`, may write in `model`.

        Raises BadTable, with the policy's name, if a policy can't be compiled.
        """
        return compiled.callable_models(self._decider.compiled(table), key)

    def serves(self, table: RouteTable, model: str, key: ClientKey | None) -> bool:
        """Whether a client, or `key`, may write `model`, a name that a pattern matches included."""
        return compiled.is_callable(self._decider.compiled(table), model, key)

    def find_passthrough(self, call: PassthroughCall, table: RouteTable) -> PassthroughRoute | None:
        """Where a path goes that a policy passes through; None where none does."""
        return passthrough.find(self._decider.compiled(table), call)

    async def admit_passthrough(
        self, route: PassthroughRoute, call: PassthroughCall, table: RouteTable
    ) -> RouteDecision:
        """Check key and limits, and count the call. Raises as `passthrough.admit` does."""
        decision = await passthrough.admit(self._decider.limiter, self._ids, route, call, table)
        self._recorder.decided(passthrough.as_request(call), decision, 0.0)
        return decision

    async def check_probes(self, table: RouteTable) -> None:
        """Decide every policy's probes. Raises BadTable for the first that fails.

        Raises ScorerUnavailable if a probe can't be decided: the table may be good.
        """
        await check_probes(self._decider, table, self._score_timeout)

    async def decide(
        self,
        request: Request,
        table: RouteTable,
        purpose: Purpose = Purpose.SERVE,
        *,
        span: Span | None = None,
        side_costs: SideCosts | None = None,
        batch: str = "",
    ) -> RouteDecision:
        """Choose the candidate that answers; `span` is the request's `weir.decide`.

        The cost of a judge of prompts is added to `side_costs`, and accounted here if no decision
        comes of it; without them no judge is called. `batch` is the id of the item's batch.

        Raises what `Decider.decide` raises.
        """
        started = self._clock()
        context = RoutingContext(
            request=request,
            table=table,
            purpose=purpose,
            score_timeout=self._batch_score_timeout
            if purpose is Purpose.BATCH
            else self._score_timeout,
            trace=span.context if span is not None else None,
            side_costs=side_costs,
        )
        try:
            decision = await self._decider.decide(context)
        except (WeirError, asyncio.CancelledError) as error:
            if side_costs:
                self._account_undecided(context, side_costs, error)
            raise
        if batch:
            decision = replace(decision, batch=batch)
        if purpose.dispatches:
            self._recorder.decided(request, decision, self._clock() - started)
        if span is not None and span.recording:
            _describe(span, request, decision)
        return decision

    def _account_undecided(
        self, context: RoutingContext, side_costs: SideCosts, error: BaseException
    ) -> None:
        """Account the cost of a judge for a request that gets no decision."""
        compiled = self._decider.compiled(context.table)
        policy = match_policy(compiled, context.request).policy.policy
        decision = RouteDecision(
            id=self._ids(),
            policy=policy.id,
            chosen=policy.candidates[-1],
            baseline=policy.candidates[-1],
            reason=Reason.SCORER_UNAVAILABLE,
            table=context.table.version,
        )
        status, code = CLIENT_GONE_STATUS, ABORTED
        if isinstance(error, WeirError):
            status, code = error.status, error.code
        ending = Ending(
            status, None, overhead=0.0, duration=0.0, error=code, side_costs=side_costs.snapshot()
        )
        self.account(context.request, decision, ending)

    async def dispatch(
        self,
        request: Request,
        decision: RouteDecision,
        table: RouteTable,
        side_costs: SideCosts | None = None,
    ) -> Dispatched:
        """Send as decided, with the policy's fallbacks until the first byte.

        Costs other than the answer's are added to `side_costs` as they are spent, so that they are
        accounted however this ends. Raises UpstreamError or CannotCarry when every backend that
        may be tried has failed.
        """
        policy = self._decider.compiled(table).by_id.get(decision.policy)
        if self._cached is None or policy is None or decision.cache.state is CacheState.OFF:
            return await self._send(request, decision, policy, side_costs)

        async def send() -> Dispatched:
            return await self._send(request, decision, policy, side_costs)

        return await self._cached.dispatch(request, decision, policy.policy, send)

    async def _send(
        self,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy | None,
        side_costs: SideCosts | None,
    ) -> Dispatched:
        side_costs = side_costs if side_costs is not None else SideCosts()
        run = self._inspection(request, decision, policy, side_costs)
        if run is not None:
            sent = await run.dispatch()
        else:
            sent = await dispatch.dispatch(
                request, decision, policy, self._upstreams, self._recorder
            )
        wasted = sent.reply.wasted
        if wasted is not None:
            side_costs.add(SideCost(sent.decision.chosen, wasted, CostKind.HEDGE, counted=False))
        read = request.wire.answers and sent.reply.status < REFUSED_FROM
        if policy is not None and policy.policy.sticky and read:
            self._remember(request, sent.decision, policy.policy)
        return sent

    def _inspection(
        self,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy | None,
        side_costs: SideCosts,
    ) -> WeakFirst | None:
        """How an answer is looked at before the client gets it; None where it isn't."""
        parts = self._cascade_parts
        if not decision.buffered or policy is None or parts is None:
            return None
        cascade, gate = policy.policy.cascade, policy.policy.finish_gate
        if cascade is not None:
            return CascadeRun(parts, request, decision, policy, side_costs, cascade)
        shared, view = self._gate_parts, decision.gate
        if gate is None or shared is None or view is None or decision.explored:
            return None
        if view.target.id == decision.chosen.id:  # a ceiling has changed who answers
            return None
        return GateRun(parts, request, decision, policy, side_costs, gate, view, shared)

    def sent_elsewhere(self, request: Request, decision: RouteDecision, table: RouteTable) -> None:
        """Note that another program sends the request: its conversation's model is warm then."""
        policy = self._decider.compiled(table).by_id.get(decision.policy)
        if policy is not None and policy.policy.sticky:
            self._remember(request, decision, policy.policy)

    def _remember(self, request: Request, decision: RouteDecision, policy: Policy) -> None:
        session = session_key(policy.id, request)
        if self._sessions is not None and session:
            warm = WarmBackend(decision.chosen.id, request.prompt_tokens)
            self._sessions.put(session, warm, policy.sticky)

    def release(self, decision: RouteDecision) -> None:
        """Release what was reserved for a decision that will not be dispatched."""
        self._decider.limiter.release(decision.admission)
        if self._decider.memory is not None:
            self._decider.memory.settle(decision, None)
        if self._budgets is not None:
            self._budgets.settle(decision, NOTHING)

    def account(self, request: Request, decision: RouteDecision, ending: Ending) -> Outcome:
        """Price and count how a request ended; call it once for each decision.

        A request that asks for no answer, such as a token count, is priced and not counted.
        """
        if ending.error and self._cached is not None and self._cached.left_waiting(decision):
            ending = replace(ending, sent=False)
        outcome = account.outcome(request, decision, ending)
        self._decider.limiter.settle(decision, outcome)
        if self._decider.memory is not None:
            self._decider.memory.settle(decision, outcome)
        if self._budgets is not None and decision.budget_reservation is not None:
            self._budgets.settle(decision, *account.against_budget(request, decision, outcome))
        if request.wire.answers:
            self._recorder.finished(request, decision, outcome)
        return outcome


def _gate_parts(ports: Ports, gates: Gates) -> GateParts | None:
    if ports.finish_reader is None or ports.memory is None:
        return None
    return GateParts(reader=ports.finish_reader, gates=gates, memory=ports.memory)


def _describe(span: Span, request: Request, decision: RouteDecision) -> None:
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
    agent = request.facts.agent
    if agent.turns:
        span.set("weir.agent.harness", agent.harness)
        span.set("weir.agent.subagent", agent.subagent)
        span.set("weir.agent.turns", agent.turns)
        span.set("weir.agent.error_streak", agent.error_streak)
