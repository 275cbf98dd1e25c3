"""Price a request that has ended: what it cost, and what its decision saved."""

from dataclasses import dataclass
from typing import Final, Protocol

from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.money import cost
from weir_gateway.domain.outcome import CostKind, Outcome, PricedSideCost, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.routing.estimate import estimate_costs, streamed_usage
from weir_policy.ids import PicoUsd
from weir_wires.content import Usage

CLIENT_GONE: Final = "client_gone"  # the code of a request whose client hung up


class DecisionRecorder(Protocol):
    """Where decisions and their outcomes are counted. Never blocks, never raises."""

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """Count one decision that took `seconds`."""
        ...

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """Count that `decision` took the place of one whose model failed."""
        ...

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Count that the answer to the same request, which was under way, is `decision`'s too."""
        ...

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Count one request's end, an aborted one too."""
        ...

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        """Count how a weak answer came out, and that `decision` follows from it."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended, as the rim saw it; times in seconds."""

    status: int
    usage: Usage | None  # None where the provider told none
    overhead: float  # spent deciding
    duration: float  # from the request's arrival to its last byte
    error: str = ""  # the code, where it did not end well
    side_costs: tuple[SideCost, ...] = ()  # beside the answer
    pieces: int = 0  # events of a stream that passed; 0 of a whole answer
    sent: bool = True  # to a provider; False: it left before


def outcome(request: Request, decision: RouteDecision, ending: Ending) -> Outcome:
    """Price what was used.

    `saved` is what the answer's tokens would have cost on the policy's last candidate, less all
    that was paid. An estimate: the other model might have used other tokens. Negative where the
    chosen one is the dearer. An answer that is given again costs nothing.
    """
    paid = saved = PicoUsd(0)
    cached = decision.cache.response
    used = (
        ending.usage or streamed_usage(request, ending.pieces) or _left(request, decision, ending)
    )
    if cached is not None:  # nothing was paid, and all of what it once took is saved
        used, saved = None, cost(decision.baseline.price, cached.usage)
    if used is not None:
        paid = cost(decision.chosen.price, used)
        saved = PicoUsd(cost(decision.baseline.price, used) - paid)
    beside = tuple(PricedSideCost(s, cost(s.backend.price, s.usage)) for s in ending.side_costs)
    more = sum(one.paid for one in beside)
    return Outcome(
        status=ending.status,
        usage=ending.usage,
        paid=PicoUsd(paid + more),
        saved=PicoUsd(saved - more),
        overhead=ending.overhead,
        duration=ending.duration,
        error=ending.error,
        side_costs=beside,
    )


def against_budget(
    request: Request, decision: RouteDecision, outcome: Outcome
) -> tuple[PicoUsd, PicoUsd]:
    """What counts against the policy's budget, and what was estimated where both can be compared.

    In mode Shadow what the intended candidate would have cost.
    """
    if decision.intended is not None:
        intended = decision.intended.chosen.price
        used = outcome.usage
        return (PicoUsd(0) if used is None else cost(intended, used)), PicoUsd(0)
    other_price = decision.batch or decision.reason is Reason.CACHE
    if outcome.usage is None or outcome.error or outcome.side_costs or other_price:
        return outcome.paid, PicoUsd(0)
    return outcome.paid, estimate_costs([decision.chosen], request)[decision.chosen.id]


def _left(request: Request, decision: RouteDecision, ending: Ending) -> Usage | None:
    """What a client left before its answer was whole: the prompt was on its way, or read.

    Nobody knows how much of the answer was written. What is known of it already, a weak answer
    that was held, stands beside it.
    """
    if any(
        s.kind is CostKind.WEAK_ANSWER and s.backend.id == decision.chosen.id
        for s in ending.side_costs
    ):
        return None
    if ending.error != CLIENT_GONE or not ending.sent or not request.wire.answers:
        return None
    return Usage(input=request.prompt_tokens * 3 // 4, output=0)
