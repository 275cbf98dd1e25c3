"""A stored decision decodes to the same decision, at batch prices."""

from dataclasses import fields, replace

from support.tables import STRONG, WEAK, policy, table
from weir_gateway.batches import decision_codec
from weir_gateway.domain.budget import BudgetReservation
from weir_gateway.domain.decision import AssignedVariant, Reason, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.limits import Admission, AppliedLimit, LimitReservation
from weir_policy.ids import PicoUsd, PolicyId, RouterName, TableVersion
from weir_policy.spec.backend import Batches
from weir_policy.spec.limits import Measure, Window

# How the decision was made: reported at once and not needed after the item is sent. A batch's item
# belongs to no session.
NOT_STORED = {
    *("estimates", "excluded", "rule_results", "cache", "buffered"),
    *("stage", "session_reservation", "gate"),
}

HELD = LimitReservation("policy/shop/chat/total/usd/day", Window.DAY, 20_781, 400)
DECISION = RouteDecision(
    id=DecisionId("0" * 32),
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
    detail="explored",
    scored=Scored(0.25, {}, BundleVersion("b@0"), RouterName("r")),
    threshold=0.5,
    admission=Admission((AppliedLimit(Measure.USD, 1000, 400, HELD),), "perKey.usdPerDay", 0.5),
    servable=(WEAK, STRONG),
    propensity=0.05,
    target_share=0.2,
    explored=True,
    batch="batch_1",
    variant=AssignedVariant("new", 0.5, "cafe"),
    budget_reservation=BudgetReservation("2026-11-24", PicoUsd(7), "gateway"),
)


def test_decoding_restores_every_stored_field() -> None:
    decision = replace(DECISION, intended=replace(DECISION, chosen=STRONG, reason=Reason.RULE))
    plain = {f.name for f in fields(RouteDecision) if getattr(decision, f.name) == f.default}
    assert plain == NOT_STORED  # every other field is something that could get lost
    read = decision_codec.decode(decision_codec.encode(decision), table(policy()))
    assert read == decision


def test_decodes_at_batch_prices() -> None:
    half = replace(WEAK, batches=Batches(discount=0.5))
    routes = table(policy(candidates=(half, STRONG)))
    read = decision_codec.decode(decision_codec.encode(DECISION), routes)
    assert read is not None
    assert (read.chosen.price.input, read.chosen.id) == (WEAK.price.input // 2, WEAK.id)
    assert read.baseline.price == STRONG.price


def test_decodes_to_none_if_the_table_lacks_the_backend() -> None:
    text = decision_codec.encode(DECISION)
    assert decision_codec.decode(text, table(policy(candidates=(STRONG,)))) is None
