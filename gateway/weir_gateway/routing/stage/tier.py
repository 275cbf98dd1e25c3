"""Which of two models goes on with an agent's conversation: up at once, down after progress.

Pure: facts, score and what is remembered in, one step out.
"""

from dataclasses import dataclass

from weir_agents.facts import AgentFacts
from weir_gateway.domain.session import AgentState
from weir_gateway.domain.stage import StageStep
from weir_gateway.routing.session.keys import edits_before, request_mark, user_wrote
from weir_gateway.routing.stage.cold_cache import Bars
from weir_policy.spec.stage import Plan

STRONG_STEPS = frozenset({StageStep.STRONG, StageStep.UP, StageStep.HOLD})


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of an agent."""

    facts: AgentFacts
    score: float
    known: AgentState | None  # None: its first request, or forgotten

    @property
    def in_order(self) -> bool:
        """False for an earlier turn than the last one; a user who starts anew there is in order."""
        if self.known is None or self.facts.turns >= self.known.turn:
            return True
        return self.facts.turns_since_user == 0

    @property
    def settled(self) -> int:
        """Turns without a failure since the strong model took over.

        A client that strips results shows no failure either: there all turns count.
        """
        if self.known is None:
            return self.facts.settled
        good = self.facts.settled if self.facts.results else self.facts.turns
        repeated = request_mark(self.facts) == self.known.request_mark
        return min(good, self.known.strong_turns + (not repeated))


def next_step(turn: Turn, bars: Bars, settled_turns: int) -> StageStep:
    """Who goes on. A turn out of order may call the strong model, and never sends it away."""
    needed = turn.score >= bars.up
    if turn.known is None:
        return StageStep.STRONG if needed else StageStep.WEAK
    if not turn.known.strong:
        return StageStep.UP if needed else StageStep.WEAK
    if needed:
        return StageStep.STRONG
    settled = turn.in_order and turn.settled >= settled_turns
    return StageStep.RETURN if settled and turn.score < bars.back else StageStep.HOLD


def plans(turn: Turn, plan: Plan) -> bool:
    """Whether the strong model plans: no edit yet, and not too many turns since the user wrote."""
    facts, known = turn.facts, turn.known
    if facts.turns_since_user >= plan.turns:
        return False
    return user_wrote(facts) or facts.edits <= (edits_before(facts, known) if known else 0)
