"""The objective `budget` through routing: who answers, what is held, what is refused."""

from dataclasses import dataclass, field, replace

import pytest

from support.fakes import FakeAccounts, FakeIds, FakeReply, FakeScorer, FakeUpstreams
from support.tables import STRONG, WEAK, backend, policy, request, rule, table
from support.traffic_simulation import MIDNIGHT, Clock
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.budget import Budget, BudgetState
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import (
    BudgetExceeded,
    ScorerUnavailable,
    UpstreamError,
    UpstreamFailure,
)
from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.budget.budgets import Budgets
from weir_gateway.routing.budget.pacing import ABOVE_ALL_SCORES
from weir_gateway.routing.budget.ports import BudgetStoreUnavailable, LeaseRequest, LeaseState
from weir_gateway.routing.context import Purpose
from weir_gateway.routing.pipeline import Ending, Ports, Routing
from weir_policy.ids import PicoUsd
from weir_policy.spec.backend import Capability
from weir_policy.spec.objective import Period, WhenSpent
from weir_policy.spec.policy import Expose, Mode, ScorerFailure
from weir_wires.content import Usage

USD = 10**12
# A request of 10 tokens in and 400 out: .00041 USD by the weak one, .0041 by the strong one.
BY_WEAK, BY_STRONG = 410_000_000, 4_100_000_000


@dataclass
class AwayTreasury(MemoryBudgetStore):
    """A store that can be away."""

    away: bool = False
    asked: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    async def renew(self, request: LeaseRequest) -> LeaseState:
        self.asked += 1
        if self.away:
            raise BudgetStoreUnavailable("away")
        return await super().renew(request)


def budgeted(usd: float, when: WhenSpent = WhenSpent.WEAKEST, **fields: object) -> Policy:
    budget = Budget(PicoUsd(round(usd * USD)), Period.DAY, when)
    return replace(policy(objective=budget), **fields)  # type: ignore[arg-type] # a policy's own


@dataclass
class World:
    policy: Policy
    clock: Clock = field(default_factory=Clock)
    scorer: FakeScorer = field(default_factory=lambda: FakeScorer(default=0.9))
    treasury: AwayTreasury = field(default_factory=AwayTreasury)
    upstreams: FakeUpstreams = field(default_factory=FakeUpstreams)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    name: str = "gateway"

    def __post_init__(self) -> None:
        self.budgets = Budgets(self.treasury, self.clock, self.clock, self.name)
        self.routing = Routing(
            Ports(
                scorer=self.scorer,
                upstreams=self.upstreams,
                recorder=self.accounts,
                conditions=CelConditions(),
                clock=self.clock,
                ids=FakeIds(),
            ),
            score_timeout=1.0,
            budgets=self.budgets,
        )
        self.table = table(self.policy)

    async def decide(self, asked: Request | None = None) -> RouteDecision:
        return await self.routing.decide(asked or request(), self.table)

    def end(self, decision: RouteDecision, used: Usage | None = None) -> PicoUsd:
        usage = used or Usage(10, 400)
        ending = Ending(status=200, usage=usage, overhead=0.0, duration=1.0)
        return self.routing.account(request(), decision, ending).paid

    @property
    def state(self) -> BudgetState:
        return self.budgets.states()[self.policy.id]


async def spend(world: World, share: float) -> None:
    """Spend so much of the budget, elsewhere."""
    assert isinstance(world.policy.objective, Budget)
    amount = PicoUsd(round(world.policy.objective.amount * share))
    claim = LeaseRequest(
        policy=world.policy.id,
        span="2027-01-16",
        until=MIDNIGHT + 86_400,
        instance="elsewhere",
        limit=world.policy.objective.amount,
        used=amount,
        least=amount,
        wanted=amount,
        spent=amount,
        requests=1,
    )
    await world.treasury.renew(claim)


