"""Writes a policy's cascade and judges down as weir.routing.v1. Decides nothing."""

from weir_policy.spec.cascade import AnswerCheck, Cascade, HeldStreams, Judge, JudgeFailure
from weir_proto.routing.v1 import routetable_pb2 as wire

CHECKS = {
    AnswerCheck.JSON: wire.ANSWER_CHECK_JSON,
    AnswerCheck.SCHEMA: wire.ANSWER_CHECK_SCHEMA,
    AnswerCheck.TOOLS: wire.ANSWER_CHECK_TOOLS,
}
STREAMS = {
    HeldStreams.HOLD: wire.CASCADE_STREAMS_HOLD,
    HeldStreams.STRONG: wire.CASCADE_STREAMS_STRONG,
    HeldStreams.WEAK: wire.CASCADE_STREAMS_WEAK,
}


def cascade_message(cascade: Cascade | None, namespace: str) -> wire.Cascade | None:
    """The cascade of a policy in `namespace` as the gateway reads it; None where there is none."""
    if cascade is None:
        return None
    return wire.Cascade(
        accept=cascade.accept,
        judge=judge_message(cascade.judge, namespace),
        check=CHECKS[cascade.check] if cascade.check else wire.ANSWER_CHECK_UNSPECIFIED,
        samples=cascade.samples,
        skip_above=cascade.skip_above,
        streams=STREAMS[cascade.streams],
        accept_unjudged=cascade.on_judge_failure is JudgeFailure.ACCEPT,
    )


def judge_message(judge: Judge | None, namespace: str) -> wire.Judge | None:
    """A judge, its backend by id; None where there is none."""
    if judge is None:
        return None
    backend = f"{judge.namespace or namespace}/{judge.backend}"
    return wire.Judge(backend=backend, timeout_ms=judge.timeout)
