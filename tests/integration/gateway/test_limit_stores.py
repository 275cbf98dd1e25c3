"""Memory and a real Redis count limits alike: the same asks, the same answers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from support.limits import ask, memory
from support.polling import eventually
from support.redis_server import connected, redis_server
from weir_gateway.adapters.limits.memory import MemoryLimits
from weir_gateway.adapters.limits.redis import RedisLimits
from weir_gateway.adapters.limits.shared import SharedLimits
from weir_gateway.adapters.redis.client import Redis
from weir_gateway.adapters.redis.errors import RedisProblem, RedisUnavailable
from weir_gateway.domain.errors import LimitsUnknown
from weir_gateway.domain.limits import LimitCheck, LimitReservation, LimitResult
from weir_policy.spec.limits import Window
from weir_runtime.metrics import Registry

NOON = 1_800_014_400.0
MANY = 100_000  # turns of the loop, more than a round trip takes


@dataclass
class Store:
    """One of the two."""

    take: Callable[[Sequence[LimitCheck]], Awaitable[LimitResult]]
    settle: Callable[[LimitReservation, int], None]
    flush: Callable[[], Awaitable[None]]

    async def used(self, window: Window) -> int:
        """What of a limit is gone."""
        return (await self.take([ask(10**9, 0, window=window)])).used[0]


async def _done() -> None:
    """Memory settles at once."""


@asynccontextmanager
async def _memory() -> AsyncGenerator[Store]:
    limits = memory(lambda: NOON)
    yield Store(limits.take, limits.settle, _done)


@asynccontextmanager
async def _redis() -> AsyncGenerator[Store]:
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)

        def settle(held: LimitReservation, amount: int) -> None:
            limits.settle(held, amount - held.amount)

        yield Store(limits.take, settle, limits.settle_now)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[Store]:
    async with _memory() if request.param == "memory" else _redis() as made:
        yield made


@pytest.mark.parametrize("window", list(Window))
async def test_exactly_the_limit_passes_a_burst(store: Store, window: Window) -> None:
    taken = await asyncio.gather(*(store.take([ask(500, window=window)]) for _ in range(800)))
    assert sum(one.refused < 0 for one in taken) == 500
    refused = next(one for one in taken if one.refused == 0)
    assert 0 < refused.wait <= (61 if window is Window.MINUTE else 86_400)
    assert max(one.used[0] for one in taken) == 500


async def test_a_request_takes_all_its_limits_or_none(store: Store) -> None:
    both = [ask(5, counter="a"), ask(3, counter="b", window=Window.DAY)]
    taken = [await store.take(both) for _ in range(5)]
    assert [one.refused for one in taken] == [-1, -1, -1, 1, 1]
    assert (await store.take([ask(5, 0, counter="a")])).used == (3,)


async def test_where_the_most_does_not_fit_the_least_is_taken(store: Store) -> None:
    dear = [ask(100, 1, 40, counter="usd", window=Window.DAY), ask(50, 0, 40, counter="strong")]
    taken = [await store.take(dear) for _ in range(3)]
    assert [(one.fits_max, one.blocking) for one in taken] == [(True, -1), (False, 1), (False, 1)]
    assert taken[-1].used == (42, 40)
    assert [held.amount for held in taken[-1].reservations] == [1, 0]


@pytest.mark.parametrize("window", list(Window))
async def test_what_was_set_aside_is_settled(store: Store, window: Window) -> None:
    held = (await store.take([ask(10**9, 400, window=window)])).reservations[0]
    store.settle(held, 25)
    await store.flush()
    assert await store.used(window) == 25
    again = (await store.take([ask(10**9, 10, window=window)])).reservations[0]
    store.settle(again, 90)
    await store.flush()
    assert await store.used(window) == 115


@pytest.mark.parametrize("window", list(Window))
async def test_sums_past_what_a_double_prints_in_full_stay_exact(
    store: Store, window: Window
) -> None:
    huge = 4_000_000_000_000_001
    await store.take([ask(2 * huge, huge, window=window)])
    assert await store.used(window) == huge


async def test_redis_forgets_by_itself() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)
        await limits.take([ask(5), ask(5, counter="d", window=Window.DAY)])
        assert 60 < int(await redis.call("TTL", "{weir}:limit:c")) <= 123
        assert 86_400 < int(await redis.call("TTL", "{weir}:limit:d")) <= 2 * 86_400


async def test_redis_forgets_a_minute_second_by_second() -> None:
    """The hash as it stands a minute on: its clock can't be turned, its content can."""
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)
        now = int((await redis.call("TIME"))[0])
        old, young = now - 62, now - 30
        key = "{weir}:limit:c"
        fields = (old, 4, young, 3, "sum", 7, "oldest", old, "last", young)
        await redis.call("HSET", key, *fields)
        taken = await limits.take([ask(5, 2)])
        assert taken.used == (5,)
        assert await redis.call("HGET", key, old) is None
        refused = await limits.take([ask(5, 2)])
        assert 25 <= refused.wait <= 31
        await redis.call("HSET", key, "last", now - 90, "sum", 100)
        assert (await limits.take([ask(5)])).used == (1,)


