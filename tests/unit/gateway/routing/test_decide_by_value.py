"""Choices among three to ten candidates by predicted quality and price."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from support.deciding import decide
from support.fakes import FakeIds, FakeScorer
from support.tables import backend, policy, request, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import NothingCanServe
from weir_gateway.domain.money import PICO_PER_USD
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy, Value
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_policy.ids import PicoUsd, ProfileName
from weir_policy.spec.backend import Capability
from weir_policy.spec.policy import ScorerFailure

# A short prompt costs 0.0004 USD on `s` and 25 times that on `l`.
THREE = (backend("s", price=1), backend("m", price=5), backend("l", price=25))
TEN = tuple(backend(f"m{index}", price=1 + index) for index in range(10))
CENT = PicoUsd(PICO_PER_USD // 100)


async def decided(scorer: FakeScorer, made: Policy, asked: Request | None = None) -> RouteDecision:
    parts = DecisionParts(scorer=scorer, conditions=CelConditions(), ids=FakeIds())
    return await decide(Decider(parts), asked or request(), table(made))


@pytest.mark.parametrize(
    ("point", "quality", "chosen"),
    [
        (CENT, {"s": 0.5, "m": 0.6, "l": 0.9}, "l"),  # forty points are worth 40 cents
        (CENT, {"s": 0.9, "m": 0.9, "l": 0.9}, "s"),  # equals: the cheapest
        (CENT, {"s": 0.5, "m": 0.9, "l": 0.905}, "m"),  # half a point isn't worth .8 cents
        (PicoUsd(CENT // 10_000), {"s": 0.5, "m": 0.6, "l": 0.9}, "s"),  # quality is worth little
        (CENT, {"m": 0.1, "l": 0.05}, "m"),  # nothing is known of `s`
    ],
)
async def test_the_best_after_its_price(
    point: PicoUsd, quality: Mapping[str, float], chosen: str
) -> None:
    scorer = FakeScorer(quality=quality)
    decision = await decided(scorer, policy(candidates=THREE, objective=Value(point)))
    assert (decision.chosen.name, decision.label) == (chosen, "scored")
    assert decision.threshold is None
    assert scorer.queries[0].want_quality


@pytest.mark.parametrize(("caution", "chosen"), [(0, "l"), (1, "m"), (4, "m")])
async def test_a_prediction_from_few_probes_counts_less(caution: int, chosen: str) -> None:
    scorer = FakeScorer(quality={"s": 0.5, "m": 0.8, "l": 0.85}, doubts={"l": 0.6})
    made = policy(candidates=THREE, objective=Value(CENT, caution))
    assert (await decided(scorer, made)).chosen.name == chosen


async def test_ten_compete_and_what_can_not_serve_is_left_out() -> None:
    able = tuple(replace(b, capabilities=frozenset({Capability.TOOLS})) for b in TEN)
    blind = replace(able[9], capabilities=frozenset({Capability.VISION}))
    quality = {f"m{index}": 0.05 + index / 10 for index in range(10)}
    made = policy(candidates=(*able[:9], blind), objective=Value(CENT))
    assert (await decided(FakeScorer(quality=quality), made)).chosen.name == "m9"
    asked = request(needs=[Capability.TOOLS])
    decision = await decided(FakeScorer(quality=quality), made, asked)
    assert decision.chosen.name == "m8"
    assert [one.backend for one in decision.excluded] == ["shop/m9"]


async def test_two_efforts_of_one_model_are_two_candidates() -> None:
    low, high = (
        replace(backend("o"), id=backend(name).id, name=backend(name).name, profile=profile)
        for name, profile in (
            ("o-low", ProfileName("o@low")),
            ("o-high", ProfileName("o@high")),
        )
    )
    made = policy(candidates=(low, high), objective=Value(CENT))
    scorer = FakeScorer(quality={"o@low": 0.4, "o@high": 0.7})
    assert (await decided(scorer, made)).chosen.name == "o-high"


async def test_without_text_the_first_candidate_answers() -> None:
    scorer = FakeScorer(quality={"l": 0.9})
    made = policy(candidates=THREE, objective=Value(CENT))
    decision = await decided(scorer, made, request(""))
    assert (decision.chosen.name, decision.reason) == ("s", Reason.SCORED)
    assert not scorer.queries


@pytest.mark.parametrize(
    ("failure", "chosen"), [(ScorerFailure.WEAK, "s"), (ScorerFailure.STRONG, "l")]
)
async def test_where_no_profile_is_known_the_failure_mode_decides(
    failure: ScorerFailure, chosen: str
) -> None:
    made = policy(candidates=THREE, objective=Value(CENT), on_scorer_failure=failure)
    decision = await decided(FakeScorer(quality={"other": 0.9}), made)
    assert (decision.chosen.name, decision.reason) == (chosen, Reason.SCORER_UNAVAILABLE)
    assert "see `profile`" in decision.detail
    rejects = policy(
        candidates=THREE, objective=Value(CENT), on_scorer_failure=ScorerFailure.REJECT
    )
    with pytest.raises(NothingCanServe):
        await decided(FakeScorer(), rejects)
