"""Plan a finish gate: whether a request's answer is looked at, and who would get the last word.

A decision by a client, a rule or the cache stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weir_agents.facts import AgentFacts
from weir_agents.scores import AgentWeights
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.finish_gate import GateStep, GateView
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.session import AgentState
from weir_gateway.domain.table import Backend, Policy
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.session.keys import acts
from weir_gateway.routing.share.ports import ShareKey
from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_gateway.routing.stage.score import EVEN_SCORES, WeightsSource, choose_weights
from weir_policy.ids import RouterName
from weir_policy.spec.backend import Capability
from weir_policy.spec.finish_gate import TO_OTHER, TO_STRONG, FinishGate, GateStreams
from weir_wires.wire import Wire

GATE_ROUTER: Final = RouterName("finish_gate")  # whose scores the bar of a share follows
# The wires on which agents talk and whose answers' calls can be read.
GATED_WIRES: Final = frozenset(
    {
        Wire.OPENAI_CHAT,
        Wire.OPENAI_RESPONSES,
        Wire.ANTHROPIC_MESSAGES,
        Wire.GOOGLE_GEMINI,
    }
)
_GATED: Final = frozenset(
    {
        Reason.SCORED,
        Reason.STAGE,
        Reason.STICKY,
        Reason.UNKNOWN,
        Reason.NO_BETTER,
        Reason.BUDGET,
        Reason.SCORER_UNAVAILABLE,
        Reason.WARMING_UP,
    }
)


@dataclass(frozen=True, slots=True)
class BarOf:
    """The weights and the bar for one conversation."""

    weights: AgentWeights
    view: GateView
    key: ShareKey | None  # where the bar follows a share


class Gates:
    """The weights and bars of all policies with a finish gate."""

    def __init__(self, weights: WeightsSource | None) -> None:
        self._weights = weights
        self._shares = ShareThresholds()

    def bar(
        self, gate: FinishGate, decision: RouteDecision, facts: AgentFacts, target: Backend
    ) -> BarOf:
        """The bar now."""
        chosen = choose_weights(gate.weights, facts, self._weights)
        bar, key = gate.bar, None
        if bar is None or gate.share is not None:
            share = gate.share or 0.0
            variant = "" if decision.variant is None else decision.variant.name
            bundle = BundleVersion(chosen.name)
            key = ShareKey(decision.policy, variant, GATE_ROUTER, bundle, share)
            bar = self._shares.threshold(key, EVEN_SCORES)
        view = GateView(target, chosen.name, 1.0 if bar is None else bar, chosen.note)
        return BarOf(chosen.weights, view, key)

    def observe(self, key: ShareKey, score: float, *, above: bool) -> None:
        """Count one finished run."""
        self._shares.observe(key, score, strong=above)


def plan_gate(
    context: RoutingContext, decision: RouteDecision, policy: Policy, gates: Gates
) -> RouteDecision:
    """`decision` with its answer looked at, or by the model that has taken over before."""
    gate, facts = policy.finish_gate, context.request.facts.agent
    if gate is None or not _takes_part(context, decision):
        return decision
    known = context.session.agent if context.session is not None else None
    over = _took_over(decision, facts, known)
    if over is not None:
        return _stays(decision, over)
    target = target_of(gate, decision.chosen, decision.servable)
    if target is None or facts.turns + 1 < gate.min_turns or not acts(facts):
        return decision
    if context.request.stream and gate.streams is GateStreams.UNSEEN:
        return decision
    if known is not None and known.gates >= gate.max_per_session:
        return decision
    view = gates.bar(gate, decision, facts, target).view
    return replace(decision, buffered=True, gate=view)


def target_of(gate: FinishGate, chosen: Backend, servable: Sequence[Backend]) -> Backend | None:
    """Who gets the last word after `chosen`; None where that is `chosen` itself, or can't serve."""
    if gate.to == TO_STRONG:
        target = servable[-1] if servable else None
    elif gate.to == TO_OTHER:
        target = next((b for b in reversed(servable) if b.id != chosen.id), None)
    else:
        target = next((b for b in servable if b.id == gate.to), None)
    return None if target is None or target.id == chosen.id else target


def _takes_part(context: RoutingContext, decision: RouteDecision) -> bool:
    request, purpose = context.request, context.purpose
    if not purpose.sees_answer or purpose is Purpose.BATCH:
        return False
    if purpose.dispatches and context.session is None:  # nothing would bound it
        return False
    if request.wire not in GATED_WIRES or request.several or Capability.STATE in request.needs:
        return False
    return decision.reason in _GATED and not decision.explored


def _took_over(
    decision: RouteDecision, facts: AgentFacts, known: AgentState | None
) -> Backend | None:
    """The model that has taken over from a finished run, until the user writes again."""
    if known is None or not known.gate_backend or facts.user_turns > known.gate_user_turns:
        return None
    return next((b for b in decision.servable if b.id == known.gate_backend), None)


def _stays(decision: RouteDecision, backend: Backend) -> RouteDecision:
    stage = decision.stage
    return replace(
        decision,
        chosen=backend,
        reason=Reason.FINISH_GATE,
        detail=str(GateStep.STAYS),
        propensity=1.0,
        stage=None if stage is None else replace(stage, strong=True),
    )
