"""A budget: from YAML to the gateway's domain, with one set of defaults."""

import pytest

from support.resources import Wire, backend, policy
from weir_gateway.adapters.route_table.build import build
from weir_gateway.domain.budget import Budget
from weir_gateway.routing.budget.pacing import FIRST_SHARE
from weir_operator.apply import probes
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.fields.mistakes import dotted
from weir_policy.ids import PicoUsd
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather
from weir_policy.spec.objective import Period, SpendingPlan, WhenSpent
from weir_policy.table import Table


def _table(budget: Wire, *names: str) -> Table:
    documents = [
        *map(backend, names),
        policy(candidates=[{"backend": name} for name in names], objective={"budget": budget}),
    ]
    found = [parse(document) for document in documents]
    assert [mistake for one in found for mistake in one.mistakes] == []
    plan = compile_table(gather([one.resource for one in found if one.resource]), Form.CLUSTER)
    assert plan.problems == ()
    return plan.table


def _budget(budget: Wire, *names: str) -> object:
    return build(_table(budget, *(names or ("weak", "strong"))), None).table.policies[0].objective


def test_a_budget_that_says_only_what_it_must_has_the_domains_defaults() -> None:
    said: Wire = {"usd": "500", "per": "day"}
    assert _budget(said) == Budget(PicoUsd(500 * 10**12), Period.DAY)


@pytest.mark.parametrize("per", list(Period))
def test_everything_that_is_said_arrives(per: Period) -> None:
    said: Wire = {"usd": "0.000001", "per": per.value, "whenSpent": "reject", "plan": "even"}
    assert _budget(said) == Budget(PicoUsd(10**6), per, WhenSpent.REJECT, SpendingPlan.EVEN)


def test_a_budget_holds_for_one_candidate_and_for_many() -> None:
    expected = Budget(PicoUsd(5 * 10**12), Period.HOUR)
    for names in (("weak",), ("weak", "middle", "strong", "strongest")):
        assert _budget({"usd": "5", "per": "hour"}, *names) == expected


@pytest.mark.parametrize(
    ("budget", "at"),
    [
        ({"usd": "0", "per": "day"}, "spec.objective.budget.usd"),
        ({"usd": "0.000000", "per": "day"}, "spec.objective.budget.usd"),
        ({"usd": "-5", "per": "day"}, "spec.objective.budget.usd"),
        ({"usd": "5"}, "spec.objective.budget.per"),
        ({"usd": "5", "per": "week"}, "spec.objective.budget.per"),
        ({"usd": "5", "per": "day", "whenSpent": "stop"}, "spec.objective.budget.whenSpent"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(budget: Wire, at: str) -> None:
    found = parse(policy(objective={"budget": budget}))
    assert [dotted(mistake.path) for mistake in found.mistakes] == [at]


def test_the_operator_decides_probes_where_a_gateway_draws_its_first_line() -> None:
    assert probes.INITIAL_BUDGET_SHARE == FIRST_SHARE
