"""Tables that come and go, draining, and what the operator's stream brings."""

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format

from support.gateway import (
    Running,
    backend,
    running_gateway,
    running_scorer,
    table,
    write,
)
from support.scorer_server import ScriptedScorer
from support.upstream import (
    END,
    Exchange,
    answering,
    completion,
    event,
    running_upstream,
)
from support.waiting import eventually
from weir_proto.routing.v1 import routetable_pb2 as pb
from weir_proto.routing.v1 import routetable_pb2_grpc as rpc

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
STREAM_BODY = BODY.replace(b'"auto"', b'"auto","stream":true')
KEY = "sk-very-secret-value"


async def _version(gateway: Running, version: str) -> None:
    """Wait until `version` is in force."""
    await _shows(gateway, f'weir_routetable_version{{version="{version}"}} 1.0')


async def _shows(gateway: Running, metric: str) -> None:
    async def shown() -> bool:
        return metric in await gateway.metrics()

    await eventually(shown)


async def test_a_hundred_swaps_under_load_lose_no_request(tmp_path: Path) -> None:
    done = asyncio.Event()
    statuses: list[int] = []

    async def client(gateway: Running) -> None:
        while not done.is_set():
            async with await gateway.chat(BODY) as response:
                await response.read()
                statuses.append(response.status)

    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url), version="v0")) as gateway,
        asyncio.TaskGroup() as clients,
    ):
        for _ in range(8):
            clients.create_task(client(gateway))
        for number in range(1, 101):
            write(gateway.file, table(backend("weak", upstream.url), version=f"v{number}"))
            await _version(gateway, f"v{number}")
        done.set()
    assert len(statuses) > 100
    assert set(statuses) == {200}


@pytest.mark.parametrize(
    "text",
    ["", "not json", '{"version":"v2","policies":[{"id":"shop/chat","candidates":["none"]}]}'],
    ids=["empty", "not JSON", "an unknown backend"],
)
async def test_a_bad_file_keeps_the_last_good_table(tmp_path: Path, text: str) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        gateway.file.write_text(text)
        write(gateway.file.with_name("other.json"), table(backend("weak", upstream.url)))
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        write(gateway.file, table(backend("weak", upstream.url), version="v3"))
        await _version(gateway, "v3")


async def test_a_rule_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        broken = table(backend("weak", upstream.url), version="v2")
        broken.policies[0].rules.add(name="bad", when="request.turns >", use="shop/weak")
        write(gateway.file, broken)
        await _shows(gateway, 'result="refused"')
        async with await gateway.chat(BODY) as response:
            assert response.status == 200


async def test_a_table_whose_probe_does_not_hold_is_refused(tmp_path: Path) -> None:
    scorer = ScriptedScorer(score=lambda text: 0.9 if "prove" in text else 0.1)
    async with (
        running_scorer(tmp_path, scorer) as served,
        running_upstream(answering(completion())) as upstream,
    ):
        two = (backend("weak", upstream.url), backend("strong", upstream.url))
        probed = table(*two)
        probed.policies[0].probes.add(prompt="prove it", expect="shop/strong")
        variables = [("WEIR_SCORER", served.target), ("WEIR_SCORE_WITHIN", "5s")]
        async with running_gateway(tmp_path, probed, variables) as gateway:
            await _version(gateway, "v1")
            wrong = table(*two, version="v2")
            wrong.policies[0].probes.add(prompt="what is 2+2?", expect="shop/strong")
            write(gateway.file, wrong)
            await _shows(gateway, 'result="refused"')
            async with await gateway.chat(BODY) as response:
                assert response.status == 200
            await _version(gateway, "v1")


