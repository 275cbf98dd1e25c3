"""Run a cascade: buffer the weakest candidate's answer until it is accepted, else escalate.

The cheapest inspection comes first, and every one that the policy sets must accept: a check, the
agreement of several answers, a judge. What they cost is added to the side costs as it is spent.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.domain.cascade import Cascade, CascadeResult
from weir_gateway.domain.decision import Excluded, Reason, RouteDecision
from weir_gateway.domain.errors import BadRequest, UpstreamError
from weir_gateway.domain.outcome import CostKind, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.cascade.side_calls import (
    REFUSED_FROM,
    AnswerInspector,
    JudgeFailed,
    Judges,
    call,
    record_cost,
    streams,
)
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.dispatch import Dispatched, dispatch
from weir_gateway.routing.estimate import estimate_usage
from weir_gateway.routing.policy.compiled import CompiledPolicy
from weir_gateway.routing.replies import ByteBudget, ReplyWrapper, Sent, Upstreams
from weir_wires.content import AnswerContent

NOT_REPEATED: Final = frozenset({"idempotency-key"})  # a sample is another answer, not the same one


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is to become of a weak answer, and why."""

    result: CascadeResult
    why: str


class BufferedReply(ReplyWrapper):
    """A reply whose bytes are kept as they came, and given later, piece by piece."""

    def __init__(self, reply: Sent, room: ByteBudget) -> None:
        """It takes `room` for what is kept, until it is closed or let go."""
        super().__init__(reply, reply.wasted)
        self._chunks = reply.chunks()
        self._buffer: list[bytes] = []
        self._room = room
        self.size = 0
        self.whole = False

    @property
    def chunks_so_far(self) -> list[bytes]:
        """What has come."""
        return self._buffer

    async def fill(self, most: int) -> None:
        """Keep what comes until all is there, or there is more than `most` bytes or the room.

        Raises UpstreamError.
        """
        async for chunk in self._chunks:
            self._buffer.append(chunk)
            self.size += len(chunk)
            self._room.left -= len(chunk)
            if self.size > most or self._room.left < 0:
                return
        self.whole = True
        await self._reply.close(abort=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """What was kept, then what is still to come. Raises UpstreamError."""
        chunks, self._buffer = self._buffer, []
        for chunk in chunks:
            yield chunk
        if not self.whole:
            async for chunk in self._chunks:
                yield chunk

    async def close(self, *, abort: bool) -> None:
        """As of any reply."""
        self.let_go()
        await super().close(abort=abort)

    def let_go(self) -> None:
        """Nobody will be given what was kept, or all of it was given."""
        self._buffer = []
        self._room.left += self.size
        self.size = 0


class Cascades:
    """Sends what is held, looks at it, and escalates."""

    def __init__(
        self,
        upstreams: Upstreams,
        accounts: DecisionRecorder,
        words: AnswerInspector,
        judges: Judges,
        *,
        hold: int,
        room: ByteBudget,
    ) -> None:
        """`hold` is how many bytes of an answer are kept before it is given as it stands.

        So it is where there is no `room` left, which all that are held at once share.
        """
        self._upstreams = upstreams
        self._accounts = accounts
        self._words = words
        self._judges = judges
        self._hold = hold
        self._room = room

    async def dispatch(
        self,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy,
        cascade: Cascade,
        side_costs: SideCosts,
    ) -> Dispatched:
        """The weak answer where it is accepted, else the next candidate's.

        Raises as a plain dispatch does. Whoever steps in for a weak model that fails, and what a
        provider refuses, is given as it is.
        """
        sent = await dispatch(request, decision, policy, self._upstreams, self._accounts)
        if sent.decision is not decision or sent.reply.status >= REFUSED_FROM:
            return sent
        buffered = BufferedReply(sent.reply, self._room)
        delivered = False
        try:
            given = await self._outcome(buffered, request, decision, policy, cascade, side_costs)
            delivered = given.reply is buffered
        finally:
            if not delivered:
                buffered.let_go()
        return given

    async def _outcome(
        self,
        buffered: BufferedReply,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy,
        cascade: Cascade,
        side_costs: SideCosts,
    ) -> Dispatched:
        spent, broken = await self._keep(buffered, request, decision.chosen, side_costs)
        if broken is not None:
            up = _up(decision, f"its answer broke off: {broken.label}")
            self._accounts.cascaded(request, up, CascadeResult.ESCALATED)
            return await self._next(request, up, policy, side_costs)
        why = "there is no room to hold its answer"
        if buffered.size > self._hold:
            why = f"its answer has over {self._hold} bytes"
        verdict = _Verdict(CascadeResult.UNJUDGED, why)
        if buffered.whole:
            verdict = await self._look(buffered, request, decision, policy, cascade, side_costs)
        if verdict.result is not CascadeResult.ESCALATED:
            return self._given(buffered, request, decision, verdict, spent, side_costs)
        return await self._escalate(buffered, request, decision, policy, verdict, spent, side_costs)

    async def _keep(
        self, buffered: BufferedReply, request: Request, backend: Backend, side_costs: SideCosts
    ) -> tuple[SideCost | None, UpstreamError | None]:
        """Buffer the answer: its cost, added to the side costs, and how it broke off if it did."""
        broken: UpstreamError | None = None
        try:
            await buffered.fill(self._hold)
        except UpstreamError as error:
            broken = error
            await buffered.close(abort=True)
        except BaseException:
            await buffered.close(abort=True)
            record_cost(buffered, request, backend, CostKind.WEAK_ANSWER, side_costs)
            raise
        if broken is None and not buffered.whole:  # it goes on to the client: not known yet
            return None, None
        return record_cost(buffered, request, backend, CostKind.WEAK_ANSWER, side_costs), broken

    async def _look(
        self,
        buffered: BufferedReply,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy,
        cascade: Cascade,
        side_costs: SideCosts,
    ) -> _Verdict:
        content = await self._words.read(request, buffered.chunks_so_far, stream=streams(buffered))
        if content is None or content.empty:
            why = "its answer is empty" if content is not None else "its answer can't be read"
            return _Verdict(CascadeResult.ESCALATED, why)
        if cascade.check is not None:
            wrong = await self._words.violation(cascade.check, request, content)
            if wrong:
                return _Verdict(CascadeResult.ESCALATED, f"check {cascade.check}: {wrong}")
        verdict = _Verdict(CascadeResult.ACCEPTED, f"check {cascade.check}")
        if cascade.samples > 1:
            share = await self._agreement(
                content, request, decision.chosen, cascade.samples, side_costs
            )
            verdict = _weighed(f"{cascade.samples} samples agree", share, cascade.accept)
        if verdict.result is CascadeResult.ACCEPTED and cascade.judge and policy.judge:
            return await self._judged(content, request, policy.judge, cascade, side_costs)
        return verdict

    async def _judged(
        self,
        content: AnswerContent,
        request: Request,
        judge: Backend,
        cascade: Cascade,
        side_costs: SideCosts,
    ) -> _Verdict:
        if cascade.judge is None:
            raise TypeError("a cascade without a judge has nobody to ask")
        question = await self._words.quality_question(request, content)
        try:
            sure = await self._judges.ask(cascade.judge, judge, question, request, side_costs)
        except JudgeFailed as failed:
            unjudged = cascade.accept_unjudged
            result = CascadeResult.UNJUDGED if unjudged else CascadeResult.ESCALATED
            return _Verdict(result, f"judge {judge.name} failed: {failed}")
        return _weighed(f"judge {judge.name}", sure, cascade.accept)

    async def _agreement(
        self,
        content: AnswerContent,
        request: Request,
        backend: Backend,
        samples: int,
        side_costs: SideCosts,
    ) -> float:
        """The share of all the weak model's answers that say what the first one says."""
        headers = {k: v for k, v in request.headers.items() if k not in NOT_REPEATED}
        sample = replace(request, headers=headers)
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(
                    self._agrees(content, sample, backend, side_costs),
                    name=f"weir-cascade-sample-{number}",
                )
                for number in range(1, samples)
            ]
        return (1 + sum(other.result() for other in others)) / samples

    async def _agrees(
        self, content: AnswerContent, request: Request, backend: Backend, side_costs: SideCosts
    ) -> bool:
        try:
            got = await call(
                self._upstreams, backend, request, CostKind.SAMPLE, side_costs, self._hold
            )
        except (UpstreamError, BadRequest):
            return False
        if got.refused:
            return False
        other = await self._words.read(request, got.chunks, stream=got.stream)
        return other is not None and self._words.agree(content, other)

    async def _next(
        self, request: Request, up: RouteDecision, policy: CompiledPolicy, side_costs: SideCosts
    ) -> Dispatched:
        try:
            return await dispatch(request, up, policy, self._upstreams, self._accounts)
        except asyncio.CancelledError:
            side_costs.add(
                SideCost(up.chosen, estimate_usage(request), CostKind.LEFT, counted=False)
            )
            raise

    def _given(
        self,
        buffered: BufferedReply,
        request: Request,
        decision: RouteDecision,
        verdict: _Verdict,
        spent: SideCost | None,
        side_costs: SideCosts,
    ) -> Dispatched:
        """The weak answer is the answer: what it took is no longer beside it."""
        _take_off(buffered, spent, side_costs)
        now = replace(decision, reason=Reason.CASCADE_ACCEPTED, detail=verdict.why, buffered=False)
        self._accounts.cascaded(request, now, verdict.result)
        return Dispatched(buffered, now)

    async def _escalate(
        self,
        buffered: BufferedReply,
        request: Request,
        decision: RouteDecision,
        policy: CompiledPolicy,
        verdict: _Verdict,
        spent: SideCost | None,
        side_costs: SideCosts,
    ) -> Dispatched:
        """The next one's answer; where it has none either, the weak one that is at hand."""
        up = _up(decision, verdict.why)
        self._accounts.cascaded(request, up, CascadeResult.ESCALATED)
        try:
            sent = await self._next(request, up, policy, side_costs)
        except (UpstreamError, BadRequest) as error:
            label = error.label if isinstance(error, UpstreamError) else error.code
        else:
            if sent.reply.status < REFUSED_FROM:
                return sent
            await sent.reply.close(abort=True)
            record_cost(sent.reply, request, sent.decision.chosen, CostKind.LEFT, side_costs)
            label = str(sent.reply.status)
        _take_off(buffered, spent, side_costs)
        now = replace(decision, reason=Reason.FALLBACK, detail=label, buffered=False)
        self._accounts.fell_back(request, now)
        return Dispatched(buffered, now)


def _weighed(who: str, share: float, accept: float) -> _Verdict:
    if share >= accept:
        return _Verdict(CascadeResult.ACCEPTED, f"{who}: {share:.2f}, of {accept:.2f} asked")
    return _Verdict(CascadeResult.ESCALATED, f"{who}: only {share:.2f}, of {accept:.2f} asked")


def _up(decision: RouteDecision, why: str) -> RouteDecision:
    """The next candidate's turn; the weakest is not asked a second time."""
    weak = Excluded(decision.chosen.id, "its answer was not accepted")
    return replace(
        decision,
        chosen=decision.servable[1],
        reason=Reason.CASCADE_ESCALATED,
        detail=why,
        excluded=(*decision.excluded, weak),
        buffered=False,
    )


def _take_off(buffered: BufferedReply, spent: SideCost | None, side_costs: SideCosts) -> None:
    """Take the answer's own cost off the side costs; its reply reports the rest."""
    for one in [one for one in side_costs if one is spent or one.usage is buffered.wasted]:
        side_costs.remove(one)
