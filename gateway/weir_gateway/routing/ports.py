"""What routing needs of the world, as narrow Protocols; adapters/ and tests' fakes fill them.

A new strategy, provider or store is one file that fills one of these and one line where it is
built. Must not know who fills them.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from weir_gateway.domain.decision import RouteDecision, Scored
from weir_gateway.domain.ids import RouterName
from weir_gateway.domain.money import PicoUsd, Usage
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Retention


class Scorer(Protocol):
    """How hard is this prompt?"""

    async def score(
        self, text: str, router: RouterName, *, want_quality: bool, within: float
    ) -> Scored:
        """Score one text in at most `within` seconds.

        Raises ScorerUnavailable when the scorer is missing, late, shedding or has no such router.
        """
        ...

    def threshold_for_share(self, router: RouterName, share: float) -> float | None:
        """The threshold that sends `share` (0,1) of the reference prompts to the strong model.

        None while the scorer has not described itself yet.
        """
        ...

    def threshold_for_retention(self, router: RouterName, objective: Retention) -> float | None:
        """The highest threshold certified for `objective`; 0.0 (all strong) if none could be.

        None while the scorer has not described itself yet.
        """
        ...


class Reply(Protocol):
    """An upstream's answer, its first chunk already there: a fallback is no longer possible."""

    @property
    def status(self) -> int:
        """The provider's HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The provider's headers that may be passed on, names in lower case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        ...

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        ...


class Upstreams(Protocol):
    """The providers."""

    async def send(self, backend: Backend, request: Request) -> Reply:
        """Forward `request` to `backend`; returns once the first chunk is there.

        Raises UpstreamError before the first byte, and for statuses that a fallback may mend.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a dispatched request ended: what was paid, what was saved, how long it took."""

    status: int
    usage: Usage | None  # None where the provider told none
    paid: PicoUsd
    saved: PicoUsd  # against the last candidate; an estimate
    overhead: float  # seconds spent deciding
    duration: float  # seconds from the request's arrival to its last byte
    error: str = ""  # the code, where it did not end well


class Accounts(Protocol):
    """Where decisions and their outcomes are counted. Never blocks, never raises."""

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """Count one decision that took `seconds`."""
        ...

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Count one request's end, an aborted one too."""
        ...
