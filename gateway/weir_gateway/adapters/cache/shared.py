"""Answers that gateways share: in memory first, behind it a Redis or Valkey.

Only what memory lacks is asked for there, in one round trip with the call's deadline; a server that
is away is not waited for, and the request goes on as if nothing were kept. Answers are written
beside the requests, from a short queue: what doesn't fit is not shared. Must not know what a key
stands for.
"""

import asyncio
from collections import deque
from typing import Final

from weir_gateway.adapters.cache.memory import MemoryAnswers
from weir_gateway.adapters.cache.value import packed, unpacked
from weir_gateway.adapters.redis.errors import StoreGone
from weir_gateway.adapters.redis.shared import Redis, Script
from weir_gateway.domain.cache import Answer
from weir_runtime.metrics import Counter, Family

PREFIX: Final = "weir:answer:"
MILLIS: Final = 1000
WAITING: Final = 64  # answers to be written
WRITE_WITHIN: Final = 2.0  # seconds; nobody waits for it
FIND: Final = Script("return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}")


class SharedAnswers:
    """The port Answers, in memory and in Redis."""

    def __init__(
        self, memory: MemoryAnswers, redis: Redis, look_ups: Family[Counter], *, largest: int
    ) -> None:
        """`look_ups` is weir.cache.requests; answers over `largest` bytes are not shared."""
        self._memory = memory
        self._redis = redis
        self._largest = largest
        self._waiting: deque[tuple[bytes, Answer, float]] = deque(maxlen=WAITING)
        self._something = asyncio.Event()
        self._hit = look_ups.labels("", "shared", "hit")
        self._miss = look_ups.labels("", "shared", "miss")
        self._gone = look_ups.labels("", "shared", "unavailable")

    async def find(self, key: bytes) -> Answer | None:
        """From memory, else from Redis; kept in memory for what is left of its time."""
        known = await self._memory.find(key)
        if known is not None or not self._redis.here:
            return known
        try:
            value, left = await self._redis.script(FIND, [_name(key)], [])
        except StoreGone:
            self._gone.value += 1
            return None
        answer = None if value is None else unpacked(value, self._largest)
        if answer is None:
            self._miss.value += 1
            return None
        self._hit.value += 1
        self._memory.keep(key, answer, left / MILLIS)
        return answer

    def keep(self, key: bytes, answer: Answer, seconds: float) -> None:
        """In memory at once, in Redis soon; the oldest that waits gives way."""
        self._memory.keep(key, answer, seconds)
        if answer.size <= self._largest and seconds * MILLIS >= 1:
            self._waiting.append((key, answer, seconds))
            self._something.set()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await self._write(*self._waiting.popleft())

    async def _write(self, key: bytes, answer: Answer, seconds: float) -> None:
        lasts = int(seconds * MILLIS)
        try:
            await self._redis.call(
                "SET", _name(key), packed(answer), "PX", lasts, within=WRITE_WITHIN
            )
        except StoreGone:
            self._gone.value += 1


def _name(key: bytes) -> str:
    return PREFIX + key.hex()
