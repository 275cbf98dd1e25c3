"""How far each policy is rolled out: from the plan, the published table and the gateways. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_operator.apply.gateways import GatewayState
from weir_operator.apply.status import PROGRAM_MEANINGS, Programmed, ProgramReason
from weir_operator.apply.table_publisher import TablePublisher
from weir_operator.plan.findings import Finding

MAX_NAMED = 3  # gateways that a message names


@dataclass(frozen=True, slots=True)
class BlockedTable:
    """Why the newest table is not published: the policies whose probes failed, and how."""

    failures: Mapping[str, str]  # policy's id: what went wrong


@dataclass(frozen=True, slots=True)
class RolloutState:
    """The facts that a policy's progress depends on, beside the plan's findings."""

    publisher: TablePublisher
    planned: Mapping[str, str]  # the contents of the plan's table, published or not
    gateways: Sequence[GatewayState]
    blocked: BlockedTable | None = None
    too_large: str = ""  # why the ConfigMap holds an older table; empty where it does not


def progress_of(finding: Finding, facts: RolloutState) -> Programmed:
    """How far one policy is rolled out."""
    planned = facts.planned.get(finding.ref.id)
    running = sum(
        planned is not None and _running_contents(gateway, finding.ref.id, facts) == planned
        for gateway in facts.gateways
    )
    reason, message = _not_published(finding, facts) or _rollout(finding, facts, running)
    return Programmed(
        reason is ProgramReason.PROGRAMMED,
        reason,
        (message or PROGRAM_MEANINGS[reason][1]) + _warning(reason, facts),
        running,
        len(facts.gateways),
    )


def _warning(reason: ProgramReason, facts: RolloutState) -> str:
    if reason is not ProgramReason.PROGRAMMED or not facts.too_large:
        return ""
    return (
        " The table is too large for the ConfigMap, so that a gateway pod that starts while no "
        "operator runs has an older one."
    )


def _running_contents(gateway: GatewayState, policy: str, facts: RolloutState) -> str | None:
    if any(refusal.policy == policy for refusal in gateway.refused):
        return None
    return (facts.publisher.contents(gateway.running) or {}).get(policy)


def _not_published(finding: Finding, facts: RolloutState) -> tuple[ProgramReason, str] | None:
    """Why this generation is not published; None where it is."""
    policy, blocked = finding.ref.id, facts.blocked
    if finding.problems:
        return ProgramReason.NOT_VALID, ""
    if blocked is not None and policy in blocked.failures:
        return ProgramReason.PROBE_FAILED, blocked.failures[policy]
    if blocked is not None and not _published(finding, facts):
        others = ", ".join(sorted(blocked.failures)[:MAX_NAMED])
        return ProgramReason.HELD_BACK, f"Waits for the probes of {others}"
    return None


def _rollout(finding: Finding, facts: RolloutState, running: int) -> tuple[ProgramReason, str]:
    connected = len(facts.gateways)
    if not connected:
        return ProgramReason.NO_GATEWAYS, ""
    if running == connected:
        return ProgramReason.PROGRAMMED, ""
    refused = _refusals(finding.ref.id, facts)
    if refused:
        return ProgramReason.GATEWAY_REFUSED, "; ".join(refused[:MAX_NAMED])
    return ProgramReason.PROGRESSING, f"{running} of {connected} gateways run this generation"


def _published(finding: Finding, facts: RolloutState) -> bool:
    current = facts.publisher.current
    policy = finding.ref.id
    return current is not None and current.contents.get(policy) == facts.planned.get(policy)


def _refusals(policy: str, facts: RolloutState) -> list[str]:
    """The reasons of gateways that refused a table with the policy's current contents."""
    return [
        f"{gateway.gateway}: {refusal.reason}"
        for gateway in facts.gateways
        for refusal in (gateway.refusal, *gateway.refused)
        if refusal
        and refusal.policy in {"", policy}
        and (facts.publisher.contents(refusal.version) or {}).get(policy)
        == facts.planned.get(policy)
    ]
