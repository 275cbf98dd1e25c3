"""Counts each backend's successes and failures; the operator reports them as ModelBackend health.

A request counts once, after its retries. Requests that a client aborted, that a limit refused, or
that the provider refused because of their prompt don't count, nor do answers that the gateway
can't translate: clients of the provider's own wire can read them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.replies import Sent, Upstreams
from weir_policy.ids import BackendId

HALF_SECONDS = 30.0  # health covers the current and the previous half minute
MAX_BACKENDS = 4096  # backends in one half
# The provider rejects the key or the model: a fault of the configuration, not of the client.
CONFIGURATION_ERRORS = frozenset({401, 403, 404})
IGNORED_FAILURES = frozenset(
    {
        *(UpstreamFailure.BUSY, UpstreamFailure.LIMIT, UpstreamFailure.OPEN),
        *(UpstreamFailure.CONTEXT_LENGTH, UpstreamFailure.CONTENT_FILTER),
        UpstreamFailure.TRANSLATION,
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
    """An Upstreams that counts results of the one it wraps."""

    def __init__(self, upstreams: Upstreams, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._upstreams = upstreams
        self._clock = clock
        self._current = _HalfMinute(clock())
        self._previous = _HalfMinute(self._current.began - HALF_SECONDS)

    async def send(self, backend: Backend, request: Request, *, last_resort: bool = False) -> Sent:
        """Send by the wrapped Upstreams and count the result."""
        try:
            sent = await self._upstreams.send(backend, request, last_resort=last_resort)
        except UpstreamError as error:
            if error.failure not in IGNORED_FAILURES:
                self._count(backend, _failure_text(error))
            raise
        self._count(backend, str(sent.status) if sent.status in CONFIGURATION_ERRORS else "")
        return sent

    def recent(self) -> dict[BackendId, BackendHealth]:
        """The health of each backend that was called in the last minute."""
        self._rotate()
        health: dict[BackendId, BackendHealth] = {}
        for half in (self._previous, self._current):
            for (backend, uid, generation), counts in half.backends.items():
                sums = health.get(backend)
                if sums is None or (sums.uid, sums.generation) != (uid, generation):
                    sums = health[backend] = BackendHealth(uid, generation)
                sums.calls += counts.calls
                sums.failures += counts.failures
                sums.last_failure = counts.last_failure or sums.last_failure
        return health

    def _count(self, backend: Backend, failure: str) -> None:
        self._rotate()
        key = (backend.id, backend.uid, backend.generation)
        health = self._current.backends.get(key)
        if health is None:
            if len(self._current.backends) >= MAX_BACKENDS:
                return
            health = self._current.backends[key] = BackendHealth(backend.uid, backend.generation)
        health.calls += 1
        if failure:
            health.failures += 1
            health.last_failure = failure

    def _rotate(self) -> None:
        now = self._clock()
        if now - self._current.began < HALF_SECONDS:
            return
        old = now - self._current.began >= 2 * HALF_SECONDS
        self._previous = _HalfMinute(now) if old else self._current
        self._current = _HalfMinute(now)


def _failure_text(error: UpstreamError) -> str:
    """How it failed; of a credential also why, because that is mended by what it says."""
    if error.failure is UpstreamFailure.CREDENTIAL:
        return f"{error.label}: {error.message}"
    return error.label
