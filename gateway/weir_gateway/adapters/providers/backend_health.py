"""How each backend's latest requests ended: what the operator tells as a ModelBackend's health.

Stands before routing's Upstreams and only counts: a request that a backend answered, after
whatever retries, or that it failed. What a client broke off, what a limit of ours kept from being
sent and what a provider said of the client's own request say nothing of the backend. Must not know
how calls are made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.replies import Sent, Upstreams

HALF_SECONDS = 30.0  # two halves make the minute that is told: the last one and the current one
MAX_KEPT = 4096  # backends in one half
# The provider does not know our key or our model: no client can mend that.
OURS = frozenset({401, 403, 404})
NOT_ITS_FAULT = frozenset(
    {
        *(UpstreamFailure.BUSY, UpstreamFailure.LIMIT, UpstreamFailure.OPEN),
        *(UpstreamFailure.CONTEXT_LENGTH, UpstreamFailure.CONTENT_FILTER),
    }
)


@dataclass(slots=True)
class Seen:
    """One backend's requests in the last minute or so."""

    uid: str
    generation: int
    calls: int = 0
    failures: int = 0
    last_failure: str = ""


@dataclass(slots=True)
class _Half:
    began: float
    seen: dict[tuple[BackendId, str, int], Seen] = field(
        default_factory=dict[tuple[BackendId, str, int], Seen]
    )


class WatchedUpstreams:
    """Fills routing's Upstreams over another one."""

    def __init__(self, upstreams: Upstreams, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._upstreams = upstreams
        self._clock = clock
        self._now = _Half(clock())
        self._before = _Half(self._now.began - HALF_SECONDS)

    async def send(self, backend: Backend, request: Request, *, last_resort: bool = False) -> Sent:
        """As the one behind it."""
        try:
            sent = await self._upstreams.send(backend, request, last_resort=last_resort)
        except UpstreamError as error:
            if error.failure not in NOT_ITS_FAULT:
                self._count(backend, error.label)
            raise
        self._count(backend, str(sent.status) if sent.status in OURS else "")
        return sent

    def lately(self) -> dict[BackendId, Seen]:
        """Every backend that was asked in the last minute."""
        self._turn()
        told: dict[BackendId, Seen] = {}
        for half in (self._before, self._now):
            for (backend, uid, generation), seen in half.seen.items():
                sums = told.get(backend)
                if sums is None or (sums.uid, sums.generation) != (uid, generation):
                    sums = told[backend] = Seen(uid, generation)  # of a newer one than before
                sums.calls += seen.calls
                sums.failures += seen.failures
                sums.last_failure = seen.last_failure or sums.last_failure
        return told

    def _count(self, backend: Backend, failure: str) -> None:
        self._turn()
        key = (backend.id, backend.uid, backend.generation)
        seen = self._now.seen.get(key)
        if seen is None:
            if len(self._now.seen) >= MAX_KEPT:
                return
            seen = self._now.seen[key] = Seen(backend.uid, backend.generation)
        seen.calls += 1
        if failure:
            seen.failures += 1
            seen.last_failure = failure

    def _turn(self) -> None:
        now = self._clock()
        if now - self._now.began < HALF_SECONDS:
            return
        old = now - self._now.began >= 2 * HALF_SECONDS
        self._before = _Half(now) if old else self._now
        self._now = _Half(now)
