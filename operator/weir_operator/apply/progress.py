"""How far each policy is: from the plan, what is published, and what the gateways said.

Pure. Must not know how statuses are written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_operator.apply.board import Board
from weir_operator.apply.gateways import Standing
from weir_operator.apply.status import PROGRAM_MEANINGS, Programmed, ProgramReason
from weir_operator.plan.findings import Finding

SHOWN = 3  # gateways that a message names


@dataclass(frozen=True, slots=True)
class Held:
    """Why the newest table is not published: the policies whose probes failed, and how."""

    failures: Mapping[str, str]  # policy's id: what went wrong


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside the plan's findings."""

    board: Board
    wanted: Mapping[str, str]  # the contents of the plan's table, published or not
    gateways: Sequence[Standing]
    held: Held | None = None
    too_large: str = ""  # why the ConfigMap holds an older table; empty where it does not


def progress_of(finding: Finding, facts: Facts) -> Programmed:
    """Where one policy is."""
    wanted = facts.wanted.get(finding.ref.id)
    running = sum(
        wanted is not None and _runs(gateway, finding.ref.id, facts) == wanted
        for gateway in facts.gateways
    )
    reason, message = _kept_out(finding, facts) or _with_gateways(finding, facts, running)
    return Programmed(
        reason is ProgramReason.PROGRAMMED,
        reason,
        (message or PROGRAM_MEANINGS[reason][1]) + _warning(reason, facts),
        running,
        len(facts.gateways),
    )


def _warning(reason: ProgramReason, facts: Facts) -> str:
    if reason is not ProgramReason.PROGRAMMED or not facts.too_large:
        return ""
    return (
        " The table is too large for the ConfigMap, so that a gateway pod that starts while no "
        "operator runs has an older one."
    )


def _runs(gateway: Standing, policy: str, facts: Facts) -> str | None:
    return (facts.board.contents(gateway.running) or {}).get(policy)


def _kept_out(finding: Finding, facts: Facts) -> tuple[ProgramReason, str] | None:
    """Why the gateways have not been given this generation; None where they have."""
    policy, held = finding.ref.id, facts.held
    if finding.problems:
        return ProgramReason.NOT_VALID, ""
    if held is not None and policy in held.failures:
        return ProgramReason.PROBE_FAILED, held.failures[policy]
    if held is not None and not _published(finding, facts):
        others = ", ".join(sorted(held.failures)[:SHOWN])
        return ProgramReason.HELD_BACK, f"Waits for the probes of {others}"
    return None


def _with_gateways(finding: Finding, facts: Facts, running: int) -> tuple[ProgramReason, str]:
    known = len(facts.gateways)
    if not known:
        return ProgramReason.NO_GATEWAYS, ""
    if running == known:
        return ProgramReason.PROGRAMMED, ""
    refused = _refusals(finding.ref.id, facts)
    if refused:
        return ProgramReason.GATEWAY_REFUSED, "; ".join(refused[:SHOWN])
    return ProgramReason.PROGRESSING, f"{running} of {known} gateways run this generation"


def _published(finding: Finding, facts: Facts) -> bool:
    current = facts.board.current
    policy = finding.ref.id
    return current is not None and current.contents.get(policy) == facts.wanted.get(policy)


def _refusals(policy: str, facts: Facts) -> list[str]:
    """What gateways said of a table with the policy as it stands now, where it concerns it."""
    return [
        f"{gateway.gateway}: {gateway.refusal.reason}"
        for gateway in facts.gateways
        if gateway.refusal
        and gateway.refusal.policy in {"", policy}
        and (facts.board.contents(gateway.refusal.version) or {}).get(policy)
        == facts.wanted.get(policy)
    ]
