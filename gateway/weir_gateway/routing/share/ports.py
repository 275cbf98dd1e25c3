"""What gateways tell one another of a share's traffic, and the store through which they do."""

from dataclasses import dataclass
from typing import Protocol

from weir_gateway.domain.ids import BundleVersion
from weir_policy.ids import PolicyId, RouterName


@dataclass(frozen=True, slots=True)
class ShareKey:
    """What has a threshold of its own."""

    policy: PolicyId
    variant: str
    router: RouterName
    bundle: BundleVersion
    share: float  # (0,1) that is asked for
    apart: str = ""  # the client key that is followed apart from all others; empty: these


@dataclass(frozen=True, slots=True)
class ShareReport:
    """What one gateway has seen since its last report."""

    scores: tuple[float, ...]  # of the newest requests, oldest first
    requests: int
    owed: float  # strong choices, of these requests; negative where there were too many


@dataclass(frozen=True, slots=True)
class ShareState:
    """What all gateways have seen together."""

    scores: tuple[float, ...]  # the newest, oldest first, those of the report among them
    requests: int  # of all gateways so far
    debt: float  # strong choices that all owe together


class ShareStoreUnavailable(Exception):
    """The store did not answer; the report may or may not have been counted."""


class ShareStore(Protocol):
    """Where the gateways' reports meet."""

    async def exchange(self, key: ShareKey, report: ShareReport) -> ShareState:
        """Add `report`, and return what all know. Raises ShareStoreUnavailable."""
        ...
