"""A backend's state between requests.

Endpoints, concurrency limit, budgets for retries and hedges, and times to the first token. A
backend keeps its state when a new table has the same id.
"""

import asyncio
from collections import deque
from typing import Final

from weir_gateway.adapters.resilience.endpoints import Endpoint, OnStateChange
from weir_gateway.domain.table import Auth, Backend
from weir_policy.spec.resilience import Queue

BURST: Final = 10.0  # calls; a budget's capacity, and its balance at the start
RETRIES_PER_SECOND: Final = 1.0  # so that a gateway with few requests can retry too
WINDOW_SIZE: Final = 256  # streams over which quantiles are taken
MIN_SAMPLES: Final = 20  # streams before there are quantiles
SORT_EVERY: Final = 16  # streams between two sorts

Key = tuple[str, Auth, str]


class QueueFull(Exception):
    """The backend is at its limit, and no slot became free in time."""


class ConcurrencyLimit:
    """A backend's in-flight limit with a short queue. Each slot is released by its user."""

    def __init__(self) -> None:
        self.limit = 0  # 0: unbounded
        self.queue = Queue()
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """The queue's length."""
        return len(self._waiting)

    @property
    def available(self) -> bool:
        """Whether a slot is free and the queue is empty."""
        return not self.limit or (self.in_flight < self.limit and not self._waiting)

    def try_acquire(self) -> bool:
        """Take a slot if one is available."""
        if not self.available:
            return False
        self.in_flight += 1
        return True

    async def acquire(self) -> None:
        """Take a slot, waiting in order of arrival. Raises QueueFull."""
        if self.try_acquire():
            return
        if len(self._waiting) >= self.queue.size:
            raise QueueFull
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        try:
            async with asyncio.timeout(self.queue.wait):
                await slot
        except BaseException as error:
            self._give_up(slot)
            if isinstance(error, TimeoutError):
                raise QueueFull from None
            raise

    def release(self) -> None:
        """Release a slot to the longest waiter, unless the limit was lowered meanwhile."""
        self.in_flight -= 1
        while self._waiting and (not self.limit or self.in_flight < self.limit):
            slot = self._waiting.popleft()
            if not slot.done():
                self.in_flight += 1
                slot.set_result(None)

    def _give_up(self, slot: "asyncio.Future[None]") -> None:
        if slot.done() and not slot.cancelled():
            self.release()  # the slot was granted at the moment of the timeout
        elif slot in self._waiting:
            self._waiting.remove(slot)


class RetryBudget:
    """A balance of extra calls: each request deposits its share, each extra call withdraws one."""

    __slots__ = ("_balance", "_per_second", "_since", "share")

    def __init__(self, share: float, now: float, *, per_second: float) -> None:
        """`share` (0,1) is deposited per request, and `per_second` calls are added over time."""
        self.share = share
        self._per_second = per_second
        self._balance = BURST
        self._since = now

    def deposit(self) -> None:
        """Add one request's share."""
        self._balance = min(self._balance + self.share, BURST)

    def try_withdraw(self, now: float) -> bool:
        """Take one call from the balance; False if there is less than one."""
        self._balance = min(self._balance + (now - self._since) * self._per_second, BURST)
        self._since = now
        if self._balance < 1:
            return False
        self._balance -= 1
        return True


class FirstTokenTimes:
    """Quantiles of the time to the first token, over the latest streams."""

    __slots__ = ("_index", "_seconds", "_since_sort", "_sorted")

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._index = 0
        self._sorted: list[float] = []
        self._since_sort = 0

    def add(self, seconds: float) -> None:
        """Add one stream's time."""
        if len(self._seconds) < WINDOW_SIZE:
            self._seconds.append(seconds)
        else:
            self._seconds[self._index] = seconds
            self._index = (self._index + 1) % WINDOW_SIZE
        self._since_sort += 1

    def quantile(self, share: float) -> float | None:
        """The quantile at `share` (0,1) in seconds; None while there are too few samples."""
        if len(self._seconds) < MIN_SAMPLES:
            return None
        if not self._sorted or self._since_sort >= SORT_EVERY:
            self._sorted = sorted(self._seconds)
            self._since_sort = 0
        return self._sorted[min(int(share * len(self._sorted)), len(self._sorted) - 1)]


class BackendState:
    """One backend's endpoints, limit, budgets and times."""

    def __init__(self, backend: Backend, now: float, on_state_change: OnStateChange) -> None:
        self.concurrency = ConcurrencyLimit()
        self.first_tokens = FirstTokenTimes()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.used = now
        self._on_state_change = on_state_change
        self._configure(backend, now)

    def update(self, backend: Backend, now: float) -> tuple[Endpoint, ...]:
        """Take over a new table's settings; returns the endpoints that were removed."""
        before = self.endpoints
        self._configure(backend, now)
        return tuple(endpoint for endpoint in before if endpoint not in self.endpoints)

    def _configure(self, backend: Backend, now: float) -> None:
        self.backend = backend
        known = {_key(endpoint.backend): endpoint for endpoint in self.endpoints}
        wanted = [(e.backend, e.weight) for e in backend.endpoints] or [(backend, 1)]
        self.endpoints = tuple(
            self._endpoint(target, weight, known.get(_key(target))) for target, weight in wanted
        )
        self.concurrency.limit = backend.in_flight
        self.concurrency.queue = backend.queue
        hedge = backend.hedge.budget if backend.hedge is not None else 0.0
        self.retries = RetryBudget(backend.retries.budget, now, per_second=RETRIES_PER_SECOND)
        self.hedges = RetryBudget(hedge, now, per_second=0.0)

    def _endpoint(self, target: Backend, weight: int, known: Endpoint | None) -> Endpoint:
        if known is None or known.circuit.settings != target.breaker:
            return Endpoint(target, weight, self._on_state_change)
        known.backend, known.weight = target, weight
        return known


def _key(backend: Backend) -> Key:
    """The identity of an endpoint."""
    return backend.endpoint, backend.auth, backend.key_header
