"""POST /v1/messages/count_tokens: counted by the provider that would answer, else estimated.

The estimate is from above and marked by a header, so that nobody takes it for a count.
"""

from typing import Final

from aiohttp import web

from weir_gateway.domain.request import Request
from weir_wires.wire import Wire

ESTIMATED: Final = "x-weir-estimated"
FIELD: Final = "input_tokens"


def estimates(request: Request, spoken: frozenset[Wire]) -> bool:
    """Whether tokens are asked for of a backend that can't count them."""
    return request.wire is Wire.ANTHROPIC_COUNT_TOKENS and Wire.ANTHROPIC_COUNT_TOKENS not in spoken


def estimate(request: Request, headers: dict[str, str]) -> web.Response:
    """The gateway's own count, as one of Anthropic's would be."""
    return web.json_response(
        {FIELD: max(request.prompt_tokens, 1)}, headers={**headers, ESTIMATED: FIELD}
    )
