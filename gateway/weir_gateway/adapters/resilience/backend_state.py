"""All that is kept of one backend between requests: its endpoints, its limit, its budgets.

A new table's backend of the same id goes on with what is known of its endpoints. Must not know
calls.
"""

from typing import Final

from weir_gateway.adapters.resilience.budget import RetryBudget
from weir_gateway.adapters.resilience.concurrency_limit import ConcurrencyLimit
from weir_gateway.adapters.resilience.endpoints import Endpoint, OnStateChange
from weir_gateway.adapters.resilience.first_tokens import FirstTokenTimes
from weir_gateway.domain.table import Auth, Backend

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
