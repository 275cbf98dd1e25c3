"""The store in which gateways share what was spent of a budget."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from weir_policy.ids import PicoUsd


class BudgetStoreUnavailable(Exception):
    """The store of budgets can't be reached, or is of no use; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """What one gateway has spent of a period's budget since it began, and what it asks for.

    Sums, not differences: a request may be made twice, and counts once.
    """

    policy: str
    span: str  # the period: 2026-11-24 is a day
    until: float  # seconds since 1970: the period's end
    instance: str  # of the gateway's process
    limit: PicoUsd  # of all gateways together
    used: PicoUsd  # spent, and held by requests on their way
    least: PicoUsd  # to be granted in all, for the request that waits for it
    wanted: PicoUsd  # to be granted in all, where there is so much
    spent: PicoUsd
    requests: int


@dataclass(frozen=True, slots=True)
class LeaseState:
    """Where a period's budget stands after a lease request."""

    granted: PicoUsd  # to the gateway that asked, in all
    free: PicoUsd  # of the limit, not granted to a gateway; negative where more was used
    spent: PicoUsd  # by all
    requests: int  # of all


class BudgetStore(Protocol):
    """Where gateways share what was spent of a budget and what each may still spend.

    Calls raise BudgetStoreUnavailable, within a deadline, where it can't be reached.
    """

    async def renew(self, request: LeaseRequest) -> LeaseState:
        """Store what `request` reports and grant what it asks for, as far as the limit allows.

        All that is granted never exceeds the limit, but for what was used already.
        """
        ...

    async def count(self, policy: str, hour: int, requests: int) -> None:
        """`requests` more were served in `hour` (hours since 1970)."""
        ...

    async def traffic(self, policy: str) -> Mapping[int, int]:
        """Requests of the last weeks by hours since 1970."""
        ...
