"""Worker threads, and what runs on them: the engine's blocking calls, their results checked.

A thread takes one job after the other from the event loop. That is cheaper per job than an
executor: no future of its own, one wake-up each way. Nothing here touches what the loop owns.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

from weir_scorer.batching.calls import BatchKey
from weir_scorer.engine.ports import Engine, Prepared, Scores
from weir_scorer.features.turns import Prompt

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
        """Run on the thread: do the work and send its result to the loop."""
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - the awaiting task gets it
            self._send(self._fail, error)
        else:
            self._send(self._finish, result)

    def _send(self, callback: Callable[[object], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
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

        The caller bounds how many jobs it submits. Cancelling the result does not stop the work.
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


@dataclass(frozen=True, slots=True)
class PreparedTexts:
    """Prepared texts for the device; or scores, where the router needs no device."""

    prepared: Sequence[Prepared]
    scores: Scores | None


def prepare_texts(engine: Engine, texts: Sequence[Prompt], batch_key: BatchKey) -> PreparedTexts:
    """Prepare `texts`; score them at once where the router reads no encoder."""
    prepared = engine.prepare(texts, batch_key.router)
    if len(prepared) != len(texts):
        raise ValueError(f"the engine prepared {len(prepared)} of {len(texts)} texts")
    if any(item.ids for item in prepared):
        return PreparedTexts(prepared, None)
    return PreparedTexts(prepared, score_batch(engine, prepared, batch_key))


def score_batch(engine: Engine, prepared: Sequence[Prepared], batch_key: BatchKey) -> Scores:
    """Score one batch."""
    scores = engine.run(
        prepared,
        batch_key.router,
        want_quality=batch_key.want_quality,
        want_embedding=batch_key.want_embedding,
    )
    if len(scores.scores) != len(prepared):
        raise ValueError(f"the engine scored {len(scores.scores)} of {len(prepared)} texts")
    return scores
