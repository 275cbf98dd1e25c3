"""weir.routing.v1.Cache as the domain's. Must not know where a table comes from."""

from weir_gateway.domain.cache import CacheRules, CacheScope
from weir_proto.routing.v1 import routetable_pb2 as pb

MILLIS = 1000
_SCOPES = {
    pb.CACHE_SCOPE_UNSPECIFIED: CacheScope.KEY,
    pb.CACHE_SCOPE_KEY: CacheScope.KEY,
    pb.CACHE_SCOPE_POLICY: CacheScope.POLICY,
}


def cache_rules(policy: pb.Policy) -> CacheRules | None:
    """What the policy's caches do; None where it has none, or none that this gateway knows."""
    message = policy.cache
    rules = CacheRules(
        exact=message.exact.ttl_ms / MILLIS,
        semantic=message.semantic.ttl_ms / MILLIS,
        similarity=message.semantic.similarity,
        scope=_SCOPES.get(message.scope, CacheScope.KEY),
        temperature=message.temperature,
    )
    return rules if rules.exact or rules.semantic else None
