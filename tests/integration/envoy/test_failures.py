"""Weir, its scorer, Envoy: each of them goes away while requests come in."""

import asyncio
import secrets
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from grpc import aio
from grpc_health.v1 import health_pb2

from support.cluster.programs import free_ports
from support.envoy import Bootstrap, Envoy, running_envoy
from support.envoy_world import EASY, HARD, chat, sums, two, world
from support.gateway import HEADERS, write
from support.gateway_program import GatewayProgram, gateway_program
from support.otlp import collecting
from support.polling import eventually
from support.upstream import Upstream, answering, completion, event, running_upstream, stalling

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"


@dataclass
class Programs:
    """Weir as a program of its own, with Envoy before it."""

    weak: Upstream
    strong: Upstream
    envoy: Envoy
    session: aiohttp.ClientSession
    folder: Path
    port: int  # where Weir serves Envoy

    def weir(self, **further: str) -> AbstractAsyncContextManager[GatewayProgram]:
        """Run Weir until the block is left."""
        environment = {
            **further,
            "WEIR_EXTPROC": f"127.0.0.1:{self.port}",
            "WEIR_ROUTETABLE_FILE": str(self.folder / "routetable.json"),
            "WEIR_LEDGER": str(self.folder / "ledger.db"),
            "WEIR_EXTPROC_CLAIM": "50ms",
        }
        return gateway_program(environment, log=self.folder / "weir.log")

    async def status(self) -> int:
        """One request's status."""
        async with self.session.post(
            f"{self.envoy.url}/v1/chat/completions", data=chat(EASY), headers=HEADERS
        ) as response:
            await response.read()
            return response.status

    async def decided(self) -> bool:
        """Whether Weir decides requests now."""
        async with self.session.post(
            f"{self.envoy.url}/v1/chat/completions", data=chat(EASY), headers=HEADERS
        ) as response:
            return "x-weir-decision" in response.headers


@asynccontextmanager
async def programs(folder: Path, *, fails_open: bool) -> AsyncGenerator[Programs]:
    """Envoy and two providers; Weir is started by the test."""
    made = Bootstrap()
    made.filter["failure_mode_allow"] = fails_open
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        answer = answering(completion())
        weak = await stack.enter_async_context(running_upstream(answer))
        strong = await stack.enter_async_context(running_upstream(answer))
        write(folder / "routetable.json", two(weak, strong))
        made.endpoint("weir", port)
        made.endpoint("weak", weak.port)
        made.endpoint("strong", strong.port)
        envoy = await stack.enter_async_context(running_envoy(made, folder))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Programs(weak, strong, envoy, session, folder, port)


async def load(here: Programs, requests: int) -> Counter[int]:
    """The statuses of many requests, 20 at a time."""
    gate = asyncio.Semaphore(20)

    async def one() -> int:
        async with gate:
            return await here.status()

    return Counter(await asyncio.gather(*(one() for _ in range(requests))))


@pytest.mark.parametrize("fails_open", [True, False])
async def test_weir_dies_under_load_and_comes_back(tmp_path: Path, *, fails_open: bool) -> None:
    async with programs(tmp_path, fails_open=fails_open) as here:
        async with here.weir() as weir:
            assert await here.decided()
            loading = asyncio.create_task(load(here, 400), name="load")
            await eventually(lambda: received(here, 60))
            weir.signal(signal.SIGKILL)
            await weir.ended()
            statuses = await loading
        assert statuses[200] > 50
        assert (set(statuses) == {200}) is fails_open
        assert await here.status() == (200 if fails_open else 500)
        async with here.weir():
            await eventually(here.decided)
            assert await load(here, 100) == {200: 100}


async def received(here: Programs, requests: int) -> bool:
    return len(here.weak.received) >= requests


async def test_a_drained_weir_loses_no_request(tmp_path: Path) -> None:
    async with programs(tmp_path, fails_open=False) as here, here.weir() as weir:
        here.weak.behaviour = stalling([event("a")])
        async with here.session.post(
            f"{here.envoy.url}/v1/chat/completions",
            data=chat(EASY, stream=True),
            headers=HEADERS,
        ) as response:
            assert await response.content.readany() == event("a")
            weir.signal(signal.SIGTERM)
            (exchange,) = here.weak.exchanges
            await eventually(lambda: not_serving(here.port))
            await exchange.chunk(event("b"))
            assert await response.content.readany() == event("b")
        assert await weir.ended() == 0
    assert sums(tmp_path / "ledger.db").requests == 1


