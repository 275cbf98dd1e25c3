"""A conversation stays with its model for as long as leaving costs more than it gains."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fakes import (
    FakeAccounts,
    FakeClock,
    FakeIds,
    FakeReply,
    FakeScorer,
    FakeUpstreams,
)
from support.tables import STRONG, WEAK, policy, request, table
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.money import Price
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Policy, Threshold
from weir_gateway.routing.pipeline import Ports, Routing
from weir_gateway.routing.policy.variants import session_key
from weir_gateway.routing.steps.sticky import WarmBackend, adjusted_threshold
from weir_policy.ids import PolicyId
from weir_wires.wire import Wire

LONG = 20_000  # tokens of a conversation worth caching


def priced(backend: Backend, input_: int, output: int, cached: int) -> Backend:
    """`backend` at prices in USD per million tokens."""
    micro = 1_000_000
    return replace(
        backend, price=Price(input_ * micro, output * micro, cached * micro, input_ * micro)
    )


CHEAP = priced(WEAK, 1, 4, 1)
DEAR = priced(STRONG, 10, 40, 1)  # cached tokens at a tenth
PAIR = (CHEAP, DEAR)
CHAT = replace(policy(candidates=PAIR, objective=Threshold(0.6)), sticky=600.0)


def talk(text: str = "hello", **changes: object) -> Request:
    asked = request(text, prompt_tokens=LONG)
    return replace(asked, opening=("be brief", "first question"), **changes)


def test_the_line_moves_by_what_is_really_paid() -> None:
    # Cold: weak 20k*1 + 400*4 = 21,600; strong 20k*10 + 400*40 = 216,000 (millionths of a dollar).
    # Warm, the strong one has 20k*1 + 400*40 = 36,000.
    ordinary = 216_000 - 21_600
    assert adjusted_threshold(0.6, PAIR, talk(), WarmBackend(DEAR.id, LONG)) == pytest.approx(
        0.6 * (36_000 - 21_600) / ordinary
    )
    half = 10_000 * 1 + 10_000 * 10 + 400 * 40
    assert adjusted_threshold(0.6, PAIR, talk(), WarmBackend(DEAR.id, 10_000)) == pytest.approx(
        0.6 * (half - 21_600) / ordinary
    )


def test_a_weak_ones_warm_cache_makes_the_strong_one_dearer() -> None:
    pair = (priced(WEAK, 5, 20, 1), DEAR)
    cold, warm = 20_000 * 5 + 400 * 20, 20_000 * 1 + 400 * 20
    expected = 0.6 * (216_000 - warm) / (216_000 - cold)
    assert adjusted_threshold(0.6, pair, talk(), WarmBackend(WEAK.id, LONG)) == pytest.approx(
        expected
    )
    assert expected > 0.6


@given(st.floats(0, 1), st.integers(0, 100_000), st.sampled_from(["shop/weak", "shop/strong"]))
def test_it_only_ever_moves_towards_the_warm_one(line: float, tokens: int, warm: str) -> None:
    held = WarmBackend(next(b.id for b in PAIR if b.id == warm), tokens)
    moved = adjusted_threshold(line, PAIR, talk(), held)
    assert moved <= line if held.backend == DEAR.id else moved >= line


@pytest.mark.parametrize(
    ("pair", "warm"),
    [
        (PAIR, WarmBackend(DEAR.id, 1000)),  # shorter than anything providers cache
        (PAIR, WarmBackend(STRONG.id, 0)),
        ((DEAR, CHEAP), WarmBackend(DEAR.id, LONG)),  # the last candidate is the cheaper one
        (
            (CHEAP, priced(STRONG, 10, 40, 10)),
            WarmBackend(STRONG.id, LONG),
        ),  # cached tokens cost the same
    ],
    ids=["short", "nothing", "no price for quality", "no discount"],
)
def test_where_leaving_costs_nothing_the_line_stays(
    pair: tuple[Backend, Backend], warm: WarmBackend
) -> None:
    assert adjusted_threshold(0.6, pair, talk(), warm) == pytest.approx(0.6)


def test_what_tells_conversations_apart() -> None:
    chat, other = PolicyId("shop/chat"), PolicyId("shop/other")
    first = session_key(chat, talk("one"))
    assert first == session_key(chat, talk("one\nand another"))
    assert first != session_key(other, talk())
    assert first != session_key(chat, replace(talk(), opening=("be brief", "another question")))
    user = replace(talk(), facts=replace(talk().facts, user="u-1"))
    assert first != session_key(chat, user)
    named = session_key(chat, talk(headers={"x-weir-session": "s-1"}))
    assert named == session_key(chat, replace(user, headers={"x-weir-session": "s-1"}))
    assert named != first
    assert session_key(chat, replace(talk(), opening=())) == ""


class World:
    def __init__(self) -> None:
        self.scorer = FakeScorer(default=0.9)
        self.clock = FakeClock()
        self.upstreams = FakeUpstreams()
        self.routing = Routing(
            Ports(
                scorer=self.scorer,
                upstreams=self.upstreams,
                recorder=FakeAccounts(),
                conditions=CelConditions(),
                clock=self.clock,
                ids=FakeIds(),
                sessions=MemorySessions(self.clock, entries=100),
            ),
            score_timeout=0.25,
        )

    async def ask(self, score: float, served_by: Policy = CHAT) -> RouteDecision:
        self.scorer.default = score
        made = table(served_by)
        decision = await self.routing.decide(talk(), made)
        return (await self.routing.dispatch(talk(), decision, made)).decision


async def test_a_conversation_stays_and_says_so() -> None:
    world = World()
    first = await world.ask(0.7)
    assert (first.chosen.id, first.reason) == (DEAR.id, Reason.SCORED)
    second = await world.ask(0.3)  # alone it would go to the weak one
    assert (second.chosen.id, second.label) == (DEAR.id, "sticky")
    assert "shop/weak gains too little" in second.detail
    third = await world.ask(0.01)
    assert (third.chosen.id, third.reason) == (CHEAP.id, Reason.SCORED)
    assert "worth leaving shop/strong" in third.detail


async def test_it_is_free_again_once_the_cache_is_cold() -> None:
    world = World()
    await world.ask(0.7)
    world.clock.now += 601
    assert (await world.ask(0.3)).chosen.id == CHEAP.id


async def test_a_policy_without_it_decides_each_request_alone() -> None:
    world, plain = World(), replace(CHAT, sticky=0.0)
    await world.ask(0.7, plain)
    assert (await world.ask(0.3, plain)).chosen.id == CHEAP.id


async def test_who_refused_the_request_has_cached_nothing() -> None:
    world = World()
    world.upstreams.answers = {DEAR.id: FakeReply(status=400)}
    await world.ask(0.7)
    assert (await world.ask(0.3)).chosen.id == CHEAP.id


async def test_counting_tokens_warms_no_cache() -> None:
    world, made = World(), table(CHAT)
    counting = replace(talk(), wire=Wire.ANTHROPIC_COUNT_TOKENS)
    decision = await world.routing.decide(talk(), made)
    await world.routing.dispatch(counting, decision, made)
    assert (await world.ask(0.3)).chosen.id == CHEAP.id
