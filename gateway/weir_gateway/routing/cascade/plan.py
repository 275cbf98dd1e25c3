"""Plan a cascade: which candidate answers first, and whether its answer is inspected.

A decision by a client, a rule or the cache stands, as does one without an alternative.
"""

from dataclasses import replace

from weir_gateway.domain.decision import UNSCORED, Reason, RouteDecision
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.context import RoutingContext
from weir_policy.spec.backend import Capability
from weir_policy.spec.cascade import Cascade, StreamHandling
from weir_wires.wire import Wire

INSPECTED_WIRES = frozenset(
    {
        Wire.OPENAI_CHAT,
        Wire.OPENAI_RESPONSES,
        Wire.OPENAI_COMPLETIONS,
        Wire.ANTHROPIC_MESSAGES,
        Wire.GOOGLE_GEMINI,
    }
)  # the wires whose answers have words


def plan_cascade(
    context: RoutingContext, decision: RouteDecision, cascade: Cascade
) -> RouteDecision:
    """`decision` with the weakest candidate that can serve before the others."""
    request = context.request
    if cascade.inspects_answer and not context.purpose.sees_answer:
        return decision
    if not _takes_part(request, decision, cascade):
        return decision
    score = decision.scored.score if decision.scored is not None else None
    if score is not None and cascade.skip_above is not None and score >= cascade.skip_above:
        return _straight(decision, decision.servable[-1], cascade, "too hard for the weakest")
    if request.stream and cascade.inspects_answer and cascade.streams is not StreamHandling.HOLD:
        first = cascade.streams is StreamHandling.WEAK
        chosen = decision.servable[0] if first else decision.servable[-1]
        return _straight(decision, chosen, cascade, f"streams: {cascade.streams}")
    if not cascade.inspects_answer:
        return _by_confidence(decision, cascade, 1.0 - (score or 0.0))
    first_one = _straight(decision, decision.servable[0], cascade, "answers first")
    return replace(first_one, buffered=True)


def _takes_part(request: Request, decision: RouteDecision, cascade: Cascade) -> bool:
    several = (
        request.several and cascade.inspects_answer
    )  # a look at one says nothing of the others
    if several or request.wire not in INSPECTED_WIRES or Capability.STATE in request.needs:
        return False
    if len(decision.servable) < 2 or decision.explored:  # noqa: PLR2004 - one to escalate to
        return False
    weakest = decision.chosen.id == decision.servable[0].id
    match decision.reason:
        case Reason.SCORED:
            return True
        case Reason.STICKY:  # a warm prompt cache elsewhere is worth more
            return weakest
        case (
            Reason.SCORER_UNAVAILABLE | Reason.WARMING_UP | Reason.UNKNOWN | Reason.NO_BETTER
        ):  # the strong one where the policy says so
            return weakest and cascade.inspects_answer
        case _:
            return False


def _straight(
    decision: RouteDecision, chosen: Backend, cascade: Cascade, detail: str
) -> RouteDecision:
    if decision.reason in UNSCORED:
        detail = f"{decision.detail}; {detail}"
    return replace(decision, chosen=chosen, threshold=cascade.skip_above, detail=detail)


def _by_confidence(decision: RouteDecision, cascade: Cascade, confidence: float) -> RouteDecision:
    """Known before anything is sent, so an answer that would not be accepted is not paid for."""
    good = confidence >= cascade.accept
    return replace(
        decision,
        chosen=decision.servable[0 if good else 1],
        reason=Reason.CASCADE_ACCEPTED if good else Reason.CASCADE_ESCALATED,
        threshold=1.0 - cascade.accept,
        detail=f"the router's confidence is {confidence:.2f}, and {cascade.accept:.2f} is asked",
    )