async def test_probes_that_cannot_be_decided_hold_nothing_up(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        probed = table(backend("weak", upstream.url), backend("strong", upstream.url))
        probed.policies[0].probes.add(prompt="prove it", expect="shop/strong")
        async with (
            running_gateway(tmp_path, probed) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.headers["x-weir-reason"] == "scorer_unavailable"


async def test_a_config_maps_links_are_followed(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        for version in ("v1", "v2"):
            folder = tmp_path / version
            folder.mkdir()
            write(
                folder / "routetable.json",
                table(backend("weak", upstream.url), version=version),
            )
        (tmp_path / "..data").symlink_to("v1")
        (tmp_path / "routetable.json").symlink_to("..data/routetable.json")
        async with running_gateway(tmp_path, None) as gateway:
            await _version(gateway, "v1")
            (tmp_path / "..new").symlink_to("v2")
            (tmp_path / "..new").rename(tmp_path / "..data")
            await _version(gateway, "v2")


async def test_without_a_table_it_is_not_ready_and_says_why(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, None) as gateway:
        async with await gateway.chat(BODY) as response:
            assert response.status == 503
            assert (await response.json())["error"]["code"] == "no_route_table"
        admin = f"http://{gateway.gateway.bound_admin}/readyz"
        async with gateway.session.get(admin) as response:
            assert response.status == 503
            assert "route table" in await response.text()


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


async def test_credentials_reach_the_provider_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_upstream(answering(b"<html>no", 401)) as upstream:
        keyed = backend("weak", upstream.url)
        keyed.auth.env = "SOME_KEY"
        missing = backend("strong", upstream.url)
        missing.auth.env = "NO_KEY"
        async with running_gateway(
            tmp_path, table(keyed, missing), [("SOME_KEY", KEY), ("WEIR_LOG_LEVEL", "debug")]
        ) as gateway:
            seen = io.StringIO()
            for model in (b'"weak"', b'"strong"'):
                async with await gateway.chat(BODY.replace(b'"auto"', model)) as response:
                    seen.write(f"{response.status} {response.headers} {await response.text()}")
            seen.write(await gateway.metrics())
            assert upstream.received[0].headers["authorization"] == f"Bearer {KEY}"
            assert len(upstream.received) == 1
    assert "NO_KEY" in seen.getvalue()
    assert KEY not in seen.getvalue() + caplog.text


async def test_the_clients_key_goes_up_only_where_the_backend_says_so(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        through = backend("weak", upstream.url)
        through.auth.passthrough = True
        async with running_gateway(tmp_path, table(through)) as gateway:
            async with await gateway.chat(BODY, Authorization="Bearer client") as response:
                assert response.status == 200
            assert upstream.received[0].headers["authorization"] == "Bearer client"


@dataclass
class Operator(rpc.RouteTablesServicer):
    """Sends what a test puts in `outbox`, keeps what it is told."""

    outbox: "asyncio.Queue[pb.RouteTable]" = field(default_factory=asyncio.Queue[pb.RouteTable])
    reports: "asyncio.Queue[pb.Report]" = field(default_factory=asyncio.Queue[pb.Report])
    tokens: list[str] = field(default_factory=list[str])

    async def Stream(  # noqa: N802 - the proto's name
        self,
        request_iterator: AsyncIterator[pb.Report],
        context: grpc.aio.ServicerContext[pb.Report, pb.RouteTable],
    ) -> AsyncIterator[pb.RouteTable]:
        self.tokens += [
            str(v) for k, v in context.invocation_metadata() or () if k == "authorization"
        ]
        reading = asyncio.create_task(self._read(request_iterator), name="operator-reads")
        try:
            while True:
                yield await self.outbox.get()
        finally:
            reading.cancel()

    async def _read(self, reports: AsyncIterator[pb.Report]) -> None:
        async for report in reports:
            await self.reports.put(report)

    async def verdict(self, version: str) -> pb.Report:
        """The next report with an ACK or NACK of `version`."""
        async with asyncio.timeout(20):
            while True:
                report = await self.reports.get()
                if report.version == version and report.WhichOneof("verdict"):
                    return report


@contextlib.asynccontextmanager
async def running_operator(operator: Operator, port: int = 0) -> AsyncGenerator[int]:
    server = grpc.aio.server()
    rpc.add_RouteTablesServicer_to_server(operator, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(None)


async def test_the_operators_tables_are_acknowledged_or_refused(tmp_path: Path) -> None:
    operator = Operator()
    token = tmp_path / "token"
    token.write_text("gateway-token\n")
    keep = tmp_path / "keep"
    async with (
        running_upstream(answering(completion())) as upstream,
        running_operator(operator) as port,
        running_gateway(
            tmp_path,
            None,
            [
                ("WEIR_OPERATOR", f"127.0.0.1:{port}"),
                ("WEIR_OPERATOR_TOKEN", str(token)),
                ("WEIR_ROUTETABLE_KEEP", str(keep)),
                ("WEIR_USAGE_EVERY", "20ms"),
                ("WEIR_GATEWAY_NAME", "gateway-0"),
            ],
        ) as gateway,
    ):
        good = table(backend("weak", upstream.url), version="v1")
        ref = pb.SecretRef(namespace="shop", name="keys", key="weak")
        good.backends[0].auth.secret.CopyFrom(ref)
        good.credentials.add(ref=ref, value=KEY)
        await operator.outbox.put(good)
        assert (await operator.verdict("v1")).WhichOneof("verdict") == "ack"
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        assert upstream.received[0].headers["authorization"] == f"Bearer {KEY}"

        bad = table(backend("weak", upstream.url), version="v2")
        bad.policies[0].candidates.append("shop/none")
        await operator.outbox.put(bad)
        refused = await operator.verdict("v2")
        assert refused.nack.policy == "shop/chat"
        assert "shop/none" in refused.nack.reason
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        assert upstream.received[1].headers["authorization"] == f"Bearer {KEY}"

        async with asyncio.timeout(20):
            while not (report := await operator.reports.get()).usage:
                pass
            while report.usage[0].requests < 2:
                report = await operator.reports.get()
        assert report.gateway == "gateway-0"
        assert report.usage[0].policy == "shop/chat"
        assert operator.tokens == ["Bearer gateway-token"]
    assert KEY not in (keep / "routetable.json").read_text()
    assert (keep / "credentials.json").stat().st_mode & 0o777 == 0o600


async def test_it_starts_on_the_last_good_table_with_the_operator_away(tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    away = [("WEIR_OPERATOR", "127.0.0.1:1"), ("WEIR_ROUTETABLE_KEEP", str(keep))]
    async with running_upstream(answering(completion())) as upstream:
        keep.mkdir()
        kept = table(backend("weak", upstream.url), version="kept")
        (keep / "routetable.json").write_text(json_format.MessageToJson(kept))
        async with (
            running_gateway(tmp_path, None, away) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.status == 200


async def test_it_is_not_ready_on_a_file_whose_keys_only_the_operator_has(tmp_path: Path) -> None:
    operator = Operator()
    async with (
        running_upstream(answering(completion())) as upstream,
        running_operator(operator) as port,
    ):
        keyed = table(backend("weak", upstream.url))
        ref = pb.SecretRef(namespace="shop", name="keys", key="weak")
        keyed.backends[0].auth.secret.CopyFrom(ref)
        variables = [("WEIR_OPERATOR", f"127.0.0.1:{port}")]
        async with running_gateway(tmp_path, keyed, variables) as gateway:
            admin = f"http://{gateway.gateway.bound_admin}/readyz"
            async with gateway.session.get(admin) as response:
                assert response.status == 503
                assert "shop/keys" in await response.text()
            keyed.credentials.add(ref=ref, value=KEY)
            await operator.outbox.put(keyed)
            await operator.verdict("v1")
            async with gateway.session.get(admin) as response:
                assert response.status == 200
            async with await gateway.chat(BODY) as response:
                assert response.status == 200


async def test_the_stream_is_taken_up_again_after_the_operator_was_away(tmp_path: Path) -> None:
    first, second = Operator(), Operator()
    async with (
        running_upstream(answering(completion())) as upstream,
        contextlib.AsyncExitStack() as stack,
    ):
        async with running_operator(first) as port:
            gateway = await stack.enter_async_context(
                running_gateway(tmp_path, None, [("WEIR_OPERATOR", f"127.0.0.1:{port}")])
            )
            await first.outbox.put(table(backend("weak", upstream.url), version="v1"))
            await first.verdict("v1")
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        async with running_operator(second, port):
            await second.outbox.put(table(backend("weak", upstream.url), version="v2"))
            assert (await second.verdict("v2")).WhichOneof("verdict") == "ack"
