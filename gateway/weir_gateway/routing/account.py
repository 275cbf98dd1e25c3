"""Price a request that has ended: what it cost, and what its decision saved."""

from dataclasses import dataclass
from typing import Final, Protocol

from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.finish_gate import GateStep
from weir_gateway.domain.money import cost
from weir_gateway.domain.outcome import CostKind, Outcome, PricedSideCost, SideCost
from weir_gateway.domain.request import Request
from weir_gateway.routing.estimate import (
    SpentTokens,
    estimate_costs,
    estimate_usage,
    spent,
)
from weir_policy.ids import PicoUsd
from weir_wires.content import Usage

CLIENT_GONE: Final = "client_gone"  # the code of a request whose client hung up
REFUSED_FROM: Final = 400  # a provider that refused charges nothing
CLIENT_GONE_STATUS: Final = 499  # in accounts only: the client is not there to read it


class DecisionRecorder(Protocol):
    """Counts decisions and their outcomes. Never blocks, never raises."""

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """Count one decision, which took `seconds`."""
        ...

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """Count `decision` as the fallback for one whose model failed."""
        ...

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Count that `decision` shares the answer to an equal request that was in flight."""
        ...

    def gated(self, request: Request, decision: RouteDecision, step: GateStep) -> None:
        """Count how a finish gate let an answer come out."""
        ...

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Count the end of one request, aborted ones included."""
        ...

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        """Count the result for a weak answer; `decision` follows from it."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended, before it is priced; times in seconds."""

    status: int
    usage: Usage | None  # None if the provider reported none
    overhead: float  # time to decide
    duration: float  # from the request's arrival to its last byte
    error: str = ""  # the code; empty for a success
    side_costs: tuple[SideCost, ...] = ()  # calls other than the answer's
    written: int = 0  # tokens of the answer that `usage` may not cover, estimated
    sent: bool = True  # to a provider; False: the client left before


def outcome(request: Request, decision: RouteDecision, ending: Ending) -> Outcome:
    """Price the tokens of a request.

    `saved` is the price of the answer's tokens on the policy's last candidate, less everything
    that was paid. It is an estimate, because the other model might use other tokens, and it is
    negative if the chosen model is the more expensive one. A cached answer costs nothing.
    """
    paid = saved = PicoUsd(0)
    cached = decision.cache.response
    used = spent(request, ending.usage, ending.written) or _unreported(request, decision, ending)
    if cached is not None:
        # Nothing is paid, and the original cost is saved.
        saved = cost(decision.baseline.price, cached.usage)
    elif used is not None:
        paid = cost(decision.chosen.price, used.usage)
        saved = PicoUsd(cost(decision.baseline.price, used.usage) - paid)
    side_costs = tuple(PricedSideCost(s, cost(s.backend.price, s.usage)) for s in ending.side_costs)
    side_paid = sum(side_cost.paid for side_cost in side_costs)
    return Outcome(
        status=ending.status,
        usage=used.usage if used is not None else None,
        counted=used is not None and used.counted,
        paid=PicoUsd(paid + side_paid),
        saved=PicoUsd(saved - side_paid),
        overhead=ending.overhead,
        duration=ending.duration,
        error=ending.error,
        side_costs=side_costs,
    )


def against_budget(
    request: Request, decision: RouteDecision, outcome: Outcome
) -> tuple[PicoUsd, PicoUsd]:
    """Return what counts against the policy's budget, and the estimate to compare it with.

    The estimate is 0 if the two can't be compared. In mode Shadow the first value is the price of
    the candidate that the policy would have chosen.
    """
    if decision.intended is not None:
        intended = decision.intended.chosen.price
        used = outcome.usage
        return (PicoUsd(0) if used is None else cost(intended, used)), PicoUsd(0)
    other_price = decision.batch or decision.reason is Reason.CACHE
    if not outcome.counted or outcome.error or outcome.side_costs or other_price:
        return outcome.paid, PicoUsd(0)
    return outcome.paid, estimate_costs([decision.chosen], request)[decision.chosen.id]


def _unreported(request: Request, decision: RouteDecision, ending: Ending) -> SpentTokens | None:
    """Estimate a request that brought no answer that could be read, and no usage.

    Its provider charges for the prompt if it answered, or if the client left before it could. The
    cost of a weak answer that was buffered is among the side costs already.
    """
    if any(
        s.kind is CostKind.WEAK_ANSWER and s.backend.id == decision.chosen.id
        for s in ending.side_costs
    ):
        return None
    answered = not ending.error and ending.status < REFUSED_FROM
    left = ending.error == CLIENT_GONE and ending.sent
    if not (answered or left) or not request.wire.answers:
        return None
    return SpentTokens(estimate_usage(request), counted=False)
