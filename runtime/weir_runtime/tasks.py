"""Background tasks, and blocking library calls on threads with a timeout.

A background task that fails ends the program: a process that looks alive and does half its work
is worse than one that is started again.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine


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


async def run_with_timeout(work: Callable[[], object], within: float, name: str) -> None:
    """Run blocking `work` on a thread of its own; raises what it raises.

    Raises TimeoutError after `within` seconds. The thread is a daemon and is then left behind:
    asyncio waits for the threads of its own pool when a loop ends, so that a library that retries
    for a quarter of a minute would hold up the program's end.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def resolve(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as raised:  # noqa: BLE001 - the awaiting task gets it
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(resolve, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    async with asyncio.timeout(within):
        await done
