"""Accepts feedback: checks the key and its rate, queues it for a task that writes in batches.

The queue and the wait are bounded. While the file can't be written, feedback is refused and
requests are served.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Protocol

from weir_gateway.adapters.ledger.feedback import PendingFeedback
from weir_gateway.adapters.ledger.recent import RecentDecisions
from weir_gateway.adapters.ledger.sqlite import LedgerError
from weir_gateway.adapters.ledger.writer import INTERVAL
from weir_gateway.domain.errors import (
    FeedbackUnavailable,
    NoSuchDecision,
    NotPermitted,
    TooMuchFeedback,
    WeirError,
)
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.outcome import AcceptedFeedback, Feedback
from weir_gateway.domain.request import ClientKey
from weir_gateway.routing.account import DecisionRecorder
from weir_runtime.lru import LruDict
from weir_runtime.metrics import Counter, Family, Registry

_LOG = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000  # ratings queued to be written; more get 503
BATCH: Final = 200  # ratings per transaction
SUBMIT_TIMEOUT: Final = 3.0  # seconds until a 503; a write usually takes milliseconds
RECHECK_AFTER: Final = 1.5 * INTERVAL  # seconds until another gateway's row is in the shared file
MAX_RECHECKS: Final = 100  # waiting for a recheck at the same time; more get their error at once
MAX_KEYS: Final = 10_000  # buckets, the least recently used evicted first
MINUTE: Final = 60.0
ROUNDING: Final = 1e-9  # tokens; a client that waited for its Retry-After must pass
UNKNOWN: Final = ""  # label of policy and model if the decision is unknown


class TokenBucket:
    """A rate limit: one bucket of `per_minute` tokens for each key."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float], *, keys: int = MAX_KEYS
    ) -> None:
        """`clock` is monotonic seconds."""
        self._capacity = float(per_minute)
        self._rate = per_minute / MINUTE
        self._clock = clock
        self._buckets: LruDict[str, tuple[float, float]] = LruDict(keys)  # tokens, time

    def retry_after(self, key: str) -> int:
        """Take a token: 0 if there is one, else whole seconds until there will be."""
        now = self._clock()
        tokens, since = self._buckets.get(key) or (self._capacity, now)
        tokens = min(self._capacity, tokens + (now - since) * self._rate)
        passes = tokens >= 1 - ROUNDING
        self._buckets.put(key, (tokens - 1 if passes else tokens, now))
        return 0 if passes else max(ceil((1 - tokens) / self._rate), 1)


class FeedbackStore(Protocol):
    """Stores feedback; blocking."""

    def keep(self, batch: Sequence[PendingFeedback]) -> list[AcceptedFeedback | WeirError]:
        """Store each; results and errors in order. Raises LedgerError if none was stored."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    pending: PendingFeedback
    result: "asyncio.Future[AcceptedFeedback]"


def feedback_counts(registry: Registry) -> Family[Counter]:
    return registry.counter("weir.feedback", "Feedback by result.", ("policy", "model", "result"))


class FeedbackService:
    """Accepts and stores feedback."""

    def __init__(
        self,
        store: FeedbackStore,
        recent: RecentDecisions,
        rate_limit: TokenBucket,
        counts: Family[Counter],
        now: Callable[[], float],
        *,
        within: float = SUBMIT_TIMEOUT,
    ) -> None:
        """`now` is seconds since 1970; `submit` takes at most `within` seconds."""
        self._store = store
        self._recent = recent
        self._rate_limit = rate_limit
        self._counts = counts
        self._now = now
        self._within = within
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._rechecks = 0

    async def submit(self, feedback: Feedback, key: ClientKey | None) -> AcceptedFeedback:
        """Store feedback. Raises FeedbackRefused, NotPermitted and BadRequest."""
        try:
            accepted = await self._submit(feedback, key)
        except WeirError as refused:
            self._counts.labels(UNKNOWN, UNKNOWN, refused.code).add()
            raise
        result = "replaced" if accepted.replaced else "kept"
        self._counts.labels(accepted.decided.policy, accepted.decided.model, result).add()
        return accepted

    async def run(self) -> None:
        """Write queued feedback until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write()

    async def _submit(self, feedback: Feedback, key: ClientKey | None) -> AcceptedFeedback:
        if key is not None and not key.feedback:
            raise NotPermitted(f"the key {key.name} may not give feedback")
        name = KeyName(key.name if key is not None else "")
        seconds = self._rate_limit.retry_after(name)
        if seconds:
            raise TooMuchFeedback(
                f"too much feedback for a minute: try again in {seconds} s",
                wait=seconds,
            )
        known = self._recent.find(feedback.decision)
        if known is not None and known.key != name:
            known = None  # another key's decision: treated as unknown, in the same time
        weight = key.feedback_weight if key is not None else 1.0
        pending = PendingFeedback(feedback, name, weight, self._now(), known)
        try:
            async with asyncio.timeout(self._within):
                return await self._store_or_recheck(pending)
        except TimeoutError as error:
            raise FeedbackUnavailable(
                "feedback can't be stored at the moment: try again"
            ) from error

    async def _store_or_recheck(self, pending: PendingFeedback) -> AcceptedFeedback:
        """Store it; look an unknown decision up again: another gateway may be writing it."""
        try:
            return await self._enqueue(pending)
        except NoSuchDecision:
            if self._rechecks >= MAX_RECHECKS:
                raise
        self._rechecks += 1
        try:
            await asyncio.sleep(RECHECK_AFTER)
            return await self._enqueue(pending)
        finally:
            self._rechecks -= 1

    async def _enqueue(self, pending: PendingFeedback) -> AcceptedFeedback:
        if len(self._waiting) >= MAX_WAITING:
            raise FeedbackUnavailable("too much feedback is waiting: try again")
        waiting = _Waiting(pending, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.result

    async def _write(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        batch = [item for item in batch if not item.result.done()]  # the others timed out
        if not batch:
            return
        try:
            results = await asyncio.to_thread(self._store.keep, [item.pending for item in batch])
        except LedgerError as error:
            _LOG.error("feedback was not stored: %s", error)
            results = [
                FeedbackUnavailable("feedback can't be stored at the moment: try again")
            ] * len(batch)
        for item, result in zip(batch, results, strict=True):
            if item.result.done():
                continue
            if isinstance(result, AcceptedFeedback):
                item.result.set_result(result)
            else:
                item.result.set_exception(result)


def with_feedback(
    recorder: DecisionRecorder, store: FeedbackStore, per_minute: int, registry: Registry
) -> tuple[DecisionRecorder, FeedbackService]:
    """A recorder that remembers recent decisions, and the feedback service that uses it."""
    recent = RecentDecisions(recorder, time.time)
    rate_limit = TokenBucket(per_minute, time.monotonic)
    return recent, FeedbackService(store, recent, rate_limit, feedback_counts(registry), time.time)
