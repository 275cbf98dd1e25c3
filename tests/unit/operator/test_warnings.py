"""Warnings: what is valid, serves, and is probably not meant."""

import pytest

from support.resources import Wire, backend, policy
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_operator.plan.findings import Condition
from weir_operator.plan.promises import Certificate, Proofs, RouterProof
from weir_policy.fields.mistakes import dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather

PRICE = {"input": "1", "output": "2"}
STRONG = backend("strong", price=PRICE)


def plan(*documents: Wire, proofs: Proofs | None = None) -> Plan:
    parsed = [parse(document).resource for document in documents]
    resources = gather([resource for resource in parsed if resource is not None], [])
    return compile_table(resources, Form.CLUSTER, proofs=proofs)


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


def certified(*rows: tuple[float, float, bool], router: str = "") -> Proofs:
    return {router: RouterProof(tuple(Certificate(*row) for row in rows))}


@pytest.mark.parametrize(
    ("proofs", "reason"),
    [
        (None, None),  # no bundle is known
        ({}, "NoCertificate"),
        (certified((0.9, 0.95, True)), "NoCertificate"),
        (certified((0.99, 0.9, True)), "NoCertificate"),
        (certified((0.95, 0.95, True)), "OwnLabels"),
        (certified((0.99, 0.99, False), (0.95, 0.95, True)), "OwnLabels"),
        (certified((0.95, 0.95, False)), "Unproven"),
        (certified((0.99, 0.99, False)), "Unproven"),
        (certified((0.99, 0.99, True), router="mf"), "NoCertificate"),  # another router's
    ],
)
def test_a_quality_needs_labels_of_its_own_traffic(
    proofs: Proofs | None, reason: str | None
) -> None:
    promised = policy(objective={"quality": {"retention": "95%"}})
    made = plan(promised, backend("weak", price=PRICE), STRONG, proofs=proofs)
    expected = reason not in {None, "OwnLabels"}
    assert warned(made) == [("chat", "spec.objective.quality")] * expected
    (finding,) = (found for found in made.findings if found.ref.name == "chat")
    assert (finding.promise and str(finding.promise.reason)) == reason
    assert len(made.table.policies) == 1, "it serves all the same"


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        (RouterProof(labels=300, gain=-0.01), 1),
        (RouterProof(labels=299, gain=-0.01), 0),
        (RouterProof(labels=3000, gain=0.01), 0),
        (RouterProof(), 0),
    ],
)
@pytest.mark.parametrize("objective", [{"strongShare": "20%"}, {"threshold": "0.5"}])
def test_a_router_that_own_labels_show_to_fail(
    proof: RouterProof, expected: int, objective: dict[str, str]
) -> None:
    made = plan(
        policy(objective=objective), backend("weak", price=PRICE), STRONG, proofs={"": proof}
    )
    (name,) = objective
    assert warned(made) == [("chat", f"spec.objective.{name}")] * expected
    if expected:
        (advice,) = (str(advice) for _, advice in made.warnings)
        assert "does no better than drawing lots" in advice
        assert "300 labels: -0.010 of APGR" in advice


def many(*names: str) -> Wire:
    return policy(
        candidates=[{"backend": name} for name in names], objective={"value": {"usdPerPoint": "1"}}
    )


@pytest.mark.parametrize(
    ("price", "profile", "expected"),
    [
        ({"input": "1", "output": "3"}, "small", 1),
        ({"input": "2", "output": "1"}, "small", 0),  # neither is cheaper in all
        ({"input": "1", "output": "2"}, "small", 0),  # as dear: a spare
        ({"input": "1", "output": "3"}, "large", 0),  # perhaps better
    ],
)
def test_a_dearer_candidate_of_the_same_profile(
    price: dict[str, str], profile: str, expected: int
) -> None:
    made = plan(
        many("weak", "other", "strong"),
        backend("weak", price=PRICE, profile="small"),
        backend("other", price=price, profile=profile),
        backend("strong", price={"input": "9", "output": "9"}, profile="best"),
    )
    assert warned(made) == [("chat", "spec.candidates[1].backend")] * expected
