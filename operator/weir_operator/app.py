"""Builds the operator from its settings and runs it until it is asked to stop.

The one place that knows every part. Nothing is opened before `run`.
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

from weir_operator.apply.admission import Doorkeeper, OpenDoor, TokenDoor
from weir_operator.apply.board import Board
from weir_operator.apply.cluster import Cluster, ClusterError
from weir_operator.apply.election import Election, Terms
from weir_operator.apply.gateways import Gateways
from weir_operator.apply.index import Index
from weir_operator.apply.kube import Access, KubeCluster, Places
from weir_operator.apply.probes import ScorerProbing
from weir_operator.apply.programmer import NoProbing, Probing, Programmer
from weir_operator.apply.relay import Identity, News, Relay
from weir_operator.apply.replicas import ReplicasService
from weir_operator.apply.reported import Reported
from weir_operator.apply.reporter import Known, Pace, Reporter
from weir_operator.apply.resync import Resync
from weir_operator.apply.server import StreamServer
from weir_operator.apply.stream import RouteTables
from weir_operator.apply.vault import Vault
from weir_operator.handlers import access, watch
from weir_operator.settings import Settings
from weir_runtime.admin import Admin, Health
from weir_runtime.loop import stop_on_signals
from weir_runtime.metrics import Registry
from weir_runtime.metrics_export import export_forever
from weir_runtime.quantities import Address
from weir_runtime.tasks import background

_LOG = logging.getLogger(__name__)

SERVICE = "weir-operator"
FIRST_PLAN_SECONDS = 2.0  # a Secret that can't be read holds the first table up, not the watch


class BadSettings(Exception):
    """Settings that don't go together; the message says what to write."""


class Operator:
    """The program."""

    def __init__(
        self,
        settings: Settings,
        variables: Mapping[str, str],
        login: Callable[[], Access] = access,
    ) -> None:
        """`variables` are for OTEL_*. Raises BadSettings."""
        if not settings.insecure and (settings.tls is None or not settings.gateways):
            raise BadSettings(
                "set WEIR_OPERATOR_TLS and WEIR_OPERATOR_GATEWAYS, or WEIR_OPERATOR_INSECURE=1 "
                "for a try on one machine"
            )
        self._settings = settings
        self._variables = variables
        self._login = login
        self.registry = Registry()
        self.health = Health()
        self.bound: Address | None = None  # where the stream is really served, once it is
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
            cluster = KubeCluster(session, self._login, self._places())
            clock = time.monotonic
            news = News(Board(), Gateways(clock), Reported(clock))
            news.board.listen(news.gateways.wake_all)
            replicas = await self._serve(stack, cluster, news)
            probing: Probing = NoProbing()
            if settings.scorer is not None:
                channel = grpc.aio.insecure_channel(settings.scorer)
                probing = ScorerProbing(await stack.enter_async_context(channel))
            await self._work(cluster, news, replicas, probing, stop)
        return 0

    async def _serve(
        self, stack: contextlib.AsyncExitStack, cluster: Cluster, news: News
    ) -> ReplicasService:
        settings = self._settings
        board, gateways, reported = news.board, news.gateways, news.reported
        door = self._door(cluster, settings.gateways, "a gateway's service account")
        tables = RouteTables(board, gateways, reported, door, self.registry)
        door = self._door(cluster, settings.replicas, "the operator's service account")
        replicas = ReplicasService(board, gateways, reported, door, self.registry)
        server = StreamServer(tables, replicas, None if settings.insecure else settings.tls)
        host, port = settings.listen.host, settings.listen.port
        bound = await server.start(f"{host}:{port}")
        self.bound = Address(host=host, port=bound)
        stack.push_async_callback(server.stop)
        return replicas

    async def _work(
        self,
        cluster: Cluster,
        news: News,
        replicas: ReplicasService,
        probing: Probing,
        stop: asyncio.Event,
    ) -> None:
        settings = self._settings
        index = Index()
        vault = Vault(cluster, index.dirty)
        programmer = Programmer(
            index, vault, news.board, probing, self.registry, allowed=self._settings.upstream_allow
        )
        election = self._election(cluster)
        replicas.elect(election)
        reporter = Reporter(
            cluster,
            Known(index, news.board, news.gateways, news.reported, programmer),
            lambda: election.leading,
            _now,
            self.registry,
            Pace(usage=settings.usage_every, settle=settings.settle),
        )
        election.listen(reporter.nudge)
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
                relay = Relay(self._identity(), news, election, self.registry)
                tasks.start(relay.run(), "weir-relay")
            if await _before(stop, self._list(resync)):
                planned = asyncio.Event()
                programmer.listen(planned.set)
                tasks.start(programmer.run(), "weir-programmer")
                tasks.start(reporter.run(), "weir-reporter")
                tasks.start(vault.watch(settings.secrets_every), "weir-secrets")
                tasks.start(resync.run(settings.resync_every), "weir-resync")
                # The watch lists everything once more: gateways get the first table before that.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(planned.wait(), FIRST_PLAN_SECONDS)
                tasks.start(watch(index, settings.watch, lambda: _keep_signals(stop)), "weir-watch")
                await stop.wait()

    async def _list(self, resync: Resync) -> None:
        """Nothing is compiled before everything was seen once: half a table is a wrong one."""
        while True:
            try:
                await resync.start()
            except ClusterError as error:
                self.health.not_ready("resources", f"can't list: {error}")
                _LOG.warning("can't list policies and backends: %s", error)
                await asyncio.sleep(1.0)
            else:
                self.health.ready("resources")
                return

    def _door(self, cluster: Cluster, allowed: tuple[str, ...], wanted: str) -> Doorkeeper:
        if self._settings.insecure:
            _LOG.warning("serving tables and secrets to everybody: WEIR_OPERATOR_INSECURE is set")
            return OpenDoor()
        return TokenDoor(cluster, frozenset(allowed), time.monotonic, wanted)

    @property
    def _name(self) -> str:
        return self._settings.name or socket.gethostname()

    def _election(self, cluster: Cluster) -> Election:
        settings = self._settings
        assert self.bound is not None  # noqa: S101 - the stream is served first
        duration = settings.lease_duration
        terms = Terms(duration=duration, every=duration / 4)
        host = settings.host or socket.gethostname()
        address = f"[{host}]" if ":" in host else host
        return Election(cluster, self._name, f"{address}:{self.bound.port}", time.monotonic, terms)

    def _identity(self) -> Identity:
        settings = self._settings
        tls = None if settings.insecure else settings.tls
        return Identity(self._name, settings.token, tls, settings.tls_name)

    def _places(self) -> Places:
        settings = self._settings
        return Places(
            namespace=settings.namespace,
            lease=settings.lease,
            config_map=settings.config_map,
            watch=settings.watch,
        )


async def _before(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Whether `work` ended before `stop` was set; it is cancelled where not."""
    waiting = asyncio.create_task(stop.wait(), name="weir-wait-stop")
    doing = asyncio.create_task(work, name="weir-first-list")
    try:
        await asyncio.wait({waiting, doing}, return_when=asyncio.FIRST_COMPLETED)
        return doing.done() and doing.exception() is None
    finally:
        waiting.cancel()
        doing.cancel()


def _keep_signals(stop: asyncio.Event) -> None:
    """A signal stops the program, not the watch alone."""
    if threading.current_thread() is threading.main_thread():
        stop_on_signals(stop)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