async def not_serving(port: int) -> bool:
    """Whether Weir takes no more requests of Envoy's."""
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=2)
        except aio.AioRpcError:
            return True
        return answer.status != health_pb2.HealthCheckResponse.SERVING


async def test_weir_says_that_it_serves(tmp_path: Path) -> None:
    made = Bootstrap()
    clusters = made.document["static_resources"]["clusters"]
    clusters[0]["health_checks"] = [
        {
            "timeout": "1s",
            "interval": "0.1s",
            "healthy_threshold": 1,
            "unhealthy_threshold": 1,
            "grpc_health_check": {"service_name": SERVICE},
        }
    ]
    async with world(tmp_path, made) as here:
        await eventually(lambda: passed(here.envoy))
        assert (await here.post(chat(HARD)))[1]["x-weir-model"] == "strong"


async def passed(envoy: Envoy) -> bool:
    return await envoy.counter("cluster.weir.health_check.success") > 0


async def test_envoy_dies_and_its_requests_are_accounted(tmp_path: Path) -> None:
    async with world(tmp_path, variables=[("WEIR_EXTPROC_CLAIM", "10ms")]) as here:
        here.weak.behaviour = stalling([event("a")])
        async with here.session.post(
            f"{here.envoy.url}/v1/chat/completions",
            data=chat(EASY, stream=True),
            headers=HEADERS,
        ) as response:
            assert await response.content.readany() == event("a")
            await here.envoy.kill()
            with pytest.raises(aiohttp.ClientError):
                await response.read()
        await eventually(lambda: no_streams(here.weir.metrics))
    assert sums(here.ledger).requests == 1


async def no_streams(metrics: Callable[[], Awaitable[str]]) -> bool:
    return "weir_extproc_streams 0" in await metrics()


async def test_without_a_scorer_the_failure_mode_decides(tmp_path: Path) -> None:
    async with world(tmp_path, variables=[("WEIR_SCORER", "127.0.0.1:1")]) as here:
        status, headers, _ = await here.post(chat(HARD))
        assert (status, headers["x-weir-model"]) == (200, "weak")
        assert headers["x-weir-reason"] == "scorer_unavailable"


async def test_a_body_that_stops_coming_is_refused(tmp_path: Path) -> None:
    made = Bootstrap()
    made.modes(request_body_mode="FULL_DUPLEX_STREAMED", request_trailer_mode="SEND")
    made.filter["failure_mode_allow"] = False
    stop = asyncio.Event()

    async def half() -> AsyncGenerator[bytes]:
        yield chat(EASY)[:20]
        await stop.wait()

    async with world(tmp_path, made, [("WEIR_BODY_WITHIN", "200ms")]) as here:
        async with here.session.post(
            f"{here.envoy.url}/v1/chat/completions", data=half(), headers=HEADERS
        ) as response:
            assert response.status == 400
            assert (await response.json())["error"]["code"] == "body_timeout"
        stop.set()


async def test_a_decision_continues_the_clients_trace(tmp_path: Path) -> None:
    trace, client = secrets.token_bytes(16), secrets.token_bytes(8)
    async with collecting() as collector, programs(tmp_path, fails_open=False) as here:
        exporting = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRICS_EXPORTER": "none",
        }
        async with here.weir(**exporting):
            headers = {**HEADERS, "traceparent": f"00-{trace.hex()}-{client.hex()}-01"}
            async with here.session.post(
                f"{here.envoy.url}/v1/chat/completions", data=chat(EASY), headers=headers
            ) as response:
                assert response.status == 200
            names = {"ext_proc /v1/chat/completions", "weir.decide"}
            spans = {seen.name: seen for seen in await collector.wait_for(trace, names, within=20)}
    server = spans["ext_proc /v1/chat/completions"].span
    assert server.parent_span_id == client
    assert spans["weir.decide"].span.parent_span_id == server.span_id
    assert spans["weir.decide"].attributes["weir.model"] == "weak"
