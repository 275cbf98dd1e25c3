"""Remembers conversations between requests: a decision reads what is known, and adds to it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.finish_gate import GateStep
from weir_gateway.domain.money import NOTHING, cost
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request
from weir_gateway.domain.session import (
    NO_STATE,
    AgentState,
    Session,
    SessionReservation,
    TaskState,
)
from weir_gateway.domain.stage import StageStep, StageView
from weir_gateway.domain.table import Backend, Policy
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.estimate import reserved_output
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_gateway.routing.session.keys import (
    acts,
    edits_before,
    request_mark,
    session_keys,
    user_wrote,
)
from weir_gateway.routing.session.ports import SessionStore
from weir_policy.ids import PicoUsd
from weir_wires.content import Usage

# A gate's steps at which the other model answers.
_TAKEN_OVER: Final = frozenset({GateStep.ESCALATED, GateStep.STAYS})


class SessionMemory:
    """Reads and writes what is remembered, for policies that say so."""

    def __init__(self, store: SessionStore, clock: Callable[[], float]) -> None:
        """`clock` tells seconds since 1970, which all gateways share."""
        self._store = store
        self._clock = clock

    async def recall(self, context: RoutingContext, match: PolicyMatch) -> RoutingContext:
        """The context with what is remembered; the same one where the policy remembers nothing."""
        policy = match.policy.policy
        if not policy.remembers or match.direct is not None or context.purpose is Purpose.BATCH:
            return context
        keys = session_keys(policy.id, context.request)
        if keys is None:
            return context
        session = await self._store.recall(keys, self._clock())
        if not match.policy.rules:  # which alone read what only a memory knows
            return replace(context, session=session)
        request = _as_remembered(context.request, session)
        return replace(context, request=request, session=session)

    async def keep(
        self, context: RoutingContext, match: PolicyMatch, decision: RouteDecision
    ) -> RouteDecision:
        """Remember a decision that is dispatched, and reserve what its model may cost.

        Where the session's ceiling leaves too little, the weak model answers instead.
        """
        session, policy = context.session, match.policy.policy
        if session is None or not context.purpose.dispatches:
            return decision
        if policy.pins or policy.pin_headers:
            self._keep_pins(context.request, session, policy, decision)
        decision = await self._reserve(context.request, session, policy, decision)
        view = decision.stage
        if view is not None and view.in_order:
            state = _state(context.request, session, decision, view)
            self._store.keep_agent(session.keys, state, policy.memory)
        elif decision.reason is Reason.FINISH_GATE and session.agent is not None:
            state = replace(session.agent, seen=session.now)
            self._store.keep_agent(session.keys, state, policy.memory)
        return decision

    async def reserve_gate(
        self, request: Request, decision: RouteDecision, policy: Policy, target: Backend
    ) -> RouteDecision | None:
        """The decision with what `target` may cost reserved; None where the ceiling is reached."""
        keys, ceiling = session_keys(policy.id, request), _gate_ceiling(policy)
        if keys is None or ceiling is None:
            return decision
        amount = strong_estimate(target, request)
        if not await self._store.reserve(keys.task, amount, ceiling, policy.memory):
            return None
        before = decision.session_reservation
        known = before.amount if before is not None else NOTHING
        whole = SessionReservation(keys.task, PicoUsd(known + amount), policy.memory)
        return replace(decision, session_reservation=whole)

    def return_gate(self, before: RouteDecision, decision: RouteDecision) -> None:
        """Give back what `reserve_gate` reserved for `decision`, which was not sent."""
        whole = decision.session_reservation
        if whole is None:
            return
        known = before.session_reservation.amount if before.session_reservation else NOTHING
        self._store.settle(whole.task, known - whole.amount, whole.seconds)

    async def hand_over(self, request: Request, decision: RouteDecision, policy: Policy) -> None:
        """Remember that a finish gate let the decision's model take over this conversation."""
        keys, now = session_keys(policy.id, request), self._clock()
        if keys is None:
            return
        session = await self._store.recall(keys, now)
        known = session.agent or replace(NO_STATE, user_seen=now, seen=now)
        facts = request.facts.agent
        state = replace(
            known,
            strong=True,
            strong_turns=0,
            turn=max(known.turn, facts.turns),
            backend=decision.chosen.id,
            tokens=request.prompt_tokens,
            gates=known.gates + 1,
            gate_backend=decision.chosen.id,
            gate_user_turns=facts.user_turns,
        )
        self._store.keep_agent(keys, state, policy.memory)

    def settle(self, decision: RouteDecision, outcome: Outcome | None) -> None:
        """Count what the strong model really cost; without an outcome nothing was sent."""
        paid = NOTHING if outcome is None else outcome.paid_for_answer
        self.settle_paid(decision, paid)

    def settle_paid(self, decision: RouteDecision, paid: PicoUsd) -> None:
        """Count `paid` where the strong model answered, in place of what was reserved."""
        reservation = decision.session_reservation
        if reservation is None:
            return
        gated = decision.reason is Reason.FINISH_GATE and decision.detail in _TAKEN_OVER
        counts = decision.strong or gated
        change = (paid if counts else NOTHING) - reservation.amount
        if change:
            self._store.settle(reservation.task, change, reservation.seconds)

    def _keep_pins(
        self, request: Request, session: Session, policy: Policy, decision: RouteDecision
    ) -> None:
        pins, task = session.task.pins, session.task
        if decision.reason is Reason.RULE and decision.detail in policy.pins:
            pins = tuple(dict.fromkeys((*pins, decision.detail)))
        headers = {**dict(task.headers), **_labels(request, policy)}
        changed = TaskState(task.spent, pins, tuple(sorted(headers.items())))
        if changed != task:
            self._store.keep_pins(session.keys.task, changed, policy.memory)

    async def _reserve(
        self, request: Request, session: Session, policy: Policy, decision: RouteDecision
    ) -> RouteDecision:
        gated = decision.reason is Reason.FINISH_GATE
        ceiling = _gate_ceiling(policy) if gated else _ceiling(policy)
        if ceiling is None or decision.intended is not None:
            return decision
        task = session.keys.task
        counts = decision.strong or gated
        amount = strong_estimate(decision.chosen, request) if counts else NOTHING
        capped = ceiling if gated or decision.reason is Reason.STAGE else None
        if amount and not await self._store.reserve(task, amount, capped, policy.memory):
            decision, amount = at_ceiling(decision, policy), NOTHING
        reservation = SessionReservation(task, amount, policy.memory)
        return replace(decision, session_reservation=reservation)


