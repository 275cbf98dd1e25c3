"""What a resource's status should say. Pure: the same facts give the same status.

`lastTransitionTime` changes with a condition's status and with nothing else. Must not know how a
status is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from weir_operator.apply.cluster import Wire
from weir_operator.apply.gateways import Standing
from weir_operator.apply.health import HealthReason, Healthy, health_in
from weir_operator.apply.usage import Tally, tally_fields
from weir_operator.plan.findings import Condition, Finding, Verdict

HEALTHY = "Healthy"  # the condition


class ProgramReason(StrEnum):
    """Why a policy is, or isn't, what the gateways run; and `Pending` before anything is known."""

    PENDING = "Pending"
    PROGRAMMED = "Programmed"
    PROGRESSING = "Progressing"
    NO_GATEWAYS = "NoGateways"
    NOT_VALID = "NotValid"
    PROBE_FAILED = "ProbeFailed"
    HELD_BACK = "HeldBack"
    GATEWAY_REFUSED = "GatewayRefused"
    READY = "Ready"


PROGRAM_MEANINGS: dict[ProgramReason, tuple[str, str]] = {
    ProgramReason.PENDING: ("all", "The operator has not looked at the resource yet."),
    ProgramReason.PROGRAMMED: (
        "Programmed",
        "Every gateway runs this generation of the policy and of its backends.",
    ),
    ProgramReason.PROGRESSING: (
        "Programmed",
        "Some gateways do not run this generation yet; the message says how many do.",
    ),
    ProgramReason.NO_GATEWAYS: (
        "Programmed",
        "No gateway is connected to any replica of the operator.",
    ),
    ProgramReason.NOT_VALID: (
        "Programmed",
        "The policy is left out of the table: see Accepted and ResolvedRefs.",
    ),
    ProgramReason.PROBE_FAILED: (
        "Programmed",
        "A probe of this policy does not hold; the last good table stays.",
    ),
    ProgramReason.HELD_BACK: (
        "Programmed",
        "Another policy's probe does not hold, so the table with this generation waits.",
    ),
    ProgramReason.GATEWAY_REFUSED: (
        "Programmed",
        "A gateway refused the table and runs its last good one; the message has its words.",
    ),
    ProgramReason.READY: ("Ready", "Accepted, resolved and programmed."),
}


@dataclass(frozen=True, slots=True)
class Programmed:
    """How far a policy is with the gateways."""

    holds: bool
    reason: ProgramReason
    message: str
    running: int
    gateways: int


@dataclass(frozen=True, slots=True)
class _Told:
    """One condition before it has a time."""

    type: str
    holds: bool | None  # None: unknown
    reason: str
    message: str


def status_of(
    finding: Finding, programmed: Programmed, tally: Tally, before: Wire, now: str
) -> dict[str, object]:
    """The status of a policy; `before` is what it says now, `now` is RFC 3339."""
    told = [_of_verdict(finding.verdict(condition)) for condition in Condition]
    told.append(_Told("Programmed", programmed.holds, str(programmed.reason), programmed.message))
    told.append(_ready(told))
    return {
        "conditions": _timed(told, finding.generation, before, now),
        "programmed": f"{programmed.running}/{programmed.gateways}",
        **tally_fields(tally),
    }


def backend_status_of(
    finding: Finding, gateways: Iterable[Standing], before: Wire, now: str
) -> dict[str, object]:
    """The status of a backend; `before` is what it says now, `now` is RFC 3339."""
    told = [_of_verdict(finding.verdict(condition)) for condition in Condition]
    health = health_in(finding, gateways, _last_health(before, finding.generation))
    told.append(_Told(HEALTHY, health.holds, str(health.reason), health.message))
    return {"conditions": _timed(told, finding.generation, before, now)}


def _last_health(status: Wire, generation: int) -> Healthy | None:
    """The last verdict on this generation."""
    condition = conditions_in(status).get(HEALTHY, {})
    holds = {"True": True, "False": False}.get(str(condition.get("status")))
    reason = str(condition.get("reason"))
    if condition.get("observedGeneration") != generation or reason not in set(HealthReason):
        return None
    return Healthy(holds, HealthReason(reason), str(condition.get("message")))


def conditions_in(status: Wire) -> dict[str, Wire]:
    """The conditions that a status holds, by type."""
    listed = status.get("conditions")
    if not isinstance(listed, list):
        return {}
    wires = [cast("Wire", c) for c in cast("list[object]", listed) if isinstance(c, dict)]
    return {str(wire.get("type")): wire for wire in wires}


def _of_verdict(verdict: Verdict) -> _Told:
    return _Told(str(verdict.condition), verdict.holds, str(verdict.reason), verdict.message)


def _ready(told: Iterable[_Told]) -> _Told:
    for condition in told:
        if not condition.holds:
            return _Told("Ready", holds=False, reason=condition.reason, message=condition.message)
    meaning = PROGRAM_MEANINGS[ProgramReason.READY][1]
    return _Told("Ready", holds=True, reason=str(ProgramReason.READY), message=meaning)


def _timed(told: Iterable[_Told], generation: int, before: Wire, now: str) -> list[Wire]:
    known = conditions_in(before)
    return [_condition(condition, generation, known.get(condition.type), now) for condition in told]


def _condition(told: _Told, generation: int, before: Wire | None, now: str) -> Wire:
    status = "Unknown" if told.holds is None else str(told.holds)
    same = before is not None and before.get("status") == status
    return {
        "type": told.type,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else now,
        "reason": told.reason,
        "message": told.message,
    }
