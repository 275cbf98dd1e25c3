"""How likely an agent's run fails: while it goes on, and when it says that it is done."""

from dataclasses import dataclass

from weir_agents.facts import AgentFacts
from weir_agents.prior import PRIOR
from weir_agents.weights import AgentWeights, Head, Heads
from weir_agents.weights_file import AgentWeightsError, dump_weights, load_weights

__all__ = [
    "PRIOR",
    "AgentWeights",
    "AgentWeightsError",
    "Reason",
    "dump_weights",
    "finish_reasons",
    "finish_score",
    "load_weights",
    "stage_reasons",
    "stage_score",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """What one feature adds to a score."""

    feature: str
    logit: float  # above 0: towards failure


def stage_score(facts: AgentFacts, weights: AgentWeights = PRIOR) -> float:
    """The probability that this run fails if it goes on like this, within [0, 1]."""
    head = _heads(facts, weights).stage
    return head.score(facts) if _called(facts) else head.usual


def finish_score(facts: AgentFacts, weights: AgentWeights = PRIOR) -> float:
    """The probability that this finished run has failed, within [0, 1]."""
    head = _heads(facts, weights).finish
    return head.score(facts) if facts.turns else head.usual


def stage_reasons(facts: AgentFacts, weights: AgentWeights = PRIOR) -> list[Reason]:
    """What moved the stage score, the strongest first."""
    return _reasons(_heads(facts, weights).stage, facts) if _called(facts) else []


def finish_reasons(facts: AgentFacts, weights: AgentWeights = PRIOR) -> list[Reason]:
    """What moved the finish score, the strongest first."""
    return _reasons(_heads(facts, weights).finish, facts) if facts.turns else []


def _heads(facts: AgentFacts, weights: AgentWeights) -> Heads:
    return (weights if weights.fits(facts) else PRIOR).heads(facts)


def _reasons(head: Head, facts: AgentFacts) -> list[Reason]:
    reasons = [Reason(term.feature, term.part(facts)) for term in head.terms]
    return sorted(reasons, key=lambda reason: -abs(reason.logit))


def _called(facts: AgentFacts) -> bool:
    # Before the first call nothing is known of a run but how often runs fail.
    return facts.calls > 0 or facts.results > 0
