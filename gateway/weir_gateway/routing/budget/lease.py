"""One gateway's lease of a policy's budget in one period.

Gateways don't ask the store for each request: each leases a part of the budget, spends from it and
renews it as it runs low. The leases together never exceed the limit, so neither do the gateways.
Amounts are whole pico-USD.
"""

from typing import Final

from weir_gateway.domain.money import NOTHING
from weir_gateway.routing.budget.plan import Span
from weir_gateway.routing.budget.ports import LeaseRequest, LeaseState
from weir_policy.ids import PicoUsd

AHEAD: Final = 8  # requests of the dearest kind that are granted beyond what is spent
PORTION: Final = 200  # or this part of the limit, if that is more
STRANGER: Final = 10  # part of the limit that a gateway allows itself that never reached the store


class BudgetLease:
    """One gateway's part of one policy's budget in one period."""

    def __init__(self, span: Span, limit: PicoUsd) -> None:
        self.span = span
        self.limit = limit  # of all gateways together
        self.requests = 0
        self._granted = 0
        self._settled = 0
        self._reserved = 0
        self._largest = 0  # the largest estimate so far
        self._others = 0  # what other gateways have spent
        self._others_requests = 0
        self._free = 0  # what was not granted to any gateway at the last renewal
        self._allowed = 0  # beyond what was granted, while the store can't be reached
        self._connected = False  # whether the store has ever answered
        self._reported: tuple[int, int] = (0, 0)  # settled and requests, when last told

    @property
    def available(self) -> int:
        """What is left to spend without asking; negative where answers cost more than thought."""
        return self._granted + self._allowed - self._settled - self._reserved

    @property
    def spent(self) -> PicoUsd:
        """By all gateways, as far as is known; this one's requests on their way among it."""
        return PicoUsd(self._others + self._settled + self._reserved)

    @property
    def settled(self) -> bool:
        """Whether nothing is on its way and everything was told."""
        return not self._reserved and self._reported == (self._settled, self.requests)

    @property
    def share(self) -> float:
        """This gateway's part (0,1] of the policy's requests in the period."""
        every = self.requests + self._others_requests
        return self.requests / every if every else 1.0

    def fits(self, estimate: int) -> bool:
        """Whether a request of this estimate may be sent without asking."""
        return estimate <= self.available

    def reserve(self, estimate: int) -> None:
        """Take room for a request that is sent now."""
        self._reserved += estimate
        self._largest = max(self._largest, estimate)

    def settle(self, reserved: int, paid: int) -> None:
        """Replace what an ended request had `reserved` by what it cost, `paid`."""
        self._reserved -= reserved
        self._settled += paid

    def request(
        self, policy: str, instance: str, estimate: int = 0, *, last: bool = False
    ) -> LeaseRequest:
        """What to tell the store; asks for room for `estimate` and what is likely to follow.

        Room that is not needed is given up at once; all of it in the `last` request.
        """
        used = self._settled + self._reserved
        ahead = max(AHEAD * max(self._largest, estimate), self.limit // PORTION)
        wanted = used + ahead
        if last:
            wanted = used
        elif (
            used + estimate <= self._granted <= wanted + ahead and self._granted >= used + ahead / 2
        ):
            wanted = self._granted
        self._granted = min(self._granted, wanted)
        return LeaseRequest(
            policy=policy,
            span=self.span.key,
            until=self.span.end,
            instance=instance,
            limit=self.limit,
            used=PicoUsd(used),
            least=PicoUsd(used + estimate),
            wanted=PicoUsd(wanted),
            spent=PicoUsd(self._settled),
            requests=self.requests,
        )

    def update(self, request: LeaseRequest, standing: LeaseState) -> int:
        """Apply the store's answer; returns the other gateways' requests since the last one."""
        before = self._others_requests
        self._connected = True
        self._allowed = 0
        self._granted = standing.granted
        self._others = standing.spent - request.spent
        self._others_requests = standing.requests - request.requests
        self._free = standing.free
        self._reported = (request.spent, request.requests)
        return max(self._others_requests - before, 0)

    def allow_offline(self) -> None:
        """The store can't be reached: go on within a bound of one's own, set once per outage.

        Of what was not granted yet, a gateway takes the share that it had of the requests, so
        that all of them together stay about within the limit.
        """
        if self._allowed:
            return
        if self._connected:
            self._allowed = int(max(self._free, 0) * self.share)
        else:
            self._allowed = max(self.limit // STRANGER, NOTHING)
