"""Routing's Upstreams: one request, and as many calls as its backend's settings allow.

Takes a slot, chooses an endpoint, calls it, retries what may succeed, and hedges a late first
token. All of it happens before the first byte; after that nothing is retried.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from weir_gateway.adapters.metrics.upstream_metrics import UpstreamMetrics
from weir_gateway.adapters.resilience import retry
from weir_gateway.adapters.resilience.backend_state import BackendState, QueueFull
from weir_gateway.adapters.resilience.endpoints import Endpoint, Random, choose, least_busy
from weir_gateway.adapters.resilience.prober import Caller, Prober
from weir_gateway.adapters.resilience.race import ObservedReply, race
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Passthrough
from weir_gateway.routing.estimate import estimate_usage
from weir_gateway.routing.ports import Clock
from weir_policy.ids import BackendId

MAX_BACKENDS: Final = 10_000  # backends with state; bounds what replaced tables leave behind

Call = Callable[[], Coroutine[Any, Any, ObservedReply]]


@dataclass(slots=True)
class _Dispatch:
    """One request at one backend."""

    state: BackendState
    request: Request
    deadline: float
    last_resort: bool
    tried: list[Endpoint] = field(default_factory=list[Endpoint])
    attempt: int = 1


class ResilientUpstreams:
    """Sends requests to backends: retries, hedges, breakers and limits around a Caller."""

    def __init__(
        self, caller: Caller, telemetry: UpstreamMetrics, clock: Clock, random: Random
    ) -> None:
        self._caller = caller
        self._telemetry = telemetry
        self._clock = clock
        self._random = random
        self._states: dict[BackendId, BackendState] = {}
        self._prober = Prober(caller, telemetry, clock)
        telemetry.add_gauges(lambda: self._prober.ejected, self._waiting)

    async def probe_forever(self) -> None:
        """Probe ejected endpoints; run as a background task."""
        await self._prober.run()

    async def send(
        self, backend: Backend, request: Request, *, last_resort: bool = False
    ) -> ObservedReply:
        """Send `request` to one of `backend`'s endpoints, with its retries and hedges.

        Raises UpstreamError if none answers, and at once if all are ejected; with `last_resort`
        an ejected endpoint is called anyway, by a few requests at a time.
        """
        state = self._backend_state(backend)
        try:
            await state.concurrency.acquire()
        except QueueFull:
            raise self._queue_full(backend) from None
        dispatch = _Dispatch(state, request, self._clock() + backend.timeouts.total, last_resort)
        try:
            reply = await self._attempts(dispatch)
        except BaseException:
            state.concurrency.release()
            raise
        reply.on_close(state.concurrency.release)
        return reply

    async def _attempts(self, dispatch: _Dispatch) -> ObservedReply:
        state = dispatch.state
        state.retries.deposit()
        endpoint = self._choose(dispatch)
        if endpoint is None:
            raise self._all_ejected(state)
        while True:
            dispatch.tried.append(endpoint)
            try:
                reply = await self._with_deadline(dispatch, self._call(dispatch, endpoint))
            except UpstreamError as error:
                if error.failure in retry.KEY_ERRORS:
                    endpoint = self._with_another_key(dispatch)
                else:
                    endpoint = await self._next_endpoint(dispatch, error)
                if endpoint is None:
                    raise
                self._telemetry.retried(state.backend.id, error.label)
            else:
                return reply
            dispatch.attempt += 1

    async def _with_deadline(
        self, dispatch: _Dispatch, call: Coroutine[Any, Any, ObservedReply]
    ) -> ObservedReply:
        """Await `call`: the first by its own timeouts, later ones in the time that is left."""
        if dispatch.attempt == 1:
            return await call
        try:
            async with asyncio.timeout(max(dispatch.deadline - self._clock(), 0.0)):
                return await call
        except TimeoutError:
            backend = dispatch.state.backend
            raise UpstreamError(
                f"backend {backend.id} was too slow: its calls took longer than "
                f"{backend.timeouts.total:g} s together",
                failure=UpstreamFailure.TIMEOUT,
            ) from None

    async def _next_endpoint(self, dispatch: _Dispatch, error: UpstreamError) -> Endpoint | None:
        """Wait out the backoff after `error`; returns the endpoint to retry, None for no retry."""
        backend = dispatch.state.backend
        if dispatch.attempt >= backend.retries.attempts or not retry.is_retryable(error):
            return None
        endpoint = self._choose(dispatch)
        if endpoint is None:
            return None
        wait = self._backoff(dispatch, error) if endpoint in dispatch.tried else 0.0
        if wait is None or self._clock() + wait >= dispatch.deadline:
            return None
        if not dispatch.state.retries.try_withdraw(self._clock()):
            self._telemetry.refused(backend.id, "retry_budget")
            return None
        if wait:
            await asyncio.sleep(wait)
        return endpoint if endpoint.circuit.allows(self._clock()) else self._choose(dispatch)

    def _backoff(self, dispatch: _Dispatch, error: UpstreamError) -> float | None:
        after = retry.retry_after_seconds(error.retry_after, _utc_now)
        max_wait = dispatch.state.backend.retries.wait
        return retry.backoff(dispatch.attempt, max_wait, after, self._random.random())

    def _with_another_key(self, dispatch: _Dispatch) -> Endpoint | None:
        """The endpoint for a retry after the provider refused one of several keys."""
        if len(dispatch.state.endpoints) == 1:
            return None
        refused = dispatch.tried[-1]
        if isinstance(refused.backend.auth, Passthrough):
            return None  # the client's own key would be refused elsewhere too
        refused.failed(self._clock())
        if dispatch.attempt >= len(dispatch.state.endpoints):
            return None
        endpoint = self._choose(dispatch)
        return None if endpoint in dispatch.tried else endpoint

    def _choose(self, dispatch: _Dispatch) -> Endpoint | None:
        endpoints = dispatch.state.endpoints
        endpoint = choose(endpoints, dispatch.tried, self._clock(), self._random)
        if endpoint is None and dispatch.last_resort and not dispatch.tried:
            return least_busy(endpoints)
        return endpoint

    async def _call(self, dispatch: _Dispatch, endpoint: Endpoint) -> ObservedReply:
        """One call, or two if the first is late and the backend has a hedge."""
        state, hedge = dispatch.state, dispatch.state.backend.hedge
        if hedge is None or not dispatch.request.stream:
            return await self._send_once(dispatch, endpoint)
        state.hedges.deposit()
        after = state.first_tokens.quantile(hedge.after.share)
        if after is None:
            return await self._send_once(dispatch, endpoint)
        raced = await race(
            partial(self._send_once, dispatch, endpoint),
            lambda: self._hedge(dispatch, endpoint),
            after,
        )
        if raced.hedged:
            self._telemetry.hedged(state.backend.id, "won" if raced.won else "lost")
        if raced.paid_twice:
            # The loser's prompt was read; how much of its answer was written is unknown.
            raced.reply.wasted = estimate_usage(dispatch.request)
        return raced.reply

    def _hedge(self, dispatch: _Dispatch, first: Endpoint) -> Call | None:
        """The second call, if an endpoint, a free slot and the budget allow it."""
        state = dispatch.state
        second = choose(state.endpoints, [first], self._clock(), self._random)
        if second is None or not state.concurrency.available:
            return None
        if not state.hedges.try_withdraw(self._clock()):
            self._telemetry.hedged(state.backend.id, "budget")
            return None
        return partial(self._send_hedge, dispatch, second)

    async def _send_hedge(self, dispatch: _Dispatch, second: Endpoint) -> ObservedReply:
        limit = dispatch.state.concurrency
        if not limit.try_acquire():
            raise self._queue_full(dispatch.state.backend)
        try:
            reply = await self._send_once(dispatch, second)
        except BaseException:
            limit.release()
            raise
        reply.on_close(limit.release)
        return reply

    async def _send_once(self, dispatch: _Dispatch, endpoint: Endpoint) -> ObservedReply:
        clock = self._clock
        began = clock()
        endpoint.begin(began)
        try:
            reply = await self._caller.send(endpoint.backend, dispatch.request)
        except UpstreamError as error:
            endpoint.ended()
            self._failed(dispatch, endpoint, error)
            raise
        except BaseException:
            endpoint.ended()
            endpoint.undecided()
            raise
        answered = clock()
        endpoint.succeeded(answered)
        if dispatch.request.stream:
            dispatch.state.first_tokens.add(answered - began)
        self._telemetry.called(dispatch.state.backend.id, "ok")
        return ObservedReply(reply, partial(self._stream_broke, dispatch, endpoint), endpoint.ended)

    def _failed(self, dispatch: _Dispatch, endpoint: Endpoint, error: UpstreamError) -> None:
        match retry.fault(error):
            case retry.Fault.ENDPOINT:
                endpoint.failed(self._clock())
            case retry.Fault.LIMIT:
                endpoint.rate_limited(self._clock())
            case retry.Fault.NONE:
                endpoint.succeeded(self._clock())
        self._telemetry.called(dispatch.state.backend.id, error.label)

    def _stream_broke(self, dispatch: _Dispatch, endpoint: Endpoint, error: UpstreamError) -> None:
        fault = retry.fault(error)
        if fault is retry.Fault.ENDPOINT:
            endpoint.failed(self._clock())
        outcome = error.label if fault is retry.Fault.NONE else "half_way"
        self._telemetry.called(dispatch.state.backend.id, outcome)

    def _backend_state(self, backend: Backend) -> BackendState:
        state = self._states.get(backend.id)
        if state is not None and state.backend is backend:
            return state
        now = self._clock()
        if state is not None:
            for removed in state.update(backend, now):
                self._forget(removed)
            return state
        while len(self._states) >= MAX_BACKENDS:
            oldest = self._states.pop(next(iter(self._states)))
            for removed in oldest.endpoints:
                self._forget(removed)
        fresh = self._states[backend.id] = BackendState(backend, now, self._state_changed)
        return fresh

    def _state_changed(self, endpoint: Endpoint) -> None:
        self._telemetry.state_changed(endpoint)
        self._prober.state_changed(endpoint)

    def _forget(self, endpoint: Endpoint) -> None:
        self._telemetry.forget(endpoint)
        self._prober.forget(endpoint)

    def _waiting(self) -> float:
        return sum(state.concurrency.waiting for state in self._states.values())

    def _queue_full(self, backend: Backend) -> UpstreamError:
        self._telemetry.refused(backend.id, "busy")
        return UpstreamError(
            f"backend {backend.id} has {backend.in_flight} requests in flight, its limit, and "
            f"none ended within {backend.queue.wait:g} s",
            failure=UpstreamFailure.BUSY,
        )

    def _all_ejected(self, state: BackendState) -> UpstreamError:
        backend = state.backend
        self._telemetry.refused(backend.id, "open")
        due = min(endpoint.circuit.probe_at for endpoint in state.endpoints) - self._clock()
        return UpstreamError(
            f"backend {backend.id} failed too often; its circuit breaker is open",
            failure=UpstreamFailure.OPEN,
            retry_after=str(max(math.ceil(due), 1)),
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)
