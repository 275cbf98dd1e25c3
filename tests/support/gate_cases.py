"""What RoutePolicies refuse of finish gates."""

from support.resource_case import Case
from support.resource_case import policy_case as _policy
from support.resources import Wire, policy

GATE: Wire = {"bar": "0.35"}

CASES = (
    Case(
        "gate-cascade",
        policy(finishGate=GATE, cascade={"accept": "0.7"}),
        "spec.finishGate",
        "can't be combined with cascade, which looks at every answer of the weak model already",
    ),
    _policy(
        "gate-alone",
        "spec",
        {"match": {"models": ["a"]}, "candidates": [{"backend": "weak"}], "finishGate": GATE},
        "spec.finishGate",
        "needs a candidate that gets the last word: write two or more, weakest first",
    ),
    _policy(
        "gate-to-a-stranger",
        "spec.finishGate",
        {**GATE, "to": "elsewhere"},
        "spec.finishGate",
        "to must be strong, other, or a candidate's name",
    ),
    _policy(
        "gate-without-a-bar",
        "spec.finishGate",
        {},
        "spec.finishGate.bar",
        "write either bar or share",
    ),
    _policy(
        "gate-with-two-bars",
        "spec.finishGate",
        {**GATE, "share": "20%"},
        "spec.finishGate.bar",
        "write either bar or share",
    ),
    _policy(
        "gate-with-one-cost",
        "spec.finishGate",
        {**GATE, "expected": {"weak": "60%", "strong": "74%", "weakUsd": "0.03"}},
        "spec.finishGate.expected.weakUsd",
        "write both, or neither: then the prices tell how much more the strong model costs",
    ),
)

GOOD: dict[str, Wire] = {
    "gate": policy(finishGate=GATE),
    "gate-settings": policy(
        router={"name": "stage"},
        finishGate={
            "share": "20%",
            "to": "strong",
            "weights": "mini-swe",
            "minTurns": 5,
            "streams": "pass",
            "maxPerSession": 2,
            "maxUsd": "1.50",
            "expected": {
                "weak": "60%",
                "strong": "74%",
                "runs": 200,
                "auroc": "0.75",
                "weakUsd": "0.035",
                "strongUsd": "0.72",
            },
        },
    ),
    "gate-to-the-other": policy(finishGate={**GATE, "to": "other"}),
}
