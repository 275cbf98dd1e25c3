"""The decision is one list: it enters each module at most twice, and no mode is hidden."""

import ast
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

import weir_gateway.routing
from support.deciding import decide as decide_one
from support.fakes import FakeClock, FakeIds, FakeScorer
from support.tables import cascade, policy, request, rule, table
from weir_gateway.adapters.cache.memory import MemorySessions
from weir_gateway.adapters.route_table.cel import CelConditions
from weir_gateway.domain.cache import CachedResponse, CacheRules
from weir_gateway.routing import decide
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_policy.spec.cascade import AnswerCheck
from weir_policy.spec.policy import Mode

ROUTING = Path(weir_gateway.routing.__file__).parent
MOST_CALLS = 2  # of one module by the decision's list
FEWEST_MODULES = 5  # that any decision enters: match, variants, limit, rules or filter, choose
POLICIES = {
    "score": policy(),
    "rule": policy(rules=[rule("all", "true", "strong")]),
    "everything": replace(
        policy(rules=[rule("none", "false", "strong")]),
        cache=CacheRules(exact=60.0, semantic=60.0),
        cascade=cascade(0.7, AnswerCheck.JSON),
        sticky=60.0,
    ),
    "shadow": policy(mode=Mode.SHADOW),
}
HIDDEN_MODES = (
    re.compile(r"\bcopy\.copy\b"),  # a clone with a private write is a mode without a name
    re.compile(r"\btab\b"),  # side costs are an object of the context, no out-parameter
    re.compile(r"\bStep \d"),  # the order stands in decide.py alone
)


def test_no_module_of_routing_hides_a_mode_or_numbers_a_step() -> None:
    found = [
        f"{path.relative_to(ROUTING)}: {pattern.pattern}"
        for path in sorted(ROUTING.rglob("*.py"))
        for pattern in HIDDEN_MODES
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("name", sorted(POLICIES))
async def test_a_decision_enters_each_module_at_most_twice(name: str) -> None:
    parts = DecisionParts(
        scorer=FakeScorer(default=0.7),
        conditions=CelConditions(),
        ids=FakeIds(),
        sessions=MemorySessions(FakeClock(), entries=10),
        cache=EmptyCache(),
    )
    decider, served = Decider(parts), table(POLICIES[name])
    decider.compiled(served)  # once per table, not per decision
    entered: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        caller = frame.f_back
        if event != "call" or caller is None or caller.f_code.co_filename != decide.__file__:
            return
        if Path(frame.f_code.co_filename).is_relative_to(ROUTING):
            entered[frame.f_code.co_filename] += 1

    sys.setprofile(profile)
    try:
        decision = await decide_one(decider, request(), served)
    finally:
        sys.setprofile(None)
    entered.pop(decide.__file__, None)
    assert decision.chosen in served.policies[0].candidates
    assert len(entered) >= FEWEST_MODULES
    assert {module: count for module, count in entered.items() if count > MOST_CALLS} == {}


def test_the_steps_stand_in_the_order_in_which_they_happen() -> None:
    tree = ast.parse(Path(decide.__file__).read_text(encoding="utf-8"))
    names = [
        name
        for method in ("_match", "decide", "_choose")
        for name in _called(_method(tree, method))
    ]
    for earlier, later in (
        ("match_policy", "authorize"),
        ("authorize", "assign_variant"),
        ("assign_variant", "check"),
        ("check", "plan_cascade"),
        ("plan_cascade", "shadow"),
        ("shadow", "apply_spend_cap"),
        ("apply_spend_cap", "explore"),
        ("explore", "keep"),
        ("keep", "_in_budget"),
        ("_in_budget", "charge"),
        ("first_that_holds", "lookup_exact"),
        ("recall", "keep"),
        ("lookup_exact", "filter_candidates"),
        ("filter_candidates", "score_prompt"),
        ("score_prompt", "score_turn"),
        ("score_turn", "choose"),
        ("choose", "lookup_semantic"),
    ):
        assert names.index(earlier) < names.index(later), (earlier, later)


def _method(tree: ast.Module, name: str) -> ast.AsyncFunctionDef | ast.FunctionDef:
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.name == name
    )


def _called(method: ast.AST) -> list[str]:
    """Names of what `method` calls, in the order of the source."""
    calls = [node for node in ast.walk(method) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [
        call.func.id if isinstance(call.func, ast.Name) else call.func.attr
        for call in calls
        if isinstance(call.func, ast.Name | ast.Attribute)
    ]


class EmptyCache:
    async def get(self, key: bytes) -> CachedResponse | None:
        del key
        return None

    def put(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        del key, answer, seconds
