"""Send one of several identical requests at a time; the others wait for its response.

The first request starts a flight, and those that come while it is in flight join it and get the
same response once that is complete. If it fails or its client leaves, one of the waiting requests
starts the next flight; if that fails too, each of the others is sent on its own, as is a request
that has waited too long.
"""

import asyncio
from typing import Final

from weir_gateway.domain.cache import CachedResponse

LEADERS: Final = 2  # that a request waits for before it goes its own way


class Flight:
    """One request under way, and those who wait for its answer."""

    def __init__(self) -> None:
        self._landed: asyncio.Future[CachedResponse | None] = (
            asyncio.get_running_loop().create_future()
        )

    async def answer(self) -> CachedResponse | None:
        """Its answer, once it is whole; None where it came to nothing."""
        return await asyncio.shield(self._landed)

    def resolve(self, answer: CachedResponse | None) -> None:
        """Give all who wait `answer`."""
        if not self._landed.done():
            self._landed.set_result(answer)


class Flights:
    """Those under way, by key; as many as there are requests being served at most."""

    def __init__(self, *, wait: float) -> None:
        """`wait` is how many seconds a request waits for another in all."""
        self._wait = wait
        self._flights: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def join(self, key: bytes) -> CachedResponse | None:
        """The answer of who is under way with `key`; None where the request is to be sent."""
        try:
            async with asyncio.timeout(self._wait):
                for _ in range(LEADERS):
                    flight = self._flights.get(key)
                    if flight is None:
                        return None
                    answer = await flight.answer()
                    if answer is not None:
                        return answer
        except TimeoutError:
            pass
        return None

    def start(self, key: bytes) -> Flight | None:
        """Go first with `key`; None where another one does, who then need not be waited for."""
        if key in self._flights:
            return None
        flight = self._flights[key] = Flight()
        return flight

    def resolve(self, key: bytes, flight: Flight | None, answer: CachedResponse | None) -> None:
        """End `flight`, if one was led."""
        if flight is not None and self._flights.get(key) is flight:
            del self._flights[key]
            flight.resolve(answer)
