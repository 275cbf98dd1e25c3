"""Send a request whose answer is looked at first: hold it, give it, or another model's instead.

What a held answer cost is added to the side costs as it is spent, so that it is accounted however
the request ends, and taken off again where that answer is the client's.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import BadRequest, UpstreamError
from weir_gateway.domain.outcome import CostKind, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.cascade.buffered_reply import BufferedReply
from weir_gateway.routing.cascade.side_calls import (
    REFUSED_FROM,
    AnswerInspector,
    Judges,
    record_cost,
)
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.dispatch import Dispatched, dispatch
from weir_gateway.routing.estimate import estimate_usage
from weir_gateway.routing.policy.compiled import CompiledPolicy
from weir_gateway.routing.replies import ByteBudget, Upstreams


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeBounds:
    """Bounds on the weak answers that are buffered until they are accepted, in bytes."""

    reply: int = 4 << 20  # of one answer
    total: int = 256 << 20  # of all answers that are buffered at once


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeParts:
    """What all requests share whose answers are looked at."""

    upstreams: Upstreams
    recorder: DecisionRecorder
    inspector: AnswerInspector
    judges: Judges
    max_buffered_reply: int  # bytes; a longer answer goes to the client without an inspection
    budget: ByteBudget  # of all answers that are buffered at once


@dataclass(slots=True)
class WeakFirst(ABC):
    """One request whose first answer may be replaced."""

    parts: CascadeParts
    request: Request
    decision: RouteDecision
    policy: CompiledPolicy
    side_costs: SideCosts

    @abstractmethod
    async def answer(self, buffered: BufferedReply) -> Dispatched:
        """Return the first answer or another one. Raises what a plain dispatch raises."""

    @abstractmethod
    def tell_escalated(self, decision: RouteDecision) -> None:
        """Count that another model answers."""

    async def dispatch(self) -> Dispatched:
        """Send as decided, and return what `answer` makes of it.

        The answer of a fallback and a provider's refusal are returned as they are. Raises what a
        plain dispatch raises.
        """
        sent = await self._send(self.decision)
        if sent.decision is not self.decision or sent.reply.status >= REFUSED_FROM:
            return sent
        buffered = BufferedReply(sent.reply, self.parts.budget)
        delivered = False
        try:
            answer = await self.answer(buffered)
            delivered = answer.reply is buffered
        finally:
            if not delivered:
                buffered.discard()
        return answer

    async def fill(
        self, buffered: BufferedReply, ends: Callable[[bytes], bool] | None = None
    ) -> SideCost | None:
        """Buffer the answer and add its cost to the side costs.

        Returns the cost; None if it is not known yet, as the rest goes directly to the client.
        Raises UpstreamError when the answer breaks off.
        """
        try:
            await buffered.fill(self.parts.max_buffered_reply, ends)
        except BaseException:
            await buffered.close(abort=True)
            self._record_answer_cost(buffered)
            raise
        return self._record_answer_cost(buffered) if buffered.complete else None

    def remove_answer_cost(self, buffered: BufferedReply, answer_cost: SideCost | None) -> None:
        """Take the costs of the delivered answer off the side costs: its reply reports them."""
        for cost in list(self.side_costs):
            if cost is answer_cost or cost.usage is buffered.wasted:
                self.side_costs.remove(cost)

    async def replace_answer(
        self, buffered: BufferedReply, answer_cost: SideCost | None, decision: RouteDecision
    ) -> Dispatched:
        """Return the answer of `decision`'s model; if it has none, the first answer after all."""
        try:
            sent = await self.send_instead(decision)
        except (UpstreamError, BadRequest) as error:
            failure = error.label if isinstance(error, UpstreamError) else error.code
        else:
            if sent.reply.status < REFUSED_FROM:
                return sent
            await sent.reply.close(abort=True)
            chosen = sent.decision.chosen
            record_cost(sent.reply, self.request, chosen, CostKind.LEFT, self.side_costs)
            failure = str(sent.reply.status)
        self.remove_answer_cost(buffered, answer_cost)
        decision = replace(self.decision, reason=Reason.FALLBACK, detail=failure, buffered=False)
        self.parts.recorder.fell_back(self.request, decision)
        return Dispatched(buffered, decision)

    async def send_instead(self, decision: RouteDecision) -> Dispatched:
        """Count and send `decision`, which takes the place of the first one."""
        self.tell_escalated(decision)
        try:
            return await self._send(decision)
        except asyncio.CancelledError:
            # The provider has read the prompt.
            usage = estimate_usage(self.request)
            self.side_costs.add(SideCost(decision.chosen, usage, CostKind.LEFT, counted=False))
            raise

    async def _send(self, decision: RouteDecision) -> Dispatched:
        parts = self.parts
        return await dispatch(self.request, decision, self.policy, parts.upstreams, parts.recorder)

    def _record_answer_cost(self, buffered: BufferedReply) -> SideCost | None:
        weak = self.decision.chosen
        return record_cost(buffered, self.request, weak, CostKind.WEAK_ANSWER, self.side_costs)
