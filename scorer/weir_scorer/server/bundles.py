"""Which bundle serves: a new one is noticed, opened, warmed and swapped in while calls come in.

A new bundle is opened, verified and warmed beside the old one; then new calls go to the new one,
and the old one ends once its last call is answered.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weir_scorer.batching.batcher import Batcher
from weir_scorer.batching.limits import AdmissionLimit, BatchLimits
from weir_scorer.engine.ports import Description, Device, Engine
from weir_scorer.telemetry import SwapOutcome, Telemetry

FolderState = frozenset[tuple[str, int, int, int]]  # path, inode, size, time of change in ns


async def watch_folder(
    path: Path, every: float, initial: FolderState, changed: Callable[[], None]
) -> None:
    """Call `changed` when the files at `path` differ from `initial` and have stopped changing.

    `every` is the interval of the checks in seconds; files that are equal in two checks in a row
    have stopped changing.
    """
    last = previous = initial
    while True:
        await asyncio.sleep(every)
        state = await asyncio.to_thread(folder_state, path)
        if state not in {last, frozenset()} and state == previous:
            last = state
            changed()
        previous = state


def folder_state(path: Path) -> FolderState:
    """A fingerprint of the files at `path`, links followed; empty without files. Blocking."""
    try:
        root = path.resolve(strict=True)
        files = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
        stats = [(str(file), file.stat()) for file in files]
    except OSError:  # it is being replaced at this moment
        return frozenset()
    return frozenset(
        (name, stat.st_ino, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns))
        for name, stat in stats
    )


_log = logging.getLogger(__name__)


class OpenBundle(Protocol):
    """A verified bundle, open on its devices."""

    @property
    def engines(self) -> Sequence[Engine]:
        """One per device; never empty."""
        ...

    def close(self) -> None:
        """Free the devices. Blocking."""
        ...


class RefusedBundle(Exception):
    """The bundle cannot be served; the message names the file or the device, and the reason."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One loaded bundle and its batchers."""

    bundle: OpenBundle
    batcher: Batcher

    @property
    def engine(self) -> Engine:
        """The first of its engines: for what they all share."""
        return self.bundle.engines[0]

    @property
    def description(self) -> Description:
        return self.engine.description

    @property
    def devices(self) -> tuple[Device, ...]:
        """The device that runs it."""
        return tuple(engine.device for engine in self.bundle.engines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How each bundle's work is batched."""

    limits: Callable[[Device], BatchLimits]
    admission: AdmissionLimit  # shared: a swap must not double what may wait
    tokenisers: int = 1


class Bundles:
    """The bundle that serves, and the way to the next one."""

    def __init__(
        self,
        open_bundle: Callable[[Path], OpenBundle],
        batching: Batching,
        telemetry: Telemetry,
        group: asyncio.TaskGroup,
    ) -> None:
        """`open_bundle` verifies and opens (blocking), raising RefusedBundle.

        Each bundle works in a task of `group`.
        """
        self._open = open_bundle
        self._batching = batching
        self._telemetry = telemetry
        self._group = group
        self._serving: Serving | None = None

    @property
    def serving(self) -> Serving | None:
        """The bundle for new calls; None before the first one is warm and once closed."""
        return self._serving

    async def load(self, path: Path) -> None:
        """Open the bundle at `path`, warm it and swap to it. Raises RefusedBundle: nothing changed.

        A bundle that is equal to the one that serves changes nothing either. One call at a time.
        """
        bundle = await asyncio.to_thread(self._open_and_warm, path)
        old = self._serving
        if old is not None and _same_version(old, bundle):
            await asyncio.to_thread(bundle.close)
            return
        self._serve(bundle)
        if old is not None:
            old.batcher.close()

    async def replace(self, path: Path) -> None:
        """Load while serving: a bad bundle is logged and counted, and the old one stays in use."""
        try:
            await self.load(path)
        except RefusedBundle as error:
            self._telemetry.swaps.labels(SwapOutcome.REFUSED.value).add()
            _log.error("the new bundle is refused, the old one goes on: %s", error)
        else:
            self._telemetry.swaps.labels(SwapOutcome.LOADED.value).add()

    def close(self) -> None:
        """Take no more calls; the task ends once those inside are answered."""
        if self._serving is not None:
            self._serving.batcher.close()

    def _open_and_warm(self, path: Path) -> OpenBundle:
        bundle = self._open(path)
        for engine in bundle.engines:
            engine.warm_up()
        return bundle

    def _serve(self, bundle: OpenBundle) -> None:
        engine = bundle.engines[0]
        batcher = Batcher(
            bundle.engines,
            self._batching.limits(engine.device),
            self._batching.admission,
            self._telemetry,
            tokenisers=self._batching.tokenisers,
        )
        serving = Serving(bundle, batcher)
        version = engine.description.version
        self._group.create_task(_serve_bundle(serving), name=f"weir-bundle {version}")
        self._serving = serving
        self._telemetry.devices(serving.devices)
        for device in serving.devices:
            _log.info(
                "serving",
                extra={
                    "bundle": version,
                    "device": device.name,
                    "provider": device.provider,
                    "precision": device.precision,
                },
            )


async def _serve_bundle(serving: Serving) -> None:
    try:
        await serving.batcher.serve()
    finally:
        await asyncio.to_thread(serving.bundle.close)
        _log.info("closed", extra={"bundle": serving.description.version})


def _same_version(old: Serving, new: OpenBundle) -> bool:
    return old.description.version == new.engines[0].description.version
