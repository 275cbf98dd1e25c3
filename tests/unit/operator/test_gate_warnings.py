"""What `policy check` says about a finish gate that loses, or of which nothing is known."""

import pytest

from support.resources import Wire, backend, policy
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather

CHEAP: Wire = {"input": "0.25", "output": "2"}
DEAR: Wire = {"input": "5", "output": "25"}
GOOD: Wire = {"weak": "60%", "strong": "74%", "runs": 1000, "auroc": "0.82"}


def warned(gate: Wire, weak: Wire = CHEAP, strong: Wire = DEAR) -> list[str]:
    documents = (
        policy(finishGate={"bar": "0.35", **gate}),
        backend("weak", price=weak),
        backend("strong", price=strong),
    )
    parsed = [parse(document).resource for document in documents]
    resources = gather([resource for resource in parsed if resource is not None], [])
    plan = compile_table(resources, Form.CLUSTER)
    assert not plan.problems
    return [str(advice) for _, advice in plan.warnings]


def test_without_rates_nothing_is_known() -> None:
    (warning,) = warned({})
    assert warning.startswith("spec.finishGate: Unproven: ")
    assert "weir eval --agents" in warning


def test_a_gate_that_pays_is_not_warned_of() -> None:
    assert warned({"expected": GOOD}) == []


@pytest.mark.parametrize(
    ("expected", "weak"),
    [
        ({"weak": "26%", "strong": "65%", "runs": 500}, CHEAP),  # the weak model solves too little
        ({**GOOD, "auroc": "0.7"}, {"input": "4", "output": "20"}),  # and costs too much
        ({**GOOD, "auroc": "0.5"}, CHEAP),  # a score that is lots
        ({**GOOD, "weakUsd": "0.5", "strongUsd": "0.6"}, CHEAP),  # measured costs go before prices
    ],
)
def test_a_gate_that_loses(expected: Wire, weak: Wire) -> None:
    (warning,) = warned({"expected": expected}, weak)
    assert warning.startswith("spec.finishGate.expected: the gate would lose: it saves -")
    assert "against the strong model alone" in warning


def test_too_few_runs_show_nothing() -> None:
    (warning,) = warned({"expected": {**GOOD, "auroc": "0.72", "runs": 30}})
    assert "no gain is shown: it saves" in warning
    assert "label more than 30 runs" in warning


def test_equals_are_judged_by_the_tasks_they_solve() -> None:
    equals = {"weak": "74%", "strong": "74%", "runs": 500, "auroc": "0.5"}
    (warning,) = warned({"to": "other", "expected": equals}, DEAR)
    assert "by one alone" in warning


def test_without_a_price_nothing_is_reckoned() -> None:
    unpriced: Wire = {"input": "0", "output": "0"}
    assert not [w for w in warned({"expected": GOOD}, unpriced) if "finishGate" in w]
