"""How a request ended: what it cost and saved, and which calls were paid beside its answer."""

from dataclasses import dataclass
from enum import StrEnum

from weir_gateway.domain.table import Backend
from weir_policy.ids import PicoUsd
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
    usage: Usage | None  # None where the provider told none
    paid: PicoUsd  # in all
    saved: PicoUsd  # against the last candidate; an estimate
    overhead: float  # seconds spent deciding
    duration: float  # seconds from the request's arrival to its last byte
    error: str = ""  # the code, where it did not end well
    side_costs: tuple[PricedSideCost, ...] = ()  # what of `paid` was not for the answer itself

    @property
    def paid_for_answer(self) -> PicoUsd:
        """What of `paid` was for the answer that the client got."""
        return PicoUsd(self.paid - sum(one.paid for one in self.side_costs))
