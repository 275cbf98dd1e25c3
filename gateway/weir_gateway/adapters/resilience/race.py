"""Two calls for one request: the first to begin its answer is taken, the other is cancelled.

Must not know providers.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from weir_gateway.adapters.resilience.observed_reply import ObservedReply

CANCEL_TIMEOUT: Final = 0.1  # seconds that the winner waits for the loser to be gone

Call = Callable[[], Coroutine[Any, Any, ObservedReply]]
Task = asyncio.Task[ObservedReply]


@dataclass(frozen=True, slots=True)
class RaceResult:
    """Who won."""

    reply: ObservedReply
    hedged: bool  # a second call was made
    won: bool  # and it was the one that answered
    paid_twice: bool  # the other one was working when it was cancelled


async def race(first: Call, second: Callable[[], Call | None], after: float) -> RaceResult:
    """`first`; and where it has not answered `after` seconds, what `second` gives besides.

    Raises the first call's error where both fail.
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
    """The first to answer; where none does, the first of them."""
    pending = set(tasks)
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and task.exception() is None:
                return task
    return tasks[0]


async def _end(tasks: list[Task]) -> None:
    """Cancel what runs, and hang up where an answer came that is not wanted."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=CANCEL_TIMEOUT)
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is None:
            await task.result().close(abort=True)
