"""Score a turn of an agent: how probable it is that the run fails if it goes on like this.

On recorded runs the task's text does not tell which model is needed, so the text's score only
breaks near ties, and decides while there is nothing else to go by.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from weir_agents.facts import AgentFacts
from weir_agents.scores import PRIOR, AgentWeights, stage_score
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Retention
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_gateway.routing.session.keys import acts
from weir_policy.spec.stage import PRIOR as PRIOR_NAME
from weir_policy.spec.stage import STAGE_ROUTER

TEXT_WEIGHT: Final = 0.02  # the text moves a score by at most half of it
_EVEN: Final = 0.5


class WeightsSource(Protocol):
    """The weights that a deployment has fitted, by name. Never blocks."""

    def get(self, name: str) -> AgentWeights | None:
        """None where there are none of this name."""
        ...


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """The weights for one conversation."""

    weights: AgentWeights
    name: str
    note: str = ""  # why they are not the ones that the policy names


class EvenScores:
    """A calibration to start a share from, before the policy's own scores are known."""

    fails = False

    def threshold_for_share(self, share: float) -> float | None:
        """As if all scores were equally frequent."""
        return 1.0 - share

    def threshold_for_retention(self, objective: Retention) -> float | None:
        """Nothing certifies a retention."""
        del objective
        return None


EVEN_SCORES: Final = EvenScores()


def is_agent(request: Request) -> bool:
    """Whether it is an agent's conversation, or may become one: it offers tools."""
    return acts(request.facts.agent) or request.facts.tools > 0


def score_turn(
    match: PolicyMatch,
    request: Request,
    text: Scored | ScorerUnavailable | None,
    source: WeightsSource | None,
) -> Scored | ScorerUnavailable | None:
    """The turn's score; `text` as it is for other routers, and while no tool was called.

    An agent's turn needs no scorer.
    """
    stage = match.policy.policy.stage
    if stage is None or match.threshold is not None:
        return text
    begins = isinstance(text, Scored) and not acts(request.facts.agent)
    if begins or not is_agent(request):
        return text
    weights = choose_weights(stage.weights, request.facts.agent, source).weights
    agent = stage_score(request.facts.agent, weights)
    if not isinstance(text, Scored):
        return Scored(
            agent,
            {},
            BundleVersion(""),
            STAGE_ROUTER,
            calibration=EVEN_SCORES,
            agent_score=agent,
        )
    moved = agent + TEXT_WEIGHT * (text.score - _EVEN) if request.scored_text else agent
    return replace(
        text,
        score=min(max(moved, 0.0), 1.0),
        router=STAGE_ROUTER,
        calibration=EVEN_SCORES,
        text_score=text.score if request.scored_text else None,
        agent_score=agent,
    )


def choose_weights(name: str, facts: AgentFacts, source: WeightsSource | None) -> ChosenWeights:
    """The weights of this name, or the prior where they are missing or another harness's."""
    if name == PRIOR_NAME:
        return ChosenWeights(PRIOR, PRIOR_NAME)
    found = source.get(name) if source is not None else None
    if found is None:
        return ChosenWeights(PRIOR, PRIOR_NAME, f"there are no weights {name}")
    if not found.fits(facts):
        note = f"{name} is for {found.harness}, and this is {facts.harness}"
        return ChosenWeights(PRIOR, PRIOR_NAME, note)
    return ChosenWeights(found, name)
