"""Whether a ModelBackend answers, from the calls that gateways report. Pure.

A verdict stays until gateways report otherwise: no traffic says nothing new. It is about one
generation of the resource; a new generation starts as unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from weir_operator.apply.gateways import GatewayState
from weir_operator.plan.findings import Finding

FAILING_SHARE = 0.5  # of the last minute's requests or more
CREDENTIAL = "credential"  # begins a gateway's word for a call without a credential
HEALTHY_SHARE = 0.2  # or less; in between the verdict stays what it was


class HealthReason(StrEnum):
    """Why a backend is, or isn't, healthy."""

    HEALTHY = "Healthy"
    FAILING = "Failing"
    CREDENTIAL = "CredentialFailed"
    NO_TRAFFIC = "NoTraffic"


HEALTH_MEANINGS: dict[HealthReason, str] = {
    HealthReason.HEALTHY: "The backend answers the gateways' requests.",
    HealthReason.FAILING: "At least half of the gateways' requests in a minute failed; the "
    "message says how: a status, `timeout`, `connect` and so on.",
    HealthReason.CREDENTIAL: "At least half of the gateways' requests in a minute failed, and the "
    "last one had no credential: a cloud refused the identity, its token server is away, or a "
    "secret or library is missing; the message says which.",
    HealthReason.NO_TRAFFIC: "Unknown: no gateway has called this generation of the backend yet.",
}


@dataclass(frozen=True, slots=True)
class HealthVerdict:
    """Whether a backend is healthy (None where unknown), and why."""

    holds: bool | None
    reason: HealthReason
    message: str


def judge_health(
    finding: Finding, gateways: Iterable[GatewayState], before: HealthVerdict | None
) -> HealthVerdict:
    """Judge one generation of a backend; `before` is its last verdict."""
    generation = (finding.ref.id, finding.uid, finding.generation)
    observations = [
        seen
        for standing in gateways
        for seen in standing.health
        if seen.calls and (seen.backend, seen.uid, seen.generation) == generation
    ]
    calls, failures = sum(s.calls for s in observations), sum(s.failures for s in observations)
    last_verdict = before if before is not None and before.holds is not None else None
    if not calls:
        return last_verdict or _verdict(HealthReason.NO_TRAFFIC, holds=None)
    if failures >= FAILING_SHARE * calls:
        how = next(s.last_failure for s in observations if s.failures)
        credential = how.startswith(CREDENTIAL)
        reason = HealthReason.CREDENTIAL if credential else HealthReason.FAILING
        if last_verdict is not None and last_verdict.reason is reason:
            return last_verdict  # its message too: not a write for each new way to fail
        message = f"At least half of the last minute's requests failed, the last one by: {how}"
        return HealthVerdict(holds=False, reason=reason, message=message)
    if failures > HEALTHY_SHARE * calls and last_verdict is not None:
        return last_verdict
    return _verdict(HealthReason.HEALTHY, holds=True)


def _verdict(reason: HealthReason, *, holds: bool | None) -> HealthVerdict:
    return HealthVerdict(holds, reason, HEALTH_MEANINGS[reason])
