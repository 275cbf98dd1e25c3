"""The whole decision, for every reason there is."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from support.deciding import decide
from support.fakes import FakeIds, FakeScorer
from support.tables import FACTS, STRONG, WEAK, backend, policy, request, rule, table
from weir_gateway.adapters.route_table.cel import CelCondition, CelConditions
from weir_gateway.domain.decision import Reason, RouteDecision, Verdict
from weir_gateway.domain.errors import (
    BadRequest,
    NoSuchRouter,
    NothingCanServe,
    ScorerUnavailable,
)
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import (
    Objective,
    Policy,
    Retention,
    RouteTable,
    StrongShare,
    Threshold,
)
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_policy.spec.backend import Capability
from weir_policy.spec.policy import ClientThreshold, Expose, Mode, ScorerFailure

GONE = ScorerUnavailable("no score within 250 ms")


def decider(scorer: FakeScorer) -> Decider:
    return Decider(DecisionParts(scorer=scorer, conditions=CelConditions(), ids=FakeIds()))


async def decided(scorer: FakeScorer, made: Policy, asked: Request | None = None) -> RouteDecision:
    return await decide(decider(scorer), asked or request(), table(made))


@pytest.mark.parametrize(("score", "chosen"), [(0.59, "weak"), (0.6, "strong"), (0.9, "strong")])
async def test_the_score_decides(score: float, chosen: str) -> None:
    scorer = FakeScorer(default=score)
    decision = await decided(scorer, policy(router="mf"))
    assert (decision.chosen.name, decision.label) == (chosen, "scored")
    assert (decision.threshold, decision.table, decision.baseline) == (0.6, "v1", STRONG)
    assert decision.scored is not None
    assert decision.scored.score == score
    (query,) = scorer.queries
    assert (query.text, query.router, query.want_quality) == ("hello", "mf", False)
    assert query.timeout == 0.25


@pytest.mark.parametrize(
    ("objective", "threshold"),
    [(Threshold(0.3), 0.3), (StrongShare(0.2), 0.7), (Retention(0.95, 0.9), 0.45)],
)
async def test_each_objective_draws_its_line(objective: Objective, threshold: float) -> None:
    scorer = FakeScorer(share_thresholds={0.2: 0.7}, retention_threshold=0.45)
    decision = await decided(scorer, policy(objective=objective))
    assert decision.threshold == threshold


@pytest.mark.parametrize("objective", [StrongShare(0.2), Retention(0.95, 0.9)])
async def test_without_a_calibration_the_failure_mode_decides(objective: Objective) -> None:
    decision = await decided(FakeScorer(default=1.0), policy(objective=objective))
    assert (decision.chosen, decision.reason) == (WEAK, Reason.SCORER_UNAVAILABLE)
    assert "no calibration" in decision.detail


@pytest.mark.parametrize(
    ("failure", "chosen"), [(ScorerFailure.WEAK, WEAK), (ScorerFailure.STRONG, STRONG)]
)
async def test_without_a_score_the_failure_mode_decides(
    failure: ScorerFailure, chosen: object
) -> None:
    decision = await decided(FakeScorer(error=GONE), policy(on_scorer_failure=failure))
    assert (decision.chosen, decision.label) == (chosen, "scorer_unavailable")
    assert decision.detail == GONE.message


async def test_a_policy_may_reject_what_has_no_score() -> None:
    with pytest.raises(NothingCanServe, match="no score within") as caught:
        await decided(FakeScorer(error=GONE), policy(on_scorer_failure=ScorerFailure.REJECT))
    assert (caught.value.status, caught.value.code) == (503, "scorer_unavailable")


async def test_a_rule_decides_before_anything_is_scored() -> None:
    scorer = FakeScorer()
    made = policy(
        rules=[rule("never", "false", "weak"), rule("long", "request.turns > 6", "strong")]
    )
    decision = await decided(scorer, made, request(facts=replace(FACTS, turns=7)))
    assert (decision.chosen, decision.label) == (STRONG, "rule:long")
    assert [t.verdict for t in decision.rule_results] == [Verdict.HOLDS_NOT, Verdict.HOLDS]
    assert not scorer.queries


async def test_a_rule_is_obeyed_even_where_its_backend_lacks_something() -> None:
    able = replace(STRONG, capabilities=frozenset({Capability.VISION}))
    made = policy(candidates=[WEAK, able], rules=[rule("ours", "true", "weak")])
    decision = await decided(FakeScorer(), made, request(needs=[Capability.VISION]))
    assert decision.chosen == WEAK


async def test_a_rule_says_who_may_not_follow_its_backend() -> None:
    seeing = backend("seeing", capabilities=[Capability.VISION])
    made = policy(candidates=[WEAK, STRONG, seeing], rules=[rule("ours", "true", "weak")])
    decision = await decided(FakeScorer(), made, request(needs=[Capability.VISION]))
    assert (decision.chosen, [e.backend for e in decision.excluded]) == (WEAK, [STRONG.id])


async def test_a_rule_stands_where_nobody_can_serve() -> None:
    made = policy(rules=[rule("ours", "true", "weak")])
    decision = await decided(FakeScorer(), made, request(needs=[Capability.VISION]))
    assert (decision.chosen, decision.excluded) == (WEAK, ())


async def test_where_one_alone_can_serve_nothing_is_scored() -> None:
    scorer = FakeScorer(default=1.0)
    able = replace(WEAK, capabilities=frozenset({Capability.TOOLS}))
    decision = await decided(
        scorer, policy(candidates=[able, STRONG]), request(needs=[Capability.TOOLS])
    )
    assert (decision.chosen, decision.label) == (able, "filtered")
    assert [(e.backend, e.lacks) for e in decision.excluded] == [("shop/strong", "tools")]
    assert not scorer.queries


async def test_a_direct_call_decides_nothing() -> None:
    scorer = FakeScorer(default=0.0)
    decision = await decided(
        scorer, policy(expose=Expose(direct=True, client_threshold=None)), request(model="strong")
    )
    assert (decision.chosen, decision.label, decision.baseline) == (STRONG, "direct", STRONG)
    assert not scorer.queries


CLIENT = Expose(client_threshold=ClientThreshold(min=0.1, max=0.9))


@pytest.mark.parametrize(("score", "chosen"), [(0.49, WEAK), (0.5, STRONG)])
async def test_a_client_threshold_takes_the_policys_place(score: float, chosen: object) -> None:
    scorer = FakeScorer(default=score)
    decision = await decided(scorer, policy(expose=CLIENT), request(model="router-knn-0.5"))
    assert (decision.chosen, decision.label, decision.threshold) == (
        chosen,
        "client_threshold",
        0.5,
    )
    assert scorer.queries[0].router == "knn"


async def test_a_router_the_client_named_and_nobody_has_is_the_clients_mistake() -> None:
    lacking = FakeScorer(error=NoSuchRouter("no router 'mff': there are linear, mf"))
    with pytest.raises(BadRequest, match="there are linear, mf") as caught:
        await decided(lacking, policy(expose=CLIENT), request(model="router-mff-0.5"))
    assert caught.value.code == "router_not_found"
    decision = await decided(lacking, policy(router="mff"))
    assert decision.reason is Reason.SCORER_UNAVAILABLE


@pytest.mark.parametrize(
    ("objective", "chosen"), [(Threshold(0.6), WEAK), (Threshold(0.0), STRONG)]
)
async def test_where_nothing_is_asked_the_score_is_zero(
    objective: Objective, chosen: object
) -> None:
    scorer = FakeScorer(default=1.0)
    decision = await decided(scorer, policy(objective=objective), request(""))
    assert (decision.chosen, decision.label) == (chosen, "scored")
    assert not scorer.queries


THREE = (backend("s", price=1), backend("m", price=5), backend("l", price=25))


@pytest.mark.parametrize(
    ("quality", "chosen"),
    [
        ({"s": 0.9, "m": 0.9, "l": 0.9}, "s"),
        ({"s": 0.5, "m": 0.88, "l": 0.9}, "m"),
        ({"s": 0.5, "m": 0.6, "l": 0.9}, "l"),
    ],
)
async def test_three_are_told_apart_by_predicted_quality(
    quality: Mapping[str, float], chosen: str
) -> None:
    scorer = FakeScorer(quality=quality)
    decision = await decided(scorer, policy(candidates=THREE, objective=Retention(0.95, 0.9)))
    assert (decision.chosen.name, decision.label) == (chosen, "scored")
    assert decision.estimates is not None
    assert list(decision.estimates) == ["shop/s", "shop/m", "shop/l"]
    assert scorer.queries[0].want_quality


async def test_three_without_predicted_quality_are_told_apart_by_the_certified_threshold() -> None:
    scorer = FakeScorer(default=0.5, retention_threshold=0.4)
    decision = await decided(scorer, policy(candidates=THREE, objective=Retention(0.95, 0.9)))
    assert (decision.chosen.name, decision.threshold) == ("l", 0.4)


async def test_two_go_by_the_certified_threshold_whatever_quality_is_known() -> None:
    scorer = FakeScorer(default=0.1, quality={"weak": 0.1, "strong": 0.9}, retention_threshold=0.4)
    decision = await decided(scorer, policy(objective=Retention(0.95, 0.9)))
    assert (decision.chosen, decision.threshold) == (WEAK, 0.4)


async def test_shadow_sends_to_the_last_and_keeps_what_would_have_been() -> None:
    decision = await decided(FakeScorer(default=0.1), policy(mode=Mode.SHADOW))
    assert (decision.chosen, decision.label) == (STRONG, "shadow")
    assert decision.intended is not None
    assert (decision.intended.chosen, decision.intended.label) == (WEAK, "scored")
    assert decision.intended.id == decision.id


async def test_shadow_turns_nobody_away_and_sends_nothing_where_it_cant_be_served() -> None:
    able = replace(WEAK, capabilities=frozenset({Capability.TOOLS}))
    shadow = policy(
        candidates=[able, STRONG], mode=Mode.SHADOW, on_scorer_failure=ScorerFailure.REJECT
    )
    decision = await decided(FakeScorer(error=GONE), shadow)
    assert (decision.chosen, decision.label) == (STRONG, "shadow")
    decision = await decided(FakeScorer(error=GONE), shadow, request(needs=[Capability.TOOLS]))
    assert (decision.chosen, decision.label) == (able, "shadow")


async def test_tables_are_compiled_once_and_the_last_two_kept() -> None:
    counting = Counting()
    scorer = FakeScorer()
    one = Decider(DecisionParts(scorer=scorer, conditions=counting, ids=FakeIds()))
    tables: list[RouteTable] = [
        table(policy(rules=[rule("r", "false", "weak")]), version=str(n)) for n in range(3)
    ]
    for made in (tables[0], tables[0], tables[1], tables[0], tables[1]):
        await decide(one, request(), made)
    assert counting.compiled == 2
    await decide(one, request(), tables[2])
    await decide(one, request(), tables[1])
    assert counting.compiled == 3


class Counting(CelConditions):
    def __init__(self) -> None:
        self.compiled = 0

    def compile(self, when: str) -> CelCondition:
        self.compiled += 1
        return super().compile(when)
