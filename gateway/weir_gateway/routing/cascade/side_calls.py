"""Calls that a request makes beside its answer: a judge's and a sample's, each a side cost.

Through the same port as all calls, so that they have the backend's limits, retries and breaker;
never through a policy, so that no side call leads to another.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weir_gateway.domain.errors import BadRequest, UpstreamError
from weir_gateway.domain.outcome import CostKind, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.estimate import SpentTokens, estimate_usage, spent
from weir_gateway.routing.replies import Sent, Upstreams
from weir_policy.ids import BackendId
from weir_policy.spec.cascade import AnswerCheck, Judge
from weir_wires.content import AnswerContent, JudgeQuestion

EVENT_STREAM: Final = "text/event-stream"
REFUSED_FROM: Final = 400
REFUSALS: Final = frozenset({400, 422})  # of a field that a provider doesn't know
MAX_BACKENDS: Final = 10_000  # backends that refuse logprobs; a bound for tables that come and go
MAX_REPLY: Final = 1 << 20  # bytes of a judge's answer; a hundred times what one takes


class AnswerInspector(Protocol):
    """Reads requests and answers on any wire; writes a judge's questions and reads its verdicts."""

    async def read(
        self, request: Request, chunks: Sequence[bytes], *, stream: bool
    ) -> AnswerContent | None:
        """The words of an answer to `request`; None where it can't be read."""
        ...

    async def violation(self, check: AnswerCheck, request: Request, content: AnswerContent) -> str:
        """What keeps an answer from being what `check` asks for; empty where nothing does."""
        ...

    def agree(self, one: AnswerContent, other: AnswerContent) -> bool:
        """Whether two answers say the same, but for case, punctuation and spaces."""
        ...

    async def quality_question(self, request: Request, content: AnswerContent) -> JudgeQuestion:
        """Asks whether an answer is good."""
        ...

    def difficulty_question(self, text: str) -> JudgeQuestion:
        """Asks how hard it is to answer what a user wrote."""
        ...

    def build_request(
        self, question: JudgeQuestion, backend: Backend, request: Request, *, logprobs: bool
    ) -> Request:
        """The question as a request to `backend`, on `request`'s behalf."""
        ...

    def parse_verdict(self, question: JudgeQuestion, request: Request, body: bytes) -> float | None:
        """What the judge says, in [0,1]: how good, or how hard. None where it says neither."""
        ...


class JudgeFailed(Exception):
    """There is no verdict; the message says why."""


@dataclass(frozen=True, slots=True)
class FullAnswer:
    """A whole answer that no client gets."""

    status: int
    chunks: Sequence[bytes]
    stream: bool  # whether it came as events

    @property
    def refused(self) -> bool:
        """Whether the provider would have nothing of it."""
        return self.status >= REFUSED_FROM


class Judges:
    """Asks judges, and remembers which of them tell no probabilities."""

    def __init__(self, upstreams: Upstreams, inspector: AnswerInspector) -> None:
        self._upstreams = upstreams
        self._inspector = inspector
        self._plain: set[BackendId] = set()

    async def ask(
        self,
        judge: Judge,
        backend: Backend,
        question: JudgeQuestion,
        request: Request,
        side_costs: SideCosts,
    ) -> float:
        """What the judge says, in [0,1], within its own deadline.

        Raises JudgeFailed where it is late, broken or says neither.
        """
        try:
            async with asyncio.timeout(judge.timeout):
                return await self._ask(backend, question, request, side_costs)
        except TimeoutError:
            raise JudgeFailed(f"no verdict within {judge.timeout:g} s") from None
        except UpstreamError as error:
            raise JudgeFailed(error.label) from error
        except BadRequest as error:
            raise JudgeFailed(error.code) from error

    async def _ask(
        self, backend: Backend, question: JudgeQuestion, request: Request, side_costs: SideCosts
    ) -> float:
        logprobs = backend.id not in self._plain
        question_request = self._inspector.build_request(
            question, backend, request, logprobs=logprobs
        )
        fetched = await self._fetch(backend, question_request, side_costs)
        if logprobs and fetched.status in REFUSALS:
            question_request = self._inspector.build_request(
                question, backend, request, logprobs=False
            )
            fetched = await self._fetch(backend, question_request, side_costs)
            if not fetched.refused:
                self._remember(backend)
        if fetched.refused:
            raise JudgeFailed(str(fetched.status))
        verdict = self._inspector.parse_verdict(
            question, question_request, b"".join(fetched.chunks)
        )
        if verdict is None:
            raise JudgeFailed("its answer is no verdict")
        return verdict

    async def _fetch(self, backend: Backend, request: Request, side_costs: SideCosts) -> FullAnswer:
        return await fetch_answer(
            self._upstreams, backend, request, CostKind.JUDGE, side_costs, MAX_REPLY
        )

    def _remember(self, backend: Backend) -> None:
        if len(self._plain) >= MAX_BACKENDS:
            self._plain.clear()
        self._plain.add(backend.id)


async def fetch_answer(
    upstreams: Upstreams,
    backend: Backend,
    request: Request,
    what: CostKind,
    side_costs: SideCosts,
    most: int,
) -> FullAnswer:
    """Call `backend` and read the whole answer, of at most `most` bytes.

    What it took is on `side_costs` however this ends. Raises UpstreamError, and what `send` raises.
    """
    try:
        reply = await upstreams.send(backend, request)
    except asyncio.CancelledError:  # its prompt was read; how much it answered is unknown
        side_costs.add(SideCost(backend, estimate_usage(request), what, counted=False))
        raise
    chunks: list[bytes] = []
    size, whole = 0, False
    try:
        async for chunk in reply.chunks():
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                break
        else:
            whole = True
    finally:
        await reply.close(abort=not whole)
        record_cost(reply, request, backend, what, side_costs)
    return FullAnswer(reply.status, chunks if whole else (), is_stream(reply))


def is_stream(reply: Sent) -> bool:
    """Whether an answer comes as events."""
    return reply.headers.get("content-type", "").startswith(EVENT_STREAM)


def record_cost(
    reply: Sent, request: Request, backend: Backend, kind: CostKind, side_costs: SideCosts
) -> SideCost | None:
    """Put what an answer took on the side costs once it is closed, and what was spent beside it.

    Estimated where the provider told nothing; None of an answer that cost nothing.
    """
    if reply.wasted is not None:
        side_costs.add(SideCost(backend, reply.wasted, CostKind.HEDGE, counted=False))
    if reply.status >= REFUSED_FROM:
        return None
    used = spent(request, reply.usage, reply.written) or SpentTokens(
        estimate_usage(request), counted=False
    )
    side_cost = SideCost(backend, used.usage, kind, counted=used.counted)
    side_costs.add(side_cost)
    return side_cost
