"""Budgets in the memory of this process, and the arithmetic of grants that every store shares."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from weir_gateway.routing.budget.plan import HOURS, REMEMBERED
from weir_gateway.routing.budget.ports import LeaseRequest, LeaseState
from weir_policy.ids import PicoUsd

MAX_SHARE: Final = 4  # of what is left, at most one such part beyond what a request waits for


def granted(claim: LeaseRequest, others: int) -> int:
    """In all, to who makes `claim`, where `others` is what all others have been granted.

    No more than the limit leaves, but for what was used already. Near the end parts become small,
    so that no gateway sits on the rest.
    """
    left = claim.limit - others - claim.used
    if left <= 0:
        return claim.used
    fair = max(claim.used + left // MAX_SHARE, min(claim.least, claim.used + left))
    return max(min(claim.wanted, fair), claim.used)


def standing(claim: LeaseRequest, others: tuple[int, int, int]) -> LeaseState:
    """After `claim`; `others` is what all others were granted, have spent and have served."""
    granted_others, spent, requests = others
    own = granted(claim, granted_others)
    return LeaseState(
        granted=PicoUsd(own),
        free=PicoUsd(claim.limit - granted_others - own),
        spent=PicoUsd(spent + claim.spent),
        requests=requests + claim.requests,
    )


Row = tuple[int, int, int]  # granted, spent, requests

RETENTION_HOURS = (REMEMBERED + 2) * HOURS  # hours of traffic


class MemoryBudgetStore:
    """The store; several gateways of one process may share it."""

    def __init__(self) -> None:
        self._reported: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        self._traffic: defaultdict[str, dict[int, int]] = defaultdict(dict)

    async def renew(self, claim: LeaseRequest) -> LeaseState:
        """Keep and grant."""
        rows = self._reported[claim.policy, claim.span]
        others = [one for instance, one in rows.items() if instance != claim.instance]
        now = standing(claim, _sums(others))
        rows[claim.instance] = (now.granted, claim.spent, claim.requests)
        self._forget(claim)
        return now

    async def count(self, policy: str, hour: int, requests: int) -> None:
        """Count, and forget what no plan looks back on."""
        hours = self._traffic[policy]
        hours[hour] = hours.get(hour, 0) + requests
        for old in [one for one in hours if one < hour - RETENTION_HOURS]:
            del hours[old]

    async def traffic(self, policy: str) -> Mapping[int, int]:
        """By hours since 1970."""
        return dict(self._traffic[policy])

    def _forget(self, claim: LeaseRequest) -> None:
        """Periods of the same kind but the newest two: one that is over may still be told of."""
        same = sorted(
            span
            for policy, span in self._reported
            if policy == claim.policy and len(span) == len(claim.span)
        )
        for span in same[:-2]:
            del self._reported[claim.policy, span]


def _sums(rows: list[Row]) -> Row:
    return sum(t[0] for t in rows), sum(t[1] for t in rows), sum(t[2] for t in rows)