async def test_at_first_the_line_is_the_calibrations_fifth() -> None:
    scorer = FakeScorer(default=0.9, share_thresholds={(n + 0.5) / 32: 0.6 for n in range(7)})
    world = World(budgeted(5), scorer=scorer)
    decision = await world.decide()
    assert (decision.chosen, decision.reason) == (STRONG, Reason.SCORED)
    assert decision.threshold is not None
    assert decision.threshold <= 0.9
    scorer.default = 0.05
    assert (await world.decide()).chosen == WEAK


async def test_what_is_decided_is_held_and_what_is_paid_is_spent() -> None:
    world = World(budgeted(5))
    decision = await world.decide()
    assert decision.budget_reservation is not None
    assert (decision.budget_reservation.amount, world.state.spent) == (BY_STRONG, BY_STRONG)
    paid = world.end(decision, Usage(10, 40))
    assert world.state.spent == paid == cost(STRONG.price, Usage(10, 40))


async def test_a_request_that_never_reached_a_provider_spends_nothing() -> None:
    down = UpstreamError("down", failure=UpstreamFailure.CONNECT)
    world = World(budgeted(5), upstreams=FakeUpstreams({STRONG.id: down}))
    decision = await world.decide()
    with pytest.raises(UpstreamError):
        await world.routing.dispatch(request(), decision, world.table)
    ending = Ending(status=502, usage=None, overhead=0.0, duration=1.0, error="upstream_error")
    world.routing.account(request(), decision, ending)
    assert world.state.spent == 0


async def test_an_aborted_stream_is_settled_by_what_passed() -> None:
    world = World(budgeted(5))
    decision = await world.decide()
    ending = Ending(
        status=499, usage=None, overhead=0.0, duration=1.0, error="client_gone", written=25
    )
    paid = world.routing.account(request(), decision, ending).paid
    assert 0 < paid < BY_STRONG
    assert world.state.spent == paid


async def test_what_is_let_go_gives_its_room_back() -> None:
    world = World(budgeted(5))
    world.routing.release(await world.decide())
    assert world.state.spent == 0


async def test_an_answer_after_a_restart_is_spent_and_gives_back_nothing() -> None:
    before, after = World(budgeted(5), name="before"), World(budgeted(5), name="after")
    decision = await before.decide()
    own = await after.decide()
    paid = after.end(decision)
    assert after.state.spent == BY_STRONG + paid
    after.routing.release(decision)
    after.routing.release(own)
    assert after.state.spent == paid


async def test_an_answer_periods_later_takes_no_room_from_others() -> None:
    world = World(budgeted(5))
    decisions: list[RouteDecision] = []
    for _ in range(6):  # each has one that is still on its way
        decisions.append(await world.decide())
        world.clock.now += 86_400
    own = await world.decide()
    paid = world.end(decisions[0])
    assert own.budget_reservation is not None
    assert world.state.spent == own.budget_reservation.amount + paid


async def test_what_is_asked_without_being_sent_holds_nothing() -> None:
    world = World(budgeted(5))
    decision = await world.routing.decide(request(), world.table, Purpose.PREVIEW)
    assert decision.budget_reservation is None
    assert world.state.spent == 0


async def test_past_the_budget_the_weakest_answers_and_nobody_steps_in() -> None:
    world = World(budgeted(5, upstream_order=(STRONG.id, WEAK.id)))
    await spend(world, 1.0)
    decision = await world.decide()
    assert (decision.chosen, decision.label) == (WEAK, "budget")
    down = UpstreamError("down", failure=UpstreamFailure.CONNECT)
    world.upstreams.answers = {WEAK.id: down, STRONG.id: FakeReply()}
    with pytest.raises(UpstreamError):
        await world.routing.dispatch(request(), decision, world.table)
    assert world.upstreams.sent == [WEAK.id]


async def test_past_the_budget_a_policy_may_refuse() -> None:
    world = World(budgeted(5, WhenSpent.REJECT))
    world.clock.now = MIDNIGHT + 3600
    await spend(world, 1.0)
    with pytest.raises(BudgetExceeded) as caught:
        await world.decide()
    assert (caught.value.status, caught.value.code) == (429, "budget_exceeded")
    assert caught.value.retry_after == str(23 * 3600 + 1)
    assert world.accounts.decisions == []


