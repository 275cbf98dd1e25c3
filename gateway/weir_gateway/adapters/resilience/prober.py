"""Probes ejected endpoints when their probe is due; a probe that succeeds lets trial requests in.

One task for all endpoints; it sleeps while none is ejected.
"""

import asyncio
import contextlib
from typing import Final, Protocol

from weir_gateway.adapters.metrics.upstream_metrics import UpstreamMetrics
from weir_gateway.adapters.resilience.circuit import State
from weir_gateway.adapters.resilience.endpoints import Endpoint
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.ports import Clock
from weir_gateway.routing.replies import Reply

PROBE_TIMEOUT: Final = 3.0  # seconds for one probe
MAX_PROBES: Final = 8  # probes at the same time
IDLE_AFTER: Final = 600.0  # seconds after its last call until an endpoint is no longer probed


class Caller(Protocol):
    """Makes one call to one endpoint."""

    async def send(self, backend: Backend, request: Request) -> Reply:
        """Return once the first chunk has come. Raises UpstreamError and CannotCarry."""
        ...

    async def probe(self, backend: Backend, within: float) -> None:
        """Check that the endpoint answers `within` so many seconds; costs no tokens.

        Raises UpstreamError if it doesn't.
        """
        ...


class Prober:
    """The set of ejected endpoints and the task that probes them."""

    def __init__(self, caller: Caller, telemetry: UpstreamMetrics, clock: Clock) -> None:
        self._caller = caller
        self._telemetry = telemetry
        self._clock = clock
        self._ejected: set[Endpoint] = set()
        self._wake = asyncio.Event()

    @property
    def ejected(self) -> int:
        """The number of ejected endpoints."""
        return len(self._ejected)

    def state_changed(self, endpoint: Endpoint) -> None:
        """Follow a change of the endpoint's breaker."""
        if endpoint.circuit.state is State.OPEN:
            self._ejected.add(endpoint)
            self._wake.set()
        else:
            self._ejected.discard(endpoint)

    def forget(self, endpoint: Endpoint) -> None:
        """Drop an endpoint that was removed."""
        self._ejected.discard(endpoint)

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            self._wake.clear()
            await self._sleep()
            now = self._clock()
            for unused in [e for e in self._ejected if now - e.last_used > IDLE_AFTER]:
                self._ejected.discard(unused)
            due = [e for e in self._ejected if e.circuit.probe_at <= now][:MAX_PROBES]
            async with asyncio.TaskGroup() as group:
                for endpoint in due:
                    group.create_task(self._probe(endpoint), name="weir-upstream-probe")

    async def _sleep(self) -> None:
        """Sleep until a probe is due or another endpoint is ejected."""
        if not self._ejected:
            await self._wake.wait()
            return
        due = min(endpoint.circuit.probe_at for endpoint in self._ejected)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(due - self._clock(), 0.0)):
                await self._wake.wait()

    async def _probe(self, endpoint: Endpoint) -> None:
        try:
            await self._caller.probe(endpoint.backend, PROBE_TIMEOUT)
        except UpstreamError as error:
            self._telemetry.probed(endpoint.backend.id, error.label)
            if endpoint.circuit.state is State.OPEN:
                endpoint.probe_failed(self._clock())
        else:
            self._telemetry.probed(endpoint.backend.id, "ok")
            endpoint.probe_succeeded()
