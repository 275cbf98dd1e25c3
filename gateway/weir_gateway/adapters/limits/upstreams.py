"""Backends' own limits per minute: at its limit, a backend is skipped for another candidate.

Counted per request over all gateways; retries are not counted.
"""

import math
from collections.abc import Iterator

from weir_gateway.adapters.resilience.race import ObservedReply
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.limits import LimitCheck, LimitReservation
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.estimate import expected_tokens
from weir_gateway.routing.replies import Reply, Sent, Upstreams
from weir_gateway.routing.steps.limit import LimitStore
from weir_policy.spec.limits import LIMIT_NAMES, Measure, Window


class LimitedUpstreams:
    """Fills routing's Upstreams over another one."""

    def __init__(self, inner: Upstreams, limits: LimitStore) -> None:
        self._inner = inner
        self._limits = limits

    async def send(self, backend: Backend, request: Request, *, last_resort: bool = False) -> Sent:
        """As the one behind it. Raises UpstreamError at once where the backend is at its limit."""
        if not backend.limits:
            return await self._inner.send(backend, request, last_resort=last_resort)
        asks = tuple(_asks(backend, request))
        taken = await self._limits.take(asks, closed=False)
        if taken.refused >= 0:
            raise _refused(backend, asks[taken.refused], taken.wait)
        try:
            sent = await self._inner.send(backend, request, last_resort=last_resort)
        except BaseException:
            self._settle(taken.reservations, 0)
            raise
        reply = ObservedReply(sent, _nothing, lambda: self._used(taken.reservations, sent))
        reply.wasted = sent.wasted
        return reply

    def _used(self, reservations: tuple[LimitReservation, ...], reply: Reply) -> None:
        """Without reported usage the estimate stays."""
        usage = reply.usage
        if usage is not None:
            self._settle(reservations, usage.input + usage.output)

    def _settle(self, reservations: tuple[LimitReservation, ...], tokens: int) -> None:
        for one in reservations:
            if one.counter.endswith(f"/{Measure.TOKENS}"):
                self._limits.settle(one, tokens)


def _asks(backend: Backend, request: Request) -> Iterator[LimitCheck]:
    for limit in backend.limits:
        measure, window, most = limit.measure, limit.window, limit.amount
        amount = expected_tokens(request) if measure is Measure.TOKENS else 1
        takes = min(amount, most)
        prefix = "" if window is Window.MINUTE else f"{window}/"
        counter = f"backend/{backend.id}/{prefix}{measure}"
        name = f"{backend.id}.{LIMIT_NAMES[measure, window]}"
        yield LimitCheck(counter, window, most, takes, takes, name)


def _refused(backend: Backend, ask: LimitCheck, wait: float) -> UpstreamError:
    return UpstreamError(
        f"backend {backend.id} is at its limit of {ask.limit} a {ask.window} ({ask.name})",
        failure=UpstreamFailure.LIMIT,
        retry_after=str(max(math.ceil(wait), 1)),
        transient=False,
    )


def _nothing(_: UpstreamError) -> None:
    """The caller reports that it broke."""
