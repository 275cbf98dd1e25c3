"""What asking the limits adds to a request: `python -m bench.limits [--redis URL]`.

In one process: a whole decision without limits, with limits in memory and with the same limits in a
real Redis, the three by turns, one request at a time and sixteen at once; and the bare round trip
to the same server. Figures of different runs don't compare; the differences in one do.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import uvloop

from support.fakes import FakeAccounts, FakeIds, FakeScorer, FakeUpstreams
from support.limits import memory
from support.redis_server import connected, redis_server
from support.tables import policy, request, table
from weir_gateway.adapters.limits.redis import RedisLimits
from weir_gateway.adapters.limits.shared import SharedLimits
from weir_gateway.adapters.redis.client import Redis
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.limits import PolicyLimits
from weir_gateway.domain.money import PICO_PER_USD
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.account import Ending
from weir_gateway.routing.pipeline import Ports, Routing
from weir_gateway.routing.steps.limit import LimitStore
from weir_policy.spec.limits import Limit, Measure, Window
from weir_runtime.metrics import Registry

OUT = Path(__file__).parent / "out" / "limits.json"
MUCH = 9_000 * PICO_PER_USD
# The three of docs/policies.md's example; of each, so much that nothing is refused.
ALL = (
    Limit(Measure.REQUESTS, Window.MINUTE, 4_000_000_000),
    Limit(Measure.USD, Window.DAY, MUCH),
    Limit(Measure.STRONG_USD, Window.DAY, MUCH),
)
ROUNDS = 15
REQUESTS = 300  # a round and subject
AT_ONCE = 16
ENDED = Ending(status=200, usage=None, overhead=0.0, duration=0.1)

Once = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Subject:
    """One row: what is done once, and how long that took, in seconds."""

    name: str
    once: Once
    alone: list[float] = field(default_factory=list[float])
    crowded: list[float] = field(default_factory=list[float])

    async def round(self) -> None:
        """Measure a round of each kind; of the crowded one what each waited."""
        self.alone.append(median([await _timed(self.once) for _ in range(REQUESTS)]))
        waits: list[float] = []
        for _ in range(REQUESTS // AT_ONCE):
            waits += await asyncio.gather(*(_timed(self.once) for _ in range(AT_ONCE)))
        self.crowded.append(median(waits))


async def _timed(once: Once) -> float:
    began = time.perf_counter()
    await once()
    return time.perf_counter() - began


def _deciding(limits: LimitStore | None, served: RouteTable) -> Once:
    """A decision and its account, as every request has them."""
    routing = Routing(
        Ports(
            scorer=FakeScorer(default=0.9),
            upstreams=FakeUpstreams(),
            recorder=FakeAccounts(),
            conditions=CelConditions(),
            clock=time.perf_counter,
            ids=FakeIds(),
            limits=limits,
        ),
        score_timeout=1.0,
    )
    asked = request()

    async def once() -> None:
        decision = await routing.decide(asked, served)
        routing.account(asked, decision, ENDED)

    return once


async def _measure(redis: Redis) -> list[Subject]:
    served = table(replace(policy(), limits=PolicyLimits(per_key=ALL)))
    alone = memory(time.time, local=True)
    counting = RedisLimits(redis)
    settling = asyncio.create_task(counting.run(), name="bench-settles")
    subjects = [
        Subject("no limits", _deciding(None, served)),
        Subject("in memory", _deciding(memory(time.time), served)),
        Subject("in Redis", _deciding(SharedLimits(counting, alone, Registry()), served)),
        Subject("PING", lambda: redis.call("PING")),
    ]
    for _ in range(ROUNDS):
        for subject in subjects:
            await subject.round()
    settling.cancel()
    await asyncio.wait({settling})
    return subjects


def _print(subjects: list[Subject]) -> None:
    base = subjects[0]
    print(f"{'p50, ms':12}{'alone':>10}{'added':>10}{f'{AT_ONCE} at once':>14}{'added':>10}")
    for subject in subjects:
        alone, crowded = median(subject.alone) * 1e3, median(subject.crowded) * 1e3
        added = alone - median(base.alone) * 1e3
        more = crowded - median(base.crowded) * 1e3
        print(f"{subject.name:12}{alone:10.3f}{added:10.3f}{crowded:14.3f}{more:10.3f}")


async def _main(url: str | None) -> None:
    if url is not None:
        async with connected(url) as redis:
            subjects = await _measure(redis)
    else:
        async with redis_server() as server, connected(server.url) as redis:
            subjects = await _measure(redis)
    _print(subjects)
    told = {s.name: {"alone": median(s.alone), "crowded": median(s.crowded)} for s in subjects}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(told, indent=1) + "\n")


def main() -> None:
    """Measure, print, write bench/out/limits.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", default=os.environ.get("WEIR_REDIS"), help="a server to ask")
    uvloop.run(_main(parser.parse_args().redis))


if __name__ == "__main__":
    main()
