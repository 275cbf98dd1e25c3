"""A decision's line in the log: one per request that is in the sample, all of them at DEBUG.

The sample is taken by the decision's id, so that a decision is logged wherever it is seen or
nowhere.
"""

import logging
from dataclasses import dataclass

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.money import usd
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request

log = logging.getLogger(__name__)

Fields = dict[str, object]

ID_DIGITS = 8  # of the id's 32 hex digits: four billion steps are enough to sample by
MAX_TEXT_CHARS = 4096  # characters


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Writes the lines."""

    share: float = 0.01  # [0,1] of decisions that are logged at INFO
    content: bool = False  # whether the prompt's text is in the line

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """A decision, at DEBUG alone: `finished` says it again with its outcome."""
        if log.isEnabledFor(logging.DEBUG):
            fields = self._fields(request, decision)
            log.debug("decided", extra={**fields, "decision_ms": seconds * 1000})

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """A fallback, at DEBUG: the failed call has a line of its own."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("fell back", extra=self._fields(request, decision))

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Another request's answer was this one's too, at DEBUG."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("joined", extra=self._fields(request, decision))

    def cascaded(self, request: Request, decision: RouteDecision) -> None:
        """A weak answer was accepted or not, at DEBUG."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("cascaded", extra=self._fields(request, decision))

    def gated(self, request: Request, decision: RouteDecision) -> None:
        """A finished run was scored, at DEBUG."""
        if log.isEnabledFor(logging.DEBUG):
            why = decision.gate.why if decision.gate is not None else ""
            log.debug("gated", extra={**self._fields(request, decision), "gate": why})

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """How a request ended, with its decision."""
        level = logging.INFO if self._sampled(decision.id) else logging.DEBUG
        if log.isEnabledFor(level):
            fields = self._fields(request, decision)
            log.log(level, "answered", extra={**fields, **_outcome_fields(outcome)})

    def _sampled(self, id_: DecisionId) -> bool:
        return self.share >= 1 or int(id_[:ID_DIGITS], 16) < self.share * 16**ID_DIGITS

    def _fields(self, request: Request, decision: RouteDecision) -> Fields:
        fields: Fields = {
            "decision": decision.id,
            "policy": decision.policy,
            "asked": request.model,
            "model": decision.chosen.name,
            "reason": decision.label,
            "detail": decision.detail,
            "table": decision.table,
        }
        if request.key is not None:
            fields["key"] = request.key.name
        if decision.variant is not None:
            fields["variant"] = decision.variant.name
        if decision.scored is not None:
            fields |= {
                "score": decision.scored.score,
                "threshold": decision.threshold,
                "router": decision.scored.router,
                "bundle": decision.scored.bundle,
                "cached": decision.scored.cached,
            }
        if decision.intended is not None:
            fields |= {
                "intended_model": decision.intended.chosen.name,
                "intended_reason": decision.intended.label,
            }
        if self.content:
            fields["text"] = request.scored_text[:MAX_TEXT_CHARS]
        return fields


def _outcome_fields(outcome: Outcome) -> Fields:
    fields: Fields = {
        "status": outcome.status,
        "overhead_ms": outcome.overhead * 1000,
        "duration_ms": outcome.duration * 1000,
    }
    if outcome.usage is not None:
        fields |= {
            "input_tokens": outcome.usage.input,
            "output_tokens": outcome.usage.output,
            "cost_usd": usd(outcome.paid),
            "saved_usd": usd(outcome.saved),
        }
        if not outcome.counted:
            fields["estimated"] = True
    if outcome.error:
        fields["error"] = outcome.error
    return fields
