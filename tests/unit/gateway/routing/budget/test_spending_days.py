"""Days of bursty traffic: spending stays on its plan, and never passes the hard stop."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from support.tables import policy, table
from support.traffic_simulation import (
    DAY,
    MIDNIGHT,
    Clock,
    Gateways,
    Look,
    Prompt,
    Ran,
    arrivals,
    bursts_of,
)
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.domain.budget import Budget
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.money import PICO_PER_USD, cost
from weir_policy.ids import PicoUsd
from weir_policy.spec.objective import Period, SpendingPlan, WhenSpent
from weir_wires.content import Usage

OFF = 0.05  # of the budget: how far spending may be off its plan


def synthetic(chance: random.Random) -> Callable[[], Prompt]:
    """Prompts whose strong answers are longer than the weak ones; costs vary a hundredfold."""

    def draw() -> Prompt:
        read, wrote = int(chance.lognormvariate(5, 1)), int(chance.lognormvariate(5.5, 0.6))
        used = (Usage(read, wrote), Usage(read, int(1.3 * wrote)))
        return Prompt(chance.betavariate(2, 4), used, chars=4 * read)

    return draw


def a_days_spending(draw: Callable[[], Prompt], requests: int, strong: float) -> PicoUsd:
    """What so many requests cost where this share of them, by lot, goes to the strong one."""
    weak_price, strong_price = (b.price for b in policy().candidates)
    total = 0.0
    for _ in range(2000):
        used = draw().used
        total += (1 - strong) * cost(weak_price, used[0]) + strong * cost(strong_price, used[1])
    return PicoUsd(round(total / 2000 * requests))


async def run(
    *,
    days: int,
    peak: float,
    gateways: int = 1,
    when: WhenSpent = WhenSpent.WEAKEST,
    strong: float = 0.25,
    aborts: float = 0.0,
    tight: float = 1.0,
) -> Ran:
    chance = random.Random(11)
    end = MIDNIGHT + days * DAY
    times = list(arrivals(MIDNIGHT, end, peak, bursts_of(MIDNIGHT, end, 3, chance), chance))
    draw = synthetic(chance)
    amount = PicoUsd(round(tight * a_days_spending(draw, len(times) // days, strong)))
    made = policy(objective=Budget(amount, Period.DAY, when, SpendingPlan.TRAFFIC))
    treasury = MemoryBudgetStore()
    fleet = Gateways(made, table(made), [treasury] * gateways, Clock())
    return await fleet.run(times, draw, share_of_aborts=aborts, chance=chance)


def of_day(ran: Ran, day: int) -> list[Look]:
    return [look for look in ran.looks if day <= (look.at - MIDNIGHT) / DAY < day + 1]


@pytest.mark.parametrize("gateways", [1, 3])
async def test_spending_follows_the_plan_through_bursts_and_quiet_nights(gateways: int) -> None:
    ran = await run(days=3, peak=0.08, gateways=gateways, aborts=0.05)
    limit = ran.looks[-1].limit
    for day in (1, 2):  # what the traffic is like was learnt on day 0
        looks = of_day(ran, day)
        assert max(abs(look.gap) for look in looks) <= OFF
        shares = [look.spent for look in looks]
        assert all(before <= after + 0.02 * limit for before, after in pairwise(shares))
    for span in ("2027-01-17", "2027-01-18"):
        assert ran.paid[span] == pytest.approx(limit, rel=0.01)
    bursts = [decision for _, decision, _ in ran.decisions if decision.reason is Reason.BUDGET]
    assert bursts  # there were some, and they were not let through


async def test_the_hard_stop_holds_for_a_policy_that_rejects() -> None:
    ran = await run(days=1, peak=0.12, gateways=3, when=WhenSpent.REJECT, tight=0.25)
    assert ran.refused > 0
    limit = ran.looks[-1].limit
    assert ran.paid["2027-01-16"] <= limit + ran.worst_in_flight
    assert ran.paid["2027-01-16"] == pytest.approx(limit, rel=0.01)


async def test_past_its_budget_a_policy_pays_for_weak_answers_alone() -> None:
    ran = await run(days=1, peak=0.12, tight=0.25)
    limit = ran.looks[-1].limit * PICO_PER_USD
    over, spent = 0, 0
    for _, decision, prompt in ran.decisions:
        place = 1 if decision.strong else 0
        paid = cost(decision.chosen.price, prompt.used[place])
        if spent > limit + ran.worst_in_flight * PICO_PER_USD:
            assert not decision.strong
            assert decision.reason is Reason.BUDGET
            over += 1
        spent += paid
    assert over > 0
