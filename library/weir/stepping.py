"""Runs a decision in any thread or event loop: its steps under a lock, its scoring outside.

A decision's steps wait for nothing but the score, so they are driven by hand: where one asks for a
score it gives up the lock, and goes on with the score when that is there. The same steps serve
`decide`, in the caller's thread, and `adecide`, beside the event loop. A decision under the lock
takes well under a millisecond.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast

from weir.errors import DeciderClosed
from weir_gateway.domain.decision import Calibration, Scored
from weir_gateway.domain.errors import ScorerUnavailable, WeirError
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName

MAX_WAITING: Final = 1024  # prompts of `adecide` that wait for a thread; more get no score

T = TypeVar("T")
Steps = Coroutine["_ScoreNeeded", Scored | None, T]  # None begins
Resume = Callable[[], "_ScoreNeeded"]


class BlockingScorer(Protocol):
    """Scores in the thread that calls it, from several threads at once."""

    @property
    def bundle(self) -> BundleVersion:
        """The bundle's name@digest."""
        ...

    def score_now(self, query: ScoreQuery) -> Scored:
        """Score one text. Raises NoSuchRouter."""
        ...

    def calibration(self, router: RouterName) -> Calibration:
        """The calibration of a router; "" is the bundle's default router."""
        ...


class _ScoreNeeded:
    """Suspends a decision until the driver has the score."""

    __slots__ = ("query",)

    def __init__(self, query: ScoreQuery) -> None:
        self.query = query

    def __await__(self) -> Generator["_ScoreNeeded", Scored, Scored]:
        return (yield self)


@dataclass(frozen=True, slots=True)
class _Ended:
    """The steps are over, with this result."""

    value: Any


class AskingScorer:
    """The Scorer port of decisions that `Stepper` drives."""

    def __init__(self, scorer: BlockingScorer) -> None:
        self._scorer = scorer

    @property
    def bundle(self) -> BundleVersion:
        """The bundle's name@digest."""
        return self._scorer.bundle

    async def score(self, query: ScoreQuery) -> Scored:
        """Ask the driver. Raises NoSuchRouter, and ScorerUnavailable after the time-out."""
        return await _ScoreNeeded(query)

    def calibration(self, router: RouterName) -> Calibration:
        """The calibration of a router; "" is the bundle's default router."""
        return self._scorer.calibration(router)


class Stepper:
    """Drives decisions, from several threads at once."""

    def __init__(self, scorer: BlockingScorer, *, threads: int) -> None:
        """At most `threads` prompts are scored at a time, each on one core."""
        self._scorer = scorer
        self._threads = threads
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="weir-score")
        self._waiting = 0
        self._closed = False

    def run(self, steps: Steps[T]) -> T:
        """Run to the end in this thread. Raises what the steps raise, and DeciderClosed."""
        resume: Resume = partial(steps.send, None)
        try:
            while True:
                needed = self._step(resume)
                if isinstance(needed, _Ended):
                    return cast("T", needed.value)
                try:
                    resume = partial(steps.send, self._score(needed))
                except WeirError as error:
                    resume = partial(steps.throw, error)
        finally:
            steps.close()

    async def run_async(self, steps: Steps[T]) -> T:
        """Run to the end, scoring in a thread of its own. Raises as `run` does."""
        resume: Resume = partial(steps.send, None)
        try:
            while True:
                needed = self._step(resume)
                if isinstance(needed, _Ended):
                    return cast("T", needed.value)
                try:
                    resume = partial(steps.send, await self._score_async(needed))
                except WeirError as error:
                    resume = partial(steps.throw, error)
        finally:
            steps.close()

    def locked(self, change: Callable[[], T]) -> T:
        """Run a short change of what decisions read. Raises DeciderClosed."""
        with self._lock:
            self._check_open()
            return change()

    def close(self) -> None:
        """Refuse further decisions and wait for the scores under way. Closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        for _ in range(self._threads):  # until nothing is being scored
            self._slots.acquire()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _step(self, resume: Resume) -> "_ScoreNeeded | _Ended":
        """Run until the steps ask for a score, or to their end."""
        with self._lock:
            self._check_open()
            try:
                return resume()
            except StopIteration as done:
                return _Ended(done.value)

    def _check_open(self) -> None:
        if self._closed:
            raise DeciderClosed("this decider is closed: open another one")

    def _score(self, needed: _ScoreNeeded) -> Scored:
        if not self._slots.acquire(timeout=needed.query.timeout):
            raise _late(needed.query)
        try:
            return self._scorer.score_now(needed.query)
        finally:
            self._slots.release()

    async def _score_async(self, needed: _ScoreNeeded) -> Scored:
        if self._waiting >= MAX_WAITING:
            raise ScorerUnavailable(f"{MAX_WAITING} prompts wait for their score already")
        self._waiting += 1
        try:
            async with asyncio.timeout(needed.query.timeout):
                return await asyncio.wrap_future(self._pool.submit(self._score, needed))
        except TimeoutError as late:
            raise _late(needed.query) from late
        finally:
            self._waiting -= 1


def _late(query: ScoreQuery) -> ScorerUnavailable:
    return ScorerUnavailable(f"no score within {query.timeout:g} s")
