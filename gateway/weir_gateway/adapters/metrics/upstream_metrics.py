"""Metrics and log lines of calls to providers: retries, hedges, probes, breakers."""

import logging
from collections.abc import Callable
from typing import Final

from weir_gateway.adapters.resilience.circuit import State
from weir_gateway.adapters.resilience.endpoints import Endpoint
from weir_policy.ids import BackendId
from weir_runtime.metrics import Registry

log = logging.getLogger(__name__)

BREAKER_VALUES: Final = {State.CLOSED: 0.0, State.HALF_OPEN: 0.5, State.OPEN: 1.0}


class UpstreamMetrics:
    """The cells."""

    def __init__(self, registry: Registry) -> None:
        self._calls = registry.counter(
            "weir.upstream.calls", "Calls to providers by outcome.", ("backend", "outcome")
        )
        self._retries = registry.counter(
            "weir.upstream.retries", "Calls made again after a failure.", ("backend", "why")
        )
        self._refused = registry.counter(
            "weir.upstream.refused", "Requests that were not sent to a backend.", ("backend", "why")
        )
        self._hedges = registry.counter(
            "weir.upstream.hedges", "Second calls for late first tokens.", ("backend", "outcome")
        )
        self._probes = registry.counter(
            "weir.upstream.probes", "Probes of ejected endpoints.", ("endpoint", "outcome")
        )
        self._breaker = registry.gauge(
            "weir.upstream.breaker", "0 closed, 0.5 half-open, 1 open.", ("endpoint",)
        )
        self._registry = registry

    def add_gauges(self, ejected: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Tell, at collection, how many endpoints are ejected and how many requests wait."""
        self._registry.gauge_callback("weir.upstream.ejected", "Ejected endpoints.", ejected)
        self._registry.gauge_callback(
            "weir.upstream.queue", "Requests that wait for a place at a backend.", waiting
        )

    def called(self, backend: BackendId, outcome: str) -> None:
        """A call has begun its answer (`ok`), or failed."""
        self._calls.labels(backend, outcome).add()

    def retried(self, backend: BackendId, why: str) -> None:
        """A call is made again."""
        self._retries.labels(backend, why).add()

    def refused(self, backend: BackendId, why: str) -> None:
        """A request was not sent, or not again: queue, breaker, retry budget."""
        self._refused.labels(backend, why).add()

    def hedged(self, backend: BackendId, outcome: str) -> None:
        """A second call was made: it `won`, or `lost`; or it was not, for want of `budget`."""
        self._hedges.labels(backend, outcome).add()

    def probed(self, endpoint: BackendId, outcome: str) -> None:
        """An ejected endpoint was asked whether it answers."""
        self._probes.labels(endpoint, outcome).add()

    def state_changed(self, endpoint: Endpoint) -> None:
        """An endpoint's breaker is in another state."""
        state = endpoint.circuit.state
        self._breaker.labels(endpoint.backend.id).set(BREAKER_VALUES[state])
        level = logging.WARNING if state is State.OPEN else logging.INFO
        log.log(
            level,
            "an endpoint's breaker is %s",
            state,
            extra={"endpoint": endpoint.backend.id, "address": endpoint.backend.endpoint},
        )

    def forget(self, endpoint: Endpoint) -> None:
        """An endpoint is no longer there."""
        self._breaker.forget(endpoint.backend.id)
