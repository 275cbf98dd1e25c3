"""Evaluate the policy's rules: the first that holds decides, and nothing is scored.

A rule is obeyed even where its backend lacks something that the request needs, since its author
knows more than the filter's estimate. If that backend fails, others follow as the policy's
failureMode.upstream says. A rule that can't be evaluated counts as not holding and is reported; it
is never an error to the client.
"""

from collections.abc import Sequence

from weir_gateway.domain.decision import RuleResult, Verdict
from weir_gateway.domain.session import Session
from weir_gateway.routing.policy.compiled import CompiledRule, RuleFailed
from weir_policy.facts import Facts


def first_that_holds(
    rules: Sequence[CompiledRule], facts: Facts, session: Session | None = None
) -> tuple[CompiledRule | None, tuple[RuleResult, ...]]:
    """The first rule that holds, if any, and every rule asked on the way to it.

    A rule that is pinned in `session` holds without being asked, since it held before.
    """
    pins = session.task.pins if session is not None else ()
    tried: list[RuleResult] = []
    for rule in rules:
        try:
            verdict, error = Verdict.PINNED if rule.name in pins else _ask(rule, facts), ""
        except RuleFailed as failed:
            verdict, error = Verdict.FAILED, str(failed)
        tried.append(RuleResult(rule.name, verdict, error))
        if verdict in {Verdict.HOLDS, Verdict.PINNED}:
            return rule, tuple(tried)
    return None, tuple(tried)


def _ask(rule: CompiledRule, facts: Facts) -> Verdict:
    return Verdict.HOLDS if rule.condition.holds(facts) else Verdict.HOLDS_NOT
