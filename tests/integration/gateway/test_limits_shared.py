"""Four gateways and one real Redis: no more than the limit passes, whatever becomes of Redis."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from support.caches import chat
from support.drafts import as_written
from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from support.redis_server import RedisServer, redis_server
from support.upstream import answering, completion, running_upstream

GATEWAYS = 4
LIMIT = 200
AT_MOST = LIMIT * 101 // 100
AT_ONCE = 64  # requests of a burst; more would wait for the test's own loop
MINUTE = 60.0
# A busy machine is no defect: in the burst Redis is waited for as long as it takes.
PATIENT = ("WEIR_REDIS_WITHIN", "20s")


@contextlib.asynccontextmanager
async def gateways(
    folder: Path,
    server: RedisServer,
    *variables: tuple[str, str],
    closed: bool = False,
    **limits: int,
) -> AsyncGenerator[list[Running]]:
    """As many on one Redis, under these limits per key."""
    async with (
        running_upstream(answering(completion())) as upstream,
        contextlib.AsyncExitStack() as s,
    ):
        made = table(backend("weak", upstream.url), backend("strong", upstream.url))
        made.policies[0].spec["limits"] = {"perKey": as_written(limits)}
        if closed:
            made.policies[0].set("failureMode.limits", "closed")
        all_: list[Running] = []
        for number in range(GATEWAYS):
            own = folder / str(number)
            own.mkdir()
            said = [("WEIR_REDIS", server.url), *variables]
            all_.append(await s.enter_async_context(running_gateway(own, made, said)))
        yield all_


async def _status(running: Running) -> int:
    async with await running.chat(chat()) as response:
        await response.read()
        return response.status


async def _burst(running: Sequence[Running], requests: int) -> Counter[int]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def status(number: int) -> int:
        async with slots:
            return await _status(running[number % len(running)])

    return Counter(await asyncio.gather(*map(status, range(requests))))


async def test_of_a_burst_no_more_than_the_limit_passes(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        gateways(tmp_path, server, PATIENT, requests_per_minute=LIMIT) as running,
    ):
        started = time.monotonic()
        statuses = await _burst(running, 4 * LIMIT)
        minutes = 1 + int((time.monotonic() - started) // MINUTE)  # 1, but on a very slow machine
        assert set(statuses) == {200, 429}
        assert LIMIT <= statuses[200] <= AT_MOST * minutes


async def test_dollars_are_shared_to_the_last_answer(tmp_path: Path) -> None:
    """An answer costs 10 micro-USD and 405 are set aside for it: what is settled is room again."""
    async with (
        redis_server() as server,
        gateways(tmp_path, server, PATIENT, micro_usd_per_day=1000) as running,
    ):
        passed = 0

        async def spent() -> bool:
            nonlocal passed
            told = await _burst(running, 8)
            passed += told[200]
            return told[200] == 0 and passed * 10 + 405 > 1000

        await eventually(spent)
        assert 50 <= passed <= 100


async def test_redis_killed_and_back_is_no_clients_error(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        gateways(tmp_path, server, requests_per_minute=100_000, micro_usd_per_day=10**9) as running,
    ):
        stop = asyncio.Event()
        load = [asyncio.create_task(_load(one, stop), name="load") for one in running * 2]
        await asyncio.sleep(0)
        await server.kill()
        await eventually(lambda: _all_see(running, up=False))
        await server.start()
        await eventually(lambda: _all_see(running, up=True))
        before = await _counted(server)
        await eventually(lambda: _more_than(server, before))
        stop.set()
        told = sum(await asyncio.gather(*load), Counter[int]())
        assert set(told) == {200}


async def _load(running: Running, stop: asyncio.Event) -> Counter[int]:
    told: Counter[int] = Counter()
    while not stop.is_set():
        told[await _status(running)] += 1
    return told


async def _all_see(running: Sequence[Running], *, up: bool) -> bool:
    seen = [f"weir_redis_up {float(up)}" in await one.metrics() for one in running]
    return all(seen)


async def _counted(server: RedisServer) -> int:
    return await server.ask("DBSIZE")


async def _more_than(server: RedisServer, before: int) -> bool:
    return await _counted(server) >= max(before, 1)


@pytest.mark.parametrize("fault", ["killed", "frozen", "full"])
async def test_without_redis_a_limit_holds_for_each_gateway_alone(
    tmp_path: Path, fault: str
) -> None:
    async with (
        redis_server() as server,
        gateways(tmp_path, server, requests_per_minute=20) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        if fault == "killed":
            await server.kill()
        elif fault == "frozen":
            stack.enter_context(server.frozen())
        else:
            await server.ask("CONFIG", "SET", "maxmemory", "1")
        told = await _burst(running, GATEWAYS * 40)
        assert told == {200: GATEWAYS * 20, 429: GATEWAYS * 20}


async def test_closed_limits_let_nobody_pass_without_redis(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        gateways(tmp_path, server, closed=True, requests_per_minute=20) as running,
    ):
        assert await _burst(running, 4) == {200: 4}
        await server.kill()
        assert await _burst(running, 8) == {503: 8}
        async with await running[0].chat(chat()) as response:
            assert (await response.json())["error"]["code"] == "limits_unavailable"
            assert response.headers["Retry-After"] == "1"


async def test_a_gateway_starts_without_its_redis(tmp_path: Path) -> None:
    async with redis_server() as server:
        await server.kill()
        async with gateways(tmp_path, server, requests_per_minute=20) as running:
            assert await _burst(running, GATEWAYS) == {200: GATEWAYS}
