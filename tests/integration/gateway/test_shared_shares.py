"""Gateways that reach a `strongShare` together, through a real Redis."""

import random
from collections.abc import AsyncGenerator

import pytest

from support.redis_server import RedisServer, connected, redis_server
from weir_gateway.adapters.redis.client import Redis
from weir_gateway.adapters.share.redis import RedisShareStore
from weir_gateway.adapters.share.sync import ShareSync
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.table import Retention
from weir_gateway.routing.share.ports import ShareKey
from weir_gateway.routing.share.thresholds import EARLY, ShareThresholds
from weir_policy.ids import PolicyId, RouterName
from weir_runtime.exposition import prometheus
from weir_runtime.metrics import Registry

PARTS = (70, 20, 8, 2)  # of the traffic, by gateway
UNLIKE = ((8, 2), (2, 8), (2, 2), (20, 2))  # how hard each gateway's prompts are
EXCHANGE = EARLY  # requests of all gateways between two exchanges


class Even:
    """A calibration whose reference prompts score evenly in [0,1]."""

    fails = False

    def threshold_for_share(self, share: float) -> float | None:
        return 1 - share

    def threshold_for_retention(self, objective: Retention) -> float | None:
        del objective
        return None


def key(share: float, policy: str = "ns/p") -> ShareKey:
    return ShareKey(PolicyId(policy), "", RouterName("mf"), BundleVersion("b"), share)


@pytest.fixture
async def server() -> AsyncGenerator[RedisServer]:
    async with redis_server() as running:
        yield running


@pytest.fixture
async def redis(server: RedisServer) -> AsyncGenerator[Redis]:
    async with connected(server.url) as client:
        yield client


def chosen(gateway: ShareThresholds, asked: ShareKey, score: float, source: str = "") -> bool:
    threshold = gateway.threshold(asked, Even(), source)
    assert threshold is not None
    strong = score >= threshold
    gateway.observe(asked, score, strong=strong, source=source)
    return strong


async def served(
    gateways: list[ShareThresholds], asked: ShareKey, draw: random.Random, count: int
) -> list[bool]:
    choices: list[bool] = []
    for number in range(count):
        at = draw.choices(range(len(gateways)), PARTS)[0]
        choices.append(chosen(gateways[at], asked, draw.betavariate(*UNLIKE[at])))
        if number % EXCHANGE == EXCHANGE - 1:
            for gateway in gateways:
                assert await gateway.exchange()
    return choices


def share_of(choices: list[bool]) -> float:
    return sum(choices) / len(choices)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
async def test_four_gateways_with_unlike_traffic_reach_the_share_together(
    redis: Redis, share: float
) -> None:
    gateways = [ShareThresholds(RedisShareStore(redis)) for _ in PARTS]
    choices = await served(gateways, key(share), random.Random("four"), 5000)
    assert share_of(choices[:500]) == pytest.approx(share, abs=0.02)
    assert share_of(choices) == pytest.approx(share, abs=0.01)
    thresholds = [gateway.threshold(key(share), Even()) or 0.0 for gateway in gateways]
    assert max(thresholds) - min(thresholds) < 0.15  # one line for all, but for what each owes


async def test_a_flood_through_one_gateway_leaves_the_others_share(redis: Redis) -> None:
    gateways = [ShareThresholds(RedisShareStore(redis)) for _ in PARTS]
    draw = random.Random("flood")
    rest: list[bool] = []
    heavy: list[bool] = []
    for number in range(6000):
        if number >= 1000 and number % 20:
            heavy.append(chosen(gateways[0], key(0.2), draw.betavariate(30, 1), "flood"))
        else:
            gateway, source = draw.choice(gateways), draw.choice("abcdefghi")
            rest.append(chosen(gateway, key(0.2), draw.betavariate(4, 4), source))
        if number % EXCHANGE == EXCHANGE - 1:
            for gateway in gateways:
                assert await gateway.exchange()
    assert share_of(heavy) == pytest.approx(0.2, abs=0.02)
    assert share_of(rest[1000:]) == pytest.approx(0.2, abs=0.06)
    assert share_of([*heavy, *rest]) == pytest.approx(0.2, abs=0.01)


async def test_a_restarted_gateway_starts_from_what_all_know(redis: Redis) -> None:
    gateways = [ShareThresholds(RedisShareStore(redis)) for _ in PARTS]
    await served(gateways, key(0.2), random.Random("restart"), 1000)
    known = gateways[0].threshold(key(0.2), Even())
    started = ShareThresholds(RedisShareStore(redis))
    assert started.threshold(key(0.2), Even()) == pytest.approx(0.8, abs=0.02)  # the bundle's
    assert await started.exchange()
    assert started.threshold(key(0.2), Even()) == pytest.approx(known, abs=0.05)
    unlike = started.threshold(key(0.2, "ns/other"), Even())
    assert unlike == pytest.approx(0.8, abs=0.02)


async def test_what_one_sent_too_often_another_sent_too_seldom(redis: Redis) -> None:
    one, other, third = (ShareThresholds(RedisShareStore(redis)) for _ in range(3))
    for gateway in (one, other, third):
        gateway.threshold(key(0.5), Even())
    for _ in range(20):
        one.observe(key(0.5), 0.9, strong=True)
        other.observe(key(0.5), 0.1, strong=False)
    alone = other.threshold(key(0.5), Even())
    assert await one.exchange()
    assert one.threshold(key(0.5), Even()) == 0.9  # all that is known is too much
    assert await other.exchange()
    assert await third.exchange()
    together = third.threshold(key(0.5), Even())
    assert other.threshold(key(0.5), Even()) == together  # nothing is owed any more
    assert alone is not None
    assert together is not None
    assert alone < together == pytest.approx(0.11)  # the middle of what all have seen


async def test_each_goes_on_alone_while_redis_is_away(server: RedisServer, redis: Redis) -> None:
    gateway = ShareThresholds(RedisShareStore(redis))
    assert not chosen(gateway, key(0.2), 0.5)
    assert await gateway.exchange()
    await server.kill()
    chosen(gateway, key(0.2), 0.5)
    assert not await gateway.exchange()
    draw = random.Random("alone")
    choices = [chosen(gateway, key(0.2), 0.9 + draw.random() / 10) for _ in range(500)]
    assert not await gateway.exchange()
    assert share_of(choices) == pytest.approx(0.2, abs=0.02)
    assert [share for _, share in gateway.served()] == [pytest.approx(0.2, abs=0.02)]


async def test_asked_and_served_stand_side_by_side_in_the_metrics(redis: Redis) -> None:
    registry = Registry()
    gateway = ShareThresholds(RedisShareStore(redis))
    sync = ShareSync(gateway, registry)
    for number in range(100):
        chosen(gateway, key(0.2), number / 100)
    await sync.sync()
    text = prometheus(registry).decode()
    assert 'weir_strong_share{policy="ns/p",side="asked",variant=""} 0.2' in text
    assert 'weir_strong_share{policy="ns/p",side="served",variant=""} 0.' in text
