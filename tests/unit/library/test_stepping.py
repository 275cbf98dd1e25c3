"""Decisions step by step: deadlines, a crowd, and closing while prompts are scored."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from weir.errors import DeciderClosed
from weir.stepping import AskingScorer, Stepper
from weir_gateway.domain.decision import UNCALIBRATED, Calibration, Scored
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName

QUICK, WAITS = RouterName("quick"), RouterName("waits")


class Scorer:
    """Scores at once, but by the router `waits` only when it may go on."""

    bundle = BundleVersion("b@1")

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go_on = threading.Event()

    def score_now(self, query: ScoreQuery) -> Scored:
        if query.router == WAITS:
            self.began.set()
            assert self.go_on.wait(30)
        return Scored(0.5, {}, self.bundle, query.router)

    def calibration(self, router: RouterName) -> Calibration:
        del router
        return UNCALIBRATED


class World:
    def __init__(self, threads: int) -> None:
        self.scorer = Scorer()
        self.stepper = Stepper(self.scorer, threads=threads)
        self.threads = ThreadPoolExecutor(4)

    async def score(self, router: RouterName, timeout: float = 30.0) -> float:  # noqa: ASYNC109 - the query's own
        query = ScoreQuery(text="Why?", router=router, timeout=timeout)
        return (await AskingScorer(self.scorer).score(query)).score

    def run(self, router: RouterName, timeout: float = 30.0) -> float:
        return self.stepper.run(self.score(router, timeout))


def is_open(stepper: Stepper) -> bool:
    try:
        stepper.locked(lambda: None)
    except DeciderClosed:
        return False
    return True


@pytest.fixture
def world() -> Iterator[World]:
    made = World(threads=1)
    with made.threads:
        yield made
        made.scorer.go_on.set()
    made.stepper.close()


def test_who_waits_longer_than_the_deadline_gets_no_score(world: World) -> None:
    first = world.threads.submit(world.run, WAITS)
    assert world.scorer.began.wait(30)
    with pytest.raises(ScorerUnavailable, match=r"no score within 0.01 s"):
        world.run(QUICK, timeout=0.01)
    world.scorer.go_on.set()
    assert first.result() == world.run(QUICK) == 0.5


async def test_a_deadline_passes_beside_the_event_loop(world: World) -> None:
    with pytest.raises(ScorerUnavailable, match=r"no score within 0.01 s"):
        await world.stepper.run_async(world.score(WAITS, timeout=0.01))
    world.scorer.go_on.set()
    assert await world.stepper.run_async(world.score(QUICK)) == 0.5


def test_steps_of_others_go_on_while_one_is_scored() -> None:
    world = World(threads=2)
    with world.threads:
        first = world.threads.submit(world.run, WAITS)
        assert world.scorer.began.wait(30)
        assert world.run(QUICK) == 0.5
        world.scorer.go_on.set()
        assert first.result() == 0.5
    world.stepper.close()


def test_closing_waits_for_what_is_scored_and_refuses_the_rest(world: World) -> None:
    first = world.threads.submit(world.run, WAITS)
    assert world.scorer.began.wait(30)
    closing = world.threads.submit(world.stepper.close)
    while is_open(world.stepper):
        pass
    assert not closing.done()
    world.scorer.go_on.set()
    closing.result()
    with pytest.raises(DeciderClosed):
        first.result()  # its score came, and no step may follow
    with pytest.raises(DeciderClosed):
        world.run(QUICK)


def test_an_error_of_the_steps_reaches_the_caller(world: World) -> None:
    async def fail() -> None:
        await world.score(QUICK)
        raise ValueError("after the score")

    with pytest.raises(ValueError, match="after the score"):
        world.stepper.run(fail())
    with pytest.raises(ValueError, match="after the score"):
        asyncio.run(world.stepper.run_async(fail()))
