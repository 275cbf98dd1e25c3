"""Who answers first in a cascade, and what the cascade leaves alone."""

from dataclasses import replace

import pytest

from support.deciding import decide
from support.fakes import FakeIds, FakeScorer
from support.tables import FACTS, STRONG, WEAK, backend, cascade, policy, request, rule, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_policy.spec.backend import Capability
from weir_policy.spec.cascade import AnswerCheck, Cascade, StreamHandling
from weir_policy.spec.policy import ClientThreshold, Expose, Mode, ScorerFailure
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

CHECKED = cascade(0.7, AnswerCheck.JSON)
SURE = cascade(0.7)  # nothing looks at the answer: the router's confidence


async def decided(
    cascade: Cascade,
    *,
    score: float = 0.9,
    asked: Request | None = None,
    made: Policy | None = None,
    error: ScorerUnavailable | None = None,
) -> RouteDecision:
    """The decision for one request; the objective alone would give it to the strong one."""
    decider = Decider(
        DecisionParts(
            scorer=FakeScorer(default=score, error=error), conditions=CelConditions(), ids=FakeIds()
        )
    )
    cascading = replace(made or policy(), cascade=cascade)
    return await decide(decider, asked or request(), table(cascading))


async def test_the_weakest_answers_first_whatever_the_objective_says() -> None:
    other = backend("other")
    decision = await decided(CHECKED, made=policy(candidates=[WEAK, other, STRONG]))
    assert (decision.chosen, decision.buffered, decision.reason) == (WEAK, True, Reason.SCORED)
    assert decision.servable == (WEAK, other, STRONG)


async def test_the_weakest_that_can_serve() -> None:
    able = replace(backend("able"), capabilities=frozenset({Capability.TOOLS}))
    strong = replace(STRONG, capabilities=frozenset({Capability.TOOLS}))
    made = policy(candidates=[WEAK, able, strong])
    decision = await decided(CHECKED, made=made, asked=request(needs=[Capability.TOOLS]))
    assert (decision.chosen, decision.buffered) == (able, True)


@pytest.mark.parametrize(("score", "chosen"), [(0.8, STRONG), (0.79, WEAK)])
async def test_what_is_surely_hard_goes_to_the_strong_one_at_once(
    score: float, chosen: object
) -> None:
    decision = await decided(replace(CHECKED, skip_above=0.8), score=score)
    assert (decision.chosen, decision.buffered) == (chosen, chosen is WEAK)
    assert decision.threshold == 0.8


@pytest.mark.parametrize(
    ("score", "chosen", "reason"),
    [(0.3, WEAK, Reason.CASCADE_ACCEPTED), (0.31, STRONG, Reason.CASCADE_ESCALATED)],
)
async def test_confidence_decides_before_anything_is_sent(
    score: float, chosen: object, reason: Reason
) -> None:
    decision = await decided(SURE, score=score)
    assert (decision.chosen, decision.reason, decision.buffered) == (chosen, reason, False)


@pytest.mark.parametrize(
    ("way", "chosen", "held"),
    [
        (StreamHandling.HOLD, WEAK, True),
        (StreamHandling.STRONG, STRONG, False),
        (StreamHandling.WEAK, WEAK, False),
    ],
)
async def test_streams(way: StreamHandling, chosen: object, *, held: bool) -> None:
    streamed = replace(request(), stream=True)
    decision = await decided(replace(CHECKED, streams=way), asked=streamed)
    assert (decision.chosen, decision.buffered) == (chosen, held)


DOWN = ScorerUnavailable("down")


@pytest.mark.parametrize(
    ("cascade", "failure", "chosen", "held"),
    [
        (CHECKED, ScorerFailure.WEAK, WEAK, True),
        (CHECKED, ScorerFailure.STRONG, STRONG, False),
        (SURE, ScorerFailure.WEAK, WEAK, False),
        (SURE, ScorerFailure.STRONG, STRONG, False),
    ],
)
async def test_without_a_score(
    cascade: Cascade, failure: ScorerFailure, chosen: object, *, held: bool
) -> None:
    made = policy(on_scorer_failure=failure)
    decision = await decided(cascade, made=made, error=DOWN)
    assert (decision.chosen, decision.buffered) == (chosen, held)
    assert decision.reason is Reason.SCORER_UNAVAILABLE


EXPOSED = Expose(direct=True, client_threshold=ClientThreshold(min=0, max=1))


@pytest.mark.parametrize(
    ("asked", "made", "reason"),
    [
        (request(model="strong"), policy(expose=EXPOSED), Reason.DIRECT),
        (request(model="router-linear-0.1"), policy(expose=EXPOSED), Reason.CLIENT_THRESHOLD),
        (request(), policy(rules=[rule("all", "true", "strong")]), Reason.RULE),
        (request(), policy(mode=Mode.SHADOW), Reason.SHADOW),
        (replace(request(), wire=Wire.OPENAI_EMBEDDINGS), policy(), Reason.SCORED),
    ],
    ids=["direct", "client", "rule", "shadow", "embeddings"],
)
async def test_what_was_decided_otherwise_stands(
    asked: Request, made: Policy, reason: Reason
) -> None:
    embedding = {WEAK.id, STRONG.id} if asked.wire is Wire.OPENAI_EMBEDDINGS else set[object]()
    able = [
        replace(b, takes=b.takes | {Wire.OPENAI_EMBEDDINGS}) if b.id in embedding else b
        for b in made.candidates
    ]
    decision = await decided(CHECKED, asked=asked, made=replace(made, candidates=tuple(able)))
    assert (decision.chosen.id, decision.reason, decision.buffered) == (STRONG.id, reason, False)


async def test_state_that_a_provider_keeps_is_not_judged() -> None:
    keeping = [
        replace(b, capabilities=frozenset({Capability.STATE}), takes=frozenset(WIRES))
        for b in (WEAK, STRONG)
    ]
    asked = replace(request(needs=[Capability.STATE], facts=FACTS), wire=Wire.OPENAI_RESPONSES)
    decision = await decided(CHECKED, asked=asked, made=policy(candidates=keeping))
    assert (decision.chosen.id, decision.buffered) == (STRONG.id, False)


async def test_of_several_answers_none_is_looked_at() -> None:
    asked = replace(request(), several=True)
    decision = await decided(CHECKED, asked=asked)
    assert (decision.chosen, decision.buffered) == (STRONG, False)  # as the objective says
    decision = await decided(SURE, asked=asked, score=0.1)  # looks at the prompt alone
    assert (decision.chosen, decision.reason) == (WEAK, Reason.CASCADE_ACCEPTED)
