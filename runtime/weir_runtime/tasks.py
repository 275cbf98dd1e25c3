"""Tasks that run beside a program's work and end with it.

A background task that fails ends the program: a process that looks alive and does half its work
is worse than one that is started again.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine


class Background:
    """Named tasks of one task group."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run `work` until it ends or the block is left."""
        task = self._group.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Ask all of them to end."""
        for task in self._tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def background() -> AsyncGenerator[Background]:
    """A block whose background tasks are cancelled, and waited for, when it is left.

    What goes wrong alone, in the block or in a task, is raised as itself rather than as a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = Background(group)
            try:
                yield tasks
            finally:
                tasks.cancel()
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        raise
