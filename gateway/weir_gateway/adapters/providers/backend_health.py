"""How each backend's latest requests ended: what the operator tells as a ModelBackend's health.

Stands before routing's Upstreams and only counts: a request that a backend answered, after
whatever retries, or that it failed. What a client broke off, what a limit of ours kept from being
sent and what a provider said of the client's own request say nothing of the backend. Must not know
how calls are made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.replies import Sent, Upstreams
from weir_policy.ids import BackendId

HALF_SECONDS = 30.0  # two halves make the minute that is told: the last one and the current one
MAX_BACKENDS = 4096  # backends in one half
# The provider does not know our key or our model: no client can mend that.
CONFIGURATION_ERRORS = frozenset({401, 403, 404})
IGNORED_FAILURES = frozenset(
    {
        *(UpstreamFailure.BUSY, UpstreamFailure.LIMIT, UpstreamFailure.OPEN),
        *(UpstreamFailure.CONTEXT_LENGTH, UpstreamFailure.CONTENT_FILTER),
    }
)


@dataclass(slots=True)
class BackendHealth:
    """One backend's requests in the last minute or so."""

    uid: str
    generation: int
    calls: int = 0
    failures: int = 0
    last_failure: str = ""


@dataclass(slots=True)
class _HalfMinute:
    began: float
    backends: dict[tuple[BackendId, str, int], BackendHealth] = field(
        default_factory=dict[tuple[BackendId, str, int], BackendHealth]
    )


class HealthTrackingUpstreams:
    """Fills routing's Upstreams over another one."""

    def __init__(self, upstreams: Upstreams, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._upstreams = upstreams
        self._clock = clock
        self._current = _HalfMinute(clock())
        self._previous = _HalfMinute(self._current.began - HALF_SECONDS)

    async def send(self, backend: Backend, request: Request, *, last_resort: bool = False) -> Sent:
        """As the one behind it."""
        try:
            sent = await self._upstreams.send(backend, request, last_resort=last_resort)
        except UpstreamError as error:
            if error.failure not in IGNORED_FAILURES:
                self._count(backend, error.label)
            raise
        self._count(backend, str(sent.status) if sent.status in CONFIGURATION_ERRORS else "")
        return sent

    def recent(self) -> dict[BackendId, BackendHealth]:
        """Every backend that was asked in the last minute."""
        self._rotate()
        health: dict[BackendId, BackendHealth] = {}
        for half in (self._previous, self._current):
            for (backend, uid, generation), seen in half.backends.items():
                sums = health.get(backend)
                if sums is None or (sums.uid, sums.generation) != (uid, generation):
                    sums = health[backend] = BackendHealth(
                        uid, generation
                    )  # of a newer one than before
                sums.calls += seen.calls
                sums.failures += seen.failures
                sums.last_failure = seen.last_failure or sums.last_failure
        return health

    def _count(self, backend: Backend, failure: str) -> None:
        self._rotate()
        key = (backend.id, backend.uid, backend.generation)
        seen = self._current.backends.get(key)
        if seen is None:
            if len(self._current.backends) >= MAX_BACKENDS:
                return
            seen = self._current.backends[key] = BackendHealth(backend.uid, backend.generation)
        seen.calls += 1
        if failure:
            seen.failures += 1
            seen.last_failure = failure

    def _rotate(self) -> None:
        now = self._clock()
        if now - self._current.began < HALF_SECONDS:
            return
        old = now - self._current.began >= 2 * HALF_SECONDS
        self._previous = _HalfMinute(now) if old else self._current
        self._current = _HalfMinute(now)
