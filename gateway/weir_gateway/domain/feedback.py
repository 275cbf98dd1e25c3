"""What a client says about an answer it got. Must not know how it is kept."""

from dataclasses import dataclass
from typing import Final

from weir_gateway.domain.ids import DecisionId, KeyName
from weir_policy.ids import ModelName, PolicyId

MAX_COMMENT: Final = 4_000  # characters


@dataclass(frozen=True, slots=True)
class Feedback:
    """One client's word on one decision: a score, or which model's answer it preferred."""

    decision: DecisionId
    score: float | None  # [0,1]; None where a model is preferred
    preferred: ModelName | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class RatedDecision:
    """What must be known of a decision to take feedback for it."""

    key: KeyName  # whose it is; empty where the gateway asks for no keys
    policy: PolicyId
    model: ModelName  # that answered, or will
    candidates: tuple[ModelName, ...]  # that may be preferred
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class AcceptedFeedback:
    """Feedback that is kept."""

    decided: RatedDecision
    replaced: bool  # whether the same key had said something before