async def test_a_server_whose_clock_went_backwards_lets_no_more_pass() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)
        ahead = int((await redis.call("TIME"))[0]) + 20
        await redis.call(
            "HSET", "{weir}:limit:c", ahead, 5, "sum", 5, "oldest", ahead, "last", ahead
        )
        assert (await limits.take([ask(5)])).refused == 0
        await redis.call("HSET", "{weir}:limit:d", "day", ahead // 86_400 + 1, "sum", 5)
        day = ask(5, counter="d", window=Window.DAY)
        assert (await limits.take([day])).refused == 0


async def test_a_settlement_that_is_sent_twice_counts_once() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)
        held = (await limits.take([ask(100, 50, window=Window.DAY)])).reservations[0]
        limits.settle(held, 7)
        await limits.settle_now()
        limits._sending = (((held.counter, held.window, held.slot), 7),)  # its answer was lost
        await limits.settle_now()
        assert (await limits.take([ask(100, 0, window=Window.DAY)])).used == (57,)


async def test_a_full_redis_counts_nothing_by_halves() -> None:
    options = ("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    async with redis_server(*options) as server, connected(server.url) as redis:
        with pytest.raises(RedisUnavailable) as caught:
            await RedisLimits(redis).take([ask(5), ask(5, counter="d", window=Window.DAY)])
        assert caught.value.problem is RedisProblem.FULL
        assert await redis.call("DBSIZE") == 0


def _shared(redis: Redis, registry: Registry) -> tuple[SharedLimits, RedisLimits, MemoryLimits]:
    counting, alone = RedisLimits(redis), memory(lambda: NOON, local=True)
    return SharedLimits(counting, alone, registry), counting, alone


async def test_without_redis_open_limits_hold_here_and_closed_ones_refuse() -> None:
    registry = Registry()
    async with redis_server() as server, connected(server.url) as redis:
        limits, _, _ = _shared(redis, registry)
        await server.kill()
        taken = [await limits.take([ask(3)], closed=False) for _ in range(5)]
        assert [one.refused for one in taken] == [-1, -1, -1, 0, 0]
        with pytest.raises(LimitsUnknown):
            await limits.take([ask(3)], closed=True)
        counted = registry.counters["weir.limits.local"]
        assert counted.labels("counted").value == 5
        assert counted.labels("refused").value == 1


async def test_days_go_on_from_what_all_had_used_and_are_told_when_redis_is_back() -> None:
    registry = Registry()
    # Two deadlines pass: a busy machine has time enough for the rest, and nobody waits for long.
    async with redis_server() as server, connected(server.url, within=2.0) as redis:
        today = int((await redis.call("TIME"))[0])
        alone = memory(lambda: float(today), local=True)
        counting = RedisLimits(redis)
        limits = SharedLimits(counting, alone, registry)
        day = [ask(100, 30, window=Window.DAY)]
        await RedisLimits(redis).take(day)  # another gateway's
        assert (await limits.take(day, closed=False)).used == (60,)
        with server.frozen():
            away = [await _gone(limits, day), await _gone(limits, day)]
        assert [one.refused for one in away] == [-1, 0]
        limits.settle(away[0].reservations[0], 5)
        await eventually(lambda: _here(redis))
        await counting.settle_now()
        assert (await limits.take([ask(100, 0, window=Window.DAY)], closed=False)).used == (65,)


async def test_a_server_that_lost_its_memory_is_told_the_day_again() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        now = float((await redis.call("TIME"))[0])
        counting = RedisLimits(redis)
        limits = SharedLimits(counting, memory(lambda: now, local=True), Registry())
        day = [ask(100, 30, window=Window.DAY)]
        assert (await limits.take(day, closed=False)).used == (30,)
        await server.kill()
        alone = await _gone(limits, day)
        limits.settle(alone.reservations[0], 5)
        await server.start()
        await eventually(lambda: _here(redis))
        await counting.settle_now()
        assert (await limits.take([ask(100, 0, window=Window.DAY)], closed=False)).used == (35,)
        assert int(await redis.call("TTL", "{weir}:limit:c")) > 0


async def test_what_was_given_back_of_a_day_is_not_restored() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)
        day = ask(100, 30, window=Window.DAY)
        held = (await limits.take([day])).reservations[0]
        limits.settle(held, 5 - 30)
        await limits.settle_now()
        limits.restore()  # a call was late: the server has forgotten nothing
        await limits.settle_now()
        assert (await limits.take([ask(100, 0, window=Window.DAY)])).used == (5,)


async def test_what_comes_while_the_rest_is_settled_waits_for_the_next_time() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        limits = RedisLimits(redis)
        held = (await limits.take([ask(100, 50)])).reservations[0]
        limits.settle(held, 1)
        settling = asyncio.create_task(limits.settle_now())
        await asyncio.sleep(0)  # it has begun
        settled = 0
        while not settling.done() and settled < MANY:
            limits.settle(held, 1)
            settled += 1
            await asyncio.sleep(0)
        assert 0 < settled < MANY
        assert (await limits.take([ask(100, 0)])).used == (51,)
        await limits.end()
        assert (await limits.take([ask(100, 0)])).used == (51 + settled,)


async def _gone(limits: SharedLimits, asks: Sequence[LimitCheck]) -> LimitResult:
    return await limits.take(asks, closed=False)


async def _here(redis: Redis) -> bool:
    return redis.available
