"""Limits that several gateways share: set aside in one round trip, settled in batches afterwards.

What was set aside counts until it is settled, so that the limit holds exactly whatever the
gateways do at once.
"""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final

from weir_gateway.adapters.limits.scripts import RESTORE, SETTLE, TAKE
from weir_gateway.adapters.redis.client import Argument, Redis
from weir_gateway.adapters.redis.errors import RedisProblem, RedisUnavailable
from weir_gateway.domain.limits import LimitCheck, LimitReservation, LimitResult
from weir_policy.spec.limits import Window

PREFIX: Final = "{weir}:limit:"  # of a cluster, all on one node: a script sees no other
SETTLERS: Final = "{weir}:settled:"
REMEMBERED: Final = 3600  # seconds that a gateway's last number is known
EVERY: Final = 0.1  # seconds between two settlements
CHANGES: Final = 1000  # settled at once
MOST: Final = 50_000  # corrections that wait; of more, new ones are lost
LAST_SETTLE: Final = 2.0  # seconds
MILLIS: Final = 1000

_Slot = tuple[str, Window, int]


class RedisLimits:
    """Asks Redis."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is monotonic seconds."""
        self._redis = redis
        self._clock = clock
        self._ahead: float | None = None  # the server's clock of ours, in milliseconds
        self._days: dict[str, tuple[int, int]] = {}  # what a day held when it was last heard of
        self._restore: dict[str, tuple[int, int]] = {}  # what to tell it again
        self._settler = SETTLERS + secrets.token_hex(8)
        self._number = 0
        self._waiting: dict[_Slot, int] = {}
        self._sending: tuple[tuple[_Slot, int], ...] = ()

    async def take(self, asks: Sequence[LimitCheck]) -> LimitResult:
        """Set aside what is asked, all or nothing. Raises RedisUnavailable."""
        keys: list[Argument] = [PREFIX + ask.counter for ask in asks]
        arguments: list[Argument] = [self._too_late()]
        for ask in asks:
            arguments += (ask.window.value, ask.limit, ask.min_amount, ask.max_amount)
        answer = await self._redis.script(TAKE, keys, arguments)
        self._ahead = int(answer[3]) - self._clock() * MILLIS
        if answer[0] < 0:
            raise RedisUnavailable(RedisProblem.TIMEOUT, "it came to this too late")
        refused, short, wait = int(answer[0]) - 1, int(answer[1]) - 1, float(answer[2])
        used = tuple(int(word) for word in answer[4::2])
        if refused >= 0:
            return LimitResult(
                fits_max=False, blocking=short, refused=refused, wait=wait, used=used
            )
        allow_strong = short < 0
        reservations = tuple(
            LimitReservation(
                ask.counter,
                ask.window,
                int(slot),
                ask.max_amount if allow_strong else ask.min_amount,
            )
            for ask, slot in zip(asks, answer[5::2], strict=True)
        )
        for one, now in zip(reservations, used, strict=True):
            if one.window is Window.DAY:
                self._know(one, now)
        return LimitResult(allow_strong, short, reservations=reservations, used=used)

    def restore(self) -> None:
        """The server is gone: once it is back, tell it what days held, in case it has forgotten."""
        if not self._restore:
            self._restore = dict(self._days)

    def _know(self, reservation: LimitReservation, used: int) -> None:
        if reservation.counter not in self._days and len(self._days) >= MOST:
            self._days.pop(next(iter(self._days)))
        self._days[reservation.counter] = (reservation.slot, used)

    def _know_less(self, counter: str, slot: int, change: int) -> None:
        """What is given back is not restored, whether the server has heard of it or not."""
        day, used = self._days.get(counter, (slot, 0))
        if change < 0 and used and day == slot:
            self._days[counter] = (day, max(used + change, 0))

    def _too_late(self) -> int:
        """The deadline by the server's clock; the script does nothing after it."""
        if self._ahead is None:
            return 0
        return int((self._clock() + self._redis.timeout) * MILLIS + self._ahead) + 1

    def settle(self, reservation: LimitReservation, change: int) -> None:
        """Note that `change` comes to what was set aside."""
        slot = (reservation.counter, reservation.window, reservation.slot)
        if slot in self._waiting or len(self._waiting) < MOST:
            self._waiting[slot] = self._waiting.get(slot, 0) + change

    async def run(self) -> None:
        """Settle until cancelled; the program's background task."""
        while True:
            await asyncio.sleep(EVERY)
            await self.settle_now()

    async def end(self) -> None:
        """Settle what is left, for as long as an end may take."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SETTLE):
                await self.settle_now()

    async def settle_now(self) -> None:
        """Settle all that waits by now; while Redis is gone it goes on waiting.

        What comes meanwhile waits for the next time: under load there is always more.
        """
        rounds = bool(self._sending) + math.ceil(len(self._waiting) / CHANGES)
        try:
            while self._restore:
                await self._restored(list(self._restore.items())[:CHANGES])
            for _ in range(rounds):
                if batch := self._sending or self._batch():
                    await self._settle(batch)
                    self._sending = ()
        except RedisUnavailable:  # it is counted there; the same batch goes again under its number
            return

    async def _restored(self, days: Sequence[tuple[str, tuple[int, int]]]) -> None:
        keys: list[Argument] = [PREFIX + counter for counter, _ in days]
        arguments: list[Argument] = [word for _, words in days for word in words]
        await self._redis.script(RESTORE, keys, arguments)
        for counter, _ in days:
            del self._restore[counter]

    def _batch(self) -> tuple[tuple[_Slot, int], ...]:
        slots = list(self._waiting)[:CHANGES]
        batch = tuple((slot, self._waiting.pop(slot)) for slot in slots)
        self._sending = tuple((slot, change) for slot, change in batch if change)
        self._number += bool(self._sending)
        for (counter, _, slot), change in self._sending:
            self._know_less(counter, slot, change)
        return self._sending

    async def _settle(self, batch: tuple[tuple[_Slot, int], ...]) -> None:
        keys: list[Argument] = [self._settler, *(PREFIX + counter for (counter, _, _), _ in batch)]
        arguments: list[Argument] = [self._number, REMEMBERED]
        for (_, window, slot), change in batch:
            arguments += (window.value, slot, change)
        await self._redis.script(SETTLE, keys, arguments)
