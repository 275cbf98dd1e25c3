"""Writes down how a backend's failures are borne, and what a policy falls back on."""

from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import FailureMode
from weir_policy.spec.resilience import FallbackOn, Quantile
from weir_proto.routing.v1 import routetable_pb2 as wire

OWN_WEIGHT = 10  # of a backend's own endpoint, which its further ones are relative to
QUANTILES = {Quantile.P90: 0.9, Quantile.P95: 0.95, Quantile.P99: 0.99}
FALLBACKS = {
    FallbackOn.RATE_LIMIT: wire.FALLBACK_ON_RATE_LIMIT,
    FallbackOn.CONTEXT_LENGTH: wire.FALLBACK_ON_CONTEXT_LENGTH,
    FallbackOn.CONTENT_FILTER: wire.FALLBACK_ON_CONTENT_FILTER,
    FallbackOn.DOWN: wire.FALLBACK_ON_DOWN,
    FallbackOn.CANNOT_CARRY: wire.FALLBACK_ON_CANNOT_CARRY,
}


def set_resilience(message: wire.Backend, spec: ModelBackendSpec) -> None:
    """Fill in retries, breaker, queue and hedge."""
    retries, breaker, queue, hedge = spec.retries, spec.breaker, spec.queue, spec.hedge
    message.retries.CopyFrom(
        wire.Retries(attempts=retries.attempts, budget=retries.budget, wait_ms=retries.wait)
    )
    message.breaker.CopyFrom(
        wire.Breaker(
            failures=breaker.failures,
            share=breaker.share,
            window_ms=breaker.window,
            open_ms=breaker.open,
            trials=breaker.trials,
        )
    )
    message.queue.CopyFrom(wire.Queue(size=queue.size, wait_ms=queue.wait))
    if hedge is not None:
        message.hedge.CopyFrom(wire.Hedge(budget=hedge.budget, after=QUANTILES[hedge.after]))


def fallback_on(mode: FailureMode) -> list["wire.FallbackOn.ValueType"]:
    """The kinds of failure that the policy's order may mend."""
    return sorted(FALLBACKS[kind] for kind in mode.fallback_on)
