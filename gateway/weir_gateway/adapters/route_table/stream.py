"""The route table from the operator: a gRPC stream that brings tables and takes reports.

Each table is acknowledged or refused with its reason; usage is reported every so often. When the
operator is away the gateway serves on with what it has. Must not know what a table means.
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

FIRST_PAUSE = 0.2  # seconds before the stream is opened again; doubled up to
MAX_PAUSE = 2.0  # so soon an operator that is back has its gateways
LAST_REPORT_TIMEOUT = 2.0  # for the last report to be sent and read
PICO_PER_MICRO = 1_000_000
KEEPALIVE = (
    ("grpc.keepalive_time_ms", 20_000),  # a peer that vanished without a word is noticed
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),  # the operator is a neighbour
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # thousands of policies
)

TotalsSource = Callable[[], Mapping[PolicyId, PolicyTotals]]
HealthSource = Callable[[], Mapping[BackendId, BackendHealth]]
Call = grpc.aio.StreamStreamCall[pb.Report, pb.RouteTable]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Where the operator is and how it is spoken to; times in seconds."""

    target: str  # host:port
    gateway: str  # this gateway's name: the pod's
    ca: Path | None  # PEM; None speaks without TLS
    token: Path | None  # the service account's token, read afresh at each connection
    usage_every: float = 10.0
    started: int = 0  # when the process started, in milliseconds since 1970


@dataclass(frozen=True, slots=True)
class UsageSources:
    """What is reported: policies' sums, and how backends' latest requests ended."""

    totals: TotalsSource
    health: HealthSource = dict


class TableStream:
    """Follows the operator."""

    def __init__(
        self,
        options: StreamOptions,
        tables: Tables,
        store: Credentials,
        counts: UsageSources,
        registry: Registry,
        last_good: LastGood | None,
        on_table: Callable[[], None],
    ) -> None:
        """`delivered` is called with each table that came this way and is in force."""
        self._options = options
        self._tables = tables
        self._store = store
        self._counts = counts
        self._last_good = last_good
        self._up = registry.gauge(
            "weir.routetable.stream.up", "1 while the operator's stream is open, else 0."
        ).labels()
        self._writing = asyncio.Lock()  # gRPC takes one write of a call at a time
        self._on_table = on_table
        self._secrets: dict[SecretRef, Secret] = {}  # delivered with the table in force
        self._streams = 0  # opened so far

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
        """The gateway ends: what it has counted since the last report must not be lost."""
        report = self._report()
        report.goodbye = True
        with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError):
            async with asyncio.timeout(LAST_REPORT_TIMEOUT):
                await self._send(call, report)
                await call.done_writing()
                await asyncio.wait({reader})  # until the operator has read all and hangs up

    async def _send(self, call: Call, report: pb.Report) -> None:
        async with self._writing:
            # A stream that is over, say while its table was probed, is the reader's to tell.
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
        # In the same breath: no request comes between a table and its keys.
        # A policy that stays as it was last good needs the keys that it had.
        former = self._secrets if refused else {}
        secrets = self._secrets = {**former, **_credentials(message)}
        self._store.replace(secrets)
        self._on_table()
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
        if self._last_good is None:
            return
        try:
            await asyncio.to_thread(self._last_good.save, table_json, secrets)
        except OSError as error:
            _LOG.warning("the last good table can't be kept: %s", error.strerror)

    async def _report_usage(self, call: Call) -> None:
        # A stream that ends meanwhile is the reader's to tell.
        with contextlib.suppress(grpc.aio.AioRpcError):
            while True:
                await asyncio.sleep(self._options.usage_every)
                await self._send(call, self._report())

    def _report(self) -> pb.Report:
        return pb.Report(
            gateway=self._options.gateway,
            version=self._tables.version,
            usage=_usage(self._counts.totals().items()),
            started=self._options.started,
            stream=self._streams,
            health=_health(self._counts.health().items()),
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


def _health(lately: Iterable[tuple[BackendId, BackendHealth]]) -> list[pb.BackendHealth]:
    return [
        pb.BackendHealth(
            backend=backend,
            calls=seen.calls,
            failures=seen.failures,
            last_failure=seen.last_failure,
            uid=seen.uid,
            generation=seen.generation,
        )
        for backend, seen in lately
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
        )
        for policy, total in totals
        if total.requests
    ]
