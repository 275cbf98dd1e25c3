"""What one decision is made from: a request, the table it came in under, and the purpose.

The context also carries the side costs of the request, so that whatever is spent on its behalf is
recorded where it is spent and accounted however the request ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from weir_gateway.domain.outcome import SideCost
from weir_gateway.domain.request import Request
from weir_gateway.domain.session import Session
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_gateway.routing.ports import TraceContext


class Purpose(Enum):
    """Why a request is decided; it sets what is looked up, reserved and counted."""

    SERVE = auto()  # a client waits for the answer
    BATCH = auto()  # an item of a batch: sent later, so it may wait longer for its score
    ADVISE = auto()  # another program sends it: counted as sent, with its answer never seen here
    PREVIEW = auto()  # POST /v1/route and token counts: the decision alone, nothing is counted
    EXPLAIN = auto()  # `weir explain`: a preview that also says whether a cache would be read
    PROBE = auto()  # a policy's own check, decided as if nothing of its budget were spent

    @property
    def dispatches(self) -> bool:
        """Whether the request is answered afterwards: only then limits and budgets count it."""
        return self is Purpose.SERVE or self is Purpose.BATCH or self is Purpose.ADVISE

    @property
    def reads_cache(self) -> bool:
        """Whether a cached response may be the answer."""
        return self is not Purpose.ADVISE and (self.dispatches or self is Purpose.EXPLAIN)

    @property
    def sees_answer(self) -> bool:
        """Whether Weir may look at the answer before the client gets it, as a cascade does."""
        return self is not Purpose.ADVISE


class SideCosts:
    """What one request has cost beside its answer, added as it is spent."""

    __slots__ = ("_costs",)

    def __init__(self) -> None:
        self._costs: list[SideCost] = []

    def __len__(self) -> int:
        return len(self._costs)

    def __iter__(self) -> Iterator[SideCost]:
        return iter(self._costs)

    def add(self, cost: SideCost) -> None:
        """Record one call that was paid for."""
        self._costs.append(cost)

    def remove(self, cost: SideCost) -> None:
        """Take back a cost that turned out to be the answer's own."""
        self._costs.remove(cost)

    def snapshot(self) -> tuple[SideCost, ...]:
        """All costs so far, in the order in which they were spent."""
        return tuple(self._costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingContext:
    """One request to decide; every step reads what it needs from here."""

    request: Request
    table: RouteTable
    purpose: Purpose
    score_timeout: float  # seconds
    trace: TraceContext | None = None
    side_costs: SideCosts | None = None  # None: nothing may be spent, so no judge is called
    match: PolicyMatch | None = None  # a policy that is known already; None: match the request
    session: Session | None = None  # what is remembered of the conversation, where it is
