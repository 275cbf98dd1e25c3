"""Writes a policy's caches down as weir.routing.v1.Cache. Decides nothing."""

from weir_policy.spec.cache import Cache, CacheScope
from weir_proto.routing.v1 import routetable_pb2 as wire

SCOPES = {
    CacheScope.KEY: wire.CACHE_SCOPE_KEY,
    CacheScope.POLICY: wire.CACHE_SCOPE_POLICY,
}


def cache_message(cache: Cache | None) -> wire.Cache | None:
    """The caches as the gateway reads them; None where there are none."""
    if cache is None:
        return None
    message = wire.Cache(scope=SCOPES[cache.scope], temperature=cache.temperature)
    if cache.exact is not None:
        message.exact.ttl_ms = cache.exact.ttl
    if cache.semantic is not None:
        message.semantic.ttl_ms = cache.semantic.ttl
        message.semantic.similarity = cache.semantic.similarity
    return message
