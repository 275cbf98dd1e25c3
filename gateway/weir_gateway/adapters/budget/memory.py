"""Budgets in the memory of this process, and the arithmetic of grants that every store shares."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from weir_gateway.routing.budget.plan import HOURS, REMEMBERED
from weir_gateway.routing.budget.ports import LeaseRequest, LeaseState
from weir_policy.ids import PicoUsd

MAX_SHARE: Final = 4  # of what is left, at most one such part beyond what a request waits for


def granted(request: LeaseRequest, others: int) -> int:
    """What the requesting gateway is granted in all; `others` is what the others were granted.

    No more than the limit leaves, except for what was used already. Near the limit, grants become
    small, so that no gateway holds back the rest.
    """
    left = request.limit - others - request.used
    if left <= 0:
        return request.used
    fair = max(request.used + left // MAX_SHARE, min(request.least, request.used + left))
    return max(min(request.wanted, fair), request.used)


def standing(request: LeaseRequest, others: tuple[int, int, int]) -> LeaseState:
    """The lease after `request`; `others` is what the others were granted, spent and served."""
    granted_others, spent, requests = others
    own = granted(request, granted_others)
    return LeaseState(
        granted=PicoUsd(own),
        free=PicoUsd(request.limit - granted_others - own),
        spent=PicoUsd(spent + request.spent),
        requests=requests + request.requests,
    )


Row = tuple[int, int, int]  # granted, spent, requests

RETENTION_HOURS = (REMEMBERED + 2) * HOURS  # hours of traffic


class MemoryBudgetStore:
    """The store; several gateways of one process may share it."""

    def __init__(self) -> None:
        self._reported: defaultdict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
        self._traffic: defaultdict[str, dict[int, int]] = defaultdict(dict)

    async def renew(self, request: LeaseRequest) -> LeaseState:
        """Keep and grant."""
        rows = self._reported[request.policy, request.span]
        others = [one for instance, one in rows.items() if instance != request.instance]
        now = standing(request, _sums(others))
        rows[request.instance] = (now.granted, request.spent, request.requests)
        self._forget(request)
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
