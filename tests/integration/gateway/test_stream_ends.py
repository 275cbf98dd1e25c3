"""How streams end: complete though the connection breaks, or given up where nobody reads."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from support import tables
from support.fakes import (
    FakeAccounts,
    FakeClock,
    FakeIds,
    FakeReply,
    FakeScorer,
    FakeUpstreams,
)
from support.gateway import backend, running_gateway, table, untraced
from support.polling import eventually
from support.upstream import END, USAGE_EVENT, Exchange, answering, completion, event
from support.upstream import running_upstream as upstream_with
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.http.auth import Authenticator
from weir_gateway.http.client_wires import CHAT
from weir_gateway.http.endpoint import Bounds, Endpoint
from weir_gateway.http.models import ModelEndpoints
from weir_gateway.http.server import DrainingServer, RootHandler
from weir_gateway.routing.pipeline import Ports, Routing

Address = tuple[str, int]

STREAM_OPTIONS = b'"stream_options":{"include_usage":true},'
BODY = (
    b'{"model":"auto","stream":true,"stream_options":{"include_usage":true},'
    b'"messages":[{"role":"user","content":"hi"}]}'
)


@pytest.mark.parametrize("end", [END, b"data:[DONE]\r\n\r\n"], ids=["usual", "without a space"])
@pytest.mark.parametrize("how", ["reset", "close", "stall"])
async def test_after_done_a_broken_connection_is_no_error(
    tmp_path: Path, how: str, end: bytes
) -> None:
    said = event("a") + USAGE_EVENT + end

    async def breaking(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(said)
        await asyncio.wait_for(seen.wait(), 10)
        match how:
            case "reset":
                exchange.reset()
            case "close":
                exchange.close()
            case _:
                await exchange.gone.wait()

    seen = asyncio.Event()
    async with upstream_with(breaking) as upstream:
        impatient = backend("weak", upstream.url)
        impatient.set("timeouts.idle", "300ms")
        async with running_gateway(tmp_path, table(impatient)) as gateway:
            async with await gateway.chat(BODY) as response:
                first = await response.content.readuntil(end)
                seen.set()
                assert first + await response.read() == said
            assert gateway.gateway.calls_under_way == 0
            metrics = await gateway.metrics()
    assert "client_token_usage_count" in metrics
    assert 'error_type="upstream_error"' not in metrics


async def test_a_client_that_stops_reading_is_hung_up_in_the_end(tmp_path: Path) -> None:
    async def flooding(exchange: Exchange) -> None:
        await exchange.begin()
        while not exchange.gone.is_set():
            await exchange.chunk(b"data: " + b"x" * 60_000 + b"\n\n")

    async with upstream_with(flooding) as upstream:
        short = backend("weak", upstream.url)
        short.set("timeouts.total", "300ms")
        async with running_gateway(tmp_path, table(short)) as gateway:
            bound = gateway.gateway.bound
            assert bound is not None
            deaf = socket.create_connection((bound.host, bound.port))
            deaf.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
            )

            async def under_way() -> bool:
                return gateway.gateway.calls_under_way == 1

            async def given_up() -> bool:
                return gateway.gateway.calls_under_way == 0

            await eventually(under_way)
            await eventually(given_up)
            deaf.close()


async def test_a_streams_head_asks_proxies_not_to_hold_it_back(tmp_path: Path) -> None:
    async def one(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(event("a") + END)
        await exchange.end()

    async with (
        upstream_with(one) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(BODY) as response,
    ):
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        assert await response.read() == event("a") + END


async def test_a_provider_that_counts_nonsense_still_answers(tmp_path: Path) -> None:
    answer = completion().replace(b'"prompt_tokens": 7', b'"prompt_tokens": ' + b"9" * 400)
    async with (
        upstream_with(answering(answer)) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
        await gateway.chat(
            BODY.replace(b"true", b"false", 1).replace(STREAM_OPTIONS, b"")
        ) as response,
    ):
        assert response.status == 200
        assert await response.read() == answer


async def test_a_backend_without_timeouts_has_the_usual_ones(tmp_path: Path) -> None:
    async with upstream_with(answering(completion())) as upstream:
        bare = backend("weak", upstream.url)
        del bare.spec["timeouts"]
        async with (
            running_gateway(tmp_path, table(bare)) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.status == 200


class DefectiveReply(FakeReply):
    """Fails on a defect of ours after its first event."""

    async def chunks(self) -> AsyncIterator[bytes]:
        yield event("a")
        raise RuntimeError("a defect")


@asynccontextmanager
async def serving(answer: FakeReply | Exception) -> AsyncGenerator[tuple[Address, FakeAccounts]]:
    """A chat endpoint whose weak model gives, or raises, `answer`."""
    accounts = FakeAccounts()
    routing = Routing(
        Ports(
            scorer=FakeScorer(),
            upstreams=FakeUpstreams({tables.WEAK.id: answer}),
            recorder=accounts,
            conditions=CelConditions(),
            clock=FakeClock(),
            ids=FakeIds(),
        ),
        score_timeout=1,
    )
    current = tables.table(tables.policy())
    bounds = Bounds(body=1 << 20, body_within=5)
    chat = Endpoint(CHAT, routing, lambda: current, untraced(), FakeClock(), bounds)
    one = ModelEndpoints(routing, lambda: current).get
    paths = RootHandler(
        {("POST", "/"): chat}, one, Authenticator(None, time.time), max_in_flight=10
    )
    runner = web.ServerRunner(DrainingServer(paths, head_timeout=5, keep_alive=5))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port, *_ = runner.addresses[0]
        yield (host, port), accounts
    finally:
        await runner.cleanup()


async def test_a_defect_in_the_middle_of_a_stream_breaks_it_off() -> None:
    reply = DefectiveReply(headers={"content-type": "text/event-stream"})
    async with serving(reply) as (address, accounts):
        reader, writer = await asyncio.open_connection(*address)
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        seen = b""
        async with asyncio.timeout(20):
            try:
                while chunk := await reader.read(65536):
                    seen += chunk
            except ConnectionError:
                pass
        writer.close()
    assert seen.count(b"HTTP/1.1") <= 1
    assert not seen.endswith(b"0\r\n\r\n")
    assert reply.closed == [True]
    ((_, outcome),) = accounts.outcomes
    assert (outcome.status, outcome.error) == (500, "internal_error")


async def test_a_defect_before_the_first_byte_is_accounted_too() -> None:
    async with serving(RuntimeError("a defect")) as ((host, port), accounts):
        headers = {"content-type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{host}:{port}/", data=BODY, headers=headers) as response,
        ):
            assert response.status == 500
            assert (await response.json())["error"]["code"] == "internal_error"
    ((_, outcome),) = accounts.outcomes
    assert (outcome.status, outcome.error, outcome.paid) == (500, "internal_error", 0)
