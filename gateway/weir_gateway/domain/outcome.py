"""How a request ended: what it cost and saved, its side costs, and the feedback on its answer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from weir_gateway.domain.ids import DecisionId, KeyName
from weir_gateway.domain.table import Backend
from weir_policy.ids import ModelName, PicoUsd, PolicyId
from weir_wires.content import Usage


class CostKind(StrEnum):
    """What else was paid for; the same word in ledger and log."""

    HEDGE = "hedge"  # the slower of two calls for one answer
    WEAK_ANSWER = "weak_answer"  # a cascade's answer that was not accepted
    SAMPLE = "sample"  # one more answer, to see whether they agree
    LEFT = "left"  # the next model's answer, which its client did not wait for
    JUDGE = "judge"  # a model that rates a prompt or an answer


@dataclass(frozen=True, slots=True)
class SideCost:
    """One call to a provider whose answer the client doesn't get."""

    backend: Backend
    usage: Usage
    kind: CostKind
    counted: bool = True  # by the provider; False: estimated


@dataclass(frozen=True, slots=True)
class PricedSideCost:
    """The same, priced."""

    side_cost: SideCost
    paid: PicoUsd


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a dispatched request ended: what was paid, what was saved, how long it took."""

    status: int
    usage: Usage | None  # None where there is nothing to pay for
    paid: PicoUsd  # in all
    saved: PicoUsd  # against the last candidate; an estimate
    overhead: float  # seconds spent deciding
    duration: float  # seconds from the request's arrival to its last byte
    error: str = ""  # the code, where it did not end well
    counted: bool = True  # whether the provider told `usage`; False: estimated, or there is none
    side_costs: tuple[PricedSideCost, ...] = ()  # what of `paid` was not for the answer itself

    @property
    def paid_for_answer(self) -> PicoUsd:
        """What of `paid` was for the answer that the client got."""
        return PicoUsd(self.paid - sum(one.paid for one in self.side_costs))


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
