"""Prompts of a kind that the bundle doesn't know go where the policy says, and say why."""

from dataclasses import replace

import pytest

from support.deciding import decide
from support.fakes import FakeClock, FakeIds, FakeScorer
from support.tables import STRONG, WEAK, policy, request, table
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Objective, Retention, StrongShare, Threshold
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.policy.variants import session_key
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_policy.spec.objective import UnknownPrompts
from weir_policy.spec.policy import ClientThreshold, Expose

EVEN = {(index + 0.5) / 50: 1 - (index + 0.5) / 50 for index in range(50)}
NEW, USUAL, UNTOLD = "a new kind", "a usual kind", "nothing told"


def scorer() -> FakeScorer:
    return FakeScorer(
        default=0.5,
        share_thresholds={**EVEN, 0.2: 0.8},
        retention_threshold=0.8,
        known={NEW: 0.01, USUAL: 0.4},
    )


def decider(sessions: MemorySessions | None = None) -> Decider:
    return Decider(
        DecisionParts(scorer=scorer(), conditions=CelConditions(), ids=FakeIds(), sessions=sessions)
    )


async def decided(objective: Objective, text: str) -> RouteDecision:
    return await decide(decider(), request(text), table(policy(objective=objective)))


def talk(number: int) -> Request:
    """The first turn of one of many conversations."""
    return replace(request(NEW), opening=("be brief", f"question {number}"))


def objectives(where: UnknownPrompts) -> list[Objective]:
    return [Threshold(0.5, where), StrongShare(0.5, where), Retention(0.95, 0.95, where)]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(
    ("where", "backend"), [(UnknownPrompts.WEAK, WEAK), (UnknownPrompts.STRONG, STRONG)]
)
async def test_an_unknown_prompt_goes_where_the_objective_says(
    number: int, where: UnknownPrompts, backend: Backend
) -> None:
    decision = await decided(objectives(where)[number], NEW)
    assert (decision.chosen, decision.reason) == (backend, Reason.UNKNOWN)
    assert "hardly knows (0.010)" in decision.detail
    assert decision.propensity == 1.0
    assert decision.scored is not None
    assert decision.scored.known == 0.01


@pytest.mark.parametrize("text", [USUAL, UNTOLD])
async def test_other_prompts_go_by_their_score(text: str) -> None:
    decision = await decided(Threshold(0.4, UnknownPrompts.WEAK), text)
    assert (decision.chosen, decision.reason) == (STRONG, Reason.SCORED)


async def test_without_a_word_of_it_an_unknown_prompt_goes_by_its_score() -> None:
    decision = await decided(Threshold(0.4), NEW)
    assert (decision.chosen, decision.reason) == (STRONG, Reason.SCORED)


async def test_the_client_s_threshold_goes_first() -> None:
    exposed = Expose(client_threshold=ClientThreshold(min=0.0, max=1.0))
    made = table(policy(objective=Threshold(0.9, UnknownPrompts.STRONG), expose=exposed))
    asked = request(NEW, model="router-linear-0.1")
    decision = await decide(decider(), asked, made)
    assert decision.reason is Reason.CLIENT_THRESHOLD


async def test_a_share_of_conversations_goes_to_the_strong_model_by_lot() -> None:
    made = table(policy(objective=StrongShare(0.2, UnknownPrompts.SHARE)))
    one = decider()
    drawn = [await decide(one, talk(number), made) for number in range(1000)]
    strong = [decision for decision in drawn if decision.strong]
    assert len(strong) == pytest.approx(200, abs=45)
    assert {decision.reason for decision in drawn} == {Reason.UNKNOWN}
    assert {decision.propensity for decision in strong} == {0.2}
    assert {decision.propensity for decision in drawn if not decision.strong} == {0.8}
    again = [await decide(decider(), talk(number), made) for number in range(1000)]
    assert [d.chosen for d in again] == [d.chosen for d in drawn], "each gateway draws alike"


async def test_a_router_that_own_labels_show_to_fail_is_replaced_by_lots() -> None:
    known = FakeScorer(default=0.9, share_thresholds=EVEN, fails=True, known={NEW: 0.4})
    failing = Decider(DecisionParts(scorer=known, conditions=CelConditions(), ids=FakeIds()))
    shared, fixed = policy(objective=StrongShare(0.3)), policy(objective=Threshold(0.5))
    drawn = [await decide(failing, talk(number), table(shared)) for number in range(1000)]
    assert sum(decision.strong for decision in drawn) == pytest.approx(300, abs=50)
    assert {decision.reason for decision in drawn} == {Reason.NO_BETTER}
    assert {decision.propensity for decision in drawn} == {0.3, 0.7}
    written = await decide(failing, talk(1), table(fixed))
    assert written.reason is Reason.SCORED, "a threshold that is written stays in force"


async def test_a_strong_share_counts_what_unknown_prompts_took() -> None:
    """Half of the traffic is unknown and goes to the strong model: none of the rest does."""
    made = table(policy(objective=StrongShare(0.2, UnknownPrompts.STRONG)))
    one, strong = decider(), 0
    for number in range(400):
        decision = await decide(one, request(NEW if number % 2 else USUAL), made)
        strong += decision.strong
    assert strong == pytest.approx(200, abs=10)


async def test_a_warm_prompt_cache_is_not_left_for_a_guess() -> None:
    served = replace(policy(objective=Threshold(0.9, UnknownPrompts.STRONG)), sticky=300.0)
    sessions = MemorySessions(FakeClock(), entries=10)
    asked = talk(1)
    sessions.put(session_key(served.id, asked), WarmBackend(WEAK.id, 1000), 300.0)
    decision = await decide(decider(sessions), asked, table(served))
    assert (decision.chosen, decision.reason) == (WEAK, Reason.STICKY)
    assert "no reason to leave its warm prompt cache" in decision.detail
