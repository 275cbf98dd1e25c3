"""Budgets in a Redis or Valkey that gateways share.

Each gateway process has its own sums in a hash per policy and period, so that telling them twice,
or anew after the server lost them, counts once. Sums of whole pico-USD are exact in a script up to
9,000 USD and right to a billionth beyond.
"""

from collections.abc import Mapping
from typing import Final

from weir_gateway.adapters.redis.client import Argument, Redis, Script
from weir_gateway.adapters.redis.errors import RedisUnavailable
from weir_gateway.routing.budget.plan import DAY, HOURS, REMEMBERED
from weir_gateway.routing.budget.ports import BudgetStoreUnavailable, LeaseRequest, LeaseState
from weir_policy.ids import PicoUsd

PREFIX: Final = "{weir}:budget"
RETENTION: Final = 2 * DAY  # seconds that a period is kept beyond its end
RETENTION_HOURS: Final = (REMEMBERED + 2) * HOURS  # of traffic

# The arithmetic is adapters/budget/memory.py's; a test holds the two together.
_EXCHANGE: Final = Script(
    """
local own, limit, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local least, wanted = tonumber(ARGV[4]), tonumber(ARGV[5])
local granted, spent, requests = 0, 0, 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  if all[at] ~= own then
    local g, s, r = string.match(all[at + 1], '^(%d+) (%d+) (%d+)$')
    granted = granted + tonumber(g)
    spent = spent + tonumber(s)
    requests = requests + tonumber(r)
  end
end
local left = limit - granted - used
local mine = used
if left > 0 then
  local fair = math.max(used + math.floor(left / 4), math.min(least, used + left))
  mine = math.max(math.min(wanted, fair), used)
end
local kept = string.format('%.0f', mine) .. ' ' .. ARGV[6] .. ' ' .. ARGV[7]
redis.call('HSET', KEYS[1], own, kept)
redis.call('EXPIREAT', KEYS[1], ARGV[8])
return {string.format('%.0f', mine), string.format('%.0f', limit - granted - mine),
        string.format('%.0f', spent + tonumber(ARGV[6])), requests + tonumber(ARGV[7])}
"""
)


_COUNT: Final = Script(
    """
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
if redis.call('HLEN', KEYS[1]) > ARGV[3] + 24 then
  for _, hour in ipairs(redis.call('HKEYS', KEYS[1])) do
    if tonumber(hour) < ARGV[1] - ARGV[3] then redis.call('HDEL', KEYS[1], hour) end
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
"""
)

_TRAFFIC: Final = Script("return redis.call('HGETALL', KEYS[1])")


class RedisBudgetStore:
    """The store."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def renew(self, request: LeaseRequest) -> LeaseState:
        """Keep and grant in one round trip. Raises BudgetStoreUnavailable."""
        try:
            reply = await self._redis.script(
                _EXCHANGE,
                [f"{PREFIX}:{request.policy}:{request.span}"],
                [
                    request.instance,
                    request.limit,
                    request.used,
                    request.least,
                    request.wanted,
                    request.spent,
                    request.requests,
                    int(request.until + RETENTION),
                ],
            )
        except RedisUnavailable as gone:
            raise BudgetStoreUnavailable(str(gone)) from gone
        granted, free, spent, requests = map(int, reply)
        return LeaseState(PicoUsd(granted), PicoUsd(free), PicoUsd(spent), requests)

    async def count(self, policy: str, hour: int, requests: int) -> None:
        """Count. Raises BudgetStoreUnavailable."""
        try:
            arguments: list[Argument] = [hour, requests, RETENTION_HOURS, int(REMEMBERED * 2 * DAY)]
            await self._redis.script(_COUNT, [_traffic(policy)], arguments)
        except RedisUnavailable as gone:
            raise BudgetStoreUnavailable(str(gone)) from gone

    async def traffic(self, policy: str) -> Mapping[int, int]:
        """Requests by hour since 1970. Raises BudgetStoreUnavailable."""
        try:
            reply = await self._redis.script(_TRAFFIC, [_traffic(policy)], [])
        except RedisUnavailable as gone:
            raise BudgetStoreUnavailable(str(gone)) from gone
        numbers = list(map(int, reply))
        return dict(zip(numbers[::2], numbers[1::2], strict=True))


def _traffic(policy: str) -> str:
    return f"{PREFIX}:{policy}:traffic"
