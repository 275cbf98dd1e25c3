"""A backend's in-flight limit and the short queue before it. Must not know what passes."""

import asyncio
from collections import deque

from weir_gateway.domain.resilience import QUEUE


class Full(Exception):
    """No place, and none became free in time."""


class Gate:
    """Places for calls; whoever gets one gives it back."""

    def __init__(self) -> None:
        self.limit = 0  # 0: unbounded
        self.queue = QUEUE
        self.taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    @property
    def open(self) -> bool:
        """Whether there is a place that nobody waits for."""
        return not self.limit or (self.taken < self.limit and not self._waiting)

    def try_enter(self) -> bool:
        """Take a place if there is one and nobody waits for it."""
        if not self.open:
            return False
        self.taken += 1
        return True

    async def enter(self) -> None:
        """Take a place, waiting for one in order of arrival. Raises Full."""
        if self.try_enter():
            return
        if len(self._waiting) >= self.queue.size:
            raise Full
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self.queue.wait):
                await place
        except BaseException as error:
            self._give_up(place)
            if isinstance(error, TimeoutError):
                raise Full from None
            raise

    def leave(self) -> None:
        """Give a place back: to who waits longest, if anybody does and it is still one."""
        self.taken -= 1
        while self._waiting and (not self.limit or self.taken < self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.taken += 1
                place.set_result(None)

    def _give_up(self, place: "asyncio.Future[None]") -> None:
        if place.done() and not place.cancelled():
            self.leave()  # it was given at the very moment
        elif place in self._waiting:
            self._waiting.remove(place)
