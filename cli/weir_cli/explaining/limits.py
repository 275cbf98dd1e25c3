"""What limits a request would come under, in words. Must not know how much of them is left."""

from collections.abc import Iterator

from weir_gateway.domain.limits import Allowance, WhenGone
from weir_gateway.domain.money import PicoUsd, usd
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy
from weir_gateway.routing.steps.limit import expected_tokens


def limits(policy: Policy, request: Request) -> str:
    """Each limit of the policy and what this request takes; whose key comes is not known."""
    if policy.limits is None:
        return ""
    each = {"each key": policy.limits.per_key, "all together": policy.limits.total}
    said = [f"{who} {', '.join(_of(allowance))}" for who, allowance in each.items() if allowance]
    gone = "counted here alone" if policy.when_limits_gone is WhenGone.OPEN else "refused"
    takes = f"this one takes about {expected_tokens(request)} tokens"
    return f"{'; '.join([*said, takes])}; without Redis {gone}"


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
