"""A table that can't run is refused before it serves."""

from dataclasses import replace

import pytest

from support.tables import WEAK, policy, rule, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.table import Policy
from weir_gateway.routing.policy.compiled import compile_table


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (policy(rules=[rule("r", "request.turns >", "weak")]), "rule r"),
        (policy(rules=[rule("r", "true", "nowhere")]), "shop/nowhere"),
        (policy(upstream_order=["nowhere"]), "shop/nowhere"),
        (policy(candidates=[]), "no candidates"),
    ],
)
def test_the_policy_and_its_fault_are_named(broken: Policy, says: str) -> None:
    with pytest.raises(BadTable, match=says) as caught:
        compile_table(table(policy("good"), broken), CelConditions())
    assert caught.value.policy == broken.id


def test_what_all_candidates_share_is_worked_out_once() -> None:
    narrow = replace(WEAK, context_window=4096)
    compiled = compile_table(table(policy(candidates=[narrow, WEAK])), CelConditions())
    assert compiled.by_id[policy().id].narrowest == 4096
