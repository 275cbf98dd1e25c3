"""How far each policy is: from the plan, what is published, and what the gateways said.

Pure. Must not know how statuses are written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_operator.apply.board import Board
from weir_operator.apply.gateways import Session
from weir_operator.apply.status import PROGRAM_MEANINGS, Programmed, ProgramReason
from weir_operator.plan.findings import Finding

SHOWN = 3  # gateways that a message names


@dataclass(frozen=True, slots=True)
class Held:
    """Why the newest table is not published: the policies whose probes failed, and how."""

    failures: Mapping[str, str]  # policy's id: what went wrong


def progress_of(
    finding: Finding, board: Board, sessions: Sequence[Session], held: Held | None
) -> Programmed:
    """Where one policy is."""
    running = sum(
        board.generation_in(session.running, finding.ref.id) == finding.generation
        for session in sessions
    )
    reason, message = _kept_out(finding, board, held) or _with_gateways(
        finding, board, sessions, running
    )
    return Programmed(
        reason is ProgramReason.PROGRAMMED,
        reason,
        message or PROGRAM_MEANINGS[reason][1],
        running,
        len(sessions),
    )


def _kept_out(
    finding: Finding, board: Board, held: Held | None
) -> tuple[ProgramReason, str] | None:
    """Why the gateways have not been given this generation; None where they have."""
    policy = finding.ref.id
    if finding.problems:
        return ProgramReason.NOT_VALID, ""
    if held is not None and policy in held.failures:
        return ProgramReason.PROBE_FAILED, held.failures[policy]
    if held is not None and not _published(board, finding):
        others = ", ".join(sorted(held.failures)[:SHOWN])
        return ProgramReason.HELD_BACK, f"Waits for the probes of {others}"
    return None


def _with_gateways(
    finding: Finding, board: Board, sessions: Sequence[Session], running: int
) -> tuple[ProgramReason, str]:
    if not sessions:
        return ProgramReason.NO_GATEWAYS, ""
    if running == len(sessions):
        return ProgramReason.PROGRAMMED, ""
    refused = _refusals(finding.ref.id, board, sessions)
    if refused:
        return ProgramReason.GATEWAY_REFUSED, "; ".join(refused[:SHOWN])
    return ProgramReason.PROGRESSING, f"{running} of {len(sessions)} gateways run this generation"


def _published(board: Board, finding: Finding) -> bool:
    version = board.current.version if board.current else ""
    return board.generation_in(version, finding.ref.id) == finding.generation


def _refusals(policy: str, board: Board, sessions: Sequence[Session]) -> list[str]:
    """What gateways said of the current table, where it concerns this policy."""
    version = board.current.version if board.current else ""
    return [
        f"{session.gateway}: {session.refusal.reason}"
        for session in sessions
        if session.refusal
        and session.refusal.version == version
        and session.refusal.policy in {"", policy}
    ]
