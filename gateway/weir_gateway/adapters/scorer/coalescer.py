"""Texts that wait in the same turn of the event loop share one call, with few calls in flight.

One call per request costs as much as the whole proxy; a call per tick costs next to nothing, and
while the allowed calls are out, what arrives gathers into the next. Each caller keeps its own
deadline and may be cancelled alone.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from weir_gateway.adapters.scorer.prompts import Prompt
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.routing.ports import TraceContext
from weir_policy.ids import RouterName


class Key(NamedTuple):
    """What one call is about."""

    router: RouterName
    want_quality: bool
    want_embedding: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue and of a call."""

    in_flight: int = 2  # calls: one is being scored while the next gathers on the wire
    texts: int = 64  # per call
    chars: int = 524_288  # per call: at 4 bytes each half of gRPC's 4 MiB
    waiting: int = 4096  # callers; more are refused at once


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller."""

    prompt: Prompt
    deadline: float  # by the loop's clock
    trace: TraceContext | None
    future: "asyncio.Future[Scored]"


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one call: texts, each once, and everybody who waits for it."""

    key: Key
    waiters: dict[Prompt, list[Waiter]] = field(default_factory=dict[Prompt, list[Waiter]])

    @property
    def texts(self) -> list[str]:
        """In the order of the answers."""
        return [prompt.text for prompt in self.waiters]

    @property
    def earlier(self) -> list[tuple[str, ...]]:
        """The turns before each text; empty where no text has any."""
        found = [prompt.earlier for prompt in self.waiters]
        return found if any(found) else []

    @property
    def deadline(self) -> float:
        """The latest of the callers': the earliest must not fail the others."""
        return max(w.deadline for waiters in self.waiters.values() for w in waiters)

    def traces(self) -> list[TraceContext]:
        """The callers' places in their traces, in order of arrival."""
        return [w.trace for ws in self.waiters.values() for w in ws if w.trace is not None]


Send = Callable[[Batch], Awaitable[Sequence[Scored]]]


class Coalescer:
    """Gathers, calls, hands out."""

    def __init__(self, send: Send, limits: Limits) -> None:
        """`ask` answers a batch's texts in order or raises ScorerUnavailable."""
        self._send = send
        self._limits = limits
        self._queues: dict[Key, deque[Waiter]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._flush_is_due = False
        self._stopped = False
        self._texts = limits.texts
        self.waiting = 0

    def limit_texts(self, texts: int) -> None:
        """Send no more than `texts` per call, whatever the limits allow; 0: as they allow."""
        self._texts = min(self._limits.texts, texts or self._limits.texts)

    async def score(
        self, prompt: Prompt, key: Key, *, within: float, trace: TraceContext | None
    ) -> Scored:
        """Wait at most `within` seconds for the prompt's score. Raises ScorerUnavailable."""
        if self._stopped or self.waiting >= self._limits.waiting:
            raise ScorerUnavailable(
                "the gateway is stopping" if self._stopped else "too many prompts wait for a score"
            )
        loop = asyncio.get_running_loop()
        waiter = Waiter(prompt, loop.time() + within, trace, loop.create_future())
        timer = loop.call_at(waiter.deadline, _time_out, waiter.future, within)
        self._enqueue(loop, key, waiter)
        try:
            return await waiter.future
        finally:
            timer.cancel()

    async def stop(self) -> None:
        """Fail everyone who waits and end the calls."""
        self._stopped = True
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for queue in self._queues.values():
            for waiter in queue:
                _reject(waiter, ScorerUnavailable("the gateway is stopping"))
        self._queues.clear()
        self.waiting = 0

    def _enqueue(self, loop: asyncio.AbstractEventLoop, key: Key, waiter: Waiter) -> None:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
        queue.append(waiter)
        self.waiting += 1
        if not self._flush_is_due and len(self._calls) < self._limits.in_flight:
            self._flush_is_due = True
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._queues and len(self._calls) < self._limits.in_flight and not self._stopped:
            key, queue = next(iter(self._queues.items()))
            batch = self._take(key, queue)
            del self._queues[key]
            if queue:
                self._queues[key] = queue  # to the end: no router starves another
            if batch.waiters:
                call = asyncio.create_task(self._call(batch), name="weir-scorer-call")
                self._calls.add(call)

    def _take(self, key: Key, queue: deque[Waiter]) -> Batch:
        batch, chars = Batch(key), 0
        while queue and len(batch.waiters) < self._texts:
            waiter = queue[0]
            sharing = batch.waiters.get(waiter.prompt)
            over = chars + waiter.prompt.chars > self._limits.chars
            if over and batch.waiters and sharing is None:
                break
            queue.popleft()
            self.waiting -= 1
            if waiter.future.done():  # late or cancelled while it waited: not worth a score
                continue
            if sharing is not None:
                sharing.append(waiter)
                continue
            batch.waiters[waiter.prompt] = [waiter]
            chars += waiter.prompt.chars
        return batch

    async def _call(self, batch: Batch) -> None:
        error: ScorerUnavailable | None = None
        answers: Sequence[Scored] = ()
        try:
            answers = await self._send(batch)
        except ScorerUnavailable as unavailable:
            error = unavailable
        except asyncio.CancelledError:
            error = ScorerUnavailable("the gateway is stopping")
            raise
        finally:
            _resolve(batch, answers, error or ScorerUnavailable("the call to the scorer broke"))
            task = asyncio.current_task()
            if task is not None:
                self._calls.discard(task)
            self._flush()


def _resolve(batch: Batch, answers: Sequence[Scored], error: ScorerUnavailable) -> None:
    if len(answers) != len(batch.waiters):
        for waiters in batch.waiters.values():
            for waiter in waiters:
                _reject(waiter, error)
        return
    for waiters, scored in zip(batch.waiters.values(), answers, strict=True):
        for waiter in waiters:
            if not waiter.future.done():
                waiter.future.set_result(scored)


def _reject(waiter: Waiter, error: ScorerUnavailable) -> None:
    if not waiter.future.done():
        waiter.future.set_exception(type(error)(error.message))  # one each: tracebacks grow


def _time_out(future: "asyncio.Future[Scored]", within: float) -> None:
    if not future.done():
        future.set_exception(ScorerUnavailable(f"no score within {within * 1000:g} ms"))
