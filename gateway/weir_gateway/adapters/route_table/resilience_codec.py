"""The part of weir.routing.v1.Backend that says how failures are borne, as the domain's.

What a table does not say is the domain's default. Must not know where a table comes from.
"""

from collections.abc import Callable
from dataclasses import replace

from weir_gateway.domain import resilience as domain
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.table import Auth, Backend, Endpoint
from weir_proto.routing.v1 import routetable_pb2 as pb

MILLIS = 1000
ONE_WEIGHT = 10  # where a table does not say
_FALLBACK_ON = {
    pb.FALLBACK_ON_RATE_LIMIT: domain.FallbackOn.RATE_LIMIT,
    pb.FALLBACK_ON_CONTEXT_LENGTH: domain.FallbackOn.CONTEXT_LENGTH,
    pb.FALLBACK_ON_CONTENT_FILTER: domain.FallbackOn.CONTENT_FILTER,
    pb.FALLBACK_ON_DOWN: domain.FallbackOn.DOWN,
    pb.FALLBACK_ON_CANNOT_CARRY: domain.FallbackOn.CANNOT_CARRY,
}


def with_resilience(
    backend: Backend, message: pb.Backend, auth: Callable[[pb.Auth], Auth]
) -> Backend:
    """`backend` with its endpoints and with what it does when they fail."""
    settled = replace(
        backend,
        retries=_retries(message),
        breaker=_breaker(message),
        queue=_queue(message),
        hedge=_hedge(message),
    )
    endpoints = tuple(
        Endpoint(
            replace(
                settled,
                id=BackendId(f"{backend.id}#{number}"),
                endpoint=endpoint.endpoint or backend.endpoint,
                auth=auth(endpoint.auth),
                key_header=endpoint.auth.header,
            ),
            endpoint.weight or ONE_WEIGHT,
        )
        for number, endpoint in enumerate(message.endpoints, 1)
    )
    return replace(settled, endpoints=endpoints)


def fallback_on(message: pb.FailureMode) -> frozenset[domain.FallbackOn]:
    """What a policy's order may mend; kinds of a newer operator are passed over."""
    if not message.fallback_on:
        return domain.FALLBACK_DEFAULT
    return frozenset(_FALLBACK_ON[kind] for kind in message.fallback_on if kind in _FALLBACK_ON)


def _retries(message: pb.Backend) -> domain.Retries:
    told, default = message.retries, domain.RETRIES
    return domain.Retries(
        attempts=told.attempts or default.attempts,
        budget=told.budget or default.budget,
        wait=told.wait_ms / MILLIS or default.wait,
    )


def _breaker(message: pb.Backend) -> domain.Breaker:
    told, default = message.breaker, domain.BREAKER
    return domain.Breaker(
        failures=told.failures or default.failures,
        share=told.share or default.share,
        window=told.window_ms / MILLIS or default.window,
        open=told.open_ms / MILLIS or default.open,
        trials=told.trials or default.trials,
    )


def _queue(message: pb.Backend) -> domain.Queue:
    told, default = message.queue, domain.QUEUE
    if not message.HasField("queue"):
        return default
    return domain.Queue(size=told.size, wait=told.wait_ms / MILLIS or default.wait)


def _hedge(message: pb.Backend) -> domain.Hedge | None:
    if not message.HasField("hedge"):
        return None
    told, default = message.hedge, domain.HEDGE
    return domain.Hedge(
        budget=told.budget or default.budget,
        after=told.after or default.after,
    )
