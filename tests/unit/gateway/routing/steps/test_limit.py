"""What limits do to a decision: set aside, bent, refused, settled. In memory, with no waiting."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from support.fakes import FakeAccounts, FakeIds, FakeScorer, FakeUpstreams
from support.limits import limits as amounts
from support.limits import memory
from support.tables import STRONG, WEAK, policy, request, rule, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import (
    BudgetExceeded,
    LimitReached,
    NothingCanServe,
    ScorerUnavailable,
)
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.limits import (
    LimitCheck,
    LimitReservation,
    LimitResult,
    PolicyLimits,
)
from weir_gateway.domain.money import PICO_PER_USD, cost
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.account import Ending
from weir_gateway.routing.context import Purpose
from weir_gateway.routing.estimate import prompt_estimate
from weir_gateway.routing.pipeline import Ports, Routing
from weir_policy.spec.backend import Capability
from weir_policy.spec.policy import Expose, Mode, ScorerFailure
from weir_wires.content import Usage

NOW = 1_800_014_400.0
ESTIMATE = Usage(input=10, output=400)
STRONG_ONE = cost(STRONG.price, ESTIMATE)  # what is set aside for one
WEAK_ONE = cost(WEAK.price, ESTIMATE)


class Remembering:
    """Limits in memory that remember what they were asked."""

    def __init__(self) -> None:
        self.inner = memory(lambda: NOW)
        self.asked: list[tuple[LimitCheck, ...]] = []

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool) -> LimitResult:
        self.asked.append(tuple(asks))
        return await self.inner.take(asks, closed=closed)

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        self.inner.settle(reservation, amount)

    def used(self, counter: str) -> int:
        """In nano-USD, of a day."""
        return sum(
            kept.value // 1000 for name, kept in self.inner._sums._sums.items() if counter in name
        )


@dataclass
class World:
    score: float = 0.9
    missing: bool = False
    limits: Remembering = field(default_factory=Remembering)

    def __post_init__(self) -> None:
        gone = ScorerUnavailable("away") if self.missing else None
        scorer = FakeScorer(default=self.score, error=gone)
        self.routing = Routing(
            Ports(
                scorer=scorer,
                upstreams=FakeUpstreams(),
                recorder=FakeAccounts(),
                conditions=CelConditions(),
                clock=lambda: NOW,
                ids=FakeIds(),
                limits=self.limits,
            ),
            score_timeout=1,
        )

    async def decide(self, by: Policy, asked: Request | None = None) -> RouteDecision:
        return await self.routing.decide(asked or request(), table(by))

    def settle(self, decision: RouteDecision, usage: Usage | None, status: int = 200) -> None:
        error = "" if status == 200 else "client_gone"
        ending = Ending(status=status, usage=usage, overhead=0, duration=1, error=error)
        self.routing.account(request(), decision, ending)


def limited(by: Policy | None = None, **limits: int) -> Policy:
    return replace(by or policy(), limits=PolicyLimits(per_key=amounts(**limits)))


async def test_without_limits_nobody_is_asked() -> None:
    world = World()
    assert (await world.decide(policy())).admission.limits == ()
    assert world.limits.asked == []


async def test_what_the_choice_does_not_need_is_given_back_at_once() -> None:
    world = World(score=0.1)
    await world.decide(limited(usd_per_day=PICO_PER_USD, strong_usd_per_day=PICO_PER_USD))
    assert world.limits.used("/usd/") == WEAK_ONE // 1000
    assert world.limits.used("/strong_usd/") == 0


async def test_an_answers_real_cost_takes_the_estimates_place() -> None:
    world = World()
    by = limited(usd_per_day=PICO_PER_USD, strong_usd_per_day=PICO_PER_USD)
    decision = await world.decide(by)
    assert world.limits.used("/usd/") == STRONG_ONE // 1000
    world.settle(decision, Usage(100, 50))
    assert world.limits.used("/usd/") == 150 * 10_000
    assert world.limits.used("/strong_usd/") == 150 * 10_000
    aborted = await world.decide(by)
    world.settle(aborted, None, status=499)  # its prompt was read all the same
    assert world.limits.used("/usd/") == (150 + prompt_estimate(request())) * 10_000


async def test_a_request_that_comes_to_nothing_gives_back_all_but_that_it_came() -> None:
    world = World(missing=True)
    rejecting = policy(on_scorer_failure=ScorerFailure.REJECT)
    by = limited(rejecting, usd_per_day=PICO_PER_USD, requests_per_minute=1)
    with pytest.raises(NothingCanServe):
        await world.decide(by)
    assert world.limits.used("/usd/") == 0
    with pytest.raises(LimitReached, match=r"perKey\.requestsPerMinute"):
        await world.decide(by)


def usd(pico: int) -> str:
    return f"${pico / PICO_PER_USD:.4g}"


async def test_where_the_dear_way_is_spent_the_weak_model_answers() -> None:
    world = World()
    by = limited(usd_per_day=STRONG_ONE + WEAK_ONE)
    told = [await world.decide(by) for _ in range(2)]
    assert [(d.chosen.name, d.reason) for d in told] == [
        ("strong", Reason.SCORED),
        ("weak", Reason.BUDGET),
    ]
    assert told[1].detail == (
        "the estimate on the strong model doesn't fit what is left of perKey.usdPerDay "
        f"({usd(STRONG_ONE)} of {usd(STRONG_ONE + WEAK_ONE)} a day used)"
    )
    refused = (
        f"the estimate for this request, {usd(WEAK_ONE)}, doesn't fit what is left of "
        f"perKey.usdPerDay ({usd(STRONG_ONE + WEAK_ONE)} of {usd(STRONG_ONE + WEAK_ONE)} a day "
        "used); there is more at 00:00 UTC (in "
    )
    with pytest.raises(BudgetExceeded, match=re.escape(refused)):
        await world.decide(by)


async def test_a_rule_bends_unless_it_allows_nobody_else() -> None:
    world = World(score=0.1)
    ordered = rule("all", "true", "strong")
    by = limited(policy(rules=[ordered]), strong_usd_per_day=STRONG_ONE)
    assert (await world.decide(by)).label == "rule:all"
    bent = await world.decide(by)
    assert (bent.chosen.name, bent.reason) == ("weak", Reason.BUDGET)
    confined = replace(by, rules=(replace(ordered, no_fallback=True),))
    with pytest.raises(BudgetExceeded, match="nowhere else"):
        await world.decide(confined)


async def test_where_only_the_strong_model_can_serve_a_spent_allowance_refuses() -> None:
    world = World()
    able = replace(STRONG, capabilities=frozenset({Capability.TOOLS}))
    by = limited(policy(candidates=[WEAK, able]), strong_usd_per_day=STRONG_ONE)
    tools = request(needs=[Capability.TOOLS])
    assert (await world.decide(by, tools)).chosen.name == "strong"
    with pytest.raises(BudgetExceeded, match="no weaker one"):
        await world.decide(by, tools)
    assert world.limits.used("/strong_usd/") == STRONG_ONE // 1000


async def test_calls_by_name_have_one_way() -> None:
    world = World()
    by = limited(
        policy(expose=Expose(direct=True, client_threshold=None)), strong_usd_per_day=STRONG_ONE
    )
    assert (await world.decide(by, request(model="strong"))).reason is Reason.DIRECT
    with pytest.raises(BudgetExceeded):
        await world.decide(by, request(model="strong"))
    assert (await world.decide(by, request(model="weak"))).chosen.name == "weak"


async def test_in_shadow_the_strong_allowance_leads_nowhere() -> None:
    world = World()
    by = limited(policy(mode=Mode.SHADOW), strong_usd_per_day=1)
    assert (await world.decide(by)).chosen.name == "strong"


async def test_of_one_candidate_none_is_strong() -> None:
    world = World()
    by = limited(policy(candidates=[STRONG]), strong_usd_per_day=1)
    assert [(await world.decide(by)).chosen.name for _ in range(2)] == ["strong"] * 2


async def test_the_threshold_rises_over_the_last_fifth() -> None:
    world = World(score=0.7)
    by = limited(strong_usd_per_day=10 * STRONG_ONE)
    told = [await world.decide(by) for _ in range(10)]
    assert [d.threshold for d in told[:7]] == [0.6] * 7
    assert told[8].threshold == pytest.approx(0.6 + 0.4 * 0.5)
    assert (told[8].chosen.name, told[8].reason) == ("weak", Reason.BUDGET)


async def test_a_key_and_its_policy_are_asked_together() -> None:
    world = World()
    key = ClientKey(KeyName("a"), limits=amounts(requests_per_minute=5))
    by = limited(requests_per_minute=9)
    decision = await world.decide(by, replace(request(), key=key))
    (asked,) = world.limits.asked
    assert [ask.counter for ask in asked] == [
        "key/a/requests/minute",
        "policy/shop/chat/key/a/requests/minute",
    ]
    assert decision.admission.remaining() == {"limit-requests": 5, "remaining-requests": 4}


async def test_a_decision_alone_takes_nothing() -> None:
    world = World()
    by = limited(requests_per_minute=1)
    for _ in range(3):
        await world.routing.decide(request(), table(by), Purpose.PREVIEW)
    assert world.limits.asked == []


@pytest.mark.parametrize(("cap", "tokens"), [(0, 410), (50, 60), (64_000, 4106)])
async def test_an_answer_is_taken_to_be_as_long_as_its_cap_within_reason(
    cap: int, tokens: int
) -> None:
    world = World()
    await world.decide(limited(tokens_per_minute=10**6), request(max_tokens=cap))
    assert world.limits.asked[0][0].min_amount == tokens


async def test_a_request_that_alone_is_over_the_limit_passes_alone() -> None:
    world = World()
    by = limited(tokens_per_minute=100)
    assert (await world.decide(by)).admission.limits[0].used == 100
    with pytest.raises(LimitReached):
        await world.decide(by)
    with pytest.raises(LimitReached, match="the prompt alone has about 150 tokens"):
        await world.decide(by, request(prompt_tokens=200))
