"""The reason's one spelling."""

from dataclasses import replace

import pytest

from support.tables import STRONG, WEAK
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.ids import DecisionId
from weir_policy.ids import PolicyId, TableVersion

DECISION = RouteDecision(
    id=DecisionId("1"),
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
)


@pytest.mark.parametrize(
    ("reason", "detail", "label"),
    [
        (Reason.SCORED, "", "scored"),
        (Reason.RULE, "long-tools", "rule:long-tools"),
        (Reason.FALLBACK, "503", "fallback:503"),
        (Reason.SCORER_UNAVAILABLE, "no score within 250 ms", "scorer_unavailable"),
    ],
)
def test_a_reason_is_written_one_way(reason: Reason, detail: str, label: str) -> None:
    assert replace(DECISION, reason=reason, detail=detail).label == label


def test_strong_is_the_policys_last_candidate() -> None:
    assert not DECISION.strong
    assert replace(DECISION, chosen=STRONG).strong
