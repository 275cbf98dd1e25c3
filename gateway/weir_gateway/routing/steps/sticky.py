"""Keep a conversation on the model whose provider has its beginning in the prompt cache.

Leaving a warm cache means paying for the beginning in full elsewhere. A threshold t says what
quality is worth: at a score of t the strong model's price is just met. So the threshold moves in
proportion to the price difference that this request faces with the warm cache counted, and a
conversation changes its model only if the expected gain exceeds that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.estimate import LEAST_CACHED, expected_output
from weir_policy.ids import BackendId, PicoUsd
from weir_wires.content import Usage


@dataclass(frozen=True, slots=True)
class WarmBackend:
    """Which backend has served a conversation last, and about how many tokens of it."""

    backend: BackendId
    tokens: int


class Sessions(Protocol):
    """Which backend has served a conversation last; bounded, forgets the oldest."""

    def get(self, session: str) -> WarmBackend | None:
        """Who has its beginning cached; None where that is not known or too long ago."""
        ...

    def put(self, session: str, warm: WarmBackend, seconds: float) -> None:
        """Remember it for `seconds`."""
        ...


def adjusted_threshold(
    plain: float, servable: Sequence[Backend], request: Request, warm: WarmBackend
) -> float:
    """`plain` moved by what leaving the warm backend costs; unchanged where it costs nothing.

    It may come out below 0 (stay with the strong one whatever the score) or above 1 (with the weak
    one).
    """
    weak, strong = servable[0], servable[-1]
    ordinary = _cost(strong, request) - _cost(weak, request)
    if ordinary <= 0:  # there is no price to weigh quality against
        return plain
    faced = cost_now(strong, request, warm) - cost_now(weak, request, warm)
    return plain * (faced / ordinary)  # exactly `plain` where nothing is warm


def cost_now(backend: Backend, request: Request, warm: WarmBackend) -> PicoUsd:
    """What the request would cost on `backend`, its cache counted where it is the warm one."""
    cached = min(warm.tokens, request.prompt_tokens)
    if backend.id != warm.backend or cached < LEAST_CACHED:
        return _cost(backend, request)
    return _cost(backend, request, cached)


def _cost(backend: Backend, request: Request, cached: int = 0) -> PicoUsd:
    output = expected_output(request)
    usage = Usage(input=request.prompt_tokens, output=output, cached_input=cached)
    return cost(backend.price, usage)