async def test_the_last_cents_go_to_the_weakest_before_anybody_is_refused() -> None:
    world = World(budgeted(1, WhenSpent.REJECT))
    await spend(world, 1 - 2.5 * BY_WEAK / USD)
    decisions = [await world.decide() for _ in range(2)]
    assert [(d.chosen, d.label) for d in decisions] == [(WEAK, "budget")] * 2
    with pytest.raises(BudgetExceeded):
        await world.decide()


async def test_a_rule_is_held_to_the_budget_too() -> None:
    rules = (rule("always", "true", "strong"),)
    world = World(budgeted(5, rules=rules))
    assert (await world.decide()).label == "rule:always"
    await spend(world, 1.0)
    world.clock.now += 1
    await world.budgets.renew()
    decisions = [await world.decide() for _ in range(20)]
    assert (decisions[-1].chosen, decisions[-1].label) == (WEAK, "budget")
    confined = World(budgeted(5, rules=(replace(rules[0], no_fallback=True),)))
    await spend(confined, 1.0)
    with pytest.raises(BudgetExceeded):  # nobody else may have it, and the budget is spent
        await confined.decide()


async def test_a_model_named_directly_is_not_exchanged_for_another() -> None:
    world = World(budgeted(5, expose=Expose(direct=True, client_threshold=None)))
    await spend(world, 1.0)
    with pytest.raises(BudgetExceeded):
        await world.decide(request(model="strong"))
    assert (await world.decide(request(model="weak"))).chosen == WEAK


async def test_what_only_the_strong_one_can_serve_is_refused_past_the_budget() -> None:
    able = replace(STRONG, capabilities=frozenset({Capability.TOOLS}))
    world = World(budgeted(5, candidates=(WEAK, able)))
    asked = request(needs=[Capability.TOOLS])
    assert (await world.decide(asked)).reason is Reason.FILTERED
    spent = World(budgeted(5, candidates=(WEAK, able)))
    await spend(spent, 1.0)
    with pytest.raises(BudgetExceeded):
        await spent.decide(asked)


async def test_without_a_score_the_failure_mode_decides_and_the_budget_holds() -> None:
    away = FakeScorer(error=ScorerUnavailable("away"))
    world = World(budgeted(5, on_scorer_failure=ScorerFailure.STRONG), scorer=away)
    assert (await world.decide()).chosen == STRONG
    await spend(world, 1.0)
    world.clock.now += 1
    await world.budgets.renew()
    assert [await world.decide() for _ in range(20)][-1].label == "budget"


async def test_a_shadow_keeps_what_would_have_been_spent_and_refuses_nobody() -> None:
    world = World(budgeted(5, WhenSpent.REJECT, mode=Mode.SHADOW))
    world.scorer.default = 0.01
    decision = await world.decide()
    assert decision.intended is not None
    assert (decision.chosen, decision.intended.chosen) == (STRONG, WEAK)
    world.end(decision, Usage(10, 100))
    assert world.state.spent == cost(WEAK.price, Usage(10, 100))
    await spend(world, 1.0)
    world.clock.now += 1
    await world.budgets.renew()
    decided = [await world.decide() for _ in range(60)][-1]
    assert decided.chosen == STRONG
    assert decided.intended is not None
    assert decided.intended.label == "budget"


async def test_three_candidates_compete_by_quality_and_price() -> None:
    middle = backend("middle", price=3.0)
    qualities = {"weak": 0.5, "middle": 0.7, "strong": 0.72}
    world = World(budgeted(5, candidates=(WEAK, middle, STRONG)))
    world.scorer.quality = qualities
    decision = await world.decide()
    assert decision.threshold is None
    assert decision.estimates is not None
    assert world.scorer.queries[0].want_quality
    assert decision.chosen in {WEAK, middle}  # .02 of quality don't make up for 7 USD a million
    assert world.state.cutoff is not None


