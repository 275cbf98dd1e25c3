"""The operator's stream over a real gRPC server, where it ends at bad moments."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from support.drafts import TableDraft
from weir_gateway.adapters.metrics.decision_metrics import PolicyTotals
from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.route_table.stream import (
    StreamOptions,
    TableStream,
    TableTargets,
    UsageSources,
)
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.domain.table import RouteTable
from weir_policy.ids import PolicyId
from weir_proto.routing.v2 import routetable_pb2 as pb
from weir_proto.routing.v2 import routetable_pb2_grpc as rpc
from weir_proto.scorer.v1.scorer_pb2 import DescribeRequest
from weir_proto.scorer.v1.scorer_pb2_grpc import ScorerStub
from weir_runtime.admin import Health
from weir_runtime.metrics import Registry

Context = grpc.aio.ServicerContext[pb.Report, pb.RouteTable]


class Leaving(rpc.RouteTablesServicer):
    """An operator that hands out one table a stream, and leaves the first while it is probed."""

    def __init__(self) -> None:
        self.probed = asyncio.Event()
        self.streams = 0
        self.acknowledged = ""
        self.done = asyncio.Event()

    async def Stream(  # type: ignore[override]  # noqa: N802 - the wire's name; the stubs know no aio servicer
        self, request_iterator: AsyncIterator[pb.Report], context: Context
    ) -> None:
        self.streams += 1
        await anext(request_iterator)
        await context.write(TableDraft([], version=f"v{self.streams}").message())
        if self.streams == 1:
            await self.probed.wait()
            await context.abort(grpc.StatusCode.UNAVAILABLE, "leaving")
        async for report in request_iterator:
            if report.HasField("ack"):
                self.acknowledged = report.version
                self.done.set()
                return


async def test_a_stream_that_ends_while_its_table_is_probed_is_opened_again() -> None:
    server = grpc.aio.server()
    operator = Leaving()
    rpc.add_RouteTablesServicer_to_server(operator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    target = f"127.0.0.1:{port}"

    async def probe(table: RouteTable) -> None:
        if table.version == "v1":
            operator.probed.set()
            await _unknown_call(target)  # behind the stream's end on the server's way out
            await _unknown_call(target)

    registry = Registry()
    tables = Tables(lambda table: table, probe, registry, Health())
    options = StreamOptions(target=target, gateway="gw", ca=None, token=None)
    targets = TableTargets(tables, Credentials({}))
    stream = TableStream(options, targets, UsageSources(dict), registry)
    following = asyncio.create_task(stream.follow(), name="follow")
    done = asyncio.create_task(operator.done.wait(), name="done")
    tasks: set[asyncio.Task[Any]] = {following, done}
    try:
        async with asyncio.timeout(20):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert not following.done(), following.exception()
        assert operator.acknowledged == "v2"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await server.stop(None)


class Listening(rpc.RouteTablesServicer):
    """An operator that keeps every report."""

    def __init__(self) -> None:
        self.reports: list[pb.Report] = []
        self.half_closed = False
        self.heard = asyncio.Event()

    async def Stream(  # type: ignore[override]  # noqa: N802 - the wire's name; the stubs know no aio servicer
        self, request_iterator: AsyncIterator[pb.Report], context: Context
    ) -> None:
        await context.write(TableDraft([], version="v1").message())
        async for report in request_iterator:
            self.reports.append(report)
            self.heard.set()
        self.half_closed = True


async def test_a_gateway_that_ends_says_goodbye_with_what_it_has_counted() -> None:
    server = grpc.aio.server()
    operator = Listening()
    rpc.add_RouteTablesServicer_to_server(operator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def probe(table: RouteTable) -> None:
        del table

    registry = Registry()
    tables = Tables(lambda table: table, probe, registry, Health())
    target = f"127.0.0.1:{port}"
    options = StreamOptions(target=target, gateway="gw", ca=None, token=None, started=7)
    totals: dict[PolicyId, PolicyTotals] = {}
    targets = TableTargets(tables, Credentials({}))
    stream = TableStream(options, targets, UsageSources(lambda: totals), registry)
    following = asyncio.create_task(stream.follow(), name="follow")
    try:
        async with asyncio.timeout(20):
            await operator.heard.wait()
        totals[PolicyId("shop/chat")] = PolicyTotals(requests=9, uid="u")
    finally:
        following.cancel()
        await asyncio.wait({following})
        await server.stop(None)
    last = operator.reports[-1]
    assert operator.half_closed
    assert (last.gateway, last.started, last.stream, last.goodbye) == ("gw", 7, 1, True)
    assert [(u.policy, u.requests, u.uid) for u in last.usage] == [("shop/chat", 9, "u")]
    assert [report.goodbye for report in operator.reports[:-1]].count(True) == 0


async def _unknown_call(target: str) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        try:
            await ScorerStub(channel).Describe(DescribeRequest())
        except grpc.aio.AioRpcError:
            return
