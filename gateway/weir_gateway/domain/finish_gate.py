"""A finish gate's look at one request: for explain, header, log and metric."""

from dataclasses import dataclass
from enum import StrEnum

from weir_gateway.domain.table import Backend


class GateStep(StrEnum):
    """How an answer came out; the same word in the reason `finish_gate:<word>` and the metric."""

    ACCEPTED = "accepted"  # the run has ended, and its score is below the bar
    ESCALATED = "escalated"  # another model gets the last word
    STAYS = "stays"  # the model that took over goes on until the user writes again
    CEILING = "ceiling"  # it may cost no more in this session
    GOES_ON = "goes_on"  # the answer does not end the run
    UNJUDGED = "unjudged"  # the answer was too long to hold, or can't be read


@dataclass(frozen=True, slots=True)
class GateView:
    """What the gate is about to do with an answer, or did."""

    target: Backend  # that gets the last word
    weights: str  # the name of the score's weights
    bar: float  # from this score on
    weights_note: str = ""  # why other weights are used than the policy names
    score: float | None = None  # how probable it is that the finished run has failed
    why: str = ""
