"""Serve cached responses in place of calls, and store new ones on their way to the client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.domain.cache import CachedResponse, CacheRules, CacheState
from weir_gateway.domain.decision import UNSCORED, Reason, RouteDecision
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.cache.lookup import ResponseCache
from weir_gateway.routing.cache.replies import FREE, CachedReply, RecordingReply, cached_headers
from weir_gateway.routing.cache.single_flight import Flight, Flights
from weir_gateway.routing.dispatch import Dispatched
from weir_gateway.routing.estimate import spent
from weir_gateway.routing.replies import ByteBudget

# Not what the policy would have wanted, had all been well.
MAKESHIFT: Final = frozenset({Reason.BUDGET, Reason.FALLBACK}) | UNSCORED

Send = Callable[[], Awaitable[Dispatched]]
# A stored answer's bytes for a request, as its own: by its wire, and with an id of the decision's.
Replay = Callable[[Request, bytes, DecisionId], bytes]


def unchanged(request: Request, answer: bytes, decision: DecisionId) -> bytes:
    """Replays an answer as it was stored, whoever asks."""
    del request, decision
    return answer


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """Bounds of what is kept and of who waits for it."""

    largest: int = 512 * 1024  # bytes of an answer
    under_way: int = 64 * 1024 * 1024  # bytes of all answers that are being copied
    wait: float = 30.0  # seconds for the same request that is under way


class CachedDispatch:
    """Answers from what is kept or under way, else sends and keeps."""

    def __init__(
        self,
        answers: ResponseCache,
        accounts: DecisionRecorder,
        keeping: CacheBounds,
        replay: Replay,
    ) -> None:
        self._answers = answers
        self._accounts = accounts
        self._replay = replay
        self._largest = keeping.largest
        self._room = ByteBudget(keeping.under_way)
        self._flights = Flights(wait=keeping.wait)
        self._waiting: set[DecisionId] = set()  # who leaves while it waits stays, until accounted

    async def dispatch(
        self, request: Request, decision: RouteDecision, policy: Policy, send: Send
    ) -> Dispatched:
        """The answer to `request`: a kept one, that of its like, or what `send` brings.

        Raises what `send` raises.
        """
        lookup = decision.cache
        if lookup.response is not None:
            return self._replayed(request, decision, lookup.response)
        if policy.cache is None or not lookup.stores:
            return await send()
        flight = None
        if lookup.exact_key and lookup.reads and not decision.explored:
            answer = await self._follow(decision)
            joined = _joined(decision, policy, answer)
            if answer is not None and joined is not None:
                self._accounts.joined(request, joined)
                return self._replayed(request, joined, answer)
            flight = self._flights.start(lookup.exact_key)
        return await self._send(request, decision, policy.cache, send, flight)

    def _replayed(
        self, request: Request, decision: RouteDecision, answer: CachedResponse
    ) -> Dispatched:
        body = self._replay(request, answer.body, decision.id)
        return Dispatched(CachedReply(answer, body), decision)

    async def _follow(self, decision: RouteDecision) -> CachedResponse | None:
        self._waiting.add(decision.id)
        answer = await self._flights.join(decision.cache.exact_key)
        self._waiting.discard(decision.id)
        return answer

    def left_waiting(self, decision: RouteDecision) -> bool:
        """Whether it left while it waited for another one, so that nothing was sent for it.

        Told once.
        """
        left = decision.id in self._waiting
        self._waiting.discard(decision.id)
        return left

    async def _send(
        self,
        request: Request,
        decision: RouteDecision,
        rules: CacheRules,
        send: Send,
        flight: Flight | None,
    ) -> Dispatched:
        key = decision.cache.exact_key
        try:
            sent = await send()
        except BaseException:
            self._flights.resolve(key, flight, None)
            raise

        def over(body: bytes | None) -> None:
            answer = None if body is None else _answer(request, sent, body)
            if answer is not None and _usual(sent.decision):
                self._keep(decision, rules, answer)
            self._flights.resolve(key, flight, answer)

        return replace(sent, reply=RecordingReply(sent.reply, self._largest, self._room, over))

    def _keep(self, decision: RouteDecision, rules: CacheRules, answer: CachedResponse) -> None:
        lookup = decision.cache
        if lookup.exact_key:
            self._answers.put(lookup.exact_key, answer, rules.exact)
        if lookup.semantic_key and lookup.embedding:
            meant = replace(answer, embedding=lookup.embedding)
            self._answers.put(lookup.semantic_key, meant, rules.semantic)


def _usual(decision: RouteDecision) -> bool:
    """Whether the policy would have its like answered so again."""
    return decision.reason not in MAKESHIFT and not decision.explored


def _joined(
    decision: RouteDecision, policy: Policy, answer: CachedResponse | None
) -> RouteDecision | None:
    """The decision as it stands with the answer to the same request; None where it can't."""
    if answer is None:
        return None
    backend = next((b for b in policy.candidates if b.id == answer.backend), None)
    if backend is None:
        return None
    lookup = replace(decision.cache, state=CacheState.HIT, response=answer)
    return replace(
        decision,
        chosen=backend,
        reason=Reason.CACHE,
        detail="joined",
        cache=lookup,
        propensity=1.0,  # the like of it was drawn for, if either was
    )


def _answer(request: Request, sent: Dispatched, body: bytes) -> CachedResponse:
    reply = sent.reply
    used = spent(request, reply.usage, reply.written)
    usage = FREE if used is None else used.usage
    return CachedResponse(sent.decision.chosen.id, cached_headers(reply.headers), body, usage)
