"""Run a cascade: buffer the weakest candidate's answer until it is accepted, else escalate.

The cheapest inspection comes first, and every one that the policy sets must accept: a check, the
agreement of several answers, a judge. What they cost is added to the side costs as it is spent.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import Excluded, Reason, RouteDecision
from weir_gateway.domain.errors import BadRequest, UpstreamError
from weir_gateway.domain.outcome import CostKind, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.cascade.buffered_reply import BufferedReply
from weir_gateway.routing.cascade.side_calls import (
    REFUSED_FROM,
    AnswerInspector,
    JudgeFailed,
    Judges,
    fetch_answer,
    is_stream,
    record_cost,
)
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.dispatch import Dispatched, dispatch
from weir_gateway.routing.estimate import estimate_usage
from weir_gateway.routing.policy.compiled import CompiledPolicy
from weir_gateway.routing.replies import ByteBudget, Upstreams
from weir_policy.spec.cascade import Cascade, Judge, JudgeFailure
from weir_wires.content import AnswerContent

# A sample is another answer: the provider must not take it for a repeat of the first call.
NOT_REPEATED: Final = frozenset({"idempotency-key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeBounds:
    """Bounds on the weak answers that are buffered until they are accepted, in bytes."""

    reply: int = 4 << 20  # of one answer
    total: int = 256 << 20  # of all answers that are buffered at once


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeParts:
    """What all cascades share."""

    upstreams: Upstreams
    recorder: DecisionRecorder
    inspector: AnswerInspector
    judges: Judges
    max_buffered_reply: int  # bytes; a longer answer goes to the client without an inspection
    budget: ByteBudget  # of all answers that are buffered at once


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The result for a weak answer, and the reason for it."""

    result: CascadeResult
    why: str


