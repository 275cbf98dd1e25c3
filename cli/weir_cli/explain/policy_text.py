"""What limits a request would come under, in words. Must not know how much of them is left."""

from collections.abc import Iterator

from weir_gateway.domain.cache import CacheLookup, CacheRules, CacheState
from weir_gateway.domain.cascade import Cascade
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.limits import Allowance, WhenGone
from weir_gateway.domain.money import PicoUsd, usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.estimate import expected_tokens


def limits(policy: Policy, request: Request) -> str:
    """Each limit of the policy and what this request takes; whose key comes is not known."""
    if policy.limits is None:
        return ""
    each = {"each key": policy.limits.per_key, "all together": policy.limits.total}
    parts = [f"{who} {', '.join(_of(allowance))}" for who, allowance in each.items() if allowance]
    gone = "counted here alone" if policy.when_limits_gone is WhenGone.OPEN else "refused"
    takes = f"this one takes about {expected_tokens(request)} tokens"
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
    """Whether an answer would be looked up and how; why not, where it would not be."""
    lookup = decision.cache
    if rules is None:
        return "off"
    if decision.reason is Reason.DIRECT:
        return "bypass: the model was named"
    if lookup.state is CacheState.BYPASS:
        return f"bypass: {lookup.why}"
    shared = "shared within the policy" if rules.scope == "policy" else "per client key"
    return f"{', '.join(_ways(rules, lookup))}; {shared}"


def _ways(rules: CacheRules, lookup: CacheLookup) -> list[str]:
    ways: list[str] = []
    if rules.exact:
        ways.append(f"the very same request within {rules.exact:g} s")
    if lookup.semantic_key:
        alike = f"similarity {rules.similarity:g}"
        ways.append(f"one of the same wording and {alike} within {rules.semantic:g} s")
    elif rules.semantic:
        ways.append("not by meaning: no embedding, or no one last text of the user")
    return ways


_OURS = {Reason.SCORED, Reason.CASCADE_ACCEPTED, Reason.CASCADE_ESCALATED}


def cascade(value: Cascade | None, decision: RouteDecision) -> str:
    """What becomes of the answer in the policy's cascade."""
    if value is None:
        return ""
    if not decision.buffered:
        why = decision.detail if decision.reason in _OURS else ""
        return f"nobody looks at this answer: {why or decision.label}"
    limit = f"{value.accept:g}"
    ways = [
        f"check {value.check}" if value.check is not None else "",
        f"{value.samples} samples agree by {limit}" if value.samples > 1 else "",
        f"{named(value.judge.backend)} is sure by {limit}" if value.judge is not None else "",
    ]
    accepted = ", ".join(step for step in ways if step)
    return f"given where {accepted}; else {decision.servable[1].name} answers"


def named(backend: str) -> str:
    """A backend without its namespace."""
    return backend.partition("/")[2]
