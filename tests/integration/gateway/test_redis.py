"""The shared Redis as the gateway asks it: against a real server that dies, hangs and fills up."""

import asyncio
import time
from pathlib import Path

import pytest

from support.certificates import Authority, authority, server_context
from support.forwarding import forwarding
from support.polling import eventually
from support.redis_server import connected, redis_server
from weir_gateway.adapters.redis.client import Redis, Script
from weir_gateway.adapters.redis.errors import RedisProblem, RedisUnavailable
from weir_gateway.adapters.redis.url import RedisUrl, parse_redis_url
from weir_runtime.metrics import Registry

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


async def _trouble(redis: Redis, *words: str) -> RedisProblem:
    with pytest.raises(RedisUnavailable) as caught:
        await redis.call(*words)
    return caught.value.problem


async def _here(redis: Redis) -> bool:
    return redis.available


async def test_commands_and_scripts_are_answered_and_scripts_outlive_a_restart() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        await redis.call("SET", b"\xff", b"\x00raw")
        assert await redis.call("GET", b"\xff") == b"\x00raw"
        assert await redis.script(ADD, ["n"], [2]) == 2
        assert await redis.script(ADD, ["n"], [3]) == 5
        await redis.call("SCRIPT", "FLUSH")
        assert await redis.script(ADD, ["n"], [1]) == 6


async def test_a_server_that_dies_is_left_alone_and_found_again() -> None:
    registry = Registry()
    async with redis_server() as server, connected(server.url, registry=registry) as redis:
        await redis.call("SET", "a", "1")
        await server.kill()
        assert await _trouble(redis, "GET", "a") is RedisProblem.CONNECT
        assert not redis.available
        assert await _trouble(redis, "GET", "a") is RedisProblem.AWAY
        assert registry.callbacks["weir.redis.up"].value() == 0
        await server.start()
        await eventually(lambda: _here(redis))
        assert await redis.call("GET", "a") is None


async def test_nobody_waits_for_a_server_that_hangs_but_the_first_few() -> None:
    async with redis_server() as server, connected(server.url, within=1.0) as redis:
        with server.frozen():
            kinds = [await _trouble(redis, "GET", "a") for _ in range(4)]
            assert kinds[:3] == [RedisProblem.TIMEOUT] * 3
            started = time.perf_counter()
            assert await _trouble(redis, "GET", "a") is RedisProblem.AWAY
            assert time.perf_counter() - started < 1.0
        await eventually(lambda: _here(redis))
        # What was sent while it hung is not read as the answer to something else.
        await redis.call("SET", "b", "mine")
        assert await asyncio.gather(*(redis.call("GET", "b") for _ in range(50))) == [b"mine"] * 50


async def test_a_full_server_is_told_from_an_absent_one() -> None:
    options = ("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    async with redis_server(*options) as server, connected(server.url) as redis:
        assert await _trouble(redis, "SET", "a", "x" * 2_000_000) is RedisProblem.FULL
        with pytest.raises(RedisUnavailable) as caught:
            await redis.script(ADD, ["n"], [1])
        assert caught.value.problem is RedisProblem.FULL
        assert redis.available


async def test_a_server_that_became_a_replica_is_left_until_it_takes_writes() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        await redis.call("SET", "a", "1")
        for write in (redis.call("SET", "a", "2"), redis.script(ADD, ["a"], [1])):
            await server.ask("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(RedisUnavailable) as caught:
                await write
            assert caught.value.problem is RedisProblem.REPLICA
            assert not redis.available
            await redis.start()  # it answers; it is not the one
            assert not redis.available
            await server.ask("REPLICAOF", "NO", "ONE")
            await eventually(lambda: _here(redis))
        assert await redis.script(ADD, ["a"], [1]) == 2


async def test_a_server_that_lets_look_but_not_count_is_looked_for_less_and_less() -> None:
    async with redis_server() as server:
        rights = ("on", ">hush", "~*", "+info", "+client", "+select")
        await server.ask("ACL", "SETUSER", "narrow", *rights)
        async with connected(f"redis://narrow:hush@127.0.0.1:{server.port}") as redis:
            started = time.monotonic()
            for _ in range(4):
                await eventually(lambda: _here(redis))
                with pytest.raises(RedisUnavailable, match="credential"):
                    await redis.script(ADD, ["n"], [1])
            assert time.monotonic() - started >= 0.1 + 0.2 + 0.4


async def test_a_server_that_is_too_old_is_not_used() -> None:
    async with redis_server() as server:
        redis = Redis(parse_redis_url(server.url), Registry(), min_version=(99, 0))
        await redis.start()
        with pytest.raises(RedisUnavailable, match=r"version: it is version \d.*at least 99.0"):
            await redis.call("GET", "a")
        await redis.close()


async def test_a_server_that_is_none_is_not_used() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    async with other, connected(f"redis://127.0.0.1:{port}", looking=False) as redis:
        assert not redis.available
        assert await _trouble(redis, "GET", "a") is RedisProblem.AWAY


async def test_the_password_file_lets_in_and_a_wrong_one_is_named_and_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "password"
    file.write_text("wrong-hush\n")
    async with redis_server("--requirepass", "right-hush") as server:
        redis = Redis(parse_redis_url(server.url, password_file=file), Registry())
        await redis.start()
        with pytest.raises(RedisUnavailable, match="credential"):
            await redis.call("GET", "a")
        file.write_text("right-hush\n")
        await redis.start()
        assert await redis.call("GET", "a") is None
        await redis.close()
    assert "hush" not in caplog.text


async def _trusting(url: str, signer: Authority) -> RedisUrl:
    return await asyncio.to_thread(parse_redis_url, url, ca=signer.pair.certificate)


async def test_tls_trusts_who_signed_the_certificate_and_nobody_else(tmp_path: Path) -> None:
    trusted, other = await authority(tmp_path), await authority(tmp_path, "other")
    tls = server_context(await trusted.sign("redis"))
    async with redis_server() as server, forwarding(server.port, tls=tls) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        redis = Redis(await _trusting(url, trusted), Registry(), timeout=5.0)
        await redis.start()
        await redis.call("SET", "a", "1")
        assert await redis.call("GET", "a") == b"1"
        await redis.close()
        stranger = Redis(await _trusting(url, other), Registry())
        await stranger.start()
        with pytest.raises(RedisUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.call("GET", "a")
        await stranger.close()


async def test_a_burst_shares_few_connections() -> None:
    async with redis_server() as server, connected(server.url) as redis:
        sums = await asyncio.gather(*(redis.script(ADD, ["n"], [1]) for _ in range(500)))
        assert sorted(sums) == list(range(1, 501))
        clients = str(await redis.call("CLIENT", "LIST"))
        assert 0 < clients.count("name=weir-gateway") <= 16
