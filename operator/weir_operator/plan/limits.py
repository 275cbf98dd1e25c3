"""Writes limits down as weir.routing.v1.PolicyLimits. Decides nothing."""

from weir_policy.spec.limits import Allowance, LimitsFailure, PolicyLimits
from weir_proto.routing.v1 import routetable_pb2 as wire

FAILURES = {
    LimitsFailure.OPEN: wire.LIMITS_FAILURE_OPEN,
    LimitsFailure.CLOSED: wire.LIMITS_FAILURE_CLOSED,
}


def limits_message(limits: PolicyLimits | None) -> wire.PolicyLimits | None:
    """The limits as the gateway reads them; None where there are none."""
    if limits is None:
        return None
    return wire.PolicyLimits(per_key=_allowance(limits.per_key), total=_allowance(limits.total))


def _allowance(allowance: Allowance | None) -> wire.Allowance | None:
    if allowance is None:
        return None
    return wire.Allowance(
        requests_per_minute=allowance.requests_per_minute or 0,
        tokens_per_minute=allowance.tokens_per_minute or 0,
        micro_usd_per_minute=allowance.usd_per_minute or 0,
        micro_usd_per_day=allowance.usd_per_day or 0,
        strong_micro_usd_per_day=allowance.strong_usd_per_day or 0,
    )
