"""Probes: decisions that must hold before a table serves."""

from dataclasses import replace

import pytest

from support.fakes import FakeIds, FakeScorer
from support.tables import policy, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import BadTable, ScorerUnavailable
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.probe import check_probes
from weir_policy.ids import BackendId
from weir_policy.spec.policy import Mode, Probe

SCORES = {"What is 2+2?": 0.1, "Prove it.": 0.9}


def probed(*probes: tuple[str, str], mode: Mode = Mode.ENFORCE) -> RouteTable:
    made = policy("second", headers={"x-team": "support"}, mode=mode)
    expected = tuple(
        Probe(prompt=prompt, expect=BackendId(f"shop/{name}")) for prompt, name in probes
    )
    return table(policy("first"), replace(made, probes=expected))


async def check(checked: RouteTable, scorer: FakeScorer) -> None:
    decider = Decider(DecisionParts(scorer=scorer, conditions=CelConditions(), ids=FakeIds()))
    await check_probes(decider, checked, 1.0)


@pytest.mark.parametrize("mode", list(Mode))
async def test_probes_that_hold_let_the_table_pass(mode: Mode) -> None:
    good = probed(("What is 2+2?", "weak"), ("Prove it.", "strong"), mode=mode)
    await check(good, FakeScorer(SCORES))


async def test_one_that_does_not_is_named_with_what_was_decided() -> None:
    bad = probed(("What is 2+2?", "weak"), ("Prove it.", "weak"))
    with pytest.raises(
        BadTable, match=r"Prove it.*expected shop/weak, decided shop/strong"
    ) as error:
        await check(bad, FakeScorer(SCORES))
    assert error.value.policy == "shop/second"


async def test_what_could_not_be_decided_is_no_verdict_on_the_table() -> None:
    with pytest.raises(ScorerUnavailable, match="away"):
        await check(probed(("x", "weak")), FakeScorer(error=ScorerUnavailable("away")))
