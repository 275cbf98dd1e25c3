"""Draining: what was begun before SIGTERM is answered, and nothing new is taken."""

import asyncio
from pathlib import Path

from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from support.upstream import END, Exchange, answering, completion, event, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
STREAM_BODY = BODY.replace(b'"auto"', b'"auto","stream":true')


async def test_a_stream_in_flight_ends_well_while_the_gateway_drains(tmp_path: Path) -> None:
    finish = asyncio.Event()

    async def slowly(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(event("a"))
        await finish.wait()
        await exchange.chunk(END)
        await exchange.end()

    async with (
        running_upstream(slowly) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        response = await gateway.chat(STREAM_BODY)
        await response.content.readuntil(b"\n\n")
        gateway.stop.set()
        bound = gateway.gateway.bound
        assert bound is not None

        async def shut() -> bool:
            try:
                _, writer = await asyncio.open_connection(bound.host, bound.port)
            except ConnectionError:
                return True
            writer.close()
            return False

        await eventually(shut)
        assert not gateway.task.done()
        finish.set()
        assert await response.read() == END
        assert await asyncio.wait_for(gateway.task, 10) == 0


async def test_a_body_still_arriving_when_the_drain_begins_is_served(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        bound = gateway.gateway.bound
        assert bound is not None
        reader, writer = await asyncio.open_connection(bound.host, bound.port)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        writer.write(head.encode() + BODY[:10])
        await _shows(gateway, "weir_requests_in_flight 1.0")
        gateway.stop.set()
        await _shows_not_ready(gateway)
        writer.write(BODY[10:])
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer.lower()
        assert await asyncio.wait_for(gateway.task, 10) == 0


async def _shows_not_ready(gateway: Running) -> None:
    async def not_ready() -> bool:
        admin = f"http://{gateway.gateway.bound_admin}/readyz"
        async with gateway.session.get(admin) as response:
            return response.status == 503

    await eventually(not_ready)


async def _shows(gateway: Running, metric: str) -> None:
    async def shown() -> bool:
        return metric in await gateway.metrics()

    await eventually(shown)
