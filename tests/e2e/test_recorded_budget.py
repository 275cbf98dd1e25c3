"""A budget on recorded prompts with bursts: spending is on its plan to within 5 %, at all times."""

import asyncio
import random

import pytest

from support.bundles import default_bundle
from support.data import data_file
from support.recorded_traffic import candidates, drawing, recorded
from support.tables import policy, table
from support.traffic_simulation import DAY, MIDNIGHT, Clock, Gateways, arrivals, bursts_of
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.domain.budget import Budget
from weir_gateway.domain.money import cost
from weir_policy.ids import PicoUsd
from weir_policy.spec.objective import Period

OFF = 0.05  # of the budget
SHARE = 0.25  # what the budget would pay for, by lot
DAYS = 2  # the first shows what the traffic is like


@pytest.mark.data
async def test_spending_is_on_its_plan_to_within_5_percent() -> None:
    folder = data_file("outcomes.parquet").parent
    prompts = await asyncio.to_thread(recorded, folder, default_bundle())
    chance = random.Random(4)
    end = MIDNIGHT + DAYS * DAY
    times = list(arrivals(MIDNIGHT, end, 0.15, bursts_of(MIDNIGHT, end, 3, chance), chance))
    mean = [
        sum(cost(backend.price, p.used[n]) for p in prompts) / len(prompts)
        for n, backend in enumerate(candidates())
    ]
    a_request = (1 - SHARE) * mean[0] + SHARE * mean[1]
    amount = PicoUsd(round(len(times) / DAYS * a_request))
    made = policy(candidates=candidates(), objective=Budget(amount, Period.DAY))
    gateways = Gateways(made, table(made), [MemoryBudgetStore()] * 2, Clock())
    ran = await gateways.run(times, drawing(prompts, chance), chance=chance)
    second = [look for look in ran.looks if look.at >= MIDNIGHT + DAY]
    assert max(abs(look.gap) for look in second) <= OFF
    limit = second[-1].limit
    assert ran.paid["2027-01-17"] == pytest.approx(limit, rel=0.01)
    strong = [d.strong for at, d, _ in ran.decisions if at >= MIDNIGHT + DAY]
    assert 0.1 < sum(strong) / len(strong) < 0.4
