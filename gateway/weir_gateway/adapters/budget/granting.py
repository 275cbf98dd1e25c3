"""How much of what is left a gateway is granted: one arithmetic for every store."""

from typing import Final

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
