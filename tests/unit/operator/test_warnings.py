"""Warnings: what is valid, serves, and is probably not meant."""

import pytest

from support.resources import Wire, backend, policy
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.findings import Condition
from weir_operator.plan.warnings import Certificates
from weir_policy.fields.mistakes import dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather

PRICE = {"input": "1", "output": "2"}
STRONG = backend("strong", price=PRICE)


def plan(*documents: Wire, certificates: Certificates | None = None) -> Plan:
    parsed = [parse(document).resource for document in documents]
    resources = gather([resource for resource in parsed if resource is not None], [])
    return compile_table(resources, Form.CLUSTER, certificates=certificates)


def warned(made: Plan) -> list[tuple[str, str]]:
    return [(ref.name, dotted(advice.path)) for ref, advice in made.warnings]


def test_a_backend_without_a_price_serves_and_says_so() -> None:
    made = plan(policy(), backend("weak"), STRONG)
    assert warned(made) == [("weak", "spec.price")]
    assert not made.problems
    assert len(made.table.policies) == 1
    (finding,) = (found for found in made.findings if found.ref.name == "weak")
    accepted = finding.verdict(Condition.ACCEPTED)
    assert accepted.holds
    assert "Warning: spec.price: no price: it counts as free" in accepted.message
    assert "Warning" not in finding.verdict(Condition.RESOLVED_REFS).message


@pytest.mark.parametrize(
    ("when", "capabilities", "expected"),
    [
        ("request.images > 0", ["tools"], 1),
        ("request.images > 2 && request.turns > 0", ["tools"], 1),
        ("request.tools > 0", ["vision"], 1),
        ("request.jsonSchema", ["tools"], 0),  # no such name: a problem of its own
        ("request.json_schema", ["tools"], 1),
        ("request.images > 0", ["vision"], 0),
        ("request.images > 0", [], 0),  # nothing is listed: unknown, so it is tried
        ("request.images == 0", ["tools"], 0),
        ("request.turns > 0", ["tools"], 0),  # holds without images, too
        ("request.headers['x-none'] == 'a'", ["tools"], 0),
    ],
)
def test_a_rule_for_what_its_model_lacks(when: str, capabilities: list[str], expected: int) -> None:
    made = plan(
        policy(rules=[{"name": "r", "when": when, "use": "weak"}]),
        backend("weak", capabilities=capabilities, price=PRICE),
        STRONG,
    )
    assert warned(made) == [("chat", "spec.rules[0].use")] * expected


@pytest.mark.parametrize(
    ("certificates", "expected"),
    [
        (None, 0),  # no bundle is known
        ({}, 1),
        ({"": ((0.9, 0.95),)}, 1),
        ({"": ((0.99, 0.9),)}, 1),
        ({"": ((0.95, 0.95),)}, 0),
        ({"": ((0.99, 0.99),)}, 0),
        ({"mf": ((0.99, 0.99),)}, 1),  # another router's
    ],
)
def test_a_quality_that_nothing_certifies(certificates: Certificates | None, expected: int) -> None:
    promised = policy(objective={"quality": {"retention": "95%"}})
    made = plan(promised, backend("weak", price=PRICE), STRONG, certificates=certificates)
    assert warned(made) == [("chat", "spec.objective.quality")] * expected
