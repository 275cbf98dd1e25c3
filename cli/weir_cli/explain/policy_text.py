"""A policy's limits, caches and cascade, in words."""

from collections.abc import Iterator

from weir_gateway.domain.cache import CacheLookup, CacheRules, CacheState
from weir_gateway.domain.cascade import Cascade
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.limits import Allowance, WhenGone
from weir_gateway.domain.money import usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.estimate import expected_tokens
from weir_policy.ids import PicoUsd


def limits(policy: Policy, request: Request) -> str:
    """Each limit of the policy, and what this request would reserve."""
    if policy.limits is None:
        return ""
    each = {"each key": policy.limits.per_key, "all clients together": policy.limits.total}
    parts = [
        f"{scope} {', '.join(_of(allowance))}" for scope, allowance in each.items() if allowance
    ]
    gone = "counted here alone" if policy.when_limits_gone is WhenGone.OPEN else "refused"
    takes = f"this request reserves about {expected_tokens(request)} tokens"
    return f"{'; '.join([*parts, takes])}; without Redis {gone}"


def _of(allowance: Allowance) -> Iterator[str]:
    if allowance.requests_per_minute:
        yield f"{allowance.requests_per_minute} requests a minute"
    if allowance.tokens_per_minute:
        yield f"{allowance.tokens_per_minute} tokens a minute"
    yield from _money(allowance.usd_per_minute, "a minute")
    yield from _money(allowance.usd_per_day, "a day")
    yield from _money(allowance.strong_usd_per_day, "a day for the strong model")


def _money(amount: PicoUsd, per: str) -> Iterator[str]:
    if amount:
        yield f"${usd(amount):g} {per}"


def caches(rules: CacheRules | None, decision: RouteDecision) -> str:
    """How a cached answer would be looked up, or why it would not."""
    lookup = decision.cache
    if rules is None:
        return "off"
    if decision.reason is Reason.DIRECT:
        return "bypass: the client named the model"
    if lookup.state is CacheState.BYPASS:
        return f"bypass: {lookup.why}"
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


def named(backend: str) -> str:
    """A backend without its namespace."""
    return backend.partition("/")[2]