@dataclass(slots=True)
class CascadeRun:
    """The cascade of one request."""

    parts: CascadeParts
    request: Request
    decision: RouteDecision
    policy: CompiledPolicy
    cascade: Cascade
    side_costs: SideCosts

    async def dispatch(self) -> Dispatched:
        """Return the weak answer if it is accepted, else the next candidate's.

        The answer of a fallback and a provider's refusal are returned without an inspection.
        Raises what a plain dispatch raises.
        """
        sent = await self._send(self.decision)
        if sent.decision is not self.decision or sent.reply.status >= REFUSED_FROM:
            return sent
        buffered = BufferedReply(sent.reply, self.parts.budget)
        delivered = False
        try:
            answer = await self._inspect_or_escalate(buffered)
            delivered = answer.reply is buffered
        finally:
            if not delivered:
                buffered.discard()
        return answer

    async def _send(self, decision: RouteDecision) -> Dispatched:
        parts = self.parts
        return await dispatch(self.request, decision, self.policy, parts.upstreams, parts.recorder)

    async def _inspect_or_escalate(self, buffered: BufferedReply) -> Dispatched:
        try:
            answer_cost = await self._fill(buffered)
        except UpstreamError as error:
            return await self._send_escalated(f"its answer broke off: {error.label}")
        verdict = await self._verdict(buffered)
        if verdict.result is CascadeResult.ESCALATED:
            return await self._escalate(buffered, answer_cost, verdict.why)
        self._remove_answer_cost(buffered, answer_cost)
        decision = replace(
            self.decision, reason=Reason.CASCADE_ACCEPTED, detail=verdict.why, buffered=False
        )
        self.parts.recorder.cascaded(self.request, decision, verdict.result)
        return Dispatched(buffered, decision)

    async def _fill(self, buffered: BufferedReply) -> SideCost | None:
        """Buffer the answer and add its cost to the side costs.

        Returns the cost; None if it is not known yet, as the rest goes directly to the client.
        Raises UpstreamError when the answer breaks off.
        """
        try:
            await buffered.fill(self.parts.max_buffered_reply)
        except BaseException:
            await buffered.close(abort=True)
            self._record_answer_cost(buffered)
            raise
        return self._record_answer_cost(buffered) if buffered.complete else None

    def _record_answer_cost(self, buffered: BufferedReply) -> SideCost | None:
        weak = self.decision.chosen
        return record_cost(buffered, self.request, weak, CostKind.WEAK_ANSWER, self.side_costs)

    def _remove_answer_cost(self, buffered: BufferedReply, answer_cost: SideCost | None) -> None:
        """Take the costs of the delivered answer off the side costs: its reply reports them."""
        for cost in list(self.side_costs):
            if cost is answer_cost or cost.usage is buffered.wasted:
                self.side_costs.remove(cost)

    async def _verdict(self, buffered: BufferedReply) -> _Verdict:
        max_bytes = self.parts.max_buffered_reply
        if buffered.size > max_bytes:
            return _Verdict(CascadeResult.UNJUDGED, f"its answer has over {max_bytes} bytes")
        if not buffered.complete:
            return _Verdict(CascadeResult.UNJUDGED, "there is no room to hold its answer")
        content = await self.parts.inspector.read(
            self.request, buffered.buffered, stream=is_stream(buffered)
        )
        if content is None:
            return _Verdict(CascadeResult.ESCALATED, "its answer can't be read")
        if content.empty:
            return _Verdict(CascadeResult.ESCALATED, "its answer is empty")
        return await self._inspect(content)

    async def _inspect(self, content: AnswerContent) -> _Verdict:
        cascade = self.cascade
        if cascade.check is not None:
            violation = await self.parts.inspector.violation(cascade.check, self.request, content)
            if violation:
                return _Verdict(CascadeResult.ESCALATED, f"check {cascade.check}: {violation}")
        verdict = _Verdict(CascadeResult.ACCEPTED, f"check {cascade.check}")
        if cascade.samples > 1:
            share = await self._agreement(content)
            verdict = _compare(f"{cascade.samples} samples agree", share, cascade.accept)
        judge, backend = cascade.judge, self.policy.judge
        if judge is None or backend is None or verdict.result is not CascadeResult.ACCEPTED:
            return verdict
        return await self._ask_judge(content, judge, backend)

    async def _ask_judge(self, content: AnswerContent, judge: Judge, backend: Backend) -> _Verdict:
        question = await self.parts.inspector.quality_question(self.request, content)
        try:
            quality = await self.parts.judges.ask(
                judge, backend, question, self.request, self.side_costs
            )
        except JudgeFailed as failed:
            accepts = self.cascade.on_judge_failure is JudgeFailure.ACCEPT
            result = CascadeResult.UNJUDGED if accepts else CascadeResult.ESCALATED
            return _Verdict(result, f"judge {backend.name} failed: {failed}")
        return _compare(f"judge {backend.name}", quality, self.cascade.accept)

    async def _agreement(self, content: AnswerContent) -> float:
        """Return the share of the weak model's answers that agree with the first, itself too."""
        headers = {k: v for k, v in self.request.headers.items() if k not in NOT_REPEATED}
        request = replace(self.request, headers=headers)
        samples = self.cascade.samples
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(
                    self._sample_agrees(content, request), name=f"weir-cascade-sample-{number}"
                )
                for number in range(1, samples)
            ]
        return (1 + sum(other.result() for other in others)) / samples

    async def _sample_agrees(self, content: AnswerContent, request: Request) -> bool:
        parts = self.parts
        try:
            sample = await fetch_answer(
                parts.upstreams,
                self.decision.chosen,
                request,
                CostKind.SAMPLE,
                self.side_costs,
                parts.max_buffered_reply,
            )
        except (UpstreamError, BadRequest):
            return False
        if sample.refused:
            return False
        other = await parts.inspector.read(request, sample.chunks, stream=sample.stream)
        return other is not None and parts.inspector.agree(content, other)

    async def _escalate(
        self, buffered: BufferedReply, answer_cost: SideCost | None, why: str
    ) -> Dispatched:
        """Return the next candidate's answer; if it has none, the weak answer after all."""
        try:
            sent = await self._send_escalated(why)
        except (UpstreamError, BadRequest) as error:
            failure = error.label if isinstance(error, UpstreamError) else error.code
        else:
            if sent.reply.status < REFUSED_FROM:
                return sent
            await sent.reply.close(abort=True)
            chosen = sent.decision.chosen
            record_cost(sent.reply, self.request, chosen, CostKind.LEFT, self.side_costs)
            failure = str(sent.reply.status)
        self._remove_answer_cost(buffered, answer_cost)
        decision = replace(self.decision, reason=Reason.FALLBACK, detail=failure, buffered=False)
        self.parts.recorder.fell_back(self.request, decision)
        return Dispatched(buffered, decision)

    async def _send_escalated(self, why: str) -> Dispatched:
        decision = _escalated(self.decision, why)
        self.parts.recorder.cascaded(self.request, decision, CascadeResult.ESCALATED)
        try:
            return await self._send(decision)
        except asyncio.CancelledError:
            # The provider has read the prompt.
            usage = estimate_usage(self.request)
            self.side_costs.add(SideCost(decision.chosen, usage, CostKind.LEFT, counted=False))
            raise


def _compare(inspection: str, share: float, accept: float) -> _Verdict:
    if share >= accept:
        return _Verdict(CascadeResult.ACCEPTED, f"{inspection}: {share:.2f}, of {accept:.2f} asked")
    return _Verdict(
        CascadeResult.ESCALATED, f"{inspection}: only {share:.2f}, of {accept:.2f} asked"
    )


def _escalated(decision: RouteDecision, why: str) -> RouteDecision:
    """Return the decision for the next candidate; the weakest is not tried a second time."""
    weak = Excluded(decision.chosen.id, "its answer was not accepted")
    return replace(
        decision,
        chosen=decision.servable[1],
        reason=Reason.CASCADE_ESCALATED,
        detail=why,
        excluded=(*decision.excluded, weak),
        buffered=False,
    )
