"""What one request costs beside the answer its client gets. Must not know who spends it."""

from dataclasses import dataclass
from enum import StrEnum

from weir_gateway.domain.money import PicoUsd
from weir_gateway.domain.table import Backend
from weir_wires.usage import Usage


class Beside(StrEnum):
    """What else was paid for; the same word in ledger and log."""

    HEDGE = "hedge"  # the slower of two calls for one answer
    WEAK_ANSWER = "weak_answer"  # a cascade's answer that was not accepted
    SAMPLE = "sample"  # one more answer, to see whether they agree
    LEFT = "left"  # the next model's answer, which its client did not wait for
    JUDGE = "judge"  # a model that rates a prompt or an answer


@dataclass(frozen=True, slots=True)
class Spent:
    """One call to a provider whose answer the client doesn't get."""

    backend: Backend
    usage: Usage
    what: Beside
    counted: bool = True  # by the provider; False: estimated


@dataclass(frozen=True, slots=True)
class PaidBeside:
    """The same, priced."""

    spent: Spent
    paid: PicoUsd
