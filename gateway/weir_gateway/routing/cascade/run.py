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
from weir_gateway.domain.outcome import CostKind
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.cascade.buffered_reply import BufferedReply
from weir_gateway.routing.cascade.side_calls import JudgeFailed, fetch_answer, is_stream
from weir_gateway.routing.cascade.weak_first import WeakFirst
from weir_gateway.routing.dispatch import Dispatched
from weir_policy.spec.cascade import Cascade, Judge, JudgeFailure
from weir_wires.content import AnswerContent

# A sample is another answer: the provider must not take it for a repeat of the first call.
NOT_REPEATED: Final = frozenset({"idempotency-key"})


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The result for a weak answer, and the reason for it."""

    result: CascadeResult
    why: str


@dataclass(slots=True)
class CascadeRun(WeakFirst):
    """The cascade of one request."""

    cascade: Cascade

    async def answer(self, buffered: BufferedReply) -> Dispatched:
        """Return the weak answer if it is accepted, else the next candidate's."""
        try:
            answer_cost = await self.fill(buffered)
        except UpstreamError as error:
            return await self.send_instead(
                _escalated(self.decision, f"its answer broke off: {error.label}")
            )
        verdict = await self._verdict(buffered)
        if verdict.result is CascadeResult.ESCALATED:
            return await self.replace_answer(
                buffered, answer_cost, _escalated(self.decision, verdict.why)
            )
        self.remove_answer_cost(buffered, answer_cost)
        decision = replace(
            self.decision, reason=Reason.CASCADE_ACCEPTED, detail=verdict.why, buffered=False
        )
        self.parts.recorder.cascaded(self.request, decision, verdict.result)
        return Dispatched(buffered, decision)

    def tell_escalated(self, decision: RouteDecision) -> None:
        """Count that the next candidate answers."""
        self.parts.recorder.cascaded(self.request, decision, CascadeResult.ESCALATED)

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
