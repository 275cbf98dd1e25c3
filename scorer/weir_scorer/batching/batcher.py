"""Dynamic batching for one bundle: what waits when a device is free makes its next batch.

Two stages, each a named task with a thread of its own: texts are prepared a slice at a time, and
batches run on their device. Nothing waits for company: an idle device takes what is there, a busy
one lets calls gather. Must not know of gRPC, and of an engine only its port.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from weir_runtime.tracing import TraceContext
from weir_scorer.batching import jobs
from weir_scorer.batching.admission import Admission
from weir_scorer.batching.errors import Closed, DeadlinePassed, DeviceLost, EngineFailed, QueueFull
from weir_scorer.batching.limits import BatchLimits
from weir_scorer.batching.unprepared import Slice, Unprepared
from weir_scorer.batching.waiting import Waiting
from weir_scorer.batching.work import Answer, Call, Item, Lane, deliver
from weir_scorer.batching.worker import Worker
from weir_scorer.engine.ports import INSTANT_KINDS, Engine, Prepared
from weir_scorer.telemetry import Dropped, Telemetry

_log = logging.getLogger(__name__)

_SLICE_TEXTS = 32  # prepared in one go: some milliseconds at most, so that others get their turn
_INSTANT_CHARS = 4096  # of texts without an encoder that are scored on the loop itself
_CLOSE_SECONDS = 5.0  # for a thread to end once its work is done
_TICK_SECONDS = 0.005  # gRPC's clock may cancel a call this much before ours says its time is up
_SUSPECT_FAILURES = 5  # in a row, until the device itself is tried

T = TypeVar("T")


@dataclass(slots=True)
class _Device:
    """An engine and the thread it runs on."""

    engine: Engine
    worker: Worker
    running: int = 0  # batches handed to the thread and not yet back
    failures: int = 0  # in a row

    @property
    def name(self) -> str:
        return self.engine.device.name


class Batcher:
    """Merges the calls of many callers into batches for the engines of one bundle."""

    def __init__(
        self,
        engines: Sequence[Engine],
        limits: BatchLimits,
        admission: Admission,
        telemetry: Telemetry,
        *,
        tokenisers: int = 1,
    ) -> None:
        """`engines` run one bundle, each on its device, and share one queue.

        `tokenisers` is how many threads prepare texts, at least 1.
        """
        self._engine = engines[0]
        self._limits = limits
        self._admission = admission
        self._telemetry = telemetry
        self._tokenisers = [Worker(f"weir-prepare-{number}") for number in range(tokenisers)]
        self._devices = [
            _Device(engine, Worker(f"weir-{engine.device.name}")) for engine in engines
        ]
        self._instant = frozenset(
            router.name
            for router in self._engine.description.routers
            if router.kind in INSTANT_KINDS
        )
        self._unprepared = Unprepared()
        self._waiting = Waiting()
        self._texts_came = asyncio.Event()
        self._items_came = asyncio.Event()
        self._live = 0  # calls not over yet
        self._closing = False

    async def score(
        self,
        texts: Sequence[str],
        lane: Lane,
        *,
        deadline: float,
        context: TraceContext | None = None,
    ) -> Answer:
        """Score `texts` (one at least) before `deadline` on the loop's clock.

        Up to its first await this is atomic: the call is taken in or refused. Raises QueueFull,
        Closed, DeadlinePassed, EngineFailed. Cancelled, it takes its texts out of the queue.
        """
        loop = asyncio.get_running_loop()
        call = Call(texts, lane, deadline, loop.create_future(), context)
        self._admit(call, loop.time())
        timer = loop.call_at(deadline, self._expire, call)
        try:
            return await call.future
        except asyncio.CancelledError:
            late = loop.time() + _TICK_SECONDS >= deadline
            self._abandon(call, Dropped.EXPIRED if late else Dropped.CANCELLED)
            raise
        finally:
            timer.cancel()
            self._live -= 1
            self._wake_to_close()

    def close(self) -> None:
        """Take no more calls; `serve` returns when those inside are over."""
        self._closing = True
        self._wake_to_close()

    async def serve(self) -> None:
        """Work until closed and drained. Cancelling it gives up on what is inside.

        Raises DeviceLost, in a group, when a device fails on everything.
        """
        workers = [*self._tokenisers, *(device.worker for device in self._devices)]
        try:
            for worker in workers:
                await asyncio.to_thread(worker.start)
            async with asyncio.TaskGroup() as group:
                for number, tokeniser in enumerate(self._tokenisers):
                    group.create_task(self._prepare(tokeniser), name=f"weir-prepare-{number}")
                for device in self._devices:
                    for number in range(self._limits.in_flight):
                        name = f"weir-batch-{device.name}-{number}"
                        group.create_task(self._drive(device), name=name)
        finally:
            self._closing = True
            await asyncio.to_thread(_close, workers)

    # --- calls -----------------------------------------------------------------------------------

    def _admit(self, call: Call, now: float) -> None:
        count = len(call.texts)
        if self._closing:
            raise Closed
        if now >= call.deadline:
            self._telemetry.drop(Dropped.EXPIRED, count)
            raise DeadlinePassed
        try:
            self._admission.admit(count)
        except QueueFull:
            self._telemetry.drop(Dropped.SHED, count)
            raise
        self._live += 1
        if call.lane.router in self._instant and sum(map(len, call.texts)) <= _INSTANT_CHARS:
            self._score_now(call)
        else:
            self._unprepared.put(call)
            self._texts_came.set()

    def _expire(self, call: Call) -> None:
        if not call.over:
            self._abandon(call, Dropped.EXPIRED)
            call.fail(DeadlinePassed())

    def _abandon(self, call: Call, why: Dropped) -> None:
        """Take what is unstarted of `call` out of the queues; what runs is left to run."""
        self._unprepared.discard(call)
        self._waiting.discard(call)
        self._telemetry.drop(why, call.unstarted)
        self._admission.release(call.unstarted)
        call.unstarted = 0

    def _start(self, call: Call) -> None:
        """One text of `call` is started."""
        call.unstarted -= 1
        self._admission.release(1)

    def _wake_to_close(self) -> None:
        if self._done():
            self._texts_came.set()
            self._items_came.set()

    def _done(self) -> bool:
        return self._closing and not self._live

    # --- preparing -------------------------------------------------------------------------------

    async def _prepare(self, worker: Worker) -> None:
        async for slices in _arrivals(self._take_slices, self._texts_came, self._done):
            await self._make_ready(worker, slices)

    def _score_now(self, call: Call) -> None:
        """Where the work is microseconds, queues and threads would cost ten times as much."""
        try:
            ready = jobs.make_ready(self._engine, call.texts, call.lane)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            self._fail(call, error)
        else:
            self._pass_on([Slice(call, 0, len(call.texts))], ready)

    def _take_slices(self) -> list[Slice]:
        now = asyncio.get_running_loop().time()
        while slices := self._unprepared.take(_SLICE_TEXTS):
            for part in slices:
                if now >= part.call.deadline:
                    self._expire(part.call)
            if live := [part for part in slices if not part.call.over]:
                return live
        return []

    async def _make_ready(self, worker: Worker, slices: Sequence[Slice]) -> None:
        """Prepare and pass on; what breaks the engine is tried again a call at a time."""
        texts = [text for part in slices for text in part.texts]
        work = partial(jobs.make_ready, self._engine, texts, slices[0].call.lane)
        try:
            ready = await worker.submit(work)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            if len(slices) == 1:
                self._fail(slices[0].call, error)
                return
            for part in slices:
                await self._make_ready(worker, [part])
        else:
            self._pass_on(slices, ready)

    def _pass_on(self, slices: Sequence[Slice], ready: jobs.Ready) -> None:
        items = _items(slices, ready.prepared)
        if ready.scores is None:
            self._waiting.put(item for item in items if not item.call.over)
            self._items_came.set()
            return
        for item in items:
            if not item.call.over:
                self._start(item.call)
        self._telemetry.batches.labels(slices[0].call.lane.router).record(len(items))
        deliver(items, ready.scores)

    # --- running ---------------------------------------------------------------------------------

    async def _drive(self, device: _Device) -> None:
        take = partial(self._take_batch, device)
        async for batch in _arrivals(take, self._items_came, self._done):
            device.running += 1
            await self._run(device, batch)
            device.running -= 1

    def _take_batch(self, device: _Device) -> list[Item]:
        if device.running and len(self._waiting) < self._limits.texts:
            return []  # handed over ahead of time is only what would not grow by waiting
        now = asyncio.get_running_loop().time()
        while batch := self._waiting.take(self._limits):
            for item in batch:
                if now >= item.call.deadline:
                    self._expire(item.call)
            live = [item for item in batch if not item.call.over]
            for item in live:
                self._start(item.call)
            if live:
                return live
        return []

    async def _run(self, device: _Device, batch: Sequence[Item]) -> None:
        """Score and deliver; a batch that breaks the engine is tried again a call at a time."""
        calls = {item.call: None for item in batch}  # a set that keeps its order
        lane = batch[0].call.lane
        span = self._telemetry.batch(
            lane.router, len(batch), [call.context for call in calls if call.context is not None]
        )
        began = time.perf_counter()
        work = partial(jobs.run, device.engine, [item.prepared for item in batch], lane)
        try:
            scores = await device.worker.submit(work)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            span.error(type(error).__name__)
            span.end()
            if len(calls) == 1:
                self._fail(batch[0].call, error)
                await self._suspect(device)
                return
            for call in calls:
                await self._run(device, [item for item in batch if item.call is call])
        else:
            device.failures = 0
            self._telemetry.runs.labels(lane.router).record(time.perf_counter() - began)
            span.end()
            deliver(batch, scores)

    async def _suspect(self, device: _Device) -> None:
        """After failures in a row, tell texts that break the engine from a device that is lost."""
        device.failures += 1
        if device.failures < _SUSPECT_FAILURES:
            return
        try:
            await device.worker.submit(device.engine.warm_up)
        except Exception as error:
            raise DeviceLost(device.name, error) from error
        device.failures = 0

    def _fail(self, call: Call, cause: Exception) -> None:
        _log.error("the engine failed on a call", exc_info=cause)
        if not call.over:
            self._abandon(call, Dropped.FAILED)
            failure = EngineFailed()
            failure.__cause__ = cause
            call.fail(failure)


async def _arrivals(
    take: Callable[[], list[T]], came: asyncio.Event, done: Callable[[], bool]
) -> AsyncIterator[list[T]]:
    """What `take` gives, again and again, waiting for `came` when that is nothing."""
    while True:
        if work := take():
            yield work
        elif done():
            return
        else:
            came.clear()
            await came.wait()


def _items(slices: Sequence[Slice], prepared: Sequence[Prepared]) -> list[Item]:
    rest = iter(prepared)
    return [
        Item(part.call, index, next(rest))
        for part in slices
        for index in range(part.start, part.stop)
    ]


def _close(workers: Sequence[Worker]) -> None:
    for worker in workers:
        if not worker.close(_CLOSE_SECONDS):
            _log.error("a worker thread did not end", extra={"after_s": _CLOSE_SECONDS})
