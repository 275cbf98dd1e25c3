"""The traffic of `strongShare` in a Redis or Valkey that gateways share.

A hash holds how many requests all gateways have served and how many strong choices they owe
together; a string holds the newest scores, eight bytes each. Each report adds to both and reads
them in one step.
"""

import hashlib
import struct
from typing import Final

from weir_gateway.adapters.redis.client import Argument, Redis, Script
from weir_gateway.adapters.redis.errors import RedisUnavailable
from weir_gateway.routing.share.follower import MAX_DEBT, SAMPLE
from weir_gateway.routing.share.ports import (
    ShareKey,
    ShareReport,
    ShareState,
    ShareStoreUnavailable,
)

RETENTION: Final = 7 * 86_400  # seconds without a request, after which the bundle's prompts start
BYTES: Final = 8  # of a score

_EXCHANGE: Final = Script(
    """
local all = redis.call('HINCRBY', KEYS[1], 'requests', ARGV[1])
local most = tonumber(ARGV[3])
local debt = tonumber(redis.call('HGET', KEYS[1], 'debt') or '0') + tonumber(ARGV[2])
debt = string.format('%.6f', math.max(math.min(debt, most), -most))
redis.call('HSET', KEYS[1], 'debt', debt)
redis.call('EXPIRE', KEYS[1], ARGV[5])
local scores = string.sub((redis.call('GET', KEYS[2]) or '') .. ARGV[6], -tonumber(ARGV[4]))
redis.call('SET', KEYS[2], scores, 'EX', ARGV[5])
return {all, debt, scores}
"""
)


class RedisShareStore:
    """The store; one round trip per report."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def exchange(self, key: ShareKey, report: ShareReport) -> ShareState:
        """Add `report`, and return what all know. Raises ShareStoreUnavailable."""
        name = _name(key)
        arguments: list[Argument] = [report.requests, report.owed, MAX_DEBT, SAMPLE * BYTES]
        arguments += [RETENTION, struct.pack(f"<{len(report.scores)}d", *report.scores)]
        try:
            reply = await self._redis.script(_EXCHANGE, [name, f"{name}:scores"], arguments)
        except RedisUnavailable as gone:
            raise ShareStoreUnavailable(str(gone)) from gone
        requests, debt, scores = reply
        count = len(scores) // BYTES
        return ShareState(struct.unpack(f"<{count}d", scores), int(requests), float(debt))


def _name(key: ShareKey) -> str:
    """In braces, so that a cluster has both on one node."""
    parts = (key.policy, key.variant, key.router, key.bundle, f"{key.share:.6f}", key.apart)
    text = "\n".join(parts)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"weir:share:{{{digest}}}"
