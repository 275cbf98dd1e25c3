"""A gateway's part of a budget: never more than the limit together, whatever fails in between."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from weir_gateway.adapters.budget.memory import MemoryBudgetStore, granted
from weir_gateway.routing.budget.lease import BudgetLease
from weir_gateway.routing.budget.plan import span
from weir_gateway.routing.budget.ports import LeaseRequest, LeaseState
from weir_policy.ids import PicoUsd
from weir_policy.spec.objective import Period

SPAN = span(Period.DAY, 1_800_000_000.0)
LIMIT = PicoUsd(10_000)
AMOUNTS = st.integers(0, 10**7)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_is_granted_fits_but_for_what_was_used(
    limit: int, others: int, used: int, least: int, more: int
) -> None:
    claim = LeaseRequest(
        policy="shop/chat",
        span="2026-11-24",
        until=0.0,
        instance="a",
        limit=PicoUsd(limit),
        used=PicoUsd(used),
        least=PicoUsd(used + least),
        wanted=PicoUsd(used + least + more),
        spent=PicoUsd(used),
        requests=1,
    )
    own = granted(claim, others)
    assert used <= own <= max(claim.wanted, used)
    assert own + others <= max(limit, used + others)
    if others + claim.least <= limit:
        assert own >= claim.least  # the request that waits for it is served


class Machines(RuleBasedStateMachine):
    """Three gateways, one store: requests come and end in any order, replies are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.treasury = MemoryBudgetStore()
        self.purses = [BudgetLease(SPAN, LIMIT) for _ in range(3)]
        self.names = [f"gateway-{n}" for n in range(3)]
        self.under_way: list[tuple[int, int]] = []
        self.paid = 0
        self.overrun = 0
        self.generation = 3

    def exchange(self, claim: LeaseRequest) -> LeaseState:
        return asyncio.run(self.treasury.renew(claim))

    @rule(gateway=st.integers(0, 2), estimate=st.integers(1, 800))
    def comes(self, gateway: int, estimate: int) -> None:
        purse = self.purses[gateway]
        if not purse.fits(estimate):
            claim = purse.request("shop/chat", self.names[gateway], estimate)
            purse.update(claim, self.exchange(claim))
        if purse.fits(estimate):
            purse.reserve(estimate)
            self.under_way.append((gateway, estimate))

    @precondition(lambda self: self.under_way)
    @rule(at=st.integers(0, 10**6), part=st.floats(0, 1.3))
    def ends(self, at: int, part: float) -> None:
        gateway, held = self.under_way.pop(at % len(self.under_way))
        paid = round(held * part)
        self.purses[gateway].settle(held, paid)
        self.paid += paid
        self.overrun += max(paid - held, 0)

    @rule(gateway=st.integers(0, 2), lost=st.booleans())
    def exchanges(self, gateway: int, lost: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        purse = self.purses[gateway]
        claim = purse.request("shop/chat", self.names[gateway])
        standing = self.exchange(claim)
        if not lost:  # a reply that is lost was a claim that counted all the same
            purse.update(claim, standing)

    @rule(gateway=st.integers(0, 2))
    def is_killed(self, gateway: int) -> None:
        self.under_way = [one for one in self.under_way if one[0] != gateway]
        self.purses[gateway] = BudgetLease(SPAN, LIMIT)
        self.names[gateway] = f"gateway-{self.generation}"
        self.generation += 1

    @invariant()
    def is_within_the_limit(self) -> None:
        held = sum(held for _, held in self.under_way)
        assert self.paid + held <= LIMIT + self.overrun


TestMachines = Machines.TestCase


def test_what_is_left_unused_is_given_up() -> None:
    treasury = MemoryBudgetStore()
    first, second = BudgetLease(SPAN, LIMIT), BudgetLease(SPAN, LIMIT)
    claim = first.request("shop/chat", "first", 1000)
    first.update(claim, asyncio.run(treasury.renew(claim)))
    assert first.available > 1000
    last = first.request("shop/chat", "first", last=True)
    first.update(last, asyncio.run(treasury.renew(last)))
    assert first.available == 0
    whole = second.request("shop/chat", "second", 10_000)
    second.update(whole, asyncio.run(treasury.renew(whole)))
    assert second.fits(10_000)


def test_alone_a_gateway_takes_its_part_of_the_rest_once() -> None:
    treasury = MemoryBudgetStore()
    purses = [BudgetLease(SPAN, LIMIT), BudgetLease(SPAN, LIMIT)]
    for name, requests in (("a", 30), ("b", 10), ("a", 30)):
        purse = purses[name == "b"]
        purse.requests = requests
        claim = purse.request("shop/chat", name)
        purse.update(claim, asyncio.run(treasury.renew(claim)))
    first = purses[0]
    before = first.available
    first.allow_offline()
    allowed = first.available - before
    assert 0 < allowed <= (LIMIT - before) * 0.75
    first.reserve(allowed)
    first.allow_offline()
    assert first.available == before
    stranger = BudgetLease(SPAN, LIMIT)
    stranger.allow_offline()
    assert stranger.available == LIMIT // 10
