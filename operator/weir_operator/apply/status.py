"""A resource's status, from the plan and the gateways. Pure: the same facts give the same status.

`lastTransitionTime` changes only when a condition's status does.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import cast

from weir_operator.apply.cluster import JsonObject
from weir_operator.apply.gateways import GatewayState
from weir_operator.apply.health import HealthReason, HealthVerdict, judge_health
from weir_operator.apply.usage import Tally, tally_fields
from weir_operator.plan.findings import PRICE_DAYS, Condition, Finding, PriceOrigin, Verdict

HEALTHY = "Healthy"  # the condition
PRICED = "Priced"  # the condition
PROVEN = "Proven"  # the condition; only of a policy whose objective promises something
DATE_CHARS = 10  # of RFC 3339


class PriceReason(StrEnum):
    """Whether a backend has a price, and whether it is a recent one."""

    PRICED = "Priced"
    NO_PRICE = "NoPrice"
    PRICE_OLD = "PriceOld"


PRICE_MEANINGS: dict[PriceReason, str] = {
    PriceReason.PRICED: "The backend has a price, its own or the catalog's.",
    PriceReason.NO_PRICE: "Neither `price` nor `catalog` is written, so requests cost nothing in "
    "ledger, budgets and savings. For a model that is free write a price of 0.",
    PriceReason.PRICE_OLD: f"Unknown: the catalog's price was last read over {PRICE_DAYS} "
    "days ago.",
}


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
    """The `Programmed` condition of a policy, and how many gateways run it."""

    holds: bool
    reason: ProgramReason
    message: str
    running: int
    gateways: int


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition without its time and generation."""

    type: str
    holds: bool | None  # None: unknown
    reason: str
    message: str


def status_of(
    finding: Finding, programmed: Programmed, tally: Tally, before: JsonObject, now: str
) -> dict[str, object]:
    """The status of a policy; `before` is its current status, `now` is RFC 3339."""
    conditions = [_of_verdict(finding.verdict(condition)) for condition in Condition]
    conditions.append(
        _Condition("Programmed", programmed.holds, str(programmed.reason), programmed.message)
    )
    conditions.append(_ready(conditions))
    if finding.promise is not None:
        promise = finding.promise
        conditions.append(_Condition(PROVEN, promise.holds, str(promise.reason), promise.message))
    return {
        "conditions": _with_times(conditions, finding.generation, before, now),
        "programmed": f"{programmed.running}/{programmed.gateways}",
        **tally_fields(tally),
    }


def backend_status_of(
    finding: Finding, gateways: Iterable[GatewayState], before: JsonObject, now: str
) -> dict[str, object]:
    """The status of a backend; `before` is its current status, `now` is RFC 3339."""
    conditions = [_of_verdict(finding.verdict(condition)) for condition in Condition]
    health = judge_health(finding, gateways, _last_health(before, finding.generation))
    conditions.append(_Condition(HEALTHY, health.holds, str(health.reason), health.message))
    conditions.append(_priced(finding.price, now))
    return {"conditions": _with_times(conditions, finding.generation, before, now)}


def _priced(price: PriceOrigin | None, now: str) -> _Condition:
    if price is None:  # the resource can't be read
        return _Condition(PRICED, None, str(PriceReason.NO_PRICE), "The spec has mistakes.")
    today = date.fromisoformat(now[:DATE_CHARS])
    warning = price.warning((today - timedelta(days=PRICE_DAYS)).isoformat())
    if warning is not None:
        reason = PriceReason.PRICE_OLD if price.known else PriceReason.NO_PRICE
        return _Condition(PRICED, None if price.known else False, reason, str(warning))
    where = f"catalog's of {price.catalog}, read on {price.checked}" if price.catalog else "spec's"
    message = f"The price is the {where}."
    return _Condition(PRICED, holds=True, reason=PriceReason.PRICED, message=message)


def _last_health(status: JsonObject, generation: int) -> HealthVerdict | None:
    """The last verdict on this generation."""
    condition = conditions_in(status).get(HEALTHY, {})
    holds = {"True": True, "False": False}.get(str(condition.get("status")))
    reason = str(condition.get("reason"))
    if condition.get("observedGeneration") != generation or reason not in set(HealthReason):
        return None
    return HealthVerdict(holds, HealthReason(reason), str(condition.get("message")))


def conditions_in(status: JsonObject) -> dict[str, JsonObject]:
    """The conditions that a status holds, by type."""
    listed = status.get("conditions")
    if not isinstance(listed, list):
        return {}
    wires = [cast("JsonObject", c) for c in cast("list[object]", listed) if isinstance(c, dict)]
    return {str(wire.get("type")): wire for wire in wires}


def _of_verdict(verdict: Verdict) -> _Condition:
    return _Condition(str(verdict.condition), verdict.holds, str(verdict.reason), verdict.message)


def _ready(conditions: Iterable[_Condition]) -> _Condition:
    for condition in conditions:
        if not condition.holds:
            return _Condition(
                "Ready", holds=False, reason=condition.reason, message=condition.message
            )
    meaning = PROGRAM_MEANINGS[ProgramReason.READY][1]
    return _Condition("Ready", holds=True, reason=str(ProgramReason.READY), message=meaning)


def _with_times(
    conditions: Iterable[_Condition], generation: int, before: JsonObject, now: str
) -> list[JsonObject]:
    known = conditions_in(before)
    return [
        _to_json(condition, generation, known.get(condition.type), now) for condition in conditions
    ]


def _to_json(
    condition: _Condition, generation: int, before: JsonObject | None, now: str
) -> JsonObject:
    status = "Unknown" if condition.holds is None else str(condition.holds)
    same = before is not None and before.get("status") == status
    return {
        "type": condition.type,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else now,
        "reason": condition.reason,
        "message": condition.message,
    }
