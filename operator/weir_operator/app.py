"""Builds the operator from its settings and runs it until it is stopped.

The only module that imports every part. Nothing is opened before `run`.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime

import aiohttp
import grpc

from weir_operator.apply.authentication import (
    AllowAllAuthenticator,
    Authenticator,
    TokenReviewAuthenticator,
)
from weir_operator.apply.cluster import Cluster, ClusterError
from weir_operator.apply.compile_loop import CompileLoop, Given, NoProbes, ProbeRunner
from weir_operator.apply.election import Election, LeaseTiming
from weir_operator.apply.gateways import Gateways
from weir_operator.apply.index import Index
from weir_operator.apply.kube import Access, KubeCluster, ObjectNames
from weir_operator.apply.probes import ScorerProbeRunner
from weir_operator.apply.relay import Relay, ReplicaIdentity, Sources
from weir_operator.apply.replicas import ReplicasService
from weir_operator.apply.resync import Resync
from weir_operator.apply.secret_cache import SecretCache
from weir_operator.apply.server import StreamServer
from weir_operator.apply.status_writer import StatusSources, StatusWriter, WriteTiming
from weir_operator.apply.stream import RouteTables
from weir_operator.apply.table_publisher import TablePublisher
from weir_operator.apply.usage_reports import UsageReports
from weir_operator.files.catalog import load_catalog
from weir_operator.handlers import access, watch
from weir_operator.settings import Settings
from weir_policy.catalog.catalog import CatalogError
from weir_runtime.admin import Admin, Health
from weir_runtime.loop import stop_on_signals
from weir_runtime.metrics import Registry
from weir_runtime.metrics_export import export_forever
from weir_runtime.quantities import Address
from weir_runtime.tasks import background

_LOG = logging.getLogger(__name__)

SERVICE = "weir-operator"
FIRST_PLAN_SECONDS = 2.0  # after which the watch starts even where a Secret delays the first table


class BadSettings(Exception):
    """The settings contradict each other; the message says what to set."""


class Operator:
    """The program."""

    def __init__(
        self,
        settings: Settings,
        variables: Mapping[str, str],
        login: Callable[[], Access] = access,
    ) -> None:
        """`variables` holds the OTEL_* variables. Raises BadSettings, also for a bad catalog."""
        if not settings.insecure and (settings.tls is None or not settings.gateways):
            raise BadSettings(
                "set WEIR_OPERATOR_TLS and WEIR_OPERATOR_GATEWAYS, or WEIR_OPERATOR_INSECURE=1 "
                "for a try on one machine"
            )
        try:
            self._catalog = load_catalog(settings.catalog)
        except CatalogError as error:
            raise BadSettings(f"WEIR_OPERATOR_CATALOG: {error}") from error
        self._settings = settings
        self._variables = variables
        self._login = login
        self.registry = Registry()
        self.health = Health()
        self.bound: Address | None = None  # the stream's address, once it is served
        self.bound_admin: Address | None = None

    async def run(self, stop: asyncio.Event) -> int:
        """Serve until `stop` is set. Raises OSError, NoCertificate where it can't start."""
        settings = self._settings
        self.health.not_ready("resources", "policies and backends have not been listed yet")
        async with contextlib.AsyncExitStack() as stack:
            admin = Admin(self.health, self.registry)
            self.bound_admin = await admin.start(settings.admin)
            stack.push_async_callback(admin.stop)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            cluster = KubeCluster(session, self._login, self._object_names())
            clock = time.monotonic
            sources = Sources(TablePublisher(), Gateways(clock), UsageReports(clock))
            sources.publisher.on_publish(sources.gateways.wake_all)
            replicas = await self._serve(stack, cluster, sources)
            probes: ProbeRunner = NoProbes()
            if settings.scorer is not None:
                channel = grpc.aio.insecure_channel(settings.scorer)
                probes = ScorerProbeRunner(await stack.enter_async_context(channel))
            await self._work(cluster, sources, replicas, probes, stop)
        return 0

    async def _serve(
        self, stack: contextlib.AsyncExitStack, cluster: Cluster, sources: Sources
    ) -> ReplicasService:
        settings = self._settings
        publisher, gateways, usage = sources.publisher, sources.gateways, sources.usage
        authenticator = self._authenticator(
            cluster, settings.gateways, "a gateway's service account"
        )
        tables = RouteTables(publisher, gateways, usage, authenticator, self.registry)
        authenticator = self._authenticator(
            cluster, settings.replicas, "the operator's service account"
        )
        replicas = ReplicasService(publisher, gateways, usage, authenticator, self.registry)
        server = StreamServer(tables, replicas, None if settings.insecure else settings.tls)
        host, port = settings.listen.host, settings.listen.port
        bound = await server.start(f"{host}:{port}")
        self.bound = Address(host=host, port=bound)
        stack.push_async_callback(server.stop)
        return replicas

    async def _work(
        self,
        cluster: Cluster,
        sources: Sources,
        replicas: ReplicasService,
        probes: ProbeRunner,
        stop: asyncio.Event,
    ) -> None:
        settings = self._settings
        index = Index()
        secrets = SecretCache(cluster, index.dirty)
        compile_loop = CompileLoop(
            index,
            secrets,
            sources.publisher,
            probes,
            self.registry,
            given=Given(self._settings.upstream_allow, self._catalog),
        )
        election = self._election(cluster)
        replicas.use_election(election)
        status_writer = StatusWriter(
            cluster,
            StatusSources(index, sources.publisher, sources.gateways, sources.usage, compile_loop),
            lambda: election.leading,
            _now,
            self.registry,
            WriteTiming(usage_interval=settings.usage_every, settle_time=settings.settle),
        )
        election.on_round(status_writer.wake)
        self.registry.gauge_callback(
            "weir.operator.leading",
            "1 on the replica that writes, else 0.",
            lambda: election.leading,
        )
        resync = Resync(cluster, index)
        async with background() as tasks:
            tasks.start(export_forever(SERVICE, self.registry, self._variables), "weir-metrics")
            tasks.start(election.run(), "weir-election")
            if settings.insecure or settings.token is not None:
                relay = Relay(self._identity(), sources, election, self.registry)
                tasks.start(relay.run(), "weir-relay")
            if await _finished_before(stop, self._list(resync)):
                planned = asyncio.Event()
                compile_loop.on_plan(planned.set)
                tasks.start(compile_loop.run(), "weir-compile-loop")
                tasks.start(compile_loop.proofs.run(), "weir-proofs")
                tasks.start(status_writer.run(), "weir-status-writer")
                tasks.start(secrets.run(settings.secrets_every), "weir-secrets")
                tasks.start(resync.run(settings.resync_every), "weir-resync")
                # The watch lists everything again: gateways get the first table before that.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(planned.wait(), FIRST_PLAN_SECONDS)
                tasks.start(
                    watch(index, settings.watch, lambda: _restore_signals(stop)), "weir-watch"
                )
                await stop.wait()

    async def _list(self, resync: Resync) -> None:
        """List everything before the first compilation: a partial table would be wrong."""
        while True:
            try:
                await resync.list_all()
            except ClusterError as error:
                self.health.not_ready("resources", f"can't list: {error}")
                _LOG.warning("can't list policies and backends: %s", error)
                await asyncio.sleep(1.0)
            else:
                self.health.ready("resources")
                return

    def _authenticator(
        self, cluster: Cluster, allowed: tuple[str, ...], wanted: str
    ) -> Authenticator:
        if self._settings.insecure:
            _LOG.warning(
                "serving tables and secrets without authentication: WEIR_OPERATOR_INSECURE is set"
            )
            return AllowAllAuthenticator()
        return TokenReviewAuthenticator(cluster, frozenset(allowed), time.monotonic, wanted)

    @property
    def _name(self) -> str:
        return self._settings.name or socket.gethostname()

    def _election(self, cluster: Cluster) -> Election:
        settings = self._settings
        assert self.bound is not None  # noqa: S101 - the stream is served first
        duration = settings.lease_duration
        terms = LeaseTiming(duration=duration, retry_interval=duration / 4)
        host = settings.host or socket.gethostname()
        address = f"[{host}]" if ":" in host else host
        return Election(cluster, self._name, f"{address}:{self.bound.port}", time.monotonic, terms)

    def _identity(self) -> ReplicaIdentity:
        settings = self._settings
        tls = None if settings.insecure else settings.tls
        return ReplicaIdentity(self._name, settings.token, tls, settings.tls_name)

    def _object_names(self) -> ObjectNames:
        settings = self._settings
        return ObjectNames(
            namespace=settings.namespace,
            lease=settings.lease,
            config_map=settings.config_map,
            watch=settings.watch,
        )


async def _finished_before(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Whether `work` ended before `stop` was set; otherwise it is cancelled."""
    waiting = asyncio.create_task(stop.wait(), name="weir-wait-stop")
    doing = asyncio.create_task(work, name="weir-first-list")
    try:
        await asyncio.wait({waiting, doing}, return_when=asyncio.FIRST_COMPLETED)
        return doing.done() and doing.exception() is None
    finally:
        waiting.cancel()
        doing.cancel()


def _restore_signals(stop: asyncio.Event) -> None:
    """Let signals stop the program again: kopf has taken them for the watch."""
    if threading.current_thread() is threading.main_thread():
        stop_on_signals(stop)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
