"""The operator's gRPC stream: it delivers route tables and receives usage reports.

Each table is acknowledged, or refused with a reason. While the operator is unavailable, the gateway
keeps serving with its current table.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from weir_gateway.adapters.metrics.decision_metrics import PolicyTotals
from weir_gateway.adapters.providers.backend_health import BackendHealth
from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.adapters.route_table import build
from weir_gateway.adapters.route_table.file import LastGood
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.table import SecretRef
from weir_policy.ids import BackendId, PolicyId
from weir_policy.table import Table
from weir_proto.routing.v2 import routetable_pb2 as pb
from weir_proto.routing.v2 import routetable_pb2_grpc as rpc
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

FIRST_PAUSE = 0.2  # seconds until the stream is reopened; doubled for each failure
MAX_PAUSE = 2.0  # seconds; how soon gateways find a restarted operator
LAST_REPORT_TIMEOUT = 2.0  # seconds to send the last report
PICO_PER_MICRO = 1_000_000
KEEPALIVE = (
    ("grpc.keepalive_time_ms", 20_000),  # detects a peer that vanished
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),  # the operator is in the same network
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # enough for thousands of policies
)

TotalsSource = Callable[[], Mapping[PolicyId, PolicyTotals]]
HealthSource = Callable[[], Mapping[BackendId, BackendHealth]]
Call = grpc.aio.StreamStreamCall[pb.Report, pb.RouteTable]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The operator's address and this gateway's identity; times in seconds."""

    target: str  # host:port
    gateway: str  # this gateway's name, such as the pod's
    ca: Path | None  # PEM; None: no TLS
    token: Path | None  # the service account's token, read at each connection
    usage_every: float = 10.0
    started: int = 0  # when the process started, in milliseconds since 1970


@dataclass(frozen=True, slots=True)
class UsageSources:
    """What is reported: totals per policy and the health of backends."""

    totals: TotalsSource
    health: HealthSource = dict


@dataclass(frozen=True, slots=True)
class TableTargets:
    """What a delivered table updates."""

    tables: Tables
    credentials: Credentials
    last_good: LastGood | None = None
    on_applied: Callable[[], None] = lambda: None  # called after a table and its keys are in force


