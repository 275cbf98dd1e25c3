"""Sums in the Redis that gateways share: one round trip for all that is new.

Sums only grow here. A server that lost its memory gets back what any gateway still knows.
"""

import secrets
from collections.abc import Sequence
from typing import Final

from weir_gateway.adapters.redis.client import Argument, Redis, Script
from weir_gateway.adapters.redis.errors import RedisUnavailable
from weir_gateway.adapters.spend.sums import Change, SumStoreUnavailable

PREFIX: Final = "{weir}:sum:"  # of a cluster, all on one node: a script sees no other
WRITERS: Final = "{weir}:told:"
INTERVAL: Final = 0.2  # seconds
REMEMBERED: Final = 3600  # seconds that a gateway's last number is known

# KEYS: the teller's last number, then the sums. ARGV: number, its expiry, then of each sum what it
# was known to be, what comes to it, and when it ends. Sums stay text: numbers of Lua are doubles.
ADD: Final = Script("""
local again = redis.call('GET', KEYS[1]) == ARGV[1]
local totals = {}
for i = 2, #KEYS do
  local at = 3 * (i - 2) + 3
  local now = redis.call('GET', KEYS[i]) or '0'
  if tonumber(now) < tonumber(ARGV[at]) then
    redis.call('SET', KEYS[i], ARGV[at])
    now = ARGV[at]
  end
  if not again and ARGV[at + 1] ~= '0' then
    redis.call('INCRBY', KEYS[i], ARGV[at + 1])
    now = redis.call('GET', KEYS[i])
  end
  redis.call('EXPIREAT', KEYS[i], ARGV[at + 2])
  totals[i - 1] = now
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return totals
""")


class RedisSums:
    """A SumStore."""

    @property
    def every(self) -> float:
        """Seconds between two tellings."""
        return INTERVAL

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._writer = WRITERS + secrets.token_hex(8)

    async def add(self, number: int, changes: Sequence[Change]) -> Sequence[int]:
        """Add `changes` where they were not added yet. Raises SumStoreUnavailable."""
        keys: list[Argument] = [self._writer, *(PREFIX + change.name for change in changes)]
        arguments: list[Argument] = [number, REMEMBERED]
        for change in changes:
            arguments += (change.stored, change.amount, change.until)
        try:
            totals: list[bytes] = await self._redis.script(ADD, keys, arguments)
        except RedisUnavailable as error:
            raise SumStoreUnavailable(f"redis: {error}") from error
        return [int(total) for total in totals]
