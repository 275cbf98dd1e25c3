"""A table with caches, and requests that take part in them."""

import json

from support.gateway import backend, table
from weir_proto.routing.v1 import routetable_pb2 as pb

MINUTES_10 = 600_000


def cached_table(
    *urls: str,
    exact_ms: int = MINUTES_10,
    semantic_ms: int = 0,
    similarity: float = 0.9,
    scope: "pb.CacheScope.ValueType" = pb.CACHE_SCOPE_KEY,
    temperature: float = 0,
) -> pb.RouteTable:
    """One policy with a cache over backends at `urls`, weakest first; the last costs tenfold."""
    names = ("weak", "strong")[: len(urls)]
    prices = (1_000_000, 10_000_000)
    backends = [
        backend(name, url, micro_usd=price)
        for name, url, price in zip(names, urls, prices, strict=False)
    ]
    for one in backends:
        one.capabilities.extend([pb.CAPABILITY_TOOLS, pb.CAPABILITY_JSON_SCHEMA])
    message = table(*backends)
    cache = pb.Cache(scope=scope, temperature=temperature)
    if exact_ms:
        cache.exact.ttl_ms = exact_ms
    if semantic_ms:
        cache.semantic.ttl_ms = semantic_ms
        cache.semantic.similarity = similarity
    message.policies[0].cache.CopyFrom(cache)
    return message


def chat(prompt: str = "What is a weir?", **fields: object) -> bytes:
    """A chat request at temperature 0; a field that is None is left out."""
    body = {
        "model": "auto",
        "temperature": 0,
        "messages": [{"role": "user", "content": prompt}],
        **fields,
    }
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()
