"""Starts the gateway's parts in order, serves until stopped, and ends them in reverse order.

Nothing is opened before `run`.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from aiohttp import web

from weir_gateway.adapters.budget.sync import BudgetSync
from weir_gateway.adapters.keys import KeyRing
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.adapters.share.sync import ShareSync
from weir_gateway.app.build import (
    SERVICE,
    Parts,
    build_handler,
    build_routing,
    build_scorer,
    new_id,
)
from weir_gateway.app.extproc import Extproc, open_extproc
from weir_gateway.app.ledgers import open_ledgers
from weir_gateway.app.stores import open_batch_service, open_stores
from weir_gateway.app.table_sources import follow_tables
from weir_gateway.batches.factory import BatchDependencies, BatchService
from weir_gateway.http.server import DrainingServer, RootHandler
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.settings import Settings
from weir_gateway.settings.serving import KeySettings, ListenSettings
from weir_runtime.admin import Admin
from weir_runtime.metrics_export import export_forever
from weir_runtime.quantities import Address
from weir_runtime.tasks import background

_LOG = logging.getLogger(__name__)

LAST_WRITE = 5.0  # seconds to write an answer that is ready after the drain
BACKLOG = 1024  # connections that wait to be accepted in a burst


class Gateway:
    """The program."""

    def __init__(self, settings: Settings, variables: Mapping[str, str]) -> None:
        """`variables` holds OTEL_* and the keys of backends whose key is in the environment."""
        self._settings = settings
        self._variables = variables
        self._parts = Parts(settings, variables)
        self.registry = self._parts.registry
        self.health = self._parts.health
        self.serving = asyncio.Event()
        self.bound: Address | None = None  # the address it listens on, once it does
        self.bound_admin: Address | None = None
        self.bound_extproc: Address | None = None  # where an Envoy asks, if it may

    @property
    def calls_under_way(self) -> int:
        """Calls to providers that have not ended."""
        return self._parts.calls.calls.in_flight

    async def run(self, stop: asyncio.Event) -> int:
        """Serve until `stop` is set, then drain. Raises OSError where a port is taken."""
        settings, parts = self._settings, self._parts
        async with contextlib.AsyncExitStack() as stack:
            scorer = await stack.enter_async_context(build_scorer(settings, parts))
            await parts.calls.start()
            stack.push_async_callback(parts.calls.stop)
            stores = await open_stores(settings, parts.registry, parts.lookups, stack)
            ledgers = open_ledgers(
                settings, self._variables, SERVICE, parts.registry, parts.metrics, stack
            )
            budgets = Budgets(stores.budgets, time.monotonic, time.time, new_id())
            budget_sync = BudgetSync(budgets, parts.registry)
            stack.push_async_callback(budget_sync.close)
            share_sync = ShareSync(stores.shares, parts.registry)
            stack.push_async_callback(share_sync.close)
            routing = build_routing(settings, parts, scorer, stores, ledgers.accounts, budgets)
            tables = Tables(routing.prepare, routing.check_probes, parts.registry, parts.health)
            tables.subscribe(parts.metrics.on_table_change)
            tables.subscribe(budget_sync.on_table_change)
            keys = await _read_keys(settings.keys)
            # Closed only after the tasks, of which the batches' runner is one, have ended.
            dependencies = BatchDependencies(
                routing=routing, tables=tables.current, keys=keys, calls=parts.calls
            )
            batches = await open_batch_service(settings, dependencies, stack)
            tasks = await stack.enter_async_context(background())
            await follow_tables(settings, parts, tables, tasks)
            if keys is not None:
                tasks.start(keys.follow(settings.keys.check), "weir-client-keys")
            admin = Admin(parts.health, parts.registry)
            self.bound_admin = await admin.start(settings.listen.admin)
            stack.push_async_callback(admin.stop)
            tasks.start(
                export_forever(SERVICE, parts.registry, self._variables), "weir-metrics-export"
            )
            tasks.start(parts.upstreams.probe_forever(), "weir-upstream-probes")
            tasks.start(budget_sync.run(), "weir-budgets")
            tasks.start(share_sync.run(), "weir-shares")
            ledgers.start(tasks)
            stores.start(tasks)
            if batches is not None:
                tasks.start(batches.runner.run(), "weir-batches")
            services = (ledgers.feedback_service, batches)
            handler = build_handler(settings, parts, routing, tables, keys, services)
            self._add_load_gauges(handler)
            extproc = await open_extproc(settings, parts, routing, tables, keys, stack)
            self.bound_extproc = None if extproc is None else extproc.bound
            await self._serve(handler, (batches, extproc), stop)
        await parts.tracing.shutdown()
        return 0

    async def _serve(
        self,
        handler: RootHandler,
        services: tuple[BatchService | None, Extproc | None],
        stop: asyncio.Event,
    ) -> None:
        listen, (batches, extproc) = self._settings.listen, services
        server = DrainingServer(
            handler, head_timeout=listen.head_timeout, keep_alive=listen.keep_alive
        )
        runner = web.ServerRunner(server, shutdown_timeout=LAST_WRITE)
        await runner.setup()
        try:
            self.bound = await _listen(runner, listen)
            self.serving.set()
            _LOG.info("serving", extra={"address": str(self.bound)})
            await stop.wait()
            self.health.not_ready("drain", "the gateway is shutting down")
            _LOG.info("draining", extra={"in_flight": handler.in_flight})
            for site in tuple(runner.sites):
                await site.stop()
            async with asyncio.TaskGroup() as ending:
                if batches is not None:
                    ending.create_task(batches.runner.drain(listen.drain), name="weir-drain")
                if extproc is not None:
                    draining = extproc.server.drain(listen.drain, listen.drain_linger)
                    ending.create_task(draining, name="weir-extproc-drain")
                await server.drain(listen.drain, listen.drain_linger)
        finally:
            await runner.cleanup()

    def _add_load_gauges(self, handler: RootHandler) -> None:
        self.registry.gauge_callback(
            "weir.requests.in_flight", "Requests being served.", lambda: handler.in_flight
        )
        self.registry.gauge_callback(
            "weir.upstream.in_flight",
            "Calls to providers under way.",
            lambda: self.calls_under_way,
        )


async def _read_keys(settings: KeySettings) -> KeyRing | None:
    """Raises KeysError and OSError: a gateway that requires keys never starts without them."""
    if settings.file is None:
        return None
    keys = KeyRing(settings.file)
    await keys.read()
    return keys


async def _listen(runner: web.ServerRunner, settings: ListenSettings) -> Address:
    address = settings.address
    if address.path is not None:
        await web.UnixSite(runner, address.path, backlog=BACKLOG).start()
        return address
    site = web.TCPSite(
        runner,
        address.host,
        address.port,
        backlog=BACKLOG,
        reuse_port=settings.reuse_port or None,
    )
    await site.start()
    host, port = runner.addresses[0][:2]
    return Address(host=host, port=port)
