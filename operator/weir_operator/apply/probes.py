"""Checks policies' probes with the scorer before their table is published.

Decides as a gateway does: rules first, then the score against the objective's threshold. Where the
scorer can't be reached, probes count as passed.
"""

import logging
from collections.abc import Mapping, Sequence

import cel
import grpc

from weir_operator.plan.promises import Certificate, Proofs, RouterProof
from weir_policy.facts import Facts, rule_values
from weir_policy.model_patterns import sample_model
from weir_policy.spec.objective import Objective
from weir_policy.spec.policy import Probe, RoutePolicySpec
from weir_policy.table import PolicyEntry, Table
from weir_proto.scorer.v1 import scorer_pb2 as scorer
from weir_proto.scorer.v1 import scorer_pb2_grpc as rpc

_LOG = logging.getLogger(__name__)

CALL_TIMEOUT = 10.0  # per call; a busy scorer may be slow, and no request waits for a probe
MAX_PROMPT_CHARS = 60  # characters of a prompt that a message repeats
INITIAL_BUDGET_SHARE = 0.2  # strong share that a budget's plan starts with
EPSILON = 1e-9  # tolerance for decimal shares in binary floats


class ScorerProbeRunner:
    """Runs probes with a scorer over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._scorer = rpc.ScorerStub(channel)

    async def failures(self, table: Table) -> Mapping[str, str]:
        """The first failing probe of each policy."""
        asking = [p for p in table.policies if p.spec.probes or _named_routers(p.spec)]
        if not asking:
            return {}
        try:
            described = await self._scorer.Describe(scorer.DescribeRequest(), timeout=CALL_TIMEOUT)
            failed = {policy.id: await self._failure(policy, described) for policy in asking}
        except grpc.aio.AioRpcError as error:
            _LOG.warning("probes were skipped: %s", error.code().name.lower())
            return {}
        return {policy: message for policy, message in failed.items() if message}

    async def proofs(self) -> Proofs | None:
        """What the scorer's bundle shows of each router; None where the scorer can't be reached."""
        try:
            described = await self._scorer.Describe(scorer.DescribeRequest(), timeout=CALL_TIMEOUT)
        except grpc.aio.AioRpcError:
            return None
        proofs = {router.name: _proof(router.calibration) for router in described.routers}
        default = proofs.get(described.default_router, RouterProof())
        return {**proofs, "": default, "default": default}

    async def _failure(self, entry: PolicyEntry, described: scorer.Description) -> str:
        policy, router = entry.spec, entry.spec.router.name
        routers = [known.name for known in described.routers]
        missing = [name for name in _named_routers(policy) if name not in routers]
        for name in missing:
            _LOG.warning(
                "a policy's router is not in the scorer's bundle: gateways decide by failureMode",
                extra={
                    "policy": entry.id,
                    "router": name,
                    "bundle": described.versions.bundle,
                    "has": ", ".join(routers),
                },
            )
        if router in missing:
            return ""
        limit = threshold(policy, described) if policy.probes else None
        if limit is None:
            return ""
        request = scorer.ScoreRequest(
            texts=[probe.prompt for probe in policy.probes], router=router
        )
        reply = await self._scorer.Score(request, timeout=CALL_TIMEOUT)
        for probe, score in zip(policy.probes, reply.scores, strict=True):
            chosen = (
                _rule_target(policy, probe)
                or policy.candidates[-1 if score >= limit else 0].backend
            )
            if chosen != probe.expect:
                prompt = f"{probe.prompt[:MAX_PROMPT_CHARS]!r}"
                return (
                    f"{prompt}: expected {probe.expect}, decided {chosen} "
                    f"(score {score:.3f}, threshold {limit:.3f})"
                )
        return ""


def _proof(calibration: scorer.Calibration) -> RouterProof:
    return RouterProof(
        tuple(Certificate(row.retention, row.confidence, row.own) for row in calibration.retention),
        calibration.evidence.labels,
        calibration.evidence.over_lots.value,
    )


def _named_routers(policy: RoutePolicySpec) -> list[str]:
    """The scorer's routers that the policy and its variants name."""
    own = "" if policy.router.judge else policy.router.name
    names = [own, *(variant.router.name for variant in policy.variants if variant.router)]
    return [name for name in dict.fromkeys(names) if name]


def threshold(policy: RoutePolicySpec, described: scorer.Description) -> float | None:
    """The score from which a prompt goes to the strong model.

    None where the scorer's description doesn't say.
    """
    objective = policy.objective
    if objective is None:
        return None
    if objective.threshold is not None:
        return objective.threshold
    if objective.value is not None:
        return None  # the gateway compares predicted qualities
    name = policy.router.name or described.default_router
    router = next((r for r in described.routers if r.name == name), None)
    return _calibrated(objective, router) if router else None


def _calibrated(objective: Objective, router: scorer.RouterDescription) -> float | None:
    """The threshold by the router's calibration."""
    if objective.strong_share is not None:
        return _quantile(router.calibration.quantiles, 1.0 - objective.strong_share)
    if objective.quality is None:
        return _quantile(router.calibration.quantiles, 1.0 - INITIAL_BUDGET_SHARE)
    if router.predicts_quality:
        return None  # the gateway compares predicted qualities: there is no threshold
    wanted = objective.quality
    enough = [
        c
        for c in router.calibration.retention
        if c.retention >= wanted.retention - EPSILON and c.confidence >= wanted.confidence - EPSILON
    ]
    own = [c for c in enough if c.own]  # labels of own traffic go before the bundle's exams
    return max((c.threshold for c in own or enough), default=0.0)


def _quantile(values: Sequence[float], at: float) -> float | None:
    if not values:
        return None
    position = at * (len(values) - 1)
    below = min(int(position), max(len(values) - 2, 0))
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _rule_target(policy: RoutePolicySpec, probe: Probe) -> str:
    """The candidate of the first rule that holds; empty where none does."""
    facts = _facts(policy, probe)
    for rule in policy.rules:
        try:
            holds = cel.compile(rule.when).execute({"request": facts})
        except (KeyError, ArithmeticError, TypeError, RuntimeError, ValueError):
            continue  # the gateway too treats a failing condition as false
        if holds is True:
            return rule.use
    return ""


def _facts(policy: RoutePolicySpec, probe: Probe) -> dict[str, object]:
    """A request with the prompt as its one user turn."""
    facts = Facts(
        model=sample_model(policy.match.models[0]),
        stream=False,
        turns=1,
        messages=1,
        chars=len(probe.prompt),
        tools=0,
        images=0,
        json_schema=False,
        max_tokens=0,
        temperature=1.0,
        user="",
        headers={header.name: header.value for header in policy.match.headers},
        text=probe.prompt,
    )
    return rule_values(facts)
