"""A policy's limits, caches and cascade, in words."""

from weir_gateway.domain.cache import CacheLookup, CacheRules, CacheState
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.money import usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.estimate import expected_tokens
from weir_policy.ids import PicoUsd
from weir_policy.spec.cascade import Cascade
from weir_policy.spec.finish_gate import FinishGate
from weir_policy.spec.limits import Limit, LimitsFailure, Measure


def limits(policy: Policy, request: Request) -> str:
    """Each limit of the policy, and what this request would reserve."""
    if policy.limits is None:
        return ""
    each = {"each key": policy.limits.per_key, "all clients together": policy.limits.total}
    parts = [f"{scope} {', '.join(map(_of, limits))}" for scope, limits in each.items() if limits]
    gone = "counted here alone" if policy.when_limits_gone is LimitsFailure.OPEN else "refused"
    takes = f"this request reserves about {expected_tokens(request)} tokens"
    return f"{'; '.join([*parts, takes])}; without Redis {gone}"


def _of(limit: Limit) -> str:
    if not limit.measure.is_money:
        return f"{limit.amount} {limit.measure} a {limit.window}"
    model = " for the strong model" if limit.measure is Measure.STRONG_USD else ""
    return f"${usd(PicoUsd(limit.amount)):g} a {limit.window}{model}"


def caches(rules: CacheRules | None, decision: RouteDecision) -> str:
    """How a cached answer would be looked up, or why it would not."""
    lookup = decision.cache
    if rules is None:
        return "off"
    if decision.reason is Reason.DIRECT:
        return "bypass: the client named the model"
    if lookup.state is CacheState.BYPASS:
        return f"bypass: {lookup.bypass_reason}"
    shared = "shared within the policy" if rules.scope == "policy" else "per client key"
    return f"{', '.join(_lookups(rules, lookup))}; {shared}"


def _lookups(rules: CacheRules, lookup: CacheLookup) -> list[str]:
    lookups: list[str] = []
    if rules.exact:
        lookups.append(f"an equal request within {rules.exact:g} s")
    if lookup.semantic_key:
        alike = f"similarity {rules.similarity:g}"
        lookups.append(f"one with the same wording and {alike} within {rules.semantic:g} s")
    elif rules.semantic:
        lookups.append("not semantic: no embedding, or more than one last text of the user")
    return lookups


_OURS = {Reason.SCORED, Reason.CASCADE_ACCEPTED, Reason.CASCADE_ESCALATED}


def cascade(value: Cascade | None, decision: RouteDecision) -> str:
    """What accepts the answer in the policy's cascade, and which model answers otherwise."""
    if value is None:
        return ""
    if not decision.buffered:
        why = decision.detail if decision.reason in _OURS else ""
        return f"this answer is not checked: {why or decision.label}"
    limit = f"{value.accept:g}"
    lookups = [
        f"check {value.check}" if value.check is not None else "",
        f"{value.samples} samples agree by {limit}" if value.samples > 1 else "",
        f"{named(value.judge.backend)} is sure by {limit}" if value.judge is not None else "",
    ]
    accepted = ", ".join(step for step in lookups if step)
    return f"accepted if {accepted}; else {decision.servable[1].name} answers"


def finish_gate(value: FinishGate | None, decision: RouteDecision) -> str:
    """What the policy's finish gate does with this request's answer."""
    if value is None:
        return ""
    view = decision.gate
    if view is None:
        stays = decision.reason is Reason.FINISH_GATE
        return f"{decision.chosen.name} has the last word" if stays else "this answer is not scored"
    note = f"; {view.weights_note}" if view.weights_note else ""
    return (
        f"if the answer ends the run and the run fails with {view.bar:.2f} or more, "
        f"{view.target.name} gets the last word (weights {view.weights}{note})"
    )


def named(backend: str) -> str:
    """A backend without its namespace."""
    return backend.partition("/")[2]
