"""Routing's Upstreams: one request, and as many calls as its backend's settings allow.

Waits for a place, chooses an endpoint, calls it, calls again what failed and may be mended, and a
second one where the first is late. All before the first byte; after it nothing is tried again.
Must not know HTTP or policies.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from weir_gateway.adapters.resilience import retry
from weir_gateway.adapters.resilience.backend_state import Group
from weir_gateway.adapters.resilience.concurrency_limit import Full
from weir_gateway.adapters.resilience.endpoints import Endpoint, choose, least_busy
from weir_gateway.adapters.resilience.observed_reply import WatchedReply
from weir_gateway.adapters.resilience.ports import Caller, Chance
from weir_gateway.adapters.resilience.prober import Prober
from weir_gateway.adapters.resilience.race import race
from weir_gateway.adapters.resilience.telemetry import UpstreamTelemetry
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Passthrough
from weir_gateway.routing.ports import Clock
from weir_wires.usage import Usage

MAX_KEPT: Final = 10_000  # backends; a bound for tables that come and go
KEY_REFUSED: Final = frozenset({401, 403})

Call = Callable[[], Coroutine[Any, Any, WatchedReply]]


@dataclass(slots=True)
class _Way:
    """One request at one backend."""

    group: Group
    request: Request
    deadline: float
    last_resort: bool
    tried: list[Endpoint] = field(default_factory=list[Endpoint])
    attempt: int = 1


class ResilientUpstreams:
    """Keeps what is known of each backend, and calls them by `caller`."""

    def __init__(
        self, caller: Caller, telemetry: UpstreamTelemetry, clock: Clock, chance: Chance
    ) -> None:
        self._caller = caller
        self._telemetry = telemetry
        self._clock = clock
        self._chance = chance
        self._groups: dict[BackendId, Group] = {}
        self._prober = Prober(caller, telemetry, clock)
        telemetry.watch(lambda: self._prober.ejected, self._waiting)

    async def probe_forever(self) -> None:
        """Ask ejected endpoints whether they answer; the program's background task."""
        await self._prober.run()

    async def send(
        self, backend: Backend, request: Request, *, last_resort: bool = False
    ) -> WatchedReply:
        """Forward `request` to one of `backend`'s endpoints, with what its settings allow.

        Raises UpstreamError where none answered, and at once where all are ejected; with
        `last_resort` an ejected one is called all the same, by a few requests at once.
        """
        group = self._group(backend)
        try:
            await group.gate.enter()
        except Full:
            raise self._full(backend) from None
        way = _Way(group, request, self._clock() + backend.timeouts.total, last_resort)
        try:
            reply = await self._attempts(way)
        except BaseException:
            group.gate.leave()
            raise
        reply.when_over(group.gate.leave)
        return reply

    async def _attempts(self, way: _Way) -> WatchedReply:
        group = way.group
        group.retries.pay_in()
        endpoint = self._chosen(way)
        if endpoint is None:
            raise self._ejected(group)
        while True:
            way.tried.append(endpoint)
            try:
                reply = await self._within(way, self._call(way, endpoint))
            except UpstreamError as error:
                endpoint = await self._next(way, error)
                if endpoint is None:
                    raise
                self._telemetry.retried(group.backend.id, error.label)
            else:
                following = self._with_another_key(way, reply)
                if following is None:
                    return reply
                await reply.close(abort=False)
                self._telemetry.retried(group.backend.id, str(reply.status))
                endpoint = following
            way.attempt += 1

    async def _within(self, way: _Way, call: Coroutine[Any, Any, WatchedReply]) -> WatchedReply:
        """A first call has its own timeouts; a later one has what is left."""
        if way.attempt == 1:
            return await call
        try:
            async with asyncio.timeout(max(way.deadline - self._clock(), 0.0)):
                return await call
        except TimeoutError:
            backend = way.group.backend
            raise UpstreamError(
                f"backend {backend.id} was too slow: its calls took longer than "
                f"{backend.timeouts.total:g} s together",
                failure=UpstreamFailure.TIMEOUT,
            ) from None

    async def _next(self, way: _Way, error: UpstreamError) -> Endpoint | None:
        """Whom to call after `error`, when it is time to; None: nobody any more."""
        backend = way.group.backend
        if way.attempt >= backend.retries.attempts or not retry.again(error):
            return None
        endpoint = self._chosen(way)
        if endpoint is None:
            return None
        wait = self._pause(way, error) if endpoint in way.tried else 0.0
        if wait is None or self._clock() + wait >= way.deadline:
            return None
        if not way.group.retries.take(self._clock()):
            self._telemetry.refused(backend.id, "retry_budget")
            return None
        if wait:
            await asyncio.sleep(wait)
        return endpoint if endpoint.circuit.admits(self._clock()) else self._chosen(way)

    def _pause(self, way: _Way, error: UpstreamError) -> float | None:
        after = retry.seconds(error.retry_after, _today)
        longest = way.group.backend.retries.wait
        return retry.pause(way.attempt, longest, after, self._chance.random())

    def _with_another_key(self, way: _Way, reply: WatchedReply) -> Endpoint | None:
        """Whom to call where one of several keys is refused."""
        if reply.status not in KEY_REFUSED or len(way.group.endpoints) == 1:
            return None
        refused = way.tried[-1]
        if isinstance(refused.backend.auth, Passthrough):
            return None  # the client's own key; the other endpoints would be asked with the same
        refused.failed(self._clock())
        if way.attempt >= len(way.group.endpoints):
            return None
        endpoint = self._chosen(way)
        return None if endpoint in way.tried else endpoint

    def _chosen(self, way: _Way) -> Endpoint | None:
        endpoints = way.group.endpoints
        found = choose(endpoints, way.tried, self._clock(), self._chance)
        if found is None and way.last_resort and not way.tried:
            return least_busy(endpoints)
        return found

    async def _call(self, way: _Way, endpoint: Endpoint) -> WatchedReply:
        """One call; two where the first is late and the backend says so."""
        group, hedge = way.group, way.group.backend.hedge
        if hedge is None or not way.request.stream:
            return await self._once(way, endpoint)
        group.hedges.pay_in()
        after = group.first_tokens.quantile(hedge.after)
        if after is None:
            return await self._once(way, endpoint)
        raced = await race(
            partial(self._once, way, endpoint), lambda: self._hedge(way, endpoint), after
        )
        if raced.hedged:
            self._telemetry.hedged(group.backend.id, "won" if raced.won else "lost")
        if raced.paid_twice:
            # Its prompt was read; nobody knows how much of its answer was written.
            raced.reply.wasted = Usage(input=way.request.prompt_tokens, output=0)
        return raced.reply

    def _hedge(self, way: _Way, first: Endpoint) -> Call | None:
        """The second call, where an endpoint, a place and the budget allow one."""
        group = way.group
        second = choose(group.endpoints, [first], self._clock(), self._chance)
        if second is None or not group.gate.open:
            return None
        if not group.hedges.take(self._clock()):
            self._telemetry.hedged(group.backend.id, "budget")
            return None
        return partial(self._hedging, way, second)

    async def _hedging(self, way: _Way, second: Endpoint) -> WatchedReply:
        gate = way.group.gate
        if not gate.try_enter():
            raise self._full(way.group.backend)
        try:
            reply = await self._once(way, second)
        except BaseException:
            gate.leave()
            raise
        reply.when_over(gate.leave)
        return reply

    async def _once(self, way: _Way, endpoint: Endpoint) -> WatchedReply:
        clock = self._clock
        began = clock()
        endpoint.begin(began)
        try:
            reply = await self._caller.send(endpoint.backend, way.request)
        except UpstreamError as error:
            endpoint.ended()
            self._failed(way, endpoint, error)
            raise
        except BaseException:
            endpoint.ended()
            endpoint.undecided()
            raise
        now = clock()
        endpoint.succeeded(now)
        if way.request.stream:
            way.group.first_tokens.add(now - began)
        self._telemetry.called(way.group.backend.id, "ok")
        return WatchedReply(reply, lambda: self._broke(way, endpoint), endpoint.ended)

    def _failed(self, way: _Way, endpoint: Endpoint, error: UpstreamError) -> None:
        match retry.fault(error):
            case retry.Fault.ENDPOINT:
                endpoint.failed(self._clock())
            case retry.Fault.LIMIT:
                endpoint.limited(self._clock())
            case retry.Fault.NOBODY:
                endpoint.succeeded(self._clock())
        self._telemetry.called(way.group.backend.id, error.label)

    def _broke(self, way: _Way, endpoint: Endpoint) -> None:
        endpoint.failed(self._clock())
        self._telemetry.called(way.group.backend.id, "half_way")

    def _group(self, backend: Backend) -> Group:
        group = self._groups.get(backend.id)
        if group is not None and group.backend is backend:
            return group
        now = self._clock()
        if group is not None:
            for gone in group.renew(backend, now):
                self._forget(gone)
            return group
        while len(self._groups) >= MAX_KEPT:
            oldest = self._groups.pop(next(iter(self._groups)))
            for gone in oldest.endpoints:
                self._forget(gone)
        fresh = self._groups[backend.id] = Group(backend, now, self._changed)
        return fresh

    def _changed(self, endpoint: Endpoint) -> None:
        self._telemetry.changed(endpoint)
        self._prober.changed(endpoint)

    def _forget(self, endpoint: Endpoint) -> None:
        self._telemetry.forgotten(endpoint)
        self._prober.forget(endpoint)

    def _waiting(self) -> float:
        return sum(group.gate.waiting for group in self._groups.values())

    def _full(self, backend: Backend) -> UpstreamError:
        self._telemetry.refused(backend.id, "busy")
        return UpstreamError(
            f"backend {backend.id} has {backend.in_flight} requests under way, its limit, and "
            f"none ended within {backend.queue.wait:g} s",
            failure=UpstreamFailure.BUSY,
        )

    def _ejected(self, group: Group) -> UpstreamError:
        backend = group.backend
        self._telemetry.refused(backend.id, "open")
        due = min(one.circuit.due for one in group.endpoints) - self._clock()
        return UpstreamError(
            f"backend {backend.id} fails and is left alone for now",
            failure=UpstreamFailure.OPEN,
            retry_after=str(max(math.ceil(due), 1)),
        )


def _today() -> datetime:
    return datetime.now(UTC)
