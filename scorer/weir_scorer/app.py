"""The scorer as a whole: build, start, swap, drain. The only module that knows every part.

`open_bundle` is injected, so that tests bring their own bundles.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from weir_runtime.admin import Admin, Health
from weir_runtime.metrics import Registry
from weir_runtime.metrics_export import export_forever
from weir_runtime.quantities import Address
from weir_runtime.tracing import Tracing
from weir_scorer.batching.errors import DeviceLost
from weir_scorer.batching.limits import CPU_LIMITS, GPU_LIMITS, AdmissionLimit, BatchLimits
from weir_scorer.engine.ports import Device
from weir_scorer.server.bundles import (
    Batching,
    Bundles,
    OpenBundle,
    RefusedBundle,
    folder_state,
    watch_folder,
)
from weir_scorer.server.codec import CallLimits
from weir_scorer.server.server import CannotListen, ScorerServer
from weir_scorer.server.service import ScorerService
from weir_scorer.settings import Settings
from weir_scorer.telemetry import Telemetry

SERVICE = "weir-scorer"
_EXTRA_CALLS = 1024  # beside those whose texts wait: running ones, health watches, descriptions

_log = logging.getLogger(__name__)


class StartFailed(Exception):
    """The scorer cannot start; the message says why in one line."""


class Broken(Exception):
    """The scorer cannot go on and must be started anew; the message says why in one line."""


class App:
    """A scorer built from its settings."""

    def __init__(
        self,
        settings: Settings,
        variables: Mapping[str, str],
        open_bundle: Callable[[Path], OpenBundle],
        tracing: Tracing,
    ) -> None:
        """`variables` are read for OTEL_* only."""
        self.reload = asyncio.Event()  # set it to look for another bundle at once
        self.ready = asyncio.Event()  # set once calls are answered
        self.addresses: tuple[Address, ...] = ()  # really bound; known once ready
        self.admin_address = settings.admin
        self._settings = settings
        self._variables = variables
        self._open = open_bundle
        self._tracing = tracing
        self.registry = Registry()
        self._health = Health()
        self._admission = AdmissionLimit(settings.queue)
        self._telemetry = Telemetry(self.registry, tracing, lambda: self._admission.waiting)

    @property
    def waiting(self) -> int:
        """Texts that wait now, unstarted."""
        return self._admission.waiting

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises StartFailed, Broken."""
        try:
            failure = await self._run(stop)
        except* DeviceLost as lost:
            failure = Broken(str(_first_error(lost)))
        await self._tracing.shutdown()
        if failure is not None:
            raise failure

    async def _run(self, stop: asyncio.Event) -> StartFailed | Broken | None:
        failure: StartFailed | None = None
        async with asyncio.TaskGroup() as group:
            export = export_forever(SERVICE, self.registry, self._variables)
            background = [group.create_task(export, name="weir-metrics-export")]
            try:
                await self._serve(group, background, stop)
            except StartFailed as error:
                failure = error  # raised outside, where the group doesn't wrap it
            finally:
                for task in background:
                    task.cancel()
        return failure

    async def _serve(
        self,
        group: asyncio.TaskGroup,
        background: list[asyncio.Task[None]],
        stop: asyncio.Event,
    ) -> None:
        settings = self._settings
        bundles = Bundles(self._open, self._batching(), self._telemetry, group)
        limits = CallLimits(
            texts=settings.call_texts, chars=settings.call_chars, seconds=settings.call_time
        )
        service = ScorerService(bundles, limits, self._telemetry)
        async with AsyncExitStack() as stack:
            await self._start_admin(stack)
            server = await self._start_server(stack, service)
            stack.callback(bundles.close)
            initial = await asyncio.to_thread(folder_state, settings.bundle)
            if not await self._first_load(bundles, stop):
                return
            for work, name in (
                (
                    watch_folder(settings.bundle, settings.bundle_check, initial, self.reload.set),
                    "watch",
                ),
                (self._reload_forever(bundles), "reload"),
            ):
                background.append(group.create_task(work, name=f"weir-bundle-{name}"))
            self._health.ready("bundle")
            await server.set_serving()
            self.ready.set()
            await stop.wait()
            _log.info("draining")
            self._health.not_ready("drain", "draining: the scorer is about to end")
            await server.drain(settings.drain)

    async def _start_admin(self, stack: AsyncExitStack) -> None:
        admin = Admin(self._health, self.registry)
        stack.push_async_callback(admin.stop)
        self._health.not_ready("bundle", f"opening and warming {self._settings.bundle}")
        try:
            self.admin_address = await admin.start(self._settings.admin)
        except OSError as error:
            raise StartFailed(f"WEIR_SCORER_ADMIN={self._settings.admin}: {error}") from error

    async def _start_server(self, stack: AsyncExitStack, service: ScorerService) -> ScorerServer:
        server = ScorerServer(
            service,
            max_message=self._settings.message,
            max_calls=self._settings.queue + _EXTRA_CALLS,
        )
        stack.push_async_callback(server.stop)
        try:
            self.addresses = await server.start(self._settings.addresses)
        except CannotListen as error:
            raise StartFailed(f"WEIR_SCORER_LISTEN: {error}") from error
        for address in self.addresses:
            _log.info("listening", extra={"address": str(address)})
        return server

    async def _first_load(self, bundles: Bundles, stop: asyncio.Event) -> bool:
        """Load the bundle; False when asked to stop meanwhile."""
        load = asyncio.create_task(bundles.load(self._settings.bundle), name="weir-bundle-load")
        stopped = asyncio.create_task(stop.wait(), name="weir-bundle-load-stopped")
        await asyncio.wait({load, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not load.done():
            load.cancel()
            return False
        try:
            await load
        except RefusedBundle as error:
            raise StartFailed(str(error)) from error
        return True

    async def _reload_forever(self, bundles: Bundles) -> None:
        while True:
            await self.reload.wait()
            self.reload.clear()
            await bundles.replace(self._settings.bundle)

    def _batching(self) -> Batching:
        return Batching(
            limits=partial(limits_for, self._settings),
            admission=self._admission,
            tokenisers=self._settings.tokenisers,
        )


def _first_error(group: BaseExceptionGroup[DeviceLost]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def limits_for(settings: Settings, device: Device) -> BatchLimits:
    """A batch's limits: what fits the device, unless the settings say otherwise."""
    limits = CPU_LIMITS if device.name.startswith("cpu") else GPU_LIMITS
    return replace(
        limits,
        texts=settings.batch_texts or limits.texts,
        tokens=settings.batch_tokens or limits.tokens,
    )
