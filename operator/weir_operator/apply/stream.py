"""The gRPC service `weir.routing.v2.RouteTables`: sends tables to gateways, takes their reports.

A slow gateway gets the newest table when it is ready for one; tables never queue.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc

from weir_operator.apply.authentication import AuthenticationFailed, Authenticator
from weir_operator.apply.gateways import Gateways, Session
from weir_operator.apply.table_publisher import Snapshot, TablePublisher
from weir_operator.apply.usage import GatewayRun
from weir_operator.apply.usage_reports import UsageReports
from weir_proto.routing.v2 import routetable_pb2_grpc as rpc
from weir_proto.routing.v2.routetable_pb2 import Report, RouteTable
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

FIRST_REPORT_TIMEOUT = 10.0  # the stream of a silent caller is closed
SEND_TIMEOUT = 30.0  # the stream of a gateway that reads no table is closed
NAME_CHARS = 253

Context = grpc.aio.ServicerContext[Report, RouteTable]


class RouteTables(rpc.RouteTablesServicer):
    """The service."""

    def __init__(
        self,
        publisher: TablePublisher,
        gateways: Gateways,
        usage: UsageReports,
        authenticator: Authenticator,
        registry: Registry,
    ) -> None:
        self._publisher = publisher
        self._gateways = gateways
        self._usage = usage
        self._authenticator = authenticator
        self._sent = registry.counter(
            "weir.operator.tables.sent", "Tables sent to gateways."
        ).labels()
        self._verdicts = registry.counter(
            "weir.operator.reports", "Gateways' verdicts on tables.", ("verdict",)
        )
        registry.gauge_callback(
            "weir.operator.gateways",
            "Gateways connected to this replica.",
            lambda: len(gateways.local_names()),
        )

    async def Stream(  # type: ignore[override]  # noqa: N802 - the wire's name; the stubs know no aio servicer
        self, request_iterator: AsyncIterator[Report], context: Context
    ) -> None:
        """Serve one gateway until it leaves."""
        await authenticate(self._authenticator, context)
        first = await self._first_report(request_iterator, context)
        session = self._gateways.connect(first)
        _LOG.info("a gateway connected", extra={"gateway": first.gateway})
        try:
            self._record(session, first)
            await self._serve(session, request_iterator, context)
        finally:
            self._gateways.disconnect(session)
            _LOG.info("a gateway left", extra={"gateway": first.gateway})

    async def _first_report(self, reports: AsyncIterator[Report], context: Context) -> Report:
        try:
            async with asyncio.timeout(FIRST_REPORT_TIMEOUT):
                first = await anext(reports, None)
        except TimeoutError:
            first = None
        if first is None or not 0 < len(first.gateway) <= NAME_CHARS:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "gateway: the first report must name the gateway"
            )
        assert first is not None  # noqa: S101 - abort has raised
        return first

    async def _serve(
        self, session: Session, reports: AsyncIterator[Report], context: Context
    ) -> None:
        """Send and receive at once; the end of either direction ends both."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._send(session, context), name="weir-send-tables")
            async for report in reports:
                self._record(session, report)
            sender.cancel()

    async def _send(self, session: Session, context: Context) -> None:
        sent: Snapshot | None = None
        while True:
            current = self._publisher.current
            if current is not None and not current.same_as(sent):
                async with asyncio.timeout(SEND_TIMEOUT):
                    await context.write(current.message)
                sent = current
                self._sent.add()
            await session.wake.wait()
            session.wake.clear()

    def _record(self, session: Session, report: Report) -> None:
        verdict = report.WhichOneof("verdict")
        if verdict:
            self._verdicts.labels(verdict).add()
        if verdict == "nack":
            _LOG.warning(
                "a gateway refused a table",
                extra={
                    "gateway": session.state.gateway,
                    "version": report.version,
                    "policy": report.nack.policy,
                    "reason": report.nack.reason,
                },
            )
        for refused in report.ack.refused:
            _LOG.warning(
                "a gateway can't run a policy",
                extra={
                    "gateway": session.state.gateway,
                    "version": report.version,
                    "policy": refused.policy,
                    "reason": refused.reason,
                },
            )
        self._gateways.record_report(session, report)
        self._usage.record(GatewayRun(session.state.gateway, report.started), report.usage)


async def authenticate(
    authenticator: Authenticator, context: grpc.aio.ServicerContext[Any, Any]
) -> None:
    """Accept the caller, or abort the call with a status that says why not."""
    metadata = dict(context.invocation_metadata() or ())
    try:
        await authenticator.authenticate(str(metadata.get("authorization", "")))
    except AuthenticationFailed as refused:
        _LOG.warning("a caller was refused", extra={"peer": context.peer(), "why": str(refused)})
        await context.abort(_status(refused), str(refused))


def _status(failure: AuthenticationFailed) -> grpc.StatusCode:
    if failure.retryable:
        return grpc.StatusCode.UNAVAILABLE
    return (
        grpc.StatusCode.PERMISSION_DENIED
        if failure.permission_denied
        else grpc.StatusCode.UNAUTHENTICATED
    )
