"""A backend's in-flight limit and the short queue before it. Must not know what passes."""

import asyncio
from collections import deque

from weir_gateway.domain.resilience import QUEUE


class QueueFull(Exception):
    """No place, and none became free in time."""


class ConcurrencyLimit:
    """Places for calls; whoever gets one gives it back."""

    def __init__(self) -> None:
        self.limit = 0  # 0: unbounded
        self.queue = QUEUE
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    @property
    def available(self) -> bool:
        """Whether there is a place that nobody waits for."""
        return not self.limit or (self.in_flight < self.limit and not self._waiting)

    def try_acquire(self) -> bool:
        """Take a place if there is one and nobody waits for it."""
        if not self.available:
            return False
        self.in_flight += 1
        return True

    async def acquire(self) -> None:
        """Take a place, waiting for one in order of arrival. Raises QueueFull."""
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
        """Give a place back: to who waits longest, if anybody does and it is still one."""
        self.in_flight -= 1
        while self._waiting and (not self.limit or self.in_flight < self.limit):
            slot = self._waiting.popleft()
            if not slot.done():
                self.in_flight += 1
                slot.set_result(None)

    def _give_up(self, slot: "asyncio.Future[None]") -> None:
        if slot.done() and not slot.cancelled():
            self.release()  # it was given at the very moment
        elif slot in self._waiting:
            self._waiting.remove(slot)
