"""What the features of a conversation weigh, for which harness and from whose runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from typing import Final

from weir_agents.facts import AgentFacts
from weir_agents.features import FEATURES
from weir_agents.harness import UNKNOWN

ANY_HARNESS: Final = "any"
_FURTHEST: Final = 3.0  # scales that a feature counts from its centre: one odd run can't rule
_STEEPEST: Final = 30.0  # of a logit


@dataclass(frozen=True, slots=True)
class Term:
    """One feature's part of a score."""

    feature: str  # a name of FEATURES
    weight: float  # what one scale adds to the logit; above 0: towards failure
    center: float  # the feature's usual value in runs of this harness
    scale: float  # how far it usually is from there; above 0

    def part(self, facts: AgentFacts) -> float:
        """What the feature adds to the logit."""
        far = (FEATURES[self.feature](facts) - self.center) / self.scale
        return self.weight * max(-_FURTHEST, min(_FURTHEST, far))


@dataclass(frozen=True, slots=True)
class Head:
    """A probability from facts: the logistic function of a bias and the terms' sum."""

    bias: float  # the logit of the usual run
    terms: tuple[Term, ...] = ()

    def score(self, facts: AgentFacts) -> float:
        """The probability, within [0, 1]."""
        return _logistic(self.bias + sum(term.part(facts) for term in self.terms))

    @property
    def usual(self) -> float:
        """The probability for a run of which nothing is known."""
        return _logistic(self.bias)


def _logistic(logit: float) -> float:
    return 1 / (1 + exp(-max(-_STEEPEST, min(_STEEPEST, logit))))


@dataclass(frozen=True, slots=True)
class Heads:
    """The two scores' heads."""

    stage: Head  # of a run that goes on
    finish: Head  # of a run that says it is done


@dataclass(frozen=True, slots=True)
class AgentWeights:
    """Weights of both scores, for one harness."""

    harness: str  # as AgentFacts names it; ANY_HARNESS for weights of no harness
    work: Heads  # for runs whose tools are files, searches and commands
    service: Heads  # for runs whose tools are a domain's own: bookings, orders, accounts
    models: tuple[str, ...] = ()  # whose runs they were learned from
    date: str = ""  # when, as YYYY-MM-DD
    figures: Mapping[str, float] = field(default_factory=dict[str, float])

    def heads(self, facts: AgentFacts) -> Heads:
        """The heads for a conversation, by the tools that it calls most."""
        return self.service if 2 * facts.other_calls >= facts.calls else self.work

    def fits(self, facts: AgentFacts) -> bool:
        """Whether they may speak for a conversation: no fit carries between harnesses."""
        return self.harness in {ANY_HARNESS, facts.harness} or facts.harness == UNKNOWN
