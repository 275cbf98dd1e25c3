"""How a ModelBackend's failures are borne: the declaration and nothing else."""

from enum import StrEnum

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import DURATION, ENDPOINT, SHARE
from weir_policy.fields.kinds import Choice, Whole
from weir_policy.fields.shapes import defaulted, optional, shape
from weir_policy.spec.auth import Auth


class Quantile(StrEnum):
    """Of the time to the first token."""

    P90 = "p90"
    P95 = "p95"
    P99 = "p99"

    @property
    def share(self) -> float:
        """In (0,1)."""
        return float(self.removeprefix("p")) / 100


class FallbackOn(StrEnum):
    """The kinds of failure that another candidate may mend."""

    RATE_LIMIT = "rateLimit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    CONTEXT_LENGTH = "contextLength"
    CONTENT_FILTER = "contentFilter"
    AUTH = "auth"
    MODEL_NOT_FOUND = "modelNotFound"
    DOWN = "down"
    CANNOT_CARRY = "cannotCarry"


@shape
class Retries:
    """How often a call that failed before its first byte is made again here."""

    attempts: int = defaulted(
        Whole(at_least=1, at_most=10),
        "Calls for one request, the first included; 1: no retry. One retry repairs short "
        "failures; fallbacks are for longer ones.",
        default=2,
    )
    budget: float = defaulted(
        SHARE,
        "The share of requests that may be retried (and one a second beyond it), so that an "
        "outage is not multiplied.",
        default="20%",
    )
    wait: float = defaulted(
        DURATION,
        "The longest wait before the next call; waits are random and grow. If a provider's "
        "Retry-After is longer, there is no retry.",
        default="1s",
    )


@shape
class Breaker:
    """When an endpoint is left alone: its breaker opens, and calls go elsewhere."""

    failures: int = defaulted(
        Whole(at_least=1, at_most=1_000_000),
        "Failed calls within `window` that open it.",
        default=10,
    )
    share: float = defaulted(
        SHARE,
        "The share of its calls within `window` that must also have failed, so that a busy "
        "endpoint's few failures don't open it.",
        default="25%",
    )
    window: float = defaulted(DURATION, "How far back failures count.", default="10s")
    open: float = defaulted(
        DURATION,
        "How long it stays open before a probe; doubled with each failed trial, up to eight times.",
        default="5s",
    )
    trials: int = defaulted(
        Whole(at_least=1, at_most=100),
        "Calls in a row that must succeed, one at a time, to close it.",
        default=3,
    )


@shape
class Queue:
    "How requests wait when `limits.inFlight` is reached."

    size: int = defaulted(
        Whole(at_least=0, at_most=100_000), "Requests that may wait; 0: none.", default=16
    )
    wait: float = defaulted(
        DURATION,
        "The longest wait of each before it falls back or is refused. Keep it short: a slot "
        "that isn't free soon stays occupied.",
        default="250ms",
    )


@shape
class Hedge:
    """A streamed request is called a second time where its first token is late.

    The first answer to begin is taken, the other is cancelled, and both are paid.
    """

    budget: float = defaulted(
        SHARE, "The share of streamed requests that may be called twice.", default="5%"
    )
    after: Quantile = defaulted(
        Choice(Quantile),
        "How late: later than this percentile of the backend's first tokens.",
        default="p95",
    )


@shape
class ExtraEndpoint:
    """A further endpoint, or a further key, that serves the same model."""

    endpoint: str | None = optional(ENDPOINT, "Its base URL. Not set: that of the backend.")
    auth: Auth | None = optional(Object(Auth), "Its key. Not set: that of the backend.")
    weight: int = defaulted(
        Whole(at_least=1, at_most=1000),
        "Its share of the calls, relative to 10, the weight of the backend's own endpoint.",
        default=10,
    )
