"""Exploration: who takes part, how probable each choice was, and what it may cost."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import FakeAccounts, FakeClock, FakeScorer, FakeUpstreams
from support.limits import limits
from support.tables import STRONG, WEAK, policy, request, rule, table
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.spend.exploration_budget import SharedExplorationBudget
from weir_gateway.adapters.spend.sums import Sums
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.ids import DecisionId, KeyName
from weir_gateway.domain.limits import LimitCheck, LimitReservation, LimitResult
from weir_gateway.domain.money import PICO_PER_USD
from weir_gateway.domain.request import ClientKey
from weir_gateway.domain.table import Exploration, Policy
from weir_gateway.routing.context import Purpose
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.pipeline import Ports, Routing
from weir_gateway.routing.steps.explore import is_drawn
from weir_gateway.routing.steps.limit import LimitStore
from weir_policy.ids import PicoUsd, PolicyId
from weir_policy.spec.policy import Mode
from weir_runtime.exposition import prometheus
from weir_runtime.metrics import Registry

RICH = Exploration(band=0.05, share=0.2, budget=PicoUsd(1000 * PICO_PER_USD), period=86_400)
EXPLORING = replace(policy(), exploration=RICH)  # the threshold is .6
EXTRA = estimate_costs([STRONG], request())[STRONG.id] - estimate_costs([WEAK], request())[WEAK.id]


class Ids:
    """Random ids, the same in every run."""

    def __init__(self) -> None:
        self._random = random.Random(0)

    def __call__(self) -> DecisionId:
        return DecisionId(f"{self._random.getrandbits(128):032x}")


@dataclass
class World:
    score: float
    clock: FakeClock = field(default_factory=FakeClock)
    registry: Registry = field(default_factory=Registry)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    limits: LimitStore | None = None

    def __post_init__(self) -> None:
        self.routing = Routing(
            Ports(
                scorer=FakeScorer(default=self.score),
                upstreams=FakeUpstreams(),
                recorder=self.accounts,
                conditions=CelConditions(),
                clock=self.clock,
                ids=Ids(),
                sessions=MemorySessions(self.clock, entries=10),
                limits=self.limits,
                exploration=SharedExplorationBudget(
                    Sums(None, self.clock), self.registry, self.clock
                ),
            ),
            score_timeout=1,
        )

    async def decide(self, count: int, by: Policy = EXPLORING) -> list[RouteDecision]:
        made = table(by)
        return [await self.routing.decide(request(), made) for _ in range(count)]


@pytest.mark.parametrize(
    ("score", "usual", "other"), [(0.57, "weak", "strong"), (0.63, "strong", "weak")]
)
async def test_near_the_threshold_a_share_goes_the_other_way(
    score: float, usual: str, other: str
) -> None:
    decisions = await World(score).decide(2000)
    told = Counter((str(d.chosen.name), d.propensity, d.explored, d.label) for d in decisions)
    assert set(told) == {(usual, 0.8, False, "scored"), (other, 0.2, True, "scored")}
    assert 340 <= told[(other, 0.2, True, "scored")] <= 460  # five deviations


async def test_who_is_drawn_is_known_from_the_id_alone() -> None:
    for decision in await World(0.57).decide(200):
        assert decision.explored == is_drawn(decision.id, 0.2)


@pytest.mark.parametrize("score", [0.0, 0.5499, 0.6501, 1.0])
async def test_what_is_no_near_thing_is_certain(score: float) -> None:
    decisions = await World(score).decide(100)
    assert {(d.propensity, d.explored) for d in decisions} == {(1.0, False)}


@pytest.mark.parametrize(
    "by",
    [
        policy(),
        replace(EXPLORING, mode=Mode.SHADOW),
        replace(policy(rules=[rule("all", "true", "weak")]), exploration=RICH),
        replace(policy(candidates=[WEAK]), exploration=RICH),
    ],
    ids=["no exploration", "shadow", "rule", "one candidate"],
)
async def test_what_was_not_chosen_by_score_is_not_explored(by: Policy) -> None:
    decisions = await World(0.6).decide(50, by)
    assert {(d.propensity, d.explored) for d in decisions} == {(1.0, False)}


async def test_the_budget_bounds_what_it_costs_and_a_period_later_there_is_more() -> None:
    few = replace(RICH, budget=PicoUsd(3 * EXTRA))
    world = World(0.57)
    decisions = await world.decide(300, replace(EXPLORING, exploration=few))
    assert sum(d.explored for d in decisions) == 3
    last = max(n for n, d in enumerate(decisions) if d.explored)
    assert {d.propensity for d in decisions[last + 1 :]} == {1.0}  # certain from then on
    assert {d.propensity for d in decisions[:last]} == {0.8, 0.2}
    told = prometheus(world.registry).decode()
    assert f'weir_exploration_usd_total{{policy="shop/chat"}} {3 * EXTRA / PICO_PER_USD}' in told
    world.clock.advance(-86_400)  # a clock that goes backwards makes nobody richer
    assert not any(d.explored for d in await world.decide(100, replace(EXPLORING, exploration=few)))
    world.clock.advance(2 * 86_400)
    more = await world.decide(300, replace(EXPLORING, exploration=few))
    assert sum(d.explored for d in more) == 3


async def test_going_the_cheaper_way_costs_nothing() -> None:
    poor = replace(EXPLORING, exploration=replace(RICH, budget=PicoUsd(0)))
    assert any(d.explored for d in await World(0.63).decide(100, poor))
    assert not any(d.explored for d in await World(0.57).decide(100, poor))


async def test_a_conversation_under_way_is_not_explored() -> None:
    world, made = World(0.57), table(replace(EXPLORING, sticky=600))
    asked = replace(request(), opening=("be brief", "hello"))
    first = await world.routing.decide(asked, made)
    await world.routing.dispatch(asked, first, made)
    later = [await world.routing.decide(asked, made) for _ in range(50)]
    assert {(d.propensity, d.explored) for d in later} == {(1.0, False)}
    world.clock.advance(601)
    assert (await world.routing.decide(asked, made)).propensity < 1


class NearlySpent:
    """Limits of which so much is used."""

    def __init__(self, used: float) -> None:
        self._used = used

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool) -> LimitResult:
        del closed
        used = tuple(int(ask.limit * self._used) for ask in asks)
        return LimitResult(
            reservations=tuple(LimitReservation(ask.counter, ask.window, 0, 0) for ask in asks),
            used=used,
        )

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        del reservation, amount


@pytest.mark.parametrize(("used", "explores"), [(0.5, True), (0.9, False)])
async def test_a_key_that_runs_out_of_strong_dollars_explores_no_more(
    used: float,
    *,
    explores: bool,
) -> None:
    world = World(0.57, limits=NearlySpent(used))
    allowance = limits(strong_usd_per_day=PICO_PER_USD)
    asked = replace(request(), key=ClientKey(KeyName("a"), limits=allowance))
    made = table(EXPLORING)
    decisions = [await world.routing.decide(asked, made) for _ in range(100)]
    assert any(d.explored for d in decisions) is explores
    assert {d.propensity < 1 for d in decisions} == {explores}


async def test_a_decision_that_sends_nothing_spends_nothing() -> None:
    world = World(0.57)
    made = table(EXPLORING)
    asked = [await world.routing.decide(request(), made, Purpose.PREVIEW) for _ in range(100)]
    assert {(d.propensity, d.explored) for d in asked} == {(1.0, False)}


@given(st.floats(0, 1), st.floats(0, 1), st.binary(min_size=16, max_size=16))
def test_who_is_drawn_at_a_share_is_drawn_at_every_larger_one(
    one: float, other: float, raw: bytes
) -> None:
    small, large = sorted((one, other))
    decision = DecisionId(raw.hex())
    assert is_drawn(decision, large) or not is_drawn(decision, small)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 300))
def test_a_purse_holds_no_more_than_its_budget(amounts: list[int], budget: int) -> None:
    clock = FakeClock()
    purse = SharedExplorationBudget(Sums(None, clock), Registry(), clock)
    some = replace(RICH, budget=PicoUsd(budget))
    spent = 0
    for amount in map(PicoUsd, amounts):
        assert purse.holds(PolicyId("p"), some, amount) == (spent + amount <= budget)
        if purse.holds(PolicyId("p"), some, amount):
            purse.take(PolicyId("p"), some, amount)
            spent += amount
        assert purse.holds(PolicyId("q"), some, PicoUsd(budget))  # another policy has its own
