"""A thread of its own for blocking work, driven from the event loop one job after the other.

Cheaper per job than an executor: no future of its own, one wake-up each way. Knows no engine.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")


class _Job(Generic[Result]):
    __slots__ = ("_future", "_loop", "_work")

    def __init__(self, work: Callable[[], Result], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self._future: asyncio.Future[Result] = loop.create_future()

    @property
    def future(self) -> asyncio.Future[Result]:
        return self._future

    def run(self) -> None:
        """On the thread: do the work and send what came of it back to the loop."""
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - whoever awaits the job gets it
            self._tell(self._fail, error)
        else:
            self._tell(self._finish, result)

    def _tell(self, callback: Callable[[object], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, value)

    def _finish(self, result: object) -> None:
        if not self._future.done():
            self._future.set_result(result)  # type: ignore[arg-type] # _tell erased its type

    def _fail(self, error: object) -> None:
        if not self._future.done():
            self._future.set_exception(error)  # type: ignore[arg-type] # as above


class Worker:
    """A named thread. `start` and `close` block: call them off the loop."""

    def __init__(self, name: str) -> None:
        # A daemon, so that an engine stuck in its driver can't keep the program from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Run `work` on the thread after what was submitted before; await the result.

        Whoever submits bounds how much is under way. Cancelling the result does not stop the work.
        """
        job = _Job(work, asyncio.get_running_loop())
        self._jobs.put(job)  # type: ignore[arg-type] # the queue holds jobs of any result
        return job.future

    def close(self, within: float) -> bool:
        """Finish what was submitted and end; False if that took longer than `within` seconds."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(within)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
