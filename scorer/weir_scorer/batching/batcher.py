"""Dynamic batching for one bundle: the texts that wait when a device is free form its next batch.

Two stages, each a named task with its own thread: texts are prepared a slice at a time, and
batches run on their device. There is no batching delay: an idle device takes what waits, and
while a device is busy calls gather.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from weir_runtime.tracing import TraceContext
from weir_scorer.batching.calls import BatchKey, Call, CallResult, Item, deliver
from weir_scorer.batching.errors import Closed, DeadlinePassed, DeviceLost, EngineFailed, QueueFull
from weir_scorer.batching.limits import AdmissionLimit, BatchLimits
from weir_scorer.batching.queues import BatchQueue, Slice, TextQueue
from weir_scorer.batching.worker import PreparedTexts, Worker, prepare_texts, score_batch
from weir_scorer.engine.ports import INLINE_ROUTERS, Engine, Prepared
from weir_scorer.features.turns import Prompt, characters
from weir_scorer.telemetry import DropReason, Telemetry

_log = logging.getLogger(__name__)

_SLICE_TEXTS = 32  # prepared at a time: some milliseconds at most
_INSTANT_CHARS = 4096  # of texts without an encoder that are scored on the loop itself
_CLOSE_SECONDS = 5.0  # for a thread to end once its work is done
_TICK_SECONDS = 0.005  # gRPC's clock may cancel a call this much before its deadline here
_SUSPECT_FAILURES = 5  # in a row; then the device's own warm-up is tried

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
        admission: AdmissionLimit,
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
            if router.kind in INLINE_ROUTERS
        )
        self._text_queue = TextQueue()
        self._batch_queue = BatchQueue()
        self._texts_arrived = asyncio.Event()
        self._items_arrived = asyncio.Event()
        self._active_calls = 0  # calls not over yet
        self._closing = False

    async def score(
        self,
        texts: Sequence[Prompt],
        batch_key: BatchKey,
        *,
        deadline: float,
        context: TraceContext | None = None,
    ) -> CallResult:
        """Score `texts` (one at least) before `deadline` on the loop's clock.

        Up to its first await this is atomic: the call is taken in or refused. Raises QueueFull,
        Closed, DeadlinePassed, EngineFailed. Cancelled, it takes its texts out of the queue.
        """
        loop = asyncio.get_running_loop()
        call = Call(texts, batch_key, deadline, loop.create_future(), context)
        self._admit(call, loop.time())
        timer = loop.call_at(deadline, self._expire, call)
        try:
            return await call.future
        except asyncio.CancelledError:
            late = loop.time() + _TICK_SECONDS >= deadline
            self._abandon(call, DropReason.EXPIRED if late else DropReason.CANCELLED)
            raise
        finally:
            timer.cancel()
            self._active_calls -= 1
            self._wake_if_drained()

    def close(self) -> None:
        """Take no more calls; `serve` returns when those inside are over."""
        self._closing = True
        self._wake_if_drained()

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
                    group.create_task(self._prepare_loop(tokeniser), name=f"weir-prepare-{number}")
                for device in self._devices:
                    for number in range(self._limits.in_flight):
                        name = f"weir-batch-{device.name}-{number}"
                        group.create_task(self._run_loop(device), name=name)
        finally:
            self._closing = True
            await asyncio.to_thread(_close, workers)

    # --- calls -----------------------------------------------------------------------------------

    def _admit(self, call: Call, now: float) -> None:
        count = len(call.texts)
        if self._closing:
            raise Closed
        if now >= call.deadline:
            self._telemetry.drop(DropReason.EXPIRED, count)
            raise DeadlinePassed
        try:
            self._admission.admit(count)
        except QueueFull:
            self._telemetry.drop(DropReason.SHED, count)
            raise
        self._active_calls += 1
        instant = call.batch_key.router in self._instant
        if instant and sum(map(characters, call.texts)) <= _INSTANT_CHARS:
            self._score_inline(call)
        else:
            self._text_queue.put(call)
            self._texts_arrived.set()

    def _expire(self, call: Call) -> None:
        if not call.done:
            self._abandon(call, DropReason.EXPIRED)
            call.fail(DeadlinePassed())

    def _abandon(self, call: Call, why: DropReason) -> None:
        """Remove the unstarted texts of `call` from the queues; running ones go on."""
        self._text_queue.discard(call)
        self._batch_queue.discard(call)
        self._telemetry.drop(why, call.unstarted)
        self._admission.release(call.unstarted)
        call.unstarted = 0

    def _start(self, call: Call) -> None:
        """Count one text of `call` as started."""
        call.unstarted -= 1
        self._admission.release(1)

    def _wake_if_drained(self) -> None:
        if self._drained():
            self._texts_arrived.set()
            self._items_arrived.set()

    def _drained(self) -> bool:
        return self._closing and not self._active_calls

    # --- preparing -------------------------------------------------------------------------------

    async def _prepare_loop(self, worker: Worker) -> None:
        async for slices in _work_items(self._take_slices, self._texts_arrived, self._drained):
            await self._prepare_slices(worker, slices)

    def _score_inline(self, call: Call) -> None:
        """Score on the loop: the work takes microseconds, a thread hop ten times as long."""
        try:
            ready = prepare_texts(self._engine, call.texts, call.batch_key)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            self._fail(call, error)
        else:
            self._enqueue_or_deliver([Slice(call, 0, len(call.texts))], ready)

    def _take_slices(self) -> list[Slice]:
        now = asyncio.get_running_loop().time()
        while slices := self._text_queue.take(_SLICE_TEXTS):
            for part in slices:
                if now >= part.call.deadline:
                    self._expire(part.call)
            if live := [part for part in slices if not part.call.done]:
                return live
        return []

    async def _prepare_slices(self, worker: Worker, slices: Sequence[Slice]) -> None:
        """Prepare texts; where the engine raises, retry one call at a time."""
        texts = [text for part in slices for text in part.texts]
        work = partial(prepare_texts, self._engine, texts, slices[0].call.batch_key)
        try:
            ready = await worker.submit(work)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            if len(slices) == 1:
                self._fail(slices[0].call, error)
                return
            for part in slices:
                await self._prepare_slices(worker, [part])
        else:
            self._enqueue_or_deliver(slices, ready)

    def _enqueue_or_deliver(self, slices: Sequence[Slice], ready: PreparedTexts) -> None:
        items = _items(slices, ready.prepared)
        if ready.scores is None:
            self._batch_queue.put(item for item in items if not item.call.done)
            self._items_arrived.set()
            return
        for item in items:
            if not item.call.done:
                self._start(item.call)
        self._telemetry.batches.labels(slices[0].call.batch_key.router).record(len(items))
        deliver(items, ready.scores)

    # --- running ---------------------------------------------------------------------------------

    async def _run_loop(self, device: _Device) -> None:
        take_batch = partial(self._take_batch, device)
        async for batch in _work_items(take_batch, self._items_arrived, self._drained):
            device.running += 1
            await self._run(device, batch)
            device.running -= 1

    def _take_batch(self, device: _Device) -> list[Item]:
        if device.running and len(self._batch_queue) < self._limits.texts:
            return []  # only full batches are queued on a busy device
        now = asyncio.get_running_loop().time()
        while batch := self._batch_queue.take(self._limits):
            for item in batch:
                if now >= item.call.deadline:
                    self._expire(item.call)
            live = [item for item in batch if not item.call.done]
            for item in live:
                self._start(item.call)
            if live:
                return live
        return []

    async def _run(self, device: _Device, batch: Sequence[Item]) -> None:
        """Score and deliver a batch; where the engine raises, retry one call at a time."""
        calls = {item.call: None for item in batch}  # a set that keeps its order
        batch_key = batch[0].call.batch_key
        span = self._telemetry.batch(
            batch_key.router,
            len(batch),
            [call.context for call in calls if call.context is not None],
        )
        started = time.perf_counter()
        work = partial(score_batch, device.engine, [item.prepared for item in batch], batch_key)
        try:
            scores = await device.worker.submit(work)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything
            span.error(type(error).__name__)
            span.end()
            if len(calls) == 1:
                self._fail(batch[0].call, error)
                await self._check_device(device)
                return
            for call in calls:
                await self._run(device, [item for item in batch if item.call is call])
        else:
            device.failures = 0
            self._telemetry.runs.labels(batch_key.router).record(time.perf_counter() - started)
            span.end()
            deliver(batch, scores)

    async def _check_device(self, device: _Device) -> None:
        """After failures in a row, find out whether the device is lost or the texts are bad."""
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
        if not call.done:
            self._abandon(call, DropReason.FAILED)
            failure = EngineFailed()
            failure.__cause__ = cause
            call.fail(failure)


async def _work_items(
    take: Callable[[], list[T]], arrived: asyncio.Event, drained: Callable[[], bool]
) -> AsyncIterator[list[T]]:
    """Yield the results of `take`, and wait for `came` whenever there is none."""
    while True:
        if work := take():
            yield work
        elif drained():
            return
        else:
            arrived.clear()
            await arrived.wait()


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
