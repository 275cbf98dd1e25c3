"""Run a finish gate: hold an answer while it may end an agent's run, and score the run if it does.

A stream is held until a tool call begins. A run that has probably failed goes to another model with
the whole conversation; the answer that would have ended it is among the side costs then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from weir_agents.facts import AgentFacts
from weir_agents.scores import finish_score
from weir_gateway.domain.decision import Excluded, Reason, RouteDecision
from weir_gateway.domain.errors import BadRequest, UpstreamError
from weir_gateway.domain.finish_gate import GateStep, GateView
from weir_gateway.domain.outcome import CostKind, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.routing.cascade.buffered_reply import BufferedReply
from weir_gateway.routing.cascade.gate_plan import Gates
from weir_gateway.routing.cascade.side_calls import REFUSED_FROM, is_stream, record_cost
from weir_gateway.routing.cascade.weak_first import WeakFirst
from weir_gateway.routing.dispatch import Dispatched
from weir_gateway.routing.session.memory import SessionMemory
from weir_policy.spec.finish_gate import FinishGate

_ENDED: Final = frozenset({GateStep.ACCEPTED, GateStep.CEILING})


class CallWatch(Protocol):
    """Watches one stream."""

    def calls(self, chunk: bytes) -> bool:
        """Whether a call that is no submission begins in `chunk`."""
        ...


class FinishReader(Protocol):
    """Reads answers on the wires of agents."""

    def watch(self, request: Request) -> CallWatch:
        """A watch for a streamed answer to `request`."""
        ...

    async def read(
        self, request: Request, chunks: Sequence[bytes], *, stream: bool
    ) -> AgentFacts | None:
        """The finished run's facts, the answer included; None where the answer ends no run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GateParts:
    """What all finish gates share."""

    reader: FinishReader
    gates: Gates
    memory: SessionMemory


@dataclass(slots=True)
class GateRun(WeakFirst):
    """The finish gate of one request."""

    gate: FinishGate
    view: GateView
    gate_parts: GateParts

    async def answer(self, buffered: BufferedReply) -> Dispatched:
        """Return the answer unless it ends a run that has probably failed: then another model's."""
        watch = self.gate_parts.reader.watch(self.request) if is_stream(buffered) else None
        try:
            answer_cost = await self.fill(buffered, None if watch is None else watch.calls)
        except UpstreamError as error:
            return await self._after_failure(error)
        if not buffered.complete:
            too_long = buffered.size > self.parts.max_buffered_reply or self.parts.budget.left < 0
            return self._given(
                buffered, None, GateStep.UNJUDGED if too_long else GateStep.GOES_ON, self.view
            )
        facts = await self.gate_parts.reader.read(
            self.request, buffered.buffered, stream=is_stream(buffered)
        )
        if facts is None:
            return self._given(buffered, answer_cost, GateStep.GOES_ON, self.view)
        return await self._judged(buffered, answer_cost, facts)

    def tell_escalated(self, decision: RouteDecision) -> None:
        """Count that another model gets the last word."""
        self.parts.recorder.gated(self.request, decision, GateStep.ESCALATED)

    async def _judged(
        self, buffered: BufferedReply, answer_cost: SideCost | None, facts: AgentFacts
    ) -> Dispatched:
        gates = self.gate_parts.gates
        bar = gates.bar(self.gate, self.decision, facts, self.view.target)
        score = finish_score(facts, bar.weights)
        above = score >= bar.view.bar
        if bar.key is not None:
            gates.observe(bar.key, score, above=above)
        why = f"the finished run fails with {score:.2f}, and the bar is {bar.view.bar:.2f}"
        view = replace(bar.view, score=score, why=why)
        if not above:
            return self._given(buffered, answer_cost, GateStep.ACCEPTED, view)
        reserved = await self.gate_parts.memory.reserve_gate(
            self.request, self.decision, self.policy.policy, view.target
        )
        if reserved is None:
            return self._given(buffered, answer_cost, GateStep.CEILING, view)
        return await self._hand_over(buffered, answer_cost, _escalated(reserved, view))

    async def _hand_over(
        self, buffered: BufferedReply, answer_cost: SideCost | None, decision: RouteDecision
    ) -> Dispatched:
        """Return the other model's answer; the session stays with it if there is one."""
        memory = self.gate_parts.memory
        try:
            sent = await self.replace_answer(buffered, answer_cost, decision)
        except asyncio.CancelledError:
            raise  # its prompt was read: what was reserved stays counted
        except BaseException:
            memory.return_gate(self.decision, decision)
            raise
        if sent.reply is buffered:
            memory.return_gate(self.decision, decision)
            return sent
        await self._remember(sent)
        return sent

    async def _remember(self, sent: Dispatched) -> None:
        """Remember who took over; a reply that nobody gets is closed and paid."""
        try:
            await self.gate_parts.memory.hand_over(self.request, sent.decision, self.policy.policy)
        except BaseException:  # cancelled: the client has left while a store was asked
            await sent.reply.close(abort=True)
            chosen = sent.decision.chosen
            record_cost(sent.reply, self.request, chosen, CostKind.LEFT, self.side_costs)
            raise

    async def _after_failure(self, error: UpstreamError) -> Dispatched:
        """Return the other model's answer where the held one broke off: the client has no byte."""
        reserved = await self.gate_parts.memory.reserve_gate(
            self.request, self.decision, self.policy.policy, self.view.target
        )
        if reserved is None:
            raise error
        view = replace(self.view, why=f"the answer broke off: {error.label}")
        decision = _escalated(reserved, view)
        try:
            sent = await self.send_instead(decision)
        except UpstreamError:
            self.gate_parts.memory.return_gate(self.decision, decision)
            raise
        except BadRequest:  # a field that the other model's API can't carry is not the cause
            self.gate_parts.memory.return_gate(self.decision, decision)
            raise error from None
        if sent.reply.status < REFUSED_FROM:
            await self._remember(sent)
        return sent

    def _given(
        self,
        buffered: BufferedReply,
        answer_cost: SideCost | None,
        step: GateStep,
        view: GateView,
    ) -> Dispatched:
        """Give the held answer; only a run that has ended changes the decision's reason."""
        self.remove_answer_cost(buffered, answer_cost)
        decision = replace(self.decision, gate=view, buffered=False)
        if step in _ENDED:
            decision = replace(decision, reason=Reason.FINISH_GATE, detail=str(step))
        self.parts.recorder.gated(self.request, decision, step)
        return Dispatched(buffered, decision)


def _escalated(decision: RouteDecision, view: GateView) -> RouteDecision:
    """The decision for the other model; the first one is not tried a second time."""
    weak = Excluded(decision.chosen.id, "its finished run was not accepted")
    return replace(
        decision,
        chosen=view.target,
        reason=Reason.FINISH_GATE,
        detail=str(GateStep.ESCALATED),
        excluded=(*decision.excluded, weak),
        buffered=False,
        gate=view,
    )
