"""Choose where the score says little: an unknown prompt, or a router that labels show to fail.

Lots are a hash of the conversation, so that all its requests and every gateway draw alike, and a
provider's prompt cache stays of use.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weir_gateway.domain.decision import Reason, Scored
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Retention, StrongShare, Threshold
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_gateway.routing.policy.variants import unit_of
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_policy.spec.objective import UnknownPrompts

_WHY: Final = {
    Reason.UNKNOWN: "a kind of prompt that the bundle hardly knows",
    Reason.NO_BETTER: "labels of own traffic show that the router does no better than lots",
}
_ALL: Final = 2.0**64


@dataclass(frozen=True, slots=True)
class Unscored:
    """A choice that the score did not make."""

    backend: Backend
    reason: Reason
    detail: str
    propensity: float = 1.0  # (0,1]: how probable it was; below 1 by lot


def choose_unscored(
    match: PolicyMatch, request: Request, servable: Sequence[Backend], scored: Scored
) -> Unscored | None:
    """Where the objective sends the prompt without its score; None where the score decides."""
    objective = match.policy.policy.objective
    if not isinstance(objective, (Threshold, StrongShare, Retention)):
        return None
    chosen = _unknown(match, request, servable, scored, objective) if scored.unknown else None
    if chosen is None and isinstance(objective, StrongShare) and scored.calibration.fails:
        return by_lot(match, request, servable, objective.share, Reason.NO_BETTER)
    return chosen


def _unknown(
    match: PolicyMatch,
    request: Request,
    servable: Sequence[Backend],
    scored: Scored,
    objective: Threshold | StrongShare | Retention,
) -> Unscored | None:
    match objective.unknown:
        case UnknownPrompts.WEAK:
            return Unscored(servable[0], Reason.UNKNOWN, _detail(scored))
        case UnknownPrompts.STRONG:
            return Unscored(servable[-1], Reason.UNKNOWN, _detail(scored))
        case UnknownPrompts.SHARE if isinstance(objective, StrongShare):
            return by_lot(match, request, servable, objective.share, Reason.UNKNOWN)
        case _:
            return None


def by_lot(
    match: PolicyMatch, request: Request, servable: Sequence[Backend], share: float, reason: Reason
) -> Unscored:
    """The last candidate for `share` of conversations, the first one for the others."""
    strong = _lot(match.policy.policy.id, unit_of(match, request)) < share
    detail = f"{_WHY[reason]}: {100 * share:g}% of conversations go to the strong model by lot"
    return Unscored(servable[-1 if strong else 0], reason, detail, share if strong else 1 - share)


def warm_instead(choice: Unscored, servable: Sequence[Backend], warm: WarmBackend) -> Unscored:
    """The backend that has the conversation in its prompt cache: a guess isn't worth leaving it."""
    for backend in servable:
        if backend.id == warm.backend and backend.id != choice.backend.id:
            detail = f"{choice.detail}; no reason to leave its warm prompt cache"
            return Unscored(backend, Reason.STICKY, detail)
    return choice


def _detail(scored: Scored) -> str:
    return f"{_WHY[Reason.UNKNOWN]} ({scored.known or 0.0:.3f})"


def _lot(policy: str, unit: str) -> float:
    """Where in [0,1) a conversation lies; independent of its variant's draw."""
    seed = f"{policy}\n{unit}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(seed, digest_size=8, person=b"weir-lot").digest()
    return int.from_bytes(digest, "big") / _ALL
