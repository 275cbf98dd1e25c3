"""Checks policies' probes with the scorer before their table is published.

Decides as a gateway does: rules first, then the score against the objective's threshold. Where the
scorer can't be reached, probes count as passed.
"""

import logging
from collections.abc import Mapping, Sequence

import cel
import grpc
from google.protobuf.descriptor import FieldDescriptor

from weir_proto.routing.v1.routetable_pb2 import Policy, Probe, RequestFacts, RouteTable
from weir_proto.scorer.v1 import scorer_pb2 as scorer
from weir_proto.scorer.v1 import scorer_pb2_grpc as rpc

_LOG = logging.getLogger(__name__)

CALL_TIMEOUT = 10.0  # per call; a busy scorer may be slow, and no request waits for a probe
MAX_PROMPT_CHARS = 60  # characters of a prompt that a message repeats
INITIAL_BUDGET_SHARE = (
    0.2  # of strong answers, where a budget draws the line at its very first request
)
EPSILON = 1e-9  # decimal shares survive their way through binary floats
_DEFAULTS: dict[int, object] = {
    FieldDescriptor.TYPE_INT64: 0,
    FieldDescriptor.TYPE_DOUBLE: 1.0,
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_BOOL: False,
}


class ScorerProbeRunner:
    """Runs probes with a scorer over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._scorer = rpc.ScorerStub(channel)

    async def failures(self, table: RouteTable) -> Mapping[str, str]:
        """What is wrong, by policy: the first probe of each that does not hold."""
        asking = [policy for policy in table.policies if policy.probes or _named_routers(policy)]
        if not asking:
            return {}
        try:
            described = await self._scorer.Describe(scorer.DescribeRequest(), timeout=CALL_TIMEOUT)
            failed = {policy.id: await self._failure(policy, described) for policy in asking}
        except grpc.aio.AioRpcError as error:
            _LOG.warning("probes were not asked: %s", error.code().name.lower())
            return {}
        return {policy: message for policy, message in failed.items() if message}

    async def _failure(self, policy: Policy, described: scorer.Description) -> str:
        routers = [router.name for router in described.routers]
        missing = [name for name in _named_routers(policy) if name not in routers]
        for name in missing:
            _LOG.warning(
                "a policy's router is not in the scorer's bundle: gateways decide by failureMode",
                extra={
                    "policy": policy.id,
                    "router": name,
                    "bundle": described.versions.bundle,
                    "has": ", ".join(routers),
                },
            )
        if policy.router in missing:
            return ""
        limit = threshold(policy, described) if policy.probes else None
        if limit is None:
            return ""
        request = scorer.ScoreRequest(
            texts=[probe.prompt for probe in policy.probes], router=policy.router
        )
        reply = await self._scorer.Score(request, timeout=CALL_TIMEOUT)
        for probe, score in zip(policy.probes, reply.scores, strict=True):
            chosen = _rule_target(policy, probe) or policy.candidates[-1 if score >= limit else 0]
            if chosen != probe.expect:
                prompt = f"{probe.prompt[:MAX_PROMPT_CHARS]!r}"
                return (
                    f"{prompt}: expected {probe.expect}, decided {chosen} "
                    f"(score {score:.3f}, threshold {limit:.3f})"
                )
        return ""


def _named_routers(policy: Policy) -> list[str]:
    """The scorer's routers that the policy and its variants name."""
    own = "" if policy.HasField("judge") else policy.router
    names = [own, *(variant.router for variant in policy.variants)]
    return [name for name in dict.fromkeys(names) if name]


def threshold(policy: Policy, described: scorer.Description) -> float | None:
    """What the score is held against; None where the scorer's description does not tell."""
    objective = policy.objective
    if objective.WhichOneof("kind") == "threshold":
        return objective.threshold
    name = policy.router or described.default_router
    router = next((r for r in described.routers if r.name == name), None)
    if router is None:
        return None
    if objective.WhichOneof("kind") == "strong_share":
        return _quantile(router.calibration.quantiles, 1.0 - objective.strong_share)
    if objective.WhichOneof("kind") == "budget":
        return _quantile(router.calibration.quantiles, 1.0 - INITIAL_BUDGET_SHARE)
    if router.predicts_quality:
        return None  # then the gateway weighs qualities, and there is no threshold
    wanted = objective.quality
    return max(
        (
            c.threshold
            for c in router.calibration.retention
            if c.retention >= wanted.retention - EPSILON
            and c.confidence >= wanted.confidence - EPSILON
        ),
        default=0.0,
    )


def _quantile(values: Sequence[float], at: float) -> float | None:
    if not values:
        return None
    position = at * (len(values) - 1)
    below = min(int(position), max(len(values) - 2, 0))
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _rule_target(policy: Policy, probe: Probe) -> str:
    """The candidate of the first rule that holds; empty where none does."""
    facts = _facts(policy, probe)
    for rule in policy.rules:
        try:
            holds = cel.compile(rule.when).execute({"request": facts})
        except (KeyError, ArithmeticError, TypeError, RuntimeError, ValueError):
            continue  # as in the gateway: it does not hold
        if holds is True:
            return rule.use
    return ""


def _facts(policy: Policy, probe: Probe) -> dict[str, object]:
    """A request with the prompt as its one user turn."""
    headers = {header.name: header.value for header in policy.match.headers}
    facts = {
        field.name: headers if field.message_type else _DEFAULTS[field.type]
        for field in RequestFacts.DESCRIPTOR.fields
    }
    own = {"turns": 1, "messages": 1, "chars": len(probe.prompt), "text": probe.prompt}
    return facts | own | {"model": policy.match.models[0]}
