"""Sums of money in a real Redis: shared, exact over broken calls, healed when it has lost them."""

from support.polling import eventually
from support.redis_server import connected, redis_server
from weir_gateway.adapters.redis.client import Redis
from weir_gateway.adapters.spend.redis import RedisSums
from weir_gateway.adapters.spend.sums import Change, Sums
from weir_policy.ids import PicoUsd

NOW = 4_000_000_000.0
LATER = int(NOW) + 3600
HUGE = 9_007_199_254_740_993  # a double can't hold it


def _sums(redis: Redis) -> Sums:
    return Sums(RedisSums(redis), lambda: NOW)


async def test_gateways_share_sums_to_the_last_unit() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        one, other = _sums(redis), _sums(redis)
        one.add("month", PicoUsd(HUGE), LATER)
        other.add("month", PicoUsd(2), LATER)
        await one.flush()
        await other.flush()
        assert other.spent("month", LATER) == HUGE + 2
        assert one.spent("month", LATER) == HUGE
        await one.flush()
        assert one.spent("month", LATER) == HUGE + 2
        assert int(await redis.call("TTL", "{weir}:sum:month")) > 0


async def test_the_same_telling_twice_adds_once() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        store = RedisSums(redis)
        change = Change("month", 5, LATER, 0)
        assert list(await store.add(1, [change])) == [5]
        assert list(await store.add(1, [change])) == [5]
        assert list(await store.add(2, [change])) == [10]


async def test_a_server_that_lost_its_memory_is_told_again() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        sums, other = _sums(redis), _sums(redis)
        sums.add("month", PicoUsd(40), LATER)
        await sums.flush()
        await server.kill()
        sums.add("month", PicoUsd(2), LATER)
        await sums.flush()  # in vain: the first call finds out
        assert sums.spent("month", LATER) == 42
        await server.start()
        await eventually(lambda: _here(redis))
        await sums.flush()
        assert other.spent("month", LATER) == 0
        await other.flush()
        assert other.spent("month", LATER) == 42
        assert int(await redis.call("TTL", "{weir}:sum:month")) > 0


async def _here(redis: Redis) -> bool:
    return redis.available
