"""Asks ejected endpoints, when their time has come, whether they answer; the trials are requests.

One task for all, which sleeps while nothing is ejected. Must not know what a probe sends.
"""

import asyncio
import contextlib
from typing import Final

from weir_gateway.adapters.metrics.upstream_metrics import UpstreamMetrics
from weir_gateway.adapters.resilience.circuit import State
from weir_gateway.adapters.resilience.endpoints import Endpoint
from weir_gateway.adapters.resilience.ports import Caller
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.routing.ports import Clock

PROBE_TIMEOUT: Final = 3.0  # seconds for one probe
MAX_PROBES: Final = 8  # probes
IDLE_AFTER: Final = 600.0  # seconds after its last call that an endpoint is still probed


class Prober:
    """Keeps the ejected ones."""

    def __init__(self, caller: Caller, telemetry: UpstreamMetrics, clock: Clock) -> None:
        self._caller = caller
        self._telemetry = telemetry
        self._clock = clock
        self._ejected: set[Endpoint] = set()
        self._wake = asyncio.Event()

    @property
    def ejected(self) -> int:
        """How many endpoints are left alone."""
        return len(self._ejected)

    def state_changed(self, endpoint: Endpoint) -> None:
        """An endpoint's breaker is in another state."""
        if endpoint.circuit.state is State.OPEN:
            self._ejected.add(endpoint)
            self._wake.set()
        else:
            self._ejected.discard(endpoint)

    def forget(self, endpoint: Endpoint) -> None:
        """It is no longer there."""
        self._ejected.discard(endpoint)

    async def run(self) -> None:
        """Probe for ever."""
        while True:
            self._wake.clear()
            await self._sleep()
            now = self._clock()
            for unused in [one for one in self._ejected if now - one.last_used > IDLE_AFTER]:
                self._ejected.discard(unused)
            due = [one for one in self._ejected if one.circuit.probe_at <= now][:MAX_PROBES]
            async with asyncio.TaskGroup() as group:
                for endpoint in due:
                    group.create_task(self._probe(endpoint), name="weir-upstream-probe")

    async def _sleep(self) -> None:
        """Until one is due, or another one is ejected."""
        if not self._ejected:
            await self._wake.wait()
            return
        due = min(one.circuit.probe_at for one in self._ejected)
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
