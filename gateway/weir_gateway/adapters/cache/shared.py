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
from weir_gateway.adapters.cache.value import decode, encode
from weir_gateway.adapters.redis.client import Redis, Script
from weir_gateway.adapters.redis.errors import RedisUnavailable
from weir_gateway.domain.cache import CachedResponse
from weir_runtime.metrics import Counter, Family

PREFIX: Final = "weir:answer:"
MILLIS: Final = 1000
MAX_WAITING: Final = 64  # answers to be written
WRITE_TIMEOUT: Final = 2.0  # seconds; nobody waits for it
FIND: Final = Script("return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}")


class SharedAnswers:
    """The port Answers, in memory and in Redis."""

    def __init__(
        self, memory: MemoryAnswers, redis: Redis, look_ups: Family[Counter], *, max_bytes: int
    ) -> None:
        """`look_ups` is weir.cache.requests; answers over `largest` bytes are not shared."""
        self._memory = memory
        self._redis = redis
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[bytes, CachedResponse, float]] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._hit = look_ups.labels("", "shared", "hit")
        self._miss = look_ups.labels("", "shared", "miss")
        self._unavailable = look_ups.labels("", "shared", "unavailable")

    async def find(self, key: bytes) -> CachedResponse | None:
        """From memory, else from Redis; kept in memory for what is left of its time."""
        known = await self._memory.find(key)
        if known is not None or not self._redis.available:
            return known
        try:
            value, left = await self._redis.script(FIND, [_name(key)], [])
        except RedisUnavailable:
            self._unavailable.value += 1
            return None
        answer = None if value is None else decode(value, self._max_bytes)
        if answer is None:
            self._miss.value += 1
            return None
        self._hit.value += 1
        self._memory.keep(key, answer, left / MILLIS)
        return answer

    def keep(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        """In memory at once, in Redis soon; the oldest that waits gives way."""
        self._memory.keep(key, answer, seconds)
        if answer.size <= self._max_bytes and seconds * MILLIS >= 1:
            self._waiting.append((key, answer, seconds))
            self._wake.set()

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write(*self._waiting.popleft())

    async def _write(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        ttl = int(seconds * MILLIS)
        try:
            await self._redis.call(
                "SET", _name(key), encode(answer), "PX", ttl, within=WRITE_TIMEOUT
            )
        except RedisUnavailable:
            self._unavailable.value += 1


def _name(key: bytes) -> str:
    return PREFIX + key.hex()