async def test_a_restart_goes_on_from_what_was_spent() -> None:
    world = World(budgeted(5))
    world.end(await world.decide())
    on_its_way = await world.decide()
    await world.budgets.renew()
    again = World(world.policy, treasury=world.treasury, name="restarted")
    await again.budgets.load(again.policy)
    assert again.state.spent == BY_STRONG
    world.end(on_its_way)
    await world.budgets.renew(last=True)
    await again.budgets.renew()
    again.clock.now += 10
    await again.budgets.renew()
    assert again.state.spent == 2 * BY_STRONG


async def test_the_periods_turn_begins_anew_and_a_clock_that_goes_back_refunds_nothing() -> None:
    world = World(budgeted(5, WhenSpent.REJECT))
    await spend(world, 1.0)
    with pytest.raises(BudgetExceeded):
        await world.decide()
    world.clock.now = MIDNIGHT + 86_399.0
    with pytest.raises(BudgetExceeded):
        await world.decide()
    world.clock.now = MIDNIGHT + 86_401.0
    decision = await world.decide()
    assert (world.state.span, world.state.spent) == ("2027-01-17", BY_STRONG)
    world.clock.now = MIDNIGHT + 3600.0
    assert world.state.span == "2027-01-17"
    await world.decide()
    assert world.state.spent == 2 * BY_STRONG
    world.end(decision)
    assert world.state.spent == 2 * BY_STRONG


async def test_what_began_before_midnight_is_yesterdays() -> None:
    world = World(budgeted(5))
    decision = await world.decide()
    world.clock.now = MIDNIGHT + 86_401.0
    await world.budgets.renew()
    world.end(decision)
    await world.budgets.renew()
    assert world.state.spent == 0
    world.clock.now = MIDNIGHT + 3600.0
    yesterday = World(world.policy, treasury=world.treasury, name="another")
    await yesterday.budgets.load(yesterday.policy)
    assert yesterday.state.spent == BY_STRONG


async def test_with_the_store_away_a_gateway_spends_within_its_own_bound() -> None:
    world = World(budgeted(0.1, WhenSpent.REJECT), treasury=AwayTreasury(away=True))
    served = 0
    refused = False
    while not refused:
        try:
            world.end(await world.decide())
        except BudgetExceeded:
            refused = True
        else:
            served += 1
    assert served > 1
    assert world.state.degraded
    assert world.state.spent <= 0.1 * USD / 10 + BY_STRONG
    world.treasury.away = False
    world.clock.now += 1
    await world.budgets.renew()
    assert not world.state.degraded
    await world.decide()
    another = World(world.policy, treasury=world.treasury, name="another")
    await another.budgets.load(another.policy)
    assert another.state.spent == world.state.spent - BY_STRONG  # what is under way isn't told


async def test_an_empty_store_is_not_asked_by_every_request() -> None:
    world = World(budgeted(5))
    await spend(world, 1.0)
    await world.decide()
    before = world.treasury.asked
    for _ in range(50):
        await world.decide()
    assert world.treasury.asked == before


async def test_a_changed_amount_holds_at_once() -> None:
    world = World(budgeted(5))
    await spend(world, 1.0)
    assert (await world.decide()).label == "budget"
    more = budgeted(50)
    world.clock.now += 1
    decision = await world.routing.decide(request(), table(more, version="v2"))
    assert decision.label == "scored"
    assert world.state.limit == 50 * USD


async def test_while_spending_is_ahead_nobody_reaches_the_line() -> None:
    world = World(budgeted(5))
    world.clock.now = MIDNIGHT + 60
    for _ in range(30):
        world.end(await world.decide())
    await spend(world, 0.9)
    world.clock.now += 10
    await world.budgets.renew()
    world.clock.now += 1
    decision = await world.decide()
    assert (decision.chosen, decision.label, decision.threshold) == (
        WEAK,
        "budget",
        ABOVE_ALL_SCORES,
    )
