"""Bodies as clients may send them, on a raw socket: compressed, broken off, asked for first."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import brotli  # pyright: ignore[reportMissingTypeStubs] - it has none
import pytest
from backports import zstd

from support.gateway import Running, backend, running_gateway, table
from support.upstream import Upstream, answering, completion, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with running_upstream(answering(completion())) as upstream:
        yield upstream


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncGenerator[Running]:
    bounds = [("WEIR_MAX_BODY", "1MiB")]
    async with running_gateway(tmp_path, table(backend("weak", upstream.url)), bounds) as gateway:
        yield gateway


async def _connect(gateway: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    bound = gateway.gateway.bound
    assert bound is not None
    return await asyncio.open_connection(bound.host, bound.port)


async def _ask(gateway: Running, head: bytes, body: bytes) -> bytes:
    """The answer's head, and as much of its body as came with it."""
    reader, writer = await _connect(gateway)
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    writer.write(HEAD + head + length + body)
    async with asyncio.timeout(20):
        answer = await reader.readuntil(b"\r\n\r\n")
        answer += await reader.readuntil(b"}")
    writer.close()
    return answer


PACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": brotli.compress,  # pyright: ignore[reportUnknownMemberType] - it has no types
    b"ZSTD": zstd.compress,
}


@pytest.mark.parametrize("encoding", PACK)
async def test_a_compressed_body_is_read_and_goes_up_plain(
    gateway: Running, upstream: Upstream, encoding: bytes
) -> None:
    head = b"Content-Encoding: %b\r\n" % encoding
    answer = await _ask(gateway, head, PACK[encoding](BODY))
    assert answer.startswith(b"HTTP/1.1 200")
    assert upstream.received[0].body == BODY.replace(b'"auto"', b'"weak-model"')
    assert "Content-Encoding" not in upstream.received[0].headers


@pytest.mark.parametrize("encoding", PACK)
async def test_a_body_that_is_not_what_its_encoding_says_is_the_clients_mistake(
    gateway: Running, upstream: Upstream, encoding: bytes
) -> None:
    answer = await _ask(gateway, b"Content-Encoding: %b\r\n" % encoding, b"hello")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"invalid_" in answer
    assert not upstream.received


@pytest.mark.parametrize("encoding", PACK)
async def test_the_cap_holds_for_what_a_compressed_body_unpacks_to(
    gateway: Running, encoding: bytes
) -> None:
    bomb = PACK[encoding](b" " * (20 << 20))
    answer = await _ask(gateway, b"Content-Encoding: %b\r\n" % encoding, bomb)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("encoding", [b"lz4", b"gzip, br"])
async def test_an_encoding_that_is_not_read_is_refused_with_those_that_are(
    gateway: Running, encoding: bytes
) -> None:
    answer = await _ask(gateway, b"Content-Encoding: %b\r\n" % encoding, BODY)
    assert answer.startswith(b"HTTP/1.1 415")
    assert b"Accept-Encoding: gzip, deflate, br, zstd" in answer
    assert b"unsupported_encoding" in answer


async def test_a_client_that_asks_first_is_told_to_go_on(gateway: Running) -> None:
    reader, writer = await _connect(gateway)
    writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    async with asyncio.timeout(20):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(BODY)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_client_that_asks_first_with_too_much_is_told_at_once(gateway: Running) -> None:
    reader, writer = await _connect(gateway)
    writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
    async with asyncio.timeout(20):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_it_also_listens_on_a_unix_socket(tmp_path: Path, upstream: Upstream) -> None:
    path = tmp_path / "gateway.sock"
    served = table(backend("weak", upstream.url))
    async with running_gateway(tmp_path, served, [("WEIR_LISTEN", f"unix://{path}")]):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
