"""Gateways that share answers over a real Redis, and what they do when it goes away."""

import asyncio
import contextlib
from pathlib import Path

from support.caches import cached_table, chat, without_id
from support.gateway import Running, running_gateway
from support.polling import eventually
from support.redis_server import connected, redis_server
from support.upstream import answering, completion, running_upstream
from weir_gateway.adapters.cache.shared import PREFIX
from weir_gateway.adapters.redis.client import Redis

ANSWER = completion("a weir holds water", prompt=10, output=5)
PATIENT = ("WEIR_REDIS_WITHIN", "5s")  # a busy machine is no defect


async def state(running: Running, body: bytes) -> str:
    async with await running.chat(body) as response:
        assert response.status == 200
        assert without_id(await response.read()) == without_id(ANSWER)
        return response.headers["x-weir-cache"]


async def names(redis: Redis) -> list[bytes]:
    found: list[bytes] = await redis.call("KEYS", f"{PREFIX}*")
    return found


async def kept(redis: Redis, count: int = 1) -> None:
    async def there() -> bool:
        return len(await names(redis)) == count

    await eventually(there)


async def test_what_one_gateway_keeps_another_gives(tmp_path: Path) -> None:
    for name in ("a", "b"):
        await asyncio.to_thread((tmp_path / name).mkdir)
    async with (
        redis_server() as server,
        connected(server.url) as redis,
        running_upstream(answering(ANSWER)) as upstream,
    ):
        made = cached_table(upstream.url)
        settings = [("WEIR_REDIS", server.url), PATIENT]
        async with (
            running_gateway(tmp_path / "a", made, settings) as one,
            running_gateway(tmp_path / "b", made, settings) as other,
        ):
            assert await state(one, chat()) == "miss"
            await kept(redis)
            assert await state(other, chat()) == "hit"
            shared = 'weir_cache_requests_total{cache="shared",policy="",result="hit"} 1.0'
            assert shared in await other.metrics()
            (name,) = await names(redis)
            assert 0 < await redis.call("PTTL", name) <= 600_000
            value: bytes = await redis.call("GET", name)
            assert b"What is a weir" not in name + value
            await redis.call("FLUSHALL")
            assert await state(other, chat()) == "hit"  # it has it in memory now
        assert len(upstream.received) == 1


async def test_broken_and_oversized_values_count_as_nothing(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        connected(server.url) as redis,
        running_upstream(answering(ANSWER)) as upstream,
    ):
        made = cached_table(upstream.url)
        settings = [("WEIR_REDIS", server.url), PATIENT, ("WEIR_CACHE_BYTES", "600")]
        async with running_gateway(tmp_path, made, settings) as running:
            assert await state(running, chat()) == "miss"
            await kept(redis)
            assert await state(running, chat()) == "hit"  # not out of memory: too small for it
            (name,) = await names(redis)
            for value in (b"", b"\xff\xff", b"\x96\x02", b"x" * 600_000):
                await redis.call("SET", name, value)
                assert await state(running, chat()) == "miss"
                await _written_over(redis, name, value)
            assert await state(running, chat()) == "hit"


async def _written_over(redis: Redis, name: bytes, value: bytes) -> None:
    async def other() -> bool:
        return bool(await redis.call("GET", name) != value)

    await eventually(other)


async def test_a_redis_that_goes_away_and_comes_back_is_seen_by_no_client(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        running_upstream(answering(ANSWER)) as upstream,
    ):
        made = cached_table(upstream.url)
        settings = [("WEIR_REDIS", server.url), PATIENT]
        async with running_gateway(tmp_path, made, settings) as running:
            assert await state(running, chat("before")) == "miss"
            await server.kill()
            assert await state(running, chat("before")) == "hit"
            assert await state(running, chat("while it is away")) == "miss"
            assert await state(running, chat("while it is away")) == "hit"
            await server.start()
            async with connected(server.url) as redis:

                async def again() -> bool:
                    await state(running, chat(f"after {len(upstream.received)}"))
                    return bool(await names(redis))

                await eventually(again)


async def test_a_redis_that_says_nothing_holds_a_request_up_for_its_deadline_alone(
    tmp_path: Path,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_server())
        upstream = await stack.enter_async_context(running_upstream(answering(ANSWER)))
        settings = [("WEIR_REDIS", server.url), ("WEIR_REDIS_WITHIN", "50ms")]
        made = cached_table(upstream.url)
        running = await stack.enter_async_context(running_gateway(tmp_path, made, settings))
        with server.frozen():
            for number in range(8):
                assert await state(running, chat(f"prompt {number}")) == "miss"
            assert await state(running, chat("prompt 0")) == "hit"
