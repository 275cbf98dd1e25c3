"""The part of weir.routing.v1 that says what clients and backends may use, as the domain's."""

from weir_gateway.domain.limits import Allowance, PolicyLimits, WhenGone
from weir_gateway.domain.money import PicoUsd
from weir_proto.routing.v1 import routetable_pb2 as pb

PICO_PER_MICRO = 1_000_000


def policy_limits(message: pb.Policy) -> PolicyLimits | None:
    """None where nothing is limited."""
    if not message.HasField("limits"):
        return None
    limits = message.limits
    return PolicyLimits(per_key=_allowance(limits.per_key), total=_allowance(limits.total))


def when_gone(message: pb.FailureMode) -> WhenGone:
    """Open where the table doesn't say."""
    closed = message.limits == pb.LIMITS_FAILURE_CLOSED
    return WhenGone.CLOSED if closed else WhenGone.OPEN


def backend_limits(message: pb.Limits) -> Allowance:
    """What a backend is asked at most."""
    return Allowance(
        requests_per_minute=message.requests_per_minute,
        tokens_per_minute=message.tokens_per_minute,
    )


def _allowance(message: pb.Allowance) -> Allowance:
    return Allowance(
        requests_per_minute=message.requests_per_minute,
        tokens_per_minute=message.tokens_per_minute,
        usd_per_minute=PicoUsd(message.micro_usd_per_minute * PICO_PER_MICRO),
        usd_per_day=PicoUsd(message.micro_usd_per_day * PICO_PER_MICRO),
        strong_usd_per_day=PicoUsd(message.strong_micro_usd_per_day * PICO_PER_MICRO),
    )
