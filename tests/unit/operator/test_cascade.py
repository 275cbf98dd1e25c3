"""Cascades and judges as the planner takes and refuses them."""

from typing import cast

import pytest

from support.resources import Wire, backend, policy
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_policy.fields.mistakes import dotted
from weir_policy.ids import BackendId
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import Invalid, gather
from weir_policy.spec.cascade import AnswerCheck, Cascade, Judge, JudgeFailure, StreamHandling

PAIR = (backend("weak"), backend("strong"))


def plan(*documents: Wire) -> Plan:
    """Compile documents; those with mistakes count as invalid."""
    parsed = [parse(document) for document in documents]
    resources = [p.resource for p in parsed if p.resource]
    invalid = [Invalid(p.meta, p.mistakes) for p in parsed if p.meta and not p.resource]
    return compile_table(gather(resources, invalid), Form.CLUSTER)


def told(made: Plan) -> list[tuple[str, str]]:
    """Every problem: why, where."""
    return [(str(p.reason), dotted(p.path)) for _, p in made.problems]


def saying(spec: Wire) -> Wire:
    """A good policy but for what `spec` says."""
    document = policy()
    return {**document, "spec": {**cast("Wire", document["spec"]), **spec}}


def test_a_cascade_is_compiled_in_full() -> None:
    shared = backend("judge", "models", allowedNamespaces=["shop"], protocol="anthropic")
    judge = {"backend": "judge", "namespace": "models", "timeout": "1s"}
    cascade = {
        "accept": "0.7",
        "judge": judge,
        "check": "schema",
        "samples": 3,
        "skipAbove": "0.9",
        "streams": "strong",
        "onJudgeFailure": "accept",
    }
    made = plan(*PAIR, shared, policy(cascade=cascade))
    assert told(made) == []
    assert made.table.policies[0].spec.cascade == Cascade(
        accept=0.7,
        judge=Judge(backend=BackendId("models/judge"), namespace=None, timeout=1.0),
        check=AnswerCheck.SCHEMA,
        samples=3,
        skip_above=0.9,
        streams=StreamHandling.STRONG,
        on_judge_failure=JudgeFailure.ACCEPT,
    )


def test_what_is_not_said_is_the_default() -> None:
    made = plan(*PAIR, policy(cascade={"accept": "1", "judge": {"backend": "weak"}}))
    assert told(made) == []
    assert made.table.policies[0].spec.cascade == Cascade(
        accept=1.0,
        judge=Judge(backend=BackendId("shop/weak"), namespace=None, timeout=3.0),
        check=None,
        samples=1,
        skip_above=None,
        streams=StreamHandling.HOLD,
        on_judge_failure=JudgeFailure.ESCALATE,
    )


def test_a_judge_of_prompts_is_compiled() -> None:
    router = {"name": "judge", "judge": {"backend": "weak"}}
    made = plan(*PAIR, policy(router=router, objective={"strongShare": "20%"}))
    assert told(made) == []
    compiled = made.table.policies[0].spec.router
    assert compiled.judge is not None
    assert (compiled.name, compiled.judge.backend) == ("judge", "shop/weak")


ACCEPT: Wire = {"accept": "0.7"}
JUDGED: Wire = {"name": "judge", "judge": {"backend": "weak"}}
PROBE = [{"prompt": "hi", "expect": "weak"}]


BAD: list[tuple[Wire, str]] = [
    ({"cascade": {}}, "spec.cascade.accept"),
    ({"cascade": {"accept": "1.1"}}, "spec.cascade.accept"),
    ({"cascade": {"accept": 0.7}}, "spec.cascade.accept"),
    ({"cascade": ACCEPT | {"samples": 0}}, "spec.cascade.samples"),
    ({"cascade": ACCEPT | {"samples": 6}}, "spec.cascade.samples"),
    ({"cascade": ACCEPT | {"check": "xml"}}, "spec.cascade.check"),
    ({"cascade": ACCEPT | {"streams": "all"}}, "spec.cascade.streams"),
    ({"cascade": ACCEPT | {"judge": {}}}, "spec.cascade.judge.backend"),
    (
        {"cascade": ACCEPT | {"judge": {"backend": "weak", "timeout": "0s"}}},
        "spec.cascade.judge.timeout",
    ),
    ({"cascade": ACCEPT, "candidates": [{"backend": "weak"}]}, "spec.cascade"),
    ({"cascade": ACCEPT, "probes": PROBE}, "spec.probes"),
    ({"router": {"name": "judge"}}, "spec.router.judge"),
    ({"router": {"name": "linear", "judge": {"backend": "weak"}}}, "spec.router.judge"),
    ({"router": {"judge": {"backend": "weak"}}}, "spec.router.judge"),
    ({"router": JUDGED, "probes": PROBE}, "spec.probes"),
    ({"router": JUDGED, "objective": {"quality": {"retention": "95%"}}}, "spec.objective"),
]


@pytest.mark.parametrize(("spec", "where"), BAD)
def test_what_makes_no_sense_is_refused_where_it_stands(spec: Wire, where: str) -> None:
    made = plan(*PAIR, saying(spec))
    assert told(made) == [("InvalidSpec", where)]
    assert not made.table.policies


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        ("nobody", "UnknownBackend"),
        ("theirs", "UnknownBackend"),
        ("vectors", "NotSupported"),
        ("broken", "BackendNotUsable"),
    ],
)
@pytest.mark.parametrize("where", ["cascade", "router"])
def test_a_judge_must_be_one(judge: str, problem: str, where: str) -> None:
    named = {"backend": judge}
    specs: dict[str, Wire] = {
        "cascade": {"cascade": ACCEPT | {"judge": named}},
        "router": {"router": {"name": "judge", "judge": named}},
    }
    spec = specs[where]
    made = plan(
        *PAIR,
        backend("theirs", "models", allowedNamespaces=["shop"]),
        backend("vectors", wires=["embeddings"]),
        backend("broken", endpoint="nonsense"),
        saying(spec),
    )
    ours = [one for one in told(made) if "judge" in one[1]]
    assert ours == [(problem, f"spec.{where}.judge.backend")]
