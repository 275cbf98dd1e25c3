"""Rules: the first that holds, and what happens to those that can't be evaluated."""

from dataclasses import replace

from support.tables import FACTS, policy, rule, table
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.decision import RuleResult, Verdict
from weir_gateway.routing.policy.compiled import CompiledRule, compile_table
from weir_gateway.routing.steps.rules import first_that_holds


def compiled(*whens: str) -> tuple[CompiledRule, ...]:
    made = policy(rules=[rule(f"r{n}", when, "strong") for n, when in enumerate(whens)])
    return compile_table(table(made), CelConditions()).by_id[made.id].rules


def test_the_first_that_holds_decides_and_the_rest_is_not_asked() -> None:
    rules = compiled("request.tools > 0", "request.turns == 2", "true")
    found, tried = first_that_holds(rules, replace(FACTS, turns=2))
    assert found is rules[1]
    assert tried == (RuleResult("r0", Verdict.HOLDS_NOT), RuleResult("r1", Verdict.HOLDS))


def test_none_may_hold() -> None:
    found, tried = first_that_holds(compiled("request.tools > 0"), FACTS)
    assert found is None
    assert [t.verdict for t in tried] == [Verdict.HOLDS_NOT]


def test_a_rule_that_fails_counts_as_not_holding_and_says_why() -> None:
    found, tried = first_that_holds(compiled("1 / request.tools > 0", "true"), FACTS)
    assert found is not None
    assert found.name == "r1"
    assert tried[0].verdict is Verdict.FAILED
    assert "division by zero" in tried[0].error
