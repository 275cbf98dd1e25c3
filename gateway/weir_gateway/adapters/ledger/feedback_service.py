"""Takes feedback: checks whose it is, lets a task write it in batches, waits for the answer.

Bounded in how much waits and for how long; a file that can't be written refuses feedback and no
request. Must not know SQL or HTTP.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weir_gateway.adapters.ledger.feedback import PendingFeedback
from weir_gateway.adapters.ledger.recent import RecentDecisions
from weir_gateway.adapters.ledger.sqlite import LedgerError
from weir_gateway.adapters.ledger.token_bucket import TokenBucket
from weir_gateway.adapters.ledger.writer import INTERVAL
from weir_gateway.domain.errors import (
    FeedbackUnavailable,
    NoSuchDecision,
    NotPermitted,
    TooMuchFeedback,
    WeirError,
)
from weir_gateway.domain.feedback import AcceptedFeedback, Feedback
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.request import ClientKey
from weir_gateway.routing.account import DecisionRecorder
from weir_runtime.metrics import Counter, Family, Registry

_LOG = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000  # that wait to be written; more get a 503
BATCH: Final = 200  # of one transaction
SUBMIT_TIMEOUT: Final = (
    3.0  # seconds until a 503; a write takes milliseconds where nothing is wrong
)
RECHECK_AFTER: Final = (
    1.5 * INTERVAL
)  # seconds after which a neighbour's row has reached the shared file
MAX_RECHECKS: Final = 100  # that wait for this at once; more are told at once
UNKNOWN: Final = ""  # the labels' policy and model where there is none


class FeedbackStore(Protocol):
    """Where feedback is kept; its call blocks."""

    def keep(self, batch: Sequence[PendingFeedback]) -> list[AcceptedFeedback | WeirError]:
        """Keep each, or say why not, in their order. Raises LedgerError; then none is kept."""
        ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    given: PendingFeedback
    answer: "asyncio.Future[AcceptedFeedback]"


def feedback_counts(registry: Registry) -> Family[Counter]:
    """The metric."""
    return registry.counter(
        "weir.feedback", "Feedback that was given.", ("policy", "model", "result")
    )


class FeedbackService:
    """Where feedback is handed in."""

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
        """`now` is seconds since 1970; an answer takes at most `within` seconds."""
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
        """Keep it. Raises FeedbackRefused, NotPermitted and BadRequest."""
        try:
            taken = await self._submit(feedback, key)
        except WeirError as refused:
            self._counts.labels(UNKNOWN, UNKNOWN, refused.code).add()
            raise
        result = "replaced" if taken.replaced else "kept"
        self._counts.labels(taken.decided.policy, taken.decided.model, result).add()
        return taken

    async def run(self) -> None:
        """Write what waits, until cancelled."""
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
                f"more feedback than a key may give in a minute: try again in {seconds} s",
                wait=seconds,
            )
        known = self._recent.find(feedback.decision)
        if known is not None and known.key != name:
            known = None  # another's: looked for as an unknown one is, which takes as long
        weight = key.feedback_weight if key is not None else 1.0
        given = PendingFeedback(feedback, name, weight, self._now(), known)
        try:
            async with asyncio.timeout(self._within):
                return await self._stored(given)
        except TimeoutError as error:
            raise FeedbackUnavailable("feedback can't be kept just now: try again") from error

    async def _stored(self, given: PendingFeedback) -> AcceptedFeedback:
        """A decision that is unknown may be of another gateway that is about to write it."""
        try:
            return await self._queued(given)
        except NoSuchDecision:
            if self._rechecks >= MAX_RECHECKS:
                raise
        self._rechecks += 1
        try:
            await asyncio.sleep(RECHECK_AFTER)
            return await self._queued(given)
        finally:
            self._rechecks -= 1

    async def _queued(self, given: PendingFeedback) -> AcceptedFeedback:
        if len(self._waiting) >= MAX_WAITING:
            raise FeedbackUnavailable("too much feedback waits to be kept: try again")
        waiting = _Waiting(given, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.answer

    async def _write(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        batch = [one for one in batch if not one.answer.done()]  # whoever waits no longer
        if not batch:
            return
        try:
            results = await asyncio.to_thread(self._store.keep, [one.given for one in batch])
        except LedgerError as error:
            _LOG.error("feedback was not kept: %s", error)
            results = [FeedbackUnavailable("feedback can't be kept now: try again")] * len(batch)
        for one, result in zip(batch, results, strict=True):
            if one.answer.done():
                continue
            if isinstance(result, AcceptedFeedback):
                one.answer.set_result(result)
            else:
                one.answer.set_exception(result)


def with_feedback(
    accounts: DecisionRecorder, store: FeedbackStore, per_minute: int, registry: Registry
) -> tuple[DecisionRecorder, FeedbackService]:
    """Accounts that remember what may be rated before its row is written; and the desk."""
    recent = RecentDecisions(accounts, time.time)
    gate = TokenBucket(per_minute, time.monotonic)
    return recent, FeedbackService(store, recent, gate, feedback_counts(registry), time.time)
