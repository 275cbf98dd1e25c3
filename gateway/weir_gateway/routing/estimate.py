"""Estimates of tokens and cost, for what is not known yet or what no provider reports.

Prompt tokens are estimated from above (three characters each), so that limits and context windows
are safe; where an estimate is charged, prose's four characters per token are used instead.
"""

from collections.abc import Sequence

from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_policy.ids import BackendId, PicoUsd
from weir_wires.content import Usage
from weir_wires.wire import Wire

# Tokens of an answer, where costs are compared and the client sets no lower cap. It is the same for
# every candidate, so it only weighs output prices against input prices.
EXPECTED_OUTPUT = 400
MAX_RESERVED_OUTPUT = 4096  # tokens of an answer that limits reserve, whatever cap the client sets


def estimate_costs(candidates: Sequence[Backend], request: Request) -> dict[BackendId, PicoUsd]:
    """What the request would cost on each candidate: its prompt, and an answer of expected length.

    An estimate from above: prompt tokens are, and no cache is assumed.
    """
    usage = Usage(input=request.prompt_tokens, output=expected_output(request))
    return {backend.id: cost(backend.price, usage) for backend in candidates}


def expected_output(request: Request) -> int:
    """Tokens the answer is taken to have."""
    return min(request.max_tokens or EXPECTED_OUTPUT, EXPECTED_OUTPUT)


def expected_tokens(request: Request) -> int:
    """What a request's prompt and answer are taken to have, until it is known."""
    return request.prompt_tokens + reserved_output(request)


def reserved_output(request: Request) -> int:
    if request.wire is Wire.OPENAI_EMBEDDINGS:
        return 0
    return min(request.max_tokens or EXPECTED_OUTPUT, MAX_RESERVED_OUTPUT)


def streamed_usage(request: Request, pieces: int) -> Usage | None:
    """What a stream cost whose provider told no tokens, as most do unless a client asks for them.

    Better about right than nothing: of most wires an event carries about a token. The prompt's
    estimate is from above, three characters a token; prose has about four.
    """
    if not pieces:
        return None
    return Usage(input=request.prompt_tokens * 3 // 4, output=pieces)


def estimate_usage(request: Request, output: int = 0) -> Usage:
    """About what a call took that reports no usage; a request's own estimate is an upper bound."""
    return Usage(input=request.prompt_tokens * 3 // 4, output=output)
