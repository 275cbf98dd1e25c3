"""A hedged call: the first of two calls to begin its answer wins, the other one is cancelled."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from weir_gateway.domain.errors import UpstreamError
from weir_gateway.routing.replies import Reply, ReplyWrapper

CANCEL_TIMEOUT: Final = 0.1  # seconds that the winner waits until the loser is cancelled


class ObservedReply(ReplyWrapper):
    """A Reply with callbacks for a broken body and for its end."""

    __slots__ = ("_on_break", "_on_close")

    def __init__(
        self,
        reply: Reply,
        on_break: Callable[[UpstreamError], None],
        on_close: Callable[[], None],
    ) -> None:
        super().__init__(reply)
        self._on_break = on_break
        self._on_close: list[Callable[[], None]] = [on_close]

    def on_close(self, callback: Callable[[], None]) -> None:
        """Add a callback for the reply's end."""
        self._on_close.append(callback)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises UpstreamError if it breaks half-way."""
        try:
            async for chunk in self._reply.chunks():
                yield chunk
        except UpstreamError as error:
            self._on_break(error)
            raise

    async def close(self, *, abort: bool) -> None:
        """Release the connection; `abort` cancels the upstream call at once."""
        callbacks, self._on_close = self._on_close, []
        try:
            await super().close(abort=abort)
        finally:
            for callback in callbacks:
                callback()


Call = Callable[[], Coroutine[Any, Any, ObservedReply]]
Task = asyncio.Task[ObservedReply]


@dataclass(frozen=True, slots=True)
class RaceResult:
    """The winner's reply, and how the race went."""

    reply: ObservedReply
    hedged: bool  # a second call was made
    won: bool  # the second call answered first
    paid_twice: bool  # the loser had not failed when it was cancelled


async def race(first: Call, second: Callable[[], Call | None], after: float) -> RaceResult:
    """Run `first`; if it has not answered `after` seconds, run the call from `second` beside it.

    Raises the first call's error if both fail.
    """
    first_task: Task = asyncio.create_task(first(), name="weir-upstream-call")
    tasks = [first_task]
    winner: Task | None = None
    try:
        done, _ = await asyncio.wait({first_task}, timeout=after)
        hedge = second() if not done else None
        if hedge is not None:
            tasks.append(asyncio.create_task(hedge(), name="weir-upstream-hedge"))
        winner = await _winner(tasks)
        working = any(not task.done() or not task.exception() for task in tasks if task != winner)
        return RaceResult(
            winner.result(),
            hedged=hedge is not None,
            won=winner is not first_task,
            paid_twice=working,
        )
    finally:
        await _end([task for task in tasks if task is not winner])


async def _winner(tasks: list[Task]) -> Task:
    """The first task to succeed; tasks[0] if none does."""
    pending = set(tasks)
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and task.exception() is None:
                return task
    return tasks[0]


async def _end(tasks: list[Task]) -> None:
    """Cancel running tasks and close replies that arrived too late."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=CANCEL_TIMEOUT)
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is None:
            await task.result().close(abort=True)
