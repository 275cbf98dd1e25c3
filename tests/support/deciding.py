"""Decides one request by a Decider, as the gateway would for a waiting client."""

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider

SCORE_TIMEOUT = 0.25  # seconds


async def decide(decider: Decider, request: Request, table: RouteTable) -> RouteDecision:
    """The decision for `request`, with nothing to spend on a judge."""
    return await decider.decide(
        RoutingContext(
            request=request, table=table, purpose=Purpose.SERVE, score_timeout=SCORE_TIMEOUT
        )
    )
