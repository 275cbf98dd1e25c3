"""Opens the stores of limits, spend, answers, budgets and batches: in Redis, a file or memory.

They open before the first request and close after the last one was accounted for.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

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
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.adapters.session.shared import SharedSessionStore
from weir_gateway.adapters.session.weights import WeightsFolder
from weir_gateway.adapters.share.redis import RedisShareStore
from weir_gateway.adapters.spend.redis import RedisSums
from weir_gateway.adapters.spend.sqlite import SqliteSums
from weir_gateway.adapters.spend.sums import Sums, SumStore
from weir_gateway.batches.context import BatchLimits
from weir_gateway.batches.factory import BatchDependencies, BatchService, BatchStorage, open_batches
from weir_gateway.routing.budget.ports import BudgetStore
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_gateway.routing.steps.limit import LimitStore
from weir_gateway.settings import Settings
from weir_gateway.settings.records import BatchSettings, RedisSettings
from weir_gateway.settings.serving import CacheSettings, RoutingSettings
from weir_runtime.metrics import Counter, Family, Registry
from weir_runtime.tasks import Background


@dataclass(frozen=True, slots=True)
class Stores:
    """The opened stores."""

    redis: Redis | None
    spend: Sums
    answers: MemoryAnswers | SharedAnswers
    limits: LimitStore
    counting: RedisLimits | None
    budgets: BudgetStore  # of policies' budgets
    sessions: MemorySessionStore | SharedSessionStore  # of agents' conversations
    weights: WeightsFolder | None  # of agents' scores
    shares: ShareThresholds  # of policies with `strongShare`

    def start(self, tasks: Background) -> None:
        """Start the background tasks."""
        tasks.start(self.spend.run(), "weir-spend")
        if self.redis is not None:
            tasks.start(self.redis.run(), "weir-redis")
        if isinstance(self.answers, SharedAnswers):
            tasks.start(self.answers.run(), "weir-shared-answers")
        if self.counting is not None:
            tasks.start(self.counting.run(), "weir-limits")
        if isinstance(self.sessions, SharedSessionStore):
            tasks.start(self.sessions.run(), "weir-sessions")
        if self.weights is not None:
            tasks.start(self.weights.follow(), "weir-agent-weights")


async def open_stores(
    settings: Settings,
    registry: Registry,
    lookups: Family[Counter],
    stack: contextlib.AsyncExitStack,
) -> Stores:
    """Open the stores; `stack` closes them. `lookups` is weir.cache.requests.

    Raises RedisUrlError for an invalid URL and OSError for an unreadable file.
    """
    redis = await _redis(settings.redis, registry)
    if redis is not None:
        stack.push_async_callback(redis.close)
        await redis.start()
    spend = Sums(_sum_store(settings.spend, redis), time.time)
    stack.push_async_callback(spend.close)
    answers = _answers(settings.cache, registry, lookups, redis)
    budgets = _budget_store(settings.spend, redis)
    sessions = _sessions(settings.routing, registry, redis)
    if isinstance(sessions, SharedSessionStore):
        stack.push_async_callback(sessions.flush)
    weights = await _weights(settings.routing)
    shares = ShareThresholds(None if redis is None else RedisShareStore(redis))
    if redis is None:
        alone = MemoryLimits(spend, time.monotonic, time.time, local=False)
        limits = CountedLimits(alone, registry)
        return Stores(redis, spend, answers, limits, None, budgets, sessions, weights, shares)
    counting = RedisLimits(redis)
    stack.push_async_callback(counting.end)
    meanwhile = MemoryLimits(Sums(None, time.time), time.monotonic, time.time, local=True)
    limits = CountedLimits(SharedLimits(counting, meanwhile, registry), registry)
    return Stores(redis, spend, answers, limits, counting, budgets, sessions, weights, shares)


def _sessions(
    settings: RoutingSettings, registry: Registry, redis: Redis | None
) -> MemorySessionStore | SharedSessionStore:
    memory = MemorySessionStore(time.monotonic, entries=settings.sessions)
    return memory if redis is None else SharedSessionStore(memory, redis, registry)


async def _weights(settings: RoutingSettings) -> WeightsFolder | None:
    if settings.agent_weights is None:
        return None
    weights = WeightsFolder(settings.agent_weights)
    await weights.refresh()
    return weights


def _answers(
    settings: CacheSettings, registry: Registry, lookups: Family[Counter], redis: Redis | None
) -> MemoryAnswers | SharedAnswers:
    largest = settings.max_answer
    memory = MemoryAnswers(time.monotonic, max_bytes=settings.max_bytes, max_answer=largest)
    registry.gauge_callback(
        "weir.cache.bytes", "Memory of cached answers.", lambda: memory.bytes, unit="By"
    )
    if redis is None:
        return memory
    return SharedAnswers(memory, redis, lookups, max_bytes=largest)


async def _redis(settings: RedisSettings, registry: Registry) -> Redis | None:
    if settings.url is None:
        return None
    file, ca = settings.password_file, settings.ca
    url = await asyncio.to_thread(parse_redis_url, settings.url, password_file=file, ca=ca)
    return Redis(url, registry, timeout=settings.timeout, connections=settings.connections)


def _budget_store(file: Path | None, redis: Redis | None) -> BudgetStore:
    if redis is not None:
        return RedisBudgetStore(redis)
    return MemoryBudgetStore() if file is None else SqliteBudgetStore(file)


def _sum_store(file: Path | None, redis: Redis | None) -> SumStore | None:
    if redis is not None:
        return RedisSums(redis)
    return None if file is None else SqliteSums(file, time.time)


async def open_batch_service(
    settings: Settings, dependencies: BatchDependencies, stack: contextlib.AsyncExitStack
) -> BatchService | None:
    """Open the batch service; `stack` closes it. Returns None where batches are disabled.

    Raises StoreUnavailable and OSError: with batches enabled, the gateway does not start without.
    """
    batches = settings.batches
    if batches.folder is None:
        return None
    limits = BatchLimits(
        max_calls=batches.calls,
        poll_interval=batches.poll,
        max_line=settings.listen.max_body,
        max_answer=settings.upstream.max_answer,
    )
    return await open_batches(_storage(batches, batches.folder), limits, dependencies, stack)


def _storage(settings: BatchSettings, folder: Path) -> BatchStorage:
    return BatchStorage(
        folder=folder,
        max_file_bytes=settings.max_file_bytes,
        max_total_bytes=settings.max_total_bytes,
        retention=settings.retention,
    )
