"""Builds the gateway from its settings and runs it until it is asked to stop.

The one place that knows every part. Nothing is opened before `run`.
"""

import asyncio
import contextlib
import logging
import random
import socket
import time
from collections.abc import Mapping

from aiohttp import web

from weir_gateway.adapters.budget.sync import BudgetSync
from weir_gateway.adapters.keys import KeyRing
from weir_gateway.adapters.ledger.feedback_service import FeedbackService
from weir_gateway.adapters.limits.upstreams import LimitedUpstreams
from weir_gateway.adapters.metrics.decision_log import DecisionLog
from weir_gateway.adapters.metrics.decision_metrics import DecisionMetrics
from weir_gateway.adapters.providers.addresses import Guard
from weir_gateway.adapters.providers.answer_inspector import WireAnswerInspector
from weir_gateway.adapters.providers.backend_health import HealthTrackingUpstreams
from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.providers.upstream import HttpUpstreams
from weir_gateway.adapters.resilience.telemetry import UpstreamTelemetry
from weir_gateway.adapters.resilience.upstreams import ResilientUpstreams
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.route_table.file import TableFile
from weir_gateway.adapters.route_table.last_good import LastGood
from weir_gateway.adapters.route_table.stream import StreamOptions, TableStream, UsageSources
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.adapters.scorer.client import ScorerClient, ScorerOptions
from weir_gateway.adapters.scorer.coalescer import Limits
from weir_gateway.adapters.scorer.score_cache import ScoreCache, cache_requests
from weir_gateway.adapters.scorer.telemetry import ScorerTelemetry
from weir_gateway.adapters.sessions import MemorySessions
from weir_gateway.adapters.spend.exploration_budget import SharedExplorationBudget
from weir_gateway.app.batches import open_batch_service
from weir_gateway.app.ledgers import open_ledgers
from weir_gateway.app.stores import Stores, open_stores
from weir_gateway.batches.factory import BatchService
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.ids import DecisionId
from weir_gateway.http.auth import Authenticator
from weir_gateway.http.batches import batch_routes
from weir_gateway.http.client_wires import CHAT, CLIENT_WIRES, COUNT_TOKENS
from weir_gateway.http.endpoint import Bounds, Endpoint
from weir_gateway.http.feedback import PATH as FEEDBACK
from weir_gateway.http.feedback import FeedbackEndpoint
from weir_gateway.http.models import ModelEndpoints
from weir_gateway.http.route import Route
from weir_gateway.http.server import MODELS, DrainingServer, RootHandler
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.pipeline import CacheBounds, Ports, Routing
from weir_gateway.settings import Settings
from weir_runtime.admin import Admin, Health
from weir_runtime.metrics import Registry
from weir_runtime.metrics_export import export_forever
from weir_runtime.quantities import Address
from weir_runtime.tasks import Background, background
from weir_runtime.tracing import Tracing

_LOG = logging.getLogger(__name__)

SERVICE = "weir-gateway"
CREDENTIALS = "credentials"  # a topic of /readyz
LAST_WRITE = 5.0  # seconds an answer that is ready may take to be written after the drain
NANOS_PER_MILLI = 1_000_000
BACKLOG = 1024  # connections that wait to be accepted in a burst


