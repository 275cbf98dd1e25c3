"""Sessions that several gateways remember, in Redis or Valkey.

A recall and a reservation take one round trip each, with a deadline. While the server is away the
gateway goes by what it remembers itself, and tells what was spent meanwhile once it is back.
What a request leaves behind is written in the background from a bounded queue.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from weir_gateway.adapters.redis.client import Argument, Redis, Script
from weir_gateway.adapters.redis.errors import RedisProblem, RedisUnavailable
from weir_gateway.adapters.session.codec import (
    decode_agent,
    decode_pins,
    encode_agent,
    encode_pins,
)
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.domain.session import AgentState, Session, SessionKeys, TaskState
from weir_policy.ids import PicoUsd
from weir_runtime.metrics import Registry

MILLIS: Final = 1000
MAX_WAITING: Final = 10_000  # writes; of more, the oldest are lost
RETRY: Final = 0.2  # seconds between two tries while the server is away
RECALL: Final = Script(
    "return {redis.call('HGET', KEYS[1], 'spent'), redis.call('HGET', KEYS[1], 'pins'), "
    "redis.call('GET', KEYS[2])}"
)
KEEP: Final = Script(
    "redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) "
    "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
)
PIN: Final = Script(
    "redis.call('HSET', KEYS[1], 'pins', ARGV[1]) return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
)
# Amounts are whole pico-USD, which a script's numbers hold exactly up to 9,000 USD.
RESERVE: Final = Script(
    "local spent = tonumber(redis.call('HGET', KEYS[1], 'spent') or '0') "
    "if ARGV[2] ~= '' and spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return false end "
    "local now = redis.call('HINCRBY', KEYS[1], 'spent', ARGV[1]) "
    "redis.call('PEXPIRE', KEYS[1], ARGV[3]) "
    "return now"
)


@dataclass(frozen=True, slots=True)
class _Write:
    script: Script
    keys: tuple[str, ...]
    arguments: tuple[Argument, ...]
    spends: bool = False  # of money: tried again, as nobody else knows it


class SharedSessionStore:
    """Remembers in Redis, and in `memory` for the time without it."""

    def __init__(self, memory: MemorySessionStore, redis: Redis, registry: Registry) -> None:
        self._memory = memory
        self._redis = redis
        self._waiting: deque[_Write] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._local = registry.counter(
            "weir.sessions.local",
            "Sessions that were looked up in this gateway alone, since Redis was gone.",
        ).labels()

    async def recall(self, keys: SessionKeys, now: float) -> Session:
        """What all gateways remember; this one alone where Redis does not answer."""
        try:
            spent, pins, agent = await self._redis.script(RECALL, [*_names(keys)], [])
        except RedisUnavailable:
            self._local.value += 1
            return await self._memory.recall(keys, now)
        rules, headers = decode_pins(pins)
        task = TaskState(PicoUsd(max(int(spent or 0), 0)), rules, headers)
        return Session(keys, now, decode_agent(agent), task)

    def keep_agent(self, keys: SessionKeys, state: AgentState, seconds: float) -> None:
        """Remember here now, and in Redis soon."""
        self._memory.keep_agent(keys, state, seconds)
        self._write(_Write(KEEP, _names(keys), (encode_agent(state), _millis(seconds))))

    def keep_pins(self, task: str, state: TaskState, seconds: float) -> None:
        """Remember here now, and in Redis soon."""
        self._memory.keep_pins(task, state, seconds)
        pins = encode_pins(state.pins, state.headers)
        self._write(_Write(PIN, (_task_name(task),), (pins, _millis(seconds))))

    async def reserve(
        self, task: str, amount: PicoUsd, ceiling: PicoUsd | None, seconds: float
    ) -> bool:
        """Count it for all gateways, or here where Redis does not answer: then it is told later."""
        limit = "" if ceiling is None else str(int(ceiling))
        arguments: list[Argument] = [int(amount), limit, _millis(seconds)]
        try:
            counted = await self._redis.script(RESERVE, [_task_name(task)], arguments)
        except RedisUnavailable:
            self._local.value += 1
            taken = self._memory.reserve_now(task, amount, ceiling, seconds)
            if taken:
                self._spend(task, amount, seconds)
            return taken
        if counted is None:
            return False
        known = self._memory.task(task)
        # Below 0 where Redis forgot what was reserved and then got what was left of it.
        learnt = TaskState(PicoUsd(max(int(counted), 0)), known.pins, known.headers)
        self._memory.learn(task, learnt, seconds)
        return True

    def settle(self, task: str, change: int, seconds: float) -> None:
        """Add `change` here now, and in Redis soon."""
        self._memory.settle(task, change, seconds)
        self._spend(task, change, seconds)

    async def run(self) -> None:
        """Write to Redis until cancelled; the program's background task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._try(self._waiting.popleft())

    async def flush(self) -> None:
        """Write what waits, once; for the program's end."""
        for _ in range(len(self._waiting)):
            await self._try(self._waiting.popleft(), retry=False)

    async def _try(self, write: _Write, *, retry: bool = True) -> None:
        try:
            await self._redis.script(write.script, [*write.keys], [*write.arguments])
        except RedisUnavailable as gone:
            if not (write.spends and retry):
                return
            # After a time-out it may have been counted, and too much spent is the safe side.
            if gone.problem is RedisProblem.TIMEOUT and int(write.arguments[0]) < 0:
                return
            self._waiting.append(write)
            await asyncio.sleep(RETRY)

    def _spend(self, task: str, change: int, seconds: float) -> None:
        arguments = (change, "", _millis(seconds))
        self._write(_Write(RESERVE, (_task_name(task),), arguments, spends=True))

    def _write(self, write: _Write) -> None:
        self._waiting.append(write)
        self._wake.set()


def _names(keys: SessionKeys) -> tuple[str, str]:
    return _task_name(keys.task), f"{_task_name(keys.task)}:{keys.agent}"


def _task_name(task: str) -> str:
    """In braces, so that a cluster has all of a session on one node."""
    return f"weir:session:{{{task}}}"


def _millis(seconds: float) -> int:
    return max(int(seconds * MILLIS), 1)
