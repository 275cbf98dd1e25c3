"""Where budgets are kept: one arithmetic in memory, in a file and in a real Redis."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from support.redis_server import connected, redis_server
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.adapters.budget.redis import RedisBudgetStore
from weir_gateway.adapters.budget.sqlite import SqliteBudgetStore
from weir_gateway.routing.budget.ports import BudgetStore, BudgetStoreUnavailable, LeaseRequest
from weir_policy.ids import PicoUsd

UNTIL = 4_000_000_000.0
CLAIM = LeaseRequest(
    policy="shop/chat",
    span="2096-10-02",
    until=UNTIL,
    instance="a",
    limit=PicoUsd(10_000),
    used=PicoUsd(100),
    least=PicoUsd(150),
    wanted=PicoUsd(400),
    spent=PicoUsd(90),
    requests=7,
)
Opened = Callable[[Path], AbstractAsyncContextManager[BudgetStore]]


@contextlib.asynccontextmanager
async def in_memory(folder: Path) -> AsyncGenerator[BudgetStore]:
    del folder
    yield MemoryBudgetStore()


@contextlib.asynccontextmanager
async def in_a_file(folder: Path) -> AsyncGenerator[BudgetStore]:
    yield SqliteBudgetStore(folder / "spend.db")


@contextlib.asynccontextmanager
async def in_redis(folder: Path) -> AsyncGenerator[BudgetStore]:
    del folder
    async with redis_server() as server, connected(server.url) as redis:
        yield RedisBudgetStore(redis)


every = pytest.mark.parametrize("opened", [in_memory, in_a_file, in_redis])


def claim(instance: str, used: int, *, limit: int = 10_000, more: int = 300) -> LeaseRequest:
    amount = PicoUsd(used)
    return replace(
        CLAIM,
        instance=instance,
        limit=PicoUsd(limit),
        used=amount,
        spent=amount,
        least=PicoUsd(used + 50),
        wanted=PicoUsd(used + more),
    )


@every
async def test_a_claim_is_kept_and_granted(opened: Opened, tmp_path: Path) -> None:
    async with opened(tmp_path) as treasury:
        first = await treasury.renew(CLAIM)
        assert (first.granted, first.free, first.spent, first.requests) == (400, 9600, 90, 7)
        again = await treasury.renew(CLAIM)  # a reply was lost: the same claim counts once
        assert again == first
        other = await treasury.renew(replace(CLAIM, instance="b", requests=3))
        assert (other.granted, other.free, other.spent, other.requests) == (400, 9200, 180, 10)


@every
async def test_near_the_end_parts_become_small_and_the_limit_holds(
    opened: Opened, tmp_path: Path
) -> None:
    async with opened(tmp_path) as treasury:
        await treasury.renew(claim("a", 9_600, more=0))
        small = await treasury.renew(claim("b", 0))
        assert small.granted == 100  # a quarter of what is left
        served = await treasury.renew(replace(claim("c", 0), least=PicoUsd(290)))
        assert (served.granted, served.free) == (290, 10)
        empty = await treasury.renew(claim("d", 0))
        assert (empty.granted, empty.free) == (10, 0)
        over = await treasury.renew(claim("e", 70))
        assert (over.granted, over.free) == (70, -70)  # what was used was used


@every
async def test_periods_and_policies_are_apart(opened: Opened, tmp_path: Path) -> None:
    async with opened(tmp_path) as treasury:
        await treasury.renew(claim("a", 5_000))
        for other in (replace(CLAIM, span="2096-10-03"), replace(CLAIM, policy="shop/other")):
            assert (await treasury.renew(other)).spent == 90


@every
async def test_traffic_is_counted_by_the_hour(opened: Opened, tmp_path: Path) -> None:
    async with opened(tmp_path) as treasury:
        for hour, requests in ((5, 2), (5, 3), (6, 1), (500, 4)):
            await treasury.count("shop/chat", hour, requests)
        await treasury.count("shop/other", 6, 9)
        kept = dict(await treasury.traffic("shop/chat"))
        assert kept[500] == 4
        assert kept.get(5, 5) == 5  # it may be forgotten: no plan looks back so far


async def test_the_three_agree_whatever_comes(tmp_path: Path) -> None:
    chance = random.Random(3)
    async with in_redis(tmp_path) as shared:
        stores = (MemoryBudgetStore(), SqliteBudgetStore(tmp_path / "spend.db"), shared)
        for _ in range(150):
            used = chance.choice((0, 1, chance.randrange(4000), chance.randrange(10**15)))
            limit = chance.choice((1, 5000, 10**15, 8 * 10**15))
            one = claim(f"gateway-{chance.randrange(5)}", used, limit=limit)
            told = [await store.renew(one) for store in stores]
            assert told[0] == told[1] == told[2]


async def test_large_budgets_are_right_to_a_billionth(tmp_path: Path) -> None:
    limit = 9_999_999 * 10**12
    async with in_redis(tmp_path) as shared:
        for store in (shared, SqliteBudgetStore(tmp_path / "spend.db")):
            told = await store.renew(claim("a", limit // 3, limit=limit, more=10**9))
            assert told.granted == pytest.approx(limit // 3 + 10**9, abs=10_000)
            assert told.free == pytest.approx(limit - limit // 3 - 10**9, abs=10_000)


async def test_a_file_outlives_its_gateway_and_old_periods_leave_it(tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    await SqliteBudgetStore(path).renew(CLAIM)
    assert (await SqliteBudgetStore(path).renew(claim("b", 10))).spent == 100
    later = replace(CLAIM, span="2096-11-30", until=UNTIL + 60 * 86_400)
    await SqliteBudgetStore(path).renew(later)
    with closing(sqlite3.connect(path)) as database:
        spans = database.execute("SELECT DISTINCT span FROM budget_spent").fetchall()
    assert spans == [("2096-11-30",)]
    assert path.stat().st_mode & 0o077 == 0


async def test_gateways_share_a_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    claims = [claim(f"gateway-{n}", 1000, more=0) for n in range(12)]
    told = await asyncio.gather(*(SqliteBudgetStore(path).renew(one) for one in claims))
    assert max(one.spent for one in told) == 12_000


@pytest.mark.parametrize("broken", ["a folder", "no database"])
async def test_a_file_that_is_no_good_is_told(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    if broken == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"something else entirely, and long enough to be looked at" * 100)
    with pytest.raises(BudgetStoreUnavailable, match=r"spend\.db"):
        await SqliteBudgetStore(path).renew(CLAIM)


async def test_reading_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "spend.db"
    await SqliteBudgetStore(path).renew(CLAIM)
    reader = SqliteBudgetStore(path, read_only=True)
    assert (await reader.renew(claim("reader", 5))).spent == 95
    assert (await reader.renew(claim("another", 0))).spent == 90


async def test_a_redis_that_is_gone_is_told_and_one_that_forgot_is_told_again() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        treasury = RedisBudgetStore(redis)
        await treasury.renew(CLAIM)
        await server.kill()
        with pytest.raises(BudgetStoreUnavailable):
            await treasury.renew(CLAIM)
        with pytest.raises(BudgetStoreUnavailable):
            await treasury.traffic("shop/chat")
        await server.start()
        async with connected(server.url) as found:
            told = await RedisBudgetStore(found).renew(CLAIM)
        assert told.spent == CLAIM.spent
