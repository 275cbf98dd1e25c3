"""Builds what gateways share, or keep over a restart: in Redis where settings name one, or a file.

Opened before anything is served, closed after the last request has been counted.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.adapters.budget.redis import RedisBudgetStore
from weir_gateway.adapters.budget.sqlite import SqliteBudgetStore
from weir_gateway.adapters.cache.memory import MemoryAnswers
from weir_gateway.adapters.cache.shared import SharedAnswers
from weir_gateway.adapters.limits.memory import MemoryLimits
from weir_gateway.adapters.limits.redis import RedisLimits
from weir_gateway.adapters.limits.shared import CountedLimits, SharedLimits
from weir_gateway.adapters.redis.client import Redis
from weir_gateway.adapters.redis.url import parse_redis_url
from weir_gateway.adapters.spend.redis import RedisSums
from weir_gateway.adapters.spend.sqlite import SqliteSums
from weir_gateway.adapters.spend.sums import Sums, SumStore
from weir_gateway.routing.budget.ports import BudgetStore
from weir_gateway.routing.steps.limit import LimitStore
from weir_gateway.settings import Settings
from weir_runtime.metrics import Counter, Family, Registry
from weir_runtime.tasks import Background


@dataclass(frozen=True, slots=True)
class Stores:
    """What there is."""

    redis: Redis | None
    spend: Sums
    answers: MemoryAnswers | SharedAnswers
    limits: LimitStore
    counting: RedisLimits | None
    treasury: BudgetStore  # of policies' budgets

    def start(self, tasks: Background) -> None:
        """Start what runs beside the requests."""
        tasks.start(self.spend.run(), "weir-spend")
        if self.redis is not None:
            tasks.start(self.redis.run(), "weir-redis")
        if isinstance(self.answers, SharedAnswers):
            tasks.start(self.answers.run(), "weir-shared-answers")
        if self.counting is not None:
            tasks.start(self.counting.run(), "weir-limits")


async def open_stores(
    settings: Settings,
    registry: Registry,
    look_ups: Family[Counter],
    stack: contextlib.AsyncExitStack,
) -> Stores:
    """Open them until `stack` is left; `look_ups` is weir.cache.requests.

    Raises RedisUrlError and OSError where one can't be named.
    """
    redis = None if settings.redis is None else await _redis(settings.redis, settings, registry)
    if redis is not None:
        stack.push_async_callback(redis.close)
        await redis.start()
    spend = Sums(_sum_store(settings, redis), time.time)
    stack.push_async_callback(spend.close)
    answers = _answers(settings, registry, look_ups, redis)
    treasury = _treasury(settings, redis)
    if redis is None:
        alone = MemoryLimits(spend, time.monotonic, time.time, local=False)
        return Stores(redis, spend, answers, CountedLimits(alone, registry), None, treasury)
    counting = RedisLimits(redis)
    stack.push_async_callback(counting.end)
    meanwhile = MemoryLimits(Sums(None, time.time), time.monotonic, time.time, local=True)
    limits = SharedLimits(counting, meanwhile, registry)
    return Stores(redis, spend, answers, CountedLimits(limits, registry), counting, treasury)


def _answers(
    settings: Settings, registry: Registry, look_ups: Family[Counter], redis: Redis | None
) -> MemoryAnswers | SharedAnswers:
    largest = settings.cache_answer
    memory = MemoryAnswers(time.monotonic, max_bytes=settings.cache_bytes, max_answer=largest)
    registry.gauge_callback(
        "weir.cache.bytes", "Memory that kept answers take.", lambda: memory.bytes, unit="By"
    )
    if redis is None:
        return memory
    return SharedAnswers(memory, redis, look_ups, max_bytes=largest)


async def _redis(url: str, settings: Settings, registry: Registry) -> Redis:
    file, ca = settings.redis_password, settings.redis_ca
    where = await asyncio.to_thread(parse_redis_url, url, password_file=file, ca=ca)
    return Redis(
        where, registry, timeout=settings.redis_within, connections=settings.redis_connections
    )


def _treasury(settings: Settings, redis: Redis | None) -> BudgetStore:
    if redis is not None:
        return RedisBudgetStore(redis)
    return MemoryBudgetStore() if settings.spend is None else SqliteBudgetStore(settings.spend)


def _sum_store(settings: Settings, redis: Redis | None) -> SumStore | None:
    if redis is not None:
        return RedisSums(redis)
    return None if settings.spend is None else SqliteSums(settings.spend, time.time)
