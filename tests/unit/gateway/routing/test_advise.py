"""Decisions whose requests another program sends: what counts at once, and what is settled."""

from dataclasses import dataclass, field, replace

import pytest

from support.agent_runs import Run, crash
from support.fakes import FakeIds, FakeScorer
from support.tables import STRONG, WEAK, cascade, policy, request, table
from support.traffic_simulation import Clock
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.route_table.build import STAGE
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.adapters.session.memory import MemorySessionStore
from weir_gateway.domain.budget import Budget
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.table import Policy, StrongShare, Threshold
from weir_gateway.routing.advise import RENEWAL, UNSETTLED_FOR, Adviser
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.decide import DecisionParts
from weir_gateway.routing.session.keys import session_keys
from weir_gateway.routing.session.memory import SessionMemory
from weir_policy.ids import PicoUsd
from weir_policy.spec.cascade import AnswerCheck
from weir_policy.spec.objective import Period
from weir_wires.content import Usage

USD = 10**12
ANSWER = Usage(input=1_000_000, output=0)  # a dollar of the weak model, ten of the strong one


@dataclass
class World:
    policy: Policy
    scorer: FakeScorer = field(default_factory=lambda: FakeScorer(default=0.9))
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.table = table(self.policy)
        self.sessions = MemorySessionStore(self.clock, entries=10)
        self.budgets = Budgets(MemoryBudgetStore(), self.clock, self.clock, "one")
        parts = DecisionParts(
            scorer=self.scorer,
            conditions=CelConditions(),
            ids=FakeIds(),
            sessions=MemorySessions(self.clock, entries=10),
            budgets=self.budgets,
            memory=SessionMemory(self.sessions, self.clock),
        )
        self.adviser = Adviser(parts, self.clock, score_timeout=1.0)

    @property
    def spent(self) -> int:
        return self.budgets.states()[self.policy.id].spent


async def test_it_decides_with_all_candidates_and_always_asks_for_quality() -> None:
    world = World(policy(), FakeScorer(default=0.9, quality={"weak": 0.5, "strong": 0.8}))
    advice = await world.adviser.advise(request(), world.table)
    assert (advice.decision.chosen, advice.decision.reason) == (STRONG, Reason.SCORED)
    assert [(c.backend, c.quality, c.chosen) for c in advice.candidates] == [
        (WEAK, 0.5, False),
        (STRONG, 0.8, True),
    ]


async def test_every_decision_counts_for_a_share() -> None:
    even = {(index + 0.5) / 50: 1 - (index + 0.5) / 50 for index in range(50)}
    world = World(
        policy(objective=StrongShare(0.2)), FakeScorer(default=0.9, share_thresholds=even)
    )
    advised = [await world.adviser.advise(request(), world.table) for _ in range(500)]
    assert sum(a.decision.strong for a in advised) == pytest.approx(100, abs=10)


@pytest.mark.parametrize("check", [None, AnswerCheck.JSON])
async def test_a_cascade_that_reads_answers_is_left_out(check: AnswerCheck | None) -> None:
    """One that only reads the router's confidence is known before anything is sent."""
    world = World(replace(policy(), cascade=cascade(0.05, check)))
    decision = (await world.adviser.advise(request(), world.table)).decision
    assert not decision.buffered
    assert decision.chosen == (WEAK if check is None else STRONG)


async def test_a_conversation_stays_with_its_warm_prompt_cache() -> None:
    strong = replace(STRONG, price=replace(STRONG.price, cached_input=STRONG.price.input // 10))
    warm = replace(policy(candidates=(WEAK, strong)), sticky=600.0)
    world = World(warm, FakeScorer({"hello": 0.9}, default=0.59))
    asked = request(prompt_tokens=50_000, max_tokens=1)
    asked = replace(asked, facts=replace(asked.facts, messages=3), opening=("You help.", "hello"))
    await world.adviser.advise(asked, world.table)
    later = (await world.adviser.advise(replace(asked, scored_text="more"), world.table)).decision
    assert (later.chosen, later.reason) == (strong, Reason.STICKY)


def budgeted(usd: int) -> Policy:
    return policy(objective=Budget(PicoUsd(usd * USD), Period.DAY))


async def test_an_answers_cost_counts_against_the_budget_once() -> None:
    world = World(budgeted(100))
    decision = (await world.adviser.advise(request(), world.table)).decision
    assert decision.budget_reservation is not None
    assert world.adviser.settle(decision.id, ANSWER)
    assert world.spent == (10 if decision.strong else 1) * USD
    assert not world.adviser.settle(decision.id, ANSWER)


async def test_an_overdue_decision_counts_as_estimated() -> None:
    world = World(budgeted(100))
    decision = (await world.adviser.advise(request(), world.table)).decision
    assert decision.budget_reservation is not None
    world.clock.now += UNSETTLED_FOR + RENEWAL
    await world.adviser.advise(request(), world.table)
    assert world.spent == 2 * decision.budget_reservation.amount  # the other one is reserved
    assert not world.adviser.settle(decision.id, ANSWER)


async def test_nothing_waits_for_a_policy_without_a_budget() -> None:
    world = World(policy())
    decision = (await world.adviser.advise(request(), world.table)).decision
    assert not world.adviser.settle(decision.id, ANSWER)


async def test_an_agents_session_is_remembered_and_its_cost_settled() -> None:
    stage = replace(STAGE, max_strong_usd=PicoUsd(100 * USD))
    world = World(replace(policy(objective=Threshold(0.3)), stage=stage))
    stuck = Run(steps=(crash(1),) * 4).request(prompt_tokens=1_000_000)
    keys = session_keys(world.policy.id, stuck)
    assert keys is not None
    advised = await world.adviser.advise(stuck, world.table)
    assert (advised.decision.label, advised.decision.strong) == ("stage:strong", True)
    assert world.sessions.task(keys.task).spent > 10 * USD  # an estimate from above
    assert world.adviser.settle(advised.decision.id, ANSWER)
    assert world.sessions.task(keys.task).spent == 10 * USD
    assert not world.adviser.settle(advised.decision.id, ANSWER)
    again = await world.adviser.advise(stuck, world.table)
    assert again.decision.stage is not None
    assert again.decision.stage.before is True
