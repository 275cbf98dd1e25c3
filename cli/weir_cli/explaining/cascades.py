"""What a policy's cascade would do with an answer, in words. Must not know how it is drawn."""

from weir_gateway.domain.cascade import Cascade
from weir_gateway.domain.decision import Reason, RouteDecision

_OURS = {Reason.SCORED, Reason.CASCADE_ACCEPTED, Reason.CASCADE_ESCALATED}


def cascade(value: Cascade | None, decision: RouteDecision) -> str:
    """What becomes of the answer in the policy's cascade."""
    if value is None:
        return ""
    if not decision.held:
        told = decision.detail if decision.reason in _OURS else ""
        return f"nobody looks at this answer: {told or decision.label}"
    asked = f"{value.accept:g}"
    ways = [
        f"check {value.check}" if value.check is not None else "",
        f"{value.samples} samples agree by {asked}" if value.samples > 1 else "",
        f"{named(value.judge.backend)} is sure by {asked}" if value.judge is not None else "",
    ]
    accepted = ", ".join(way for way in ways if way)
    return f"given where {accepted}; else {decision.servable[1].name} answers"


def named(backend: str) -> str:
    """A backend without its namespace."""
    return backend.partition("/")[2]
