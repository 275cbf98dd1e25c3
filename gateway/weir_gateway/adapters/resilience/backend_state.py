"""What the gateway remembers of one backend between requests.

Its endpoints, its concurrency limit, its budgets for retries and hedges, and how long its streams
take to begin. A backend of the same id in a new table continues with it.
"""

from typing import Final

from weir_gateway.adapters.resilience.concurrency_limit import ConcurrencyLimit
from weir_gateway.adapters.resilience.endpoints import Endpoint, OnStateChange
from weir_gateway.domain.table import Auth, Backend

BURST: Final = 10.0  # calls; what may be spent before any request has paid in


class RetryBudget:
    """Each request pays in its share, each extra call takes one out; a little comes with time."""

    __slots__ = ("_left", "_per_second", "_since", "share")

    def __init__(self, share: float, now: float, *, per_second: float) -> None:
        """`share` (0,1) of requests, and `per_second` calls besides, where requests are few."""
        self.share = share
        self._per_second = per_second
        self._left = BURST
        self._since = now

    def deposit(self) -> None:
        """A request has come."""
        self._left = min(self._left + self.share, BURST)

    def try_withdraw(self, now: float) -> bool:
        """Whether one more call may be made; it is counted as made."""
        self._left = min(self._left + (now - self._since) * self._per_second, BURST)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


WINDOW_SIZE: Final = 256  # streams; the last ones
MIN_SAMPLES: Final = 20  # before that nobody knows what late is
SORT_EVERY: Final = 16  # streams between two sortings


class FirstTokenTimes:
    """Quantiles over the last streams."""

    __slots__ = ("_at", "_seconds", "_since", "_sorted")

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._at = 0
        self._sorted: list[float] = []
        self._since = 0

    def add(self, seconds: float) -> None:
        """One stream began after `seconds`."""
        if len(self._seconds) < WINDOW_SIZE:
            self._seconds.append(seconds)
        else:
            self._seconds[self._at] = seconds
            self._at = (self._at + 1) % WINDOW_SIZE
        self._since += 1

    def quantile(self, share: float) -> float | None:
        """What `share` (0,1) of them stayed within; None while too few are known."""
        if len(self._seconds) < MIN_SAMPLES:
            return None
        if not self._sorted or self._since >= SORT_EVERY:
            self._sorted = sorted(self._seconds)
            self._since = 0
        return self._sorted[min(int(share * len(self._sorted)), len(self._sorted) - 1)]


RETRIES_PER_SECOND: Final = 1.0  # beyond their share, so that a gateway of few requests retries

Key = tuple[str, Auth, str]


class BackendState:
    """One backend."""

    def __init__(self, backend: Backend, now: float, changed: OnStateChange) -> None:
        self.concurrency = ConcurrencyLimit()
        self.first_tokens = FirstTokenTimes()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.used = now
        self._changed = changed
        self._configure(backend, now)

    def update(self, backend: Backend, now: float) -> tuple[Endpoint, ...]:
        """Go on as a new table says; gives the endpoints that are gone."""
        before = self.endpoints
        self._configure(backend, now)
        return tuple(one for one in before if one not in self.endpoints)

    def _configure(self, backend: Backend, now: float) -> None:
        self.backend = backend
        known = {_key(one.backend): one for one in self.endpoints}
        wanted = [(e.backend, e.weight) for e in backend.endpoints] or [(backend, 1)]
        self.endpoints = tuple(
            self._endpoint(target, weight, known.get(_key(target))) for target, weight in wanted
        )
        self.concurrency.limit = backend.in_flight
        self.concurrency.queue = backend.queue
        hedge = backend.hedge.budget if backend.hedge is not None else 0.0
        self.retries = RetryBudget(backend.retries.budget, now, per_second=RETRIES_PER_SECOND)
        self.hedges = RetryBudget(hedge, now, per_second=0.0)

    def _endpoint(self, target: Backend, weight: int, known: Endpoint | None) -> Endpoint:
        if known is None or known.circuit.settings != target.breaker:
            return Endpoint(target, weight, self._changed)
        known.backend, known.weight = target, weight
        return known


def _key(backend: Backend) -> Key:
    """What makes an endpoint the same one."""
    return backend.endpoint, backend.auth, backend.key_header
