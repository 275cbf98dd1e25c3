"""The price of a cold prompt cache, in the score at which an agent changes its model.

A change is paid for once and lasts for the turns that follow, so its price is spread over them. The
score moves in proportion to what a turn then costs more, and never more than half of the way.
"""

from dataclasses import dataclass
from typing import Final

from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.session import AgentState
from weir_gateway.domain.table import Backend
from weir_gateway.routing.estimate import LEAST_CACHED, expected_output
from weir_policy.ids import PicoUsd
from weir_policy.spec.stage import Stage
from weir_wires.content import Usage

TURNS_AHEAD: Final = 20  # turns that a change lasts: half of a recorded run's median of 40
WARM_SECONDS: Final = 300.0  # providers keep a prompt's beginning for about five minutes
RETURN_SHARE: Final = 0.75  # of the threshold, where the policy doesn't say `returnBelow`
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Bars:
    """The scores at which an agent changes its model."""

    up: float  # at or above it the strong model takes over
    back: float  # below it the weak one does


@dataclass(frozen=True, slots=True)
class Pair:
    """The two models of a policy, for one request."""

    weak: Backend
    strong: Backend
    request: Request


def bars_of(
    threshold: float, stage: Stage, pair: Pair, known: AgentState | None, now: float
) -> Bars:
    """The scores for this turn; `threshold` is the objective's."""
    plain = RETURN_SHARE * threshold if stage.return_below is None else stage.return_below
    back = min(plain, threshold)
    if known is None or now - known.seen > WARM_SECONDS:
        return Bars(threshold, back)
    factor = 1.0 + _added_share(pair, known)
    if known.backend == pair.weak.id:
        return Bars(max(min(threshold * factor, (1 + threshold) * _HALF), threshold), back)
    if known.backend == pair.strong.id:
        return Bars(threshold, max(back * max(2.0 - factor, 0.0), back * _HALF))
    return Bars(threshold, back)


def _added_share(pair: Pair, known: AgentState) -> float:
    """What the other model's cold cache adds to the price difference of a turn, as a share."""
    cached = min(known.tokens, pair.request.prompt_tokens)
    if cached < LEAST_CACHED:
        return 0.0
    cold = pair.strong if known.backend == pair.weak.id else pair.weak
    once = _cost(cold, pair.request, 0) - _cost(cold, pair.request, cached)
    each = _cost(pair.strong, pair.request, cached) - _cost(pair.weak, pair.request, cached)
    return max(once, 0) / (TURNS_AHEAD * each) if each > 0 else 0.0


def _cost(backend: Backend, request: Request, cached: int) -> PicoUsd:
    usage = Usage(input=request.prompt_tokens, output=expected_output(request), cached_input=cached)
    return cost(backend.price, usage)