def _ceiling(policy: Policy) -> PicoUsd | None:
    """What the router `stage` may spend on the strong model in a session."""
    return policy.stage.max_strong_usd if policy.stage is not None else None


def _gate_ceiling(policy: Policy) -> PicoUsd | None:
    """What a session may cost where a finish gate hands it over; the lowest ceiling holds."""
    gate = policy.finish_gate.max_usd if policy.finish_gate is not None else None
    known = [one for one in (gate, _ceiling(policy)) if one is not None]
    return min(known, default=None)


def strong_estimate(backend: Backend, request: Request) -> PicoUsd:
    """What a request may cost: an estimate from above."""
    usage = Usage(input=request.prompt_tokens, output=reserved_output(request))
    return cost(backend.price, usage)


def at_ceiling(decision: RouteDecision, policy: Policy) -> RouteDecision:
    """The weak model's, since the strong one has cost what it may."""
    view = decision.stage
    if view is not None:
        view = replace(view, step=StageStep.CEILING, strong=view.before or False)
    return replace(
        decision,
        chosen=decision.weakest(policy),
        detail=str(StageStep.CEILING),
        stage=view,
        propensity=1.0,
        explored=False,
    )


def _as_remembered(request: Request, session: Session) -> Request:
    """The request with the facts that only a memory knows: labels, and when the user wrote."""
    facts, known = request.facts, session.agent
    if session.task.headers:
        facts = replace(facts, headers={**dict(session.task.headers), **facts.headers})
    if known is not None and acts(facts.agent):
        past = max(session.now - known.user_seen, 0.0)
        seconds = 0.0 if user_wrote(facts.agent) else past
        facts = replace(facts, agent=replace(facts.agent, seconds_since_user=seconds))
    return request if facts is request.facts else replace(request, facts=facts)


def _labels(request: Request, policy: Policy) -> dict[str, str]:
    """The headers that are pinned, as the client writes them now."""
    headers = request.facts.headers
    return {name: headers[name] for name in policy.pin_headers if name in headers}


def _state(
    request: Request, session: Session, decision: RouteDecision, view: StageView
) -> AgentState:
    """Where the conversation stands after this request."""
    facts, now = request.facts.agent, session.now
    known = session.agent or replace(NO_STATE, user_seen=now)
    mark = request_mark(facts)
    wrote = user_wrote(facts)
    repeated = mark == known.request_mark
    strong_turns = known.strong_turns + (not repeated) if view.strong and known.strong else 0
    return AgentState(
        strong=view.strong,
        turn=facts.turns,
        strong_turns=strong_turns,
        request_mark=mark,
        backend=decision.chosen.id,
        tokens=request.prompt_tokens,
        seen=now,
        user_seen=now if wrote else known.user_seen,
        edits=facts.edits if wrote else edits_before(facts, known),
        swapped=view.swapped,
        gates=known.gates,
        gate_backend=known.gate_backend,
        gate_user_turns=known.gate_user_turns,
    )
