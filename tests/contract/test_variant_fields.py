"""Variants: from YAML to the gateway's domain; what can't be one is refused by its path."""

import pytest

from support.resources import Wire, backend, policy
from weir_gateway.adapters.route_table.build import build
from weir_gateway.domain.table import StrongShare, Threshold, Variant
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_policy.fields.mistakes import dotted
from weir_policy.ids import RouterName
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather

BUDGET = {"budget": {"usd": "5", "per": "day"}}


def _plan(**fields: object) -> Plan:
    documents = (backend("weak"), backend("strong"), policy("chat", "shop", **fields))
    found = [parse(document) for document in documents]
    assert [mistake for one in found for mistake in one.mistakes] == []
    return compile_table(
        gather([one.resource for one in found if one.resource]),
        Form.CLUSTER,
        routers=frozenset({"mf", "linear"}),
    )


def test_everything_that_is_said_arrives() -> None:
    plan = _plan(
        variants=[
            {"name": "control", "weight": 9},
            {"name": "mf", "weight": 1, "router": {"name": "mf"}},
            {"name": "usual", "weight": 2, "router": {"name": "default"}},
            {"name": "fewer", "weight": 3, "objective": {"strongShare": "10%"}},
            {"name": "fixed", "weight": 4, "objective": {"threshold": "0"}},
        ]
    )
    assert plan.problems == ()
    assert build(plan.table, None).table.policies[0].variants == (
        Variant("control", 9),
        Variant("mf", 1, router=RouterName("mf")),
        Variant("usual", 2, router=RouterName("")),
        Variant("fewer", 3, objective=StrongShare(0.1)),
        Variant("fixed", 4, objective=Threshold(0.0)),
    )


def test_a_policy_without_variants_has_none() -> None:
    assert build(_plan().table, None).table.policies[0].variants == ()


@pytest.mark.parametrize(
    ("variants", "at"),
    [
        ([{"name": "a", "weight": 0}], "spec.variants[0].weight"),
        ([{"name": "a"}], "spec.variants[0].weight"),
        ([{"name": "a", "weight": 1}, {"name": "a", "weight": 1}], "spec.variants[1].name"),
        ([{"name": "a", "weight": 1, "objective": BUDGET}], "spec.variants[0].objective"),
        ([{"name": "a", "weight": 1, "router": {"name": "judge"}}], "spec.variants[0].router"),
    ],
)
def test_what_cant_be_a_variant_is_refused(variants: list[Wire], at: str) -> None:
    found = parse(policy(variants=variants))
    assert [dotted(mistake.path) for mistake in found.mistakes] == [at]


def test_a_policy_with_a_budget_has_no_variants() -> None:
    found = parse(policy(objective=BUDGET, variants=[{"name": "a", "weight": 1}]))
    assert [dotted(mistake.path) for mistake in found.mistakes] == ["spec.variants"]


def test_a_router_that_is_not_there_is_told_where_it_stands() -> None:
    plan = _plan(variants=[{"name": "a", "weight": 1, "router": {"name": "mff"}}])
    ((_, problem),) = plan.problems
    assert dotted(problem.path) == "spec.variants[0].router.name"
    assert problem.hint == "did you mean mf?"
