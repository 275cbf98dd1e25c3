"""The part of weir.routing.v1.Policy that says who answers first and who judges, as the domain's.

What a table does not say is the domain's default. Must not know where a table comes from.
"""

from typing import Final

from weir_gateway.domain import cascade as domain
from weir_gateway.domain.ids import BackendId
from weir_proto.routing.v1 import routetable_pb2 as pb

MILLIS: Final = 1000
_CHECKS = {
    pb.ANSWER_CHECK_JSON: domain.Check.JSON,
    pb.ANSWER_CHECK_SCHEMA: domain.Check.SCHEMA,
    pb.ANSWER_CHECK_TOOLS: domain.Check.TOOLS,
}
_STREAMS = {
    pb.CASCADE_STREAMS_STRONG: domain.Streams.STRONG,
    pb.CASCADE_STREAMS_WEAK: domain.Streams.WEAK,
}


def cascade(policy: pb.Policy) -> domain.Cascade | None:
    """A policy's cascade; None where it has none."""
    if not policy.HasField("cascade"):
        return None
    message = policy.cascade
    return domain.Cascade(
        accept=message.accept,
        judge=judge(message.judge) if message.HasField("judge") else None,
        check=_CHECKS.get(message.check),
        samples=max(message.samples, 1),
        skip_above=message.skip_above if message.HasField("skip_above") else None,
        streams=_STREAMS.get(message.streams, domain.Streams.HOLD),
        accept_unjudged=message.accept_unjudged,
    )


def judge(message: pb.Judge) -> domain.Judge:
    """One judge."""
    return domain.Judge(
        BackendId(message.backend), message.timeout_ms / MILLIS or domain.JUDGE_TIMEOUT
    )