class Gateway:
    """The program."""

    def __init__(self, settings: Settings, variables: Mapping[str, str]) -> None:
        """`variables` are for OTEL_* and for backends whose key is in the environment."""
        self._settings = settings
        self._variables = variables
        self.registry = Registry()
        self.health = Health()
        self._tracing = Tracing.from_env(SERVICE, variables)
        self._credentials = Credentials(variables)
        guard = Guard(loopback=settings.operator is None, allowed=settings.upstream_allow)
        self._calls = HttpUpstreams(
            self._credentials, self._tracing, guard, max_answer=settings.max_answer
        )
        self._upstreams = ResilientUpstreams(
            self._calls,
            UpstreamTelemetry(self.registry),
            time.monotonic,
            random.Random(),  # noqa: S311 - spreads load, keeps no secret
        )
        self._watched = HealthTrackingUpstreams(self._upstreams, time.monotonic)
        decisions = DecisionLog(share=settings.log_decisions, content=settings.telemetry_content)
        self._look_ups = cache_requests(self.registry)
        self._accounts = DecisionMetrics(self.registry, decisions, self._look_ups)
        self.serving = asyncio.Event()
        self.bound: Address | None = None  # where it really listens, once it does
        self.bound_admin: Address | None = None

    @property
    def calls_under_way(self) -> int:
        """Calls to providers that have not ended."""
        return self._calls.calls.in_flight

    async def run(self, stop: asyncio.Event) -> int:
        """Serve until `stop` is set, then drain. Raises OSError where a port can't be had."""
        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            scorer = await stack.enter_async_context(self._scorer())
            await self._calls.start()
            stack.push_async_callback(self._calls.stop)
            stores = await open_stores(self._settings, self.registry, self._look_ups, stack)
            ledgers = open_ledgers(
                settings, self._variables, SERVICE, self.registry, self._accounts, stack
            )
            budgets = Budgets(stores.treasury, time.monotonic, time.time, _new_id())
            keeper = BudgetSync(budgets, self.registry)
            stack.push_async_callback(keeper.close)
            routing = self._routing(scorer, ledgers.accounts, stores, budgets)
            tables = Tables(routing.prepare, routing.check_probes, self.registry, self.health)
            tables.subscribe(self._accounts.on_table_change)
            tables.subscribe(keeper.on_table_change)
            keys = await self._keys()
            door = Authenticator(keys, time.time)
            # Closed only after the tasks, of which the batches' runner is one, have ended.
            batches = await open_batch_service(
                settings, routing, tables.current, keys, self._calls, stack
            )
            tasks = await stack.enter_async_context(background())
            await self._follow_tables(tables, tasks)
            if keys is not None:
                tasks.start(keys.follow(settings.keys_check), "weir-client-keys")
            admin = Admin(self.health, self.registry)
            self.bound_admin = await admin.start(settings.admin)
            stack.push_async_callback(admin.stop)
            tasks.start(
                export_forever(SERVICE, self.registry, self._variables), "weir-metrics-export"
            )
            tasks.start(self._upstreams.probe_forever(), "weir-upstream-probes")
            tasks.start(keeper.run(), "weir-budgets")
            ledgers.start(tasks)
            stores.start(tasks)
            if batches is not None:
                tasks.start(batches.runner.run(), "weir-batches")
            await self._serve(routing, tables, door, ledgers.desk, batches, stop)
        await self._tracing.shutdown()
        return 0

    def _scorer(self) -> ScorerClient:
        options = ScorerOptions(
            target=self._settings.scorer, limits=Limits(in_flight=self._settings.score_calls)
        )
        return ScorerClient(options, ScorerTelemetry(self.registry, self._tracing))

    def _routing(
        self, scorer: ScorerClient, accounts: DecisionRecorder, stores: Stores, budgets: Budgets
    ) -> Routing:
        cache = ScoreCache(
            scorer,
            entries=self._settings.score_cache,
            requests=self._look_ups,
        )
        return Routing(
            Ports(
                scorer=cache,
                upstreams=LimitedUpstreams(self._watched, stores.limits),
                recorder=accounts,
                conditions=CelConditions(),
                clock=time.perf_counter,
                ids=_new_id,
                sessions=MemorySessions(time.monotonic, entries=self._settings.sessions),
                cache=stores.answers,
                limits=stores.limits,
                exploration=SharedExplorationBudget(stores.spend, self.registry, time.time),
                inspector=WireAnswerInspector(),
            ),
            score_timeout=self._settings.score_within,
            cache_bounds=_keeping(self._settings),
            max_buffered_reply=self._settings.cascade_hold,
            budgets=budgets,
        )

    async def _keys(self) -> KeyRing | None:
        """Raises KeysError and OSError: a gateway that should ask for keys never starts without."""
        if self._settings.keys is None:
            return None
        keys = KeyRing(self._settings.keys)
        await keys.read()
        return keys

    async def _follow_tables(self, tables: Tables, tasks: Background) -> None:
        settings = self._settings
        last_good = LastGood(settings.routetable_keep) if settings.routetable_keep else None
        if last_good is not None:
            await _restore(last_good, tables, self._credentials)
        if settings.routetable_file is not None:
            file = TableFile(
                settings.routetable_file, settings.credentials_file, tables, self._credentials
            )
            if not tables.version:  # what the operator said last is newer than any file
                await file.refresh()
            if settings.operator is None:
                tasks.start(file.follow(settings.routetable_check), "weir-routetable-file")
        if settings.operator is not None:
            self._await_credentials(tables)
            stream = self._stream(settings.operator, tables, last_good)
            tasks.start(stream.follow(), "weir-routetable-stream")

    def _await_credentials(self, tables: Tables) -> None:
        """Not ready on a table whose keys only the operator has: each such call would fail."""
        if not tables.version:
            return
        missing = self._credentials.missing(tables.current().backends.values())
        if missing:
            names = ", ".join(f"{ref.namespace}/{ref.name}" for ref in missing[:3])
            why = f"waiting for the operator's stream to bring the keys of {names}"
            self.health.not_ready(CREDENTIALS, why)

    def _stream(self, operator: str, tables: Tables, last_good: LastGood | None) -> TableStream:
        settings = self._settings
        options = StreamOptions(
            target=operator,
            gateway=settings.name or socket.gethostname(),
            ca=settings.operator_ca,
            token=settings.operator_token,
            usage_every=settings.usage_every,
            started=time.time_ns() // NANOS_PER_MILLI,
        )
        return TableStream(
            options,
            tables,
            self._credentials,
            UsageSources(self._accounts.totals, self._watched.recent),
            self.registry,
            last_good,
            on_table=lambda: self.health.ready(CREDENTIALS),
        )

    async def _serve(
        self,
        routing: Routing,
        tables: Tables,
        door: Authenticator,
        desk: FeedbackService | None,
        batches: BatchService | None,
        stop: asyncio.Event,
    ) -> None:
        settings = self._settings
        bounds = Bounds(body=settings.max_body, body_within=settings.body_within)
        served = {
            client: Endpoint(
                client, routing, tables.current, self._tracing, time.perf_counter, bounds
            )
            for client in (*CLIENT_WIRES, COUNT_TOKENS)
        }
        catalogue = ModelEndpoints(routing, tables.current)
        feedback = FeedbackEndpoint(desk, self._tracing, body_within=settings.body_within)
        routes = batch_routes(
            batches.files if batches else None,
            batches.api if batches else None,
            max_file_bytes=settings.batch_file_bytes,
            timeout=settings.body_within,
        )
        paths = RootHandler(
            {
                **{("POST", client.path): endpoint for client, endpoint in served.items()},
                ("POST", "/v1/route"): Route(served[CHAT], tables.current, self._tracing),
                ("POST", FEEDBACK): feedback,
                ("GET", MODELS): catalogue.list,
                **routes.exact,
            },
            catalogue.get,
            door,
            max_in_flight=settings.in_flight,
            subpaths=routes.subpaths,
        )
        self._tell_load(paths)
        server = DrainingServer(
            paths, head_timeout=settings.head_within, keep_alive=settings.keep_alive
        )
        runner = web.ServerRunner(server, shutdown_timeout=LAST_WRITE)
        await runner.setup()
        try:
            self.bound = await _listen(runner, settings)
            self.serving.set()
            _LOG.info("serving", extra={"address": str(self.bound)})
            await stop.wait()
            self.health.not_ready("drain", "the gateway is shutting down")
            _LOG.info("draining", extra={"in_flight": paths.in_flight})
            for site in tuple(runner.sites):
                await site.stop()
            async with asyncio.TaskGroup() as ending:
                if batches is not None:
                    ending.create_task(batches.runner.drain(settings.drain), name="weir-drain")
                await server.drain(settings.drain, settings.drain_linger)
        finally:
            await runner.cleanup()

    def _tell_load(self, paths: RootHandler) -> None:
        self.registry.gauge_callback(
            "weir.requests.in_flight", "Requests being served.", lambda: paths.in_flight
        )
        self.registry.gauge_callback(
            "weir.upstream.in_flight",
            "Calls to providers under way.",
            lambda: self.calls_under_way,
        )


def _keeping(settings: Settings) -> CacheBounds:
    return CacheBounds(
        largest=settings.cache_answer, under_way=settings.cache_bytes, wait=settings.cache_wait
    )


async def _listen(runner: web.ServerRunner, settings: Settings) -> Address:
    listen = settings.listen
    if listen.path is not None:
        await web.UnixSite(runner, listen.path, backlog=BACKLOG).start()
        return listen
    site = web.TCPSite(
        runner,
        listen.host,
        listen.port,
        backlog=BACKLOG,
        reuse_port=settings.reuse_port or None,
    )
    await site.start()
    host, port = runner.addresses[0][:2]
    return Address(host=host, port=port)


async def _restore(last_good: LastGood, tables: Tables, store: Credentials) -> None:
    try:
        kept = await asyncio.to_thread(last_good.load)
        if kept is not None:
            message, secrets = kept
            store.replace(secrets)
            await tables.apply(message, "last good")
    except (OSError, ValueError, BadTable):
        _LOG.warning("the last good table can't be used; starting without it")


def _new_id() -> DecisionId:
    # Unique, not secret: the system's own source of chance costs a call into the kernel each.
    return DecisionId(f"{random.getrandbits(128):032x}")