class TableStream:
    """Receives tables from the operator and reports usage to it."""

    def __init__(
        self,
        options: StreamOptions,
        targets: TableTargets,
        usage: UsageSources,
        registry: Registry,
    ) -> None:
        self._options = options
        self._targets = targets
        self._tables = targets.tables
        self._usage = usage
        self._up = registry.gauge(
            "weir.routetable.stream.up", "1 while the operator's stream is open, else 0."
        ).labels()
        self._writing = asyncio.Lock()  # gRPC takes one write of a call at a time
        self._secrets: dict[SecretRef, Secret] = {}  # of the table in force
        self._streams = 0  # number of streams opened

    async def follow(self) -> None:
        """Keep the stream open until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._session()
            except grpc.aio.AioRpcError as error:
                _LOG.warning(
                    "the operator's stream is down: %s",
                    error.code().name.lower(),
                    extra={"operator": self._options.target, "retry_in": pause},
                )
            except OSError as error:
                _LOG.warning("can't open the operator's stream: %s", error)
            pause = FIRST_PAUSE if self._up.value else min(pause * 2, MAX_PAUSE)
            self._up.set(0)
            await asyncio.sleep(pause)

    async def _session(self) -> None:
        async with await self._channel() as channel:
            metadata = await self._metadata()
            call: Call = rpc.RouteTablesStub(channel).Stream(metadata=metadata)
            self._streams += 1
            await self._send(call, self._report())
            reporter = asyncio.create_task(self._report_usage(call), name="weir-report-usage")
            # A task of its own, because gRPC cancels a call whose reader is cancelled.
            reader = asyncio.create_task(self._read(call), name="weir-read-tables")
            try:
                await asyncio.wait({reader})
            except asyncio.CancelledError:
                reporter.cancel()
                await self._send_last_report(call, reader)
                raise
            finally:
                reporter.cancel()
                reader.cancel()
                await asyncio.wait({reporter, reader})
            reader.result()

    async def _read(self, call: Call) -> None:
        while isinstance(message := await call.read(), pb.RouteTable):
            self._up.set(1)
            await self._send(call, await self._apply(message))

    async def _send_last_report(self, call: Call, reader: "asyncio.Task[None]") -> None:
        """Report the rest before shutdown, so that no usage is lost."""
        report = self._report()
        report.goodbye = True
        with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
            async with asyncio.timeout(LAST_REPORT_TIMEOUT):
                await self._send(call, report)
                await call.done_writing()
                await asyncio.wait({reader})  # until the operator closes the stream

    async def _send(self, call: Call, report: pb.Report) -> None:
        async with self._writing:
            # The stream may have ended while a table was probed: the reader reports it.
            with contextlib.suppress(asyncio.InvalidStateError):
                await call.write(report)

    async def _apply(self, message: pb.RouteTable) -> pb.Report:
        report = self._report()
        report.version = message.version
        try:
            published = await asyncio.to_thread(self._read_table, message)
            refused = await self._tables.apply(published, self._options.target)
        except BadTable as error:
            report.nack.CopyFrom(pb.Nack(policy=error.policy or "", reason=error.message))
            return report
        # No await between the table and its keys: a request must not come between them.
        # A policy that keeps its last good version needs its former keys.
        former = self._secrets if refused else {}
        secrets = self._secrets = {**former, **_credentials(message)}
        self._targets.credentials.replace(secrets)
        self._targets.on_applied()
        await self._save(message.table, secrets)
        report.ack.SetInParent()
        report.ack.refused.extend(
            pb.RefusedPolicy(policy=policy, reason=reason) for policy, reason in refused.items()
        )
        return report

    def _read_table(self, message: pb.RouteTable) -> Table:
        try:
            return build.read(message.table)
        except BadTable as error:
            self._tables.reject(error, self._options.target, message.version)
            raise

    async def _save(self, table_json: bytes, secrets: Mapping[SecretRef, Secret]) -> None:
        if self._targets.last_good is None:
            return
        try:
            await asyncio.to_thread(self._targets.last_good.save, table_json, secrets)
        except OSError as error:
            _LOG.warning("can't save the last good table: %s", error.strerror)

    async def _report_usage(self, call: Call) -> None:
        # The reader reports a stream that ended.
        with contextlib.suppress(grpc.aio.AioRpcError):
            while True:
                await asyncio.sleep(self._options.usage_every)
                await self._send(call, self._report())

    def _report(self) -> pb.Report:
        return pb.Report(
            gateway=self._options.gateway,
            version=self._tables.version,
            usage=_usage(self._usage.totals().items()),
            started=self._options.started,
            stream=self._streams,
            health=_health(self._usage.health().items()),
        )

    async def _channel(self) -> grpc.aio.Channel:
        options = self._options
        if options.ca is None:
            return grpc.aio.insecure_channel(options.target, options=KEEPALIVE)
        authority = await asyncio.to_thread(options.ca.read_bytes)
        tls = grpc.ssl_channel_credentials(authority)
        return grpc.aio.secure_channel(options.target, tls, options=KEEPALIVE)

    async def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._options.token is None:
            return ()
        token = await asyncio.to_thread(self._options.token.read_text)
        return (("authorization", f"Bearer {token.strip()}"),)


def _credentials(message: pb.RouteTable) -> dict[SecretRef, Secret]:
    return {
        SecretRef(c.ref.namespace, c.ref.name, c.ref.key): Secret(c.value)
        for c in message.credentials
    }


def _health(recent: Iterable[tuple[BackendId, BackendHealth]]) -> list[pb.BackendHealth]:
    return [
        pb.BackendHealth(
            backend=backend,
            calls=health.calls,
            failures=health.failures,
            last_failure=health.last_failure,
            uid=health.uid,
            generation=health.generation,
        )
        for backend, health in recent
    ]


def _usage(totals: Iterable[tuple[PolicyId, PolicyTotals]]) -> list[pb.PolicyUsage]:
    return [
        pb.PolicyUsage(
            policy=policy,
            requests=total.requests,
            strong=total.strong,
            paid_micro_usd=total.paid // PICO_PER_MICRO,
            saved_micro_usd=total.saved // PICO_PER_MICRO,
            uid=total.uid,
            judged=total.judged,
            unknown=total.unknown,
        )
        for policy, total in totals
        if total.requests
    ]
