"""A gateway's part of a budget: never more than the limit together, whatever fails in between."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from weir_gateway.adapters.budget.granting import granted
from weir_gateway.adapters.budget.memory import MemoryBudgetStore
from weir_gateway.domain.budget import Period
from weir_gateway.domain.money import PicoUsd
from weir_gateway.routing.budget.calendar import span
from weir_gateway.routing.budget.ports import Claim, Standing
from weir_gateway.routing.budget.purse import Purse

SPAN = span(Period.DAY, 1_800_000_000.0)
LIMIT = PicoUsd(10_000)
AMOUNTS = st.integers(0, 10**7)


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_is_granted_fits_but_for_what_was_used(
    limit: int, others: int, used: int, least: int, more: int
) -> None:
    claim = Claim(
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
        self.purses = [Purse(SPAN, LIMIT) for _ in range(3)]
        self.names = [f"gateway-{n}" for n in range(3)]
        self.under_way: list[tuple[int, int]] = []
        self.paid = 0
        self.overrun = 0
        self.generation = 3

    def exchange(self, claim: Claim) -> Standing:
        return asyncio.run(self.treasury.exchange(claim))

    @rule(gateway=st.integers(0, 2), estimate=st.integers(1, 800))
    def comes(self, gateway: int, estimate: int) -> None:
        purse = self.purses[gateway]
        if not purse.fits(estimate):
            claim = purse.claim("shop/chat", self.names[gateway], estimate)
            purse.told(claim, self.exchange(claim))
        if purse.fits(estimate):
            purse.hold(estimate)
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
        claim = purse.claim("shop/chat", self.names[gateway])
        standing = self.exchange(claim)
        if not lost:  # a reply that is lost was a claim that counted all the same
            purse.told(claim, standing)

    @rule(gateway=st.integers(0, 2))
    def is_killed(self, gateway: int) -> None:
        self.under_way = [one for one in self.under_way if one[0] != gateway]
        self.purses[gateway] = Purse(SPAN, LIMIT)
        self.names[gateway] = f"gateway-{self.generation}"
        self.generation += 1

    @invariant()
    def is_within_the_limit(self) -> None:
        held = sum(held for _, held in self.under_way)
        assert self.paid + held <= LIMIT + self.overrun


TestMachines = Machines.TestCase


def test_what_is_left_unused_is_given_up() -> None:
    treasury = MemoryBudgetStore()
    first, second = Purse(SPAN, LIMIT), Purse(SPAN, LIMIT)
    claim = first.claim("shop/chat", "first", 1000)
    first.told(claim, asyncio.run(treasury.exchange(claim)))
    assert first.room > 1000
    last = first.claim("shop/chat", "first", last=True)
    first.told(last, asyncio.run(treasury.exchange(last)))
    assert first.room == 0
    whole = second.claim("shop/chat", "second", 10_000)
    second.told(whole, asyncio.run(treasury.exchange(whole)))
    assert second.fits(10_000)


def test_alone_a_gateway_takes_its_part_of_the_rest_once() -> None:
    treasury = MemoryBudgetStore()
    purses = [Purse(SPAN, LIMIT), Purse(SPAN, LIMIT)]
    for name, requests in (("a", 30), ("b", 10), ("a", 30)):
        purse = purses[name == "b"]
        purse.requests = requests
        claim = purse.claim("shop/chat", name)
        purse.told(claim, asyncio.run(treasury.exchange(claim)))
    first = purses[0]
    before = first.room
    first.alone()
    allowed = first.room - before
    assert 0 < allowed <= (LIMIT - before) * 0.75
    first.hold(allowed)
    first.alone()
    assert first.room == before
    stranger = Purse(SPAN, LIMIT)
    stranger.alone()
    assert stranger.room == LIMIT // 10
