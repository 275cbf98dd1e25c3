"""Answers that gateways share: memory first, then a Redis or Valkey.

A lookup in Redis takes one round trip with a deadline; while the server is away, requests go on
without it. Answers are written in the background from a bounded queue: what doesn't fit is not
shared.
"""

import asyncio
from collections import deque
from typing import Final

import msgspec

from weir_gateway.adapters.cache.memory import MemoryAnswers
from weir_gateway.adapters.redis.client import Redis, Script
from weir_gateway.adapters.redis.errors import RedisUnavailable
from weir_gateway.domain.cache import CachedResponse
from weir_policy.ids import BackendId
from weir_runtime.metrics import Counter, Family
from weir_wires.content import Usage

FORMAT: Final = 1
PREFIX: Final = "weir:answer:"
MILLIS: Final = 1000
MAX_WAITING: Final = 64  # answers to be written
WRITE_TIMEOUT: Final = 2.0  # seconds; no request waits for it
FIND: Final = Script("return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}")


class _Value(msgspec.Struct, array_like=True, frozen=True):
    format: int
    backend: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    tokens: tuple[int, int, int, int]  # input, output, and of the input: cached, written
    embedding: bytes
    usage: Usage | None = None  # all of it; an older gateway writes and reads `tokens` alone


_DECODER: Final = msgspec.msgpack.Decoder(_Value)


def encode(answer: CachedResponse) -> bytes:
    """Encode for storage in Redis."""
    usage = answer.usage
    tokens = (usage.input, usage.output, usage.cached_input, usage.cache_write)
    return msgspec.msgpack.encode(
        _Value(FORMAT, answer.backend, answer.headers, answer.body, tokens, answer.embedding, usage)
    )


def decode(value: bytes, max_bytes: int) -> CachedResponse | None:
    """Decode; None if the value has another format, is broken or exceeds `max_bytes`."""
    if len(value) > max_bytes:
        return None
    try:
        stored = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if stored.format != FORMAT:
        return None
    return CachedResponse(
        BackendId(stored.backend),
        stored.headers,
        stored.body,
        stored.usage or Usage(*stored.tokens),
        stored.embedding,
    )


class SharedAnswers:
    """Cached answers, in memory and in Redis."""

    def __init__(
        self, memory: MemoryAnswers, redis: Redis, lookups: Family[Counter], *, max_bytes: int
    ) -> None:
        """`lookups` is weir.cache.requests; answers over `max_bytes` are not shared."""
        self._memory = memory
        self._redis = redis
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[bytes, CachedResponse, float]] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._hit = lookups.labels("", "shared", "hit")
        self._miss = lookups.labels("", "shared", "miss")
        self._unavailable = lookups.labels("", "shared", "unavailable")

    async def get(self, key: bytes) -> CachedResponse | None:
        """From memory, else from Redis; memory keeps what Redis had until it expires."""
        known = await self._memory.get(key)
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
        self._memory.put(key, answer, left / MILLIS)
        return answer

    def put(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        """Store in memory now and queue for Redis; a full queue drops its oldest."""
        self._memory.put(key, answer, seconds)
        if answer.size <= self._max_bytes and seconds * MILLIS >= 1:
            self._waiting.append((key, answer, seconds))
            self._wake.set()

    async def run(self) -> None:
        """Write queued answers to Redis until cancelled."""
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
